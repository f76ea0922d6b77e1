"""examples/router: longest prefixes, TTL, checksums, and a control plane for the rest."""

from __future__ import annotations

from pathlib import Path

from finsy import P4DirectCounterEntry
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

from p4fabric import SoftSwitch
from tests.examples.conftest import Start, exchange

ROUTER = {port: f"02:00:00:00:0{port}:fe" for port in (1, 2, 3)}
H1, H2, R3 = "02:00:00:00:01:01", "02:00:00:00:02:01", "02:00:00:00:03:01"


def to(address: str, ttl: int = 64) -> Ether:
    packet = IP(src="10.0.1.1", dst=address, ttl=ttl, id=1) / UDP(sport=1, dport=2) / "data"
    return Ether(bytes(Ether(src=H1, dst=ROUTER[1]) / packet))


def test_neighbours_are_found_and_packets_forwarded(switch: SoftSwitch, start: Start) -> None:
    route = start("router/route.py", switch.address)
    route.until_entries(switch, 7, "routes")

    port, question = exchange(switch, 1, to("10.0.2.1"))
    assert (port, question.dst, question[ARP].pdst) == (2, "ff:ff:ff:ff:ff:ff", "10.0.2.1")
    answer = Ether(src=H2, dst=ROUTER[2])
    port, waited = exchange(
        switch, 2, answer / ARP(op=2, hwsrc=H2, psrc="10.0.2.1", hwdst=ROUTER[2], pdst="10.0.2.254")
    )

    expected = to("10.0.2.1", ttl=63)
    expected.src, expected.dst = ROUTER[2], H2
    assert (port, bytes(waited)) == (2, bytes(expected))
    route.until_entries(switch, 8, "routes")
    assert switch.send(1, to("10.0.2.1")) == [(2, bytes(expected))], "the switch forwards it by itself"

    broken = to("10.0.2.1")
    broken[IP].chksum ^= 1
    assert switch.send(1, broken) == []
    assert switch.send(1, to("192.0.2.1")) == []


def test_routes_by_another_router_follow_its_mac_address(switch: SoftSwitch, start: Start) -> None:
    route = start("router/route.py", switch.address)
    route.until_entries(switch, 7, "routes")
    port, question = exchange(switch, 1, to("10.9.1.1"))
    assert (port, question[ARP].pdst) == (3, "10.0.3.1")
    assert (
        exchange(
            switch, 3, Ether(src=R3, dst=ROUTER[3]) / ARP(op=2, hwsrc=R3, psrc="10.0.3.1", pdst="10.0.3.254")
        )[0]
        == 3
    )
    ((port, frame),) = switch.send(1, to("10.9.200.1"))
    assert (port, Ether(frame).dst, Ether(frame)[IP].ttl) == (3, R3, 63)


def test_the_router_answers_for_itself(switch: SoftSwitch, start: Start) -> None:
    route = start("router/route.py", switch.address)
    route.until_entries(switch, 7, "routes")

    ask = ARP(hwsrc=H1, psrc="10.0.1.1", pdst="10.0.1.254")
    assert exchange(switch, 1, Ether(src=H1, dst="ff:ff:ff:ff:ff:ff") / ask)[1][ARP].hwsrc == ROUTER[1]

    echo = IP(src="10.0.1.1", dst="10.0.2.254") / ICMP(id=5, seq=6) / "ping"
    port, reply = exchange(switch, 1, Ether(src=H1, dst=ROUTER[1]) / echo)
    assert (port, reply[IP].src, reply[ICMP].type, reply[ICMP].id) == (1, "10.0.2.254", 0, 5)

    expired = to("10.0.2.1", ttl=1)
    port, exceeded = exchange(switch, 1, expired)
    assert (port, exceeded[IP].src, exceeded[IP].dst) == (1, "10.0.1.254", "10.0.1.1")
    assert (exceeded[ICMP].type, exceeded[ICMP].code) == (11, 0)
    assert bytes(exceeded[ICMP].payload) == bytes(expired[IP])[:28]


def test_the_shell_script_writes_and_reads_routes(
    switch: SoftSwitch, start: Start, p4runtime_shell: Path
) -> None:
    start("router/route_shell.py", switch.address, python=p4runtime_shell).finish()
    ((port, frame),) = switch.send(1, to("10.0.2.9"))
    assert (port, Ether(frame).dst) == (2, "02:00:00:00:02:01")
    assert sum(found.packet_count for found in switch.read(P4DirectCounterEntry("routed"))) == 1
    said = start("router/route_shell.py", switch.address, "--read", python=p4runtime_shell).finish()
    assert "packet_count: 1\n" in said

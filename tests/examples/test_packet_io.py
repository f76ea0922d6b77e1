"""examples/packet-io: packet-in and packet-out."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Ether

from p4fabric import SoftSwitch
from tests.examples.conftest import Start, exchange

HOST = "02:00:00:00:00:01"
ASK = Ether(src=HOST, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=HOST, psrc="10.0.0.1", pdst="10.0.0.254")


def test_the_controller_can_be_pinged(switch: SoftSwitch, start: Start) -> None:
    answer = start("packet-io/answer.py", switch.address)
    answer.until_entries(switch, 2, "punted")

    port, said = exchange(switch, 3, ASK)
    assert (port, said.dst, said[ARP].op, said[ARP].psrc) == (3, HOST, 2, "10.0.0.254")

    ping = Ether(src=HOST, dst=said[ARP].hwsrc) / IP(src="10.0.0.1", dst="10.0.0.254")
    port, echo = exchange(switch, 3, ping / ICMP(id=7, seq=1) / "abcdefgh")
    assert (port, echo[IP].src, echo[IP].dst) == (3, "10.0.0.254", "10.0.0.1")
    assert (echo[ICMP].type, echo[ICMP].id, echo[ICMP].seq) == (0, 7, 1)
    assert bytes(echo[ICMP].payload) == b"abcdefgh"


def test_the_shell_script_sends_and_shows_packets(
    switch: SoftSwitch, start: Start, p4runtime_shell: Path
) -> None:
    script = start("packet-io/sniff_shell.py", switch.address, "3", python=p4runtime_shell)
    script.until_entries(switch, 2, "punted")
    ((port, frame),) = switch.collect(5, count=1)
    assert (port, frame[14:]) == (1, b"hello from the controller")
    script.until(lambda: switch.send(4, ASK) or f"port 4: {bytes(ASK).hex()}" in script.output)
    script.finish()

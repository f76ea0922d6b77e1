"""examples/load-balancer: a group whose members come and go with their ports."""

from __future__ import annotations

from pathlib import Path

import grpc
from finsy.proto import gnmi, gnmi_grpc
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from p4fabric import SoftSwitch
from tests.examples.conftest import Start
from tests.switch.gnmi.client import path

VIRTUAL = "10.0.0.100"
SERVERS = {2: "10.0.0.2", 3: "10.0.0.3", 4: "10.0.0.4"}


def request(sport: int) -> Ether:
    packet = IP(src="10.0.1.7", dst=VIRTUAL) / TCP(sport=sport, dport=80) / "GET"
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:64") / packet


def chosen(switch: SoftSwitch) -> dict[int, int]:
    """The server's port of each of 60 connections, by client port."""
    found = {sport: switch.send(1, request(sport)) for sport in range(1000, 1060)}
    return {sport: frames[0][0] for sport, frames in found.items() if frames}


def checks_out(frame: bytes) -> Ether:
    """A frame whose checksums are right."""
    packet, again = Ether(frame), Ether(frame)
    del again[IP].chksum, again[TCP].chksum
    assert bytes(again) == bytes(packet)
    return packet


def test_connections_are_spread_over_the_servers_that_are_up(switch: SoftSwitch, start: Start) -> None:
    balance = start("load-balancer/balance.py", switch.address)
    balance.until_it_says(f"{VIRTUAL}: 10.0.0.2, 10.0.0.3, 10.0.0.4")
    before = chosen(switch)
    assert set(before.values()) == {2, 3, 4} and len(before) == 60
    assert chosen(switch) == before, "a connection stays at its server"

    ((port, frame),) = switch.send(1, request(1000))
    sent = checks_out(frame)
    assert (sent[IP].dst, sent.dst) == (SERVERS[port], f"02:00:00:00:00:0{port}")
    reply = IP(src=SERVERS[port], dst="10.0.1.7") / TCP(sport=80, dport=1000) / "200"
    ((out, frame),) = switch.send(port, Ether(src=sent.dst, dst="02:00:00:00:00:64") / reply)
    assert (out, checks_out(frame)[IP].src) == (1, VIRTUAL)

    set_enabled(switch, 3, False)
    balance.until_it_says(f"{VIRTUAL}: 10.0.0.2, 10.0.0.4")
    balance.until(lambda: set(chosen(switch).values()) == {2, 4})
    assert len(chosen(switch)) == 60
    set_enabled(switch, 3, True)
    balance.until(lambda: chosen(switch) == before)


def set_enabled(switch: SoftSwitch, port: int, enabled: bool) -> None:
    """Turn a port on or off, over gNMI."""
    place = f"/interfaces/interface[name=port{port}]/config/enabled"
    request = gnmi.SetRequest(update=[gnmi.Update(path=path(place), val=gnmi.TypedValue(bool_val=enabled))])
    with grpc.insecure_channel(switch.address) as channel:
        gnmi_grpc.gNMIStub(channel).Set(request)


def test_the_shell_script_makes_a_service_with_two_servers(
    switch: SoftSwitch, start: Start, p4runtime_shell: Path
) -> None:
    start("load-balancer/balance_shell.py", switch.address, python=p4runtime_shell).finish()
    assert set(chosen(switch).values()) == {2, 3}

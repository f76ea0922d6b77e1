"""examples/registers: a firewall that remembers connections, and a controller that reads them."""

from __future__ import annotations

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from p4fabric import SoftSwitch
from tests.examples.conftest import Start

INSIDE, OUTSIDE = 1, 2


def segment(src: str, sport: int, dst: str, dport: int) -> bytes:
    return bytes(Ether(src="02:00:00:00:00:01") / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport))


def test_replies_come_in_until_the_controller_closes_the_connection(switch: SoftSwitch, start: Start) -> None:
    request = segment("10.0.0.1", 1000, "192.0.2.1", 443)
    reply = segment("192.0.2.1", 443, "10.0.0.1", 1000)
    stranger = segment("192.0.2.1", 443, "10.0.0.1", 1001)

    firewall = start("registers/firewall.py", switch.address, "--every", "0.1")
    firewall.until_it_says("0 connections open")
    assert switch.send(OUTSIDE, reply) == []
    assert switch.send(INSIDE, request) == [(OUTSIDE, request)]
    assert switch.send(OUTSIDE, reply) == [(INSIDE, reply)]
    assert switch.send(OUTSIDE, stranger) == []
    firewall.until_it_says("1 connections open; packets: 1 passed out, 1 passed in, 2 refused")
    firewall.stop()

    start("registers/firewall.py", switch.address, "--forget").until_it_says("0 connections open")
    assert switch.send(OUTSIDE, reply) == []


def test_a_connection_ends_by_itself(switch: SoftSwitch, start: Start) -> None:
    firewall = start("registers/firewall.py", switch.address, "--timeout", "0.3")
    firewall.until_it_says("connections open")
    switch.send(INSIDE, segment("10.0.0.1", 1000, "192.0.2.1", 443))
    reply = segment("192.0.2.1", 443, "10.0.0.1", 1000)
    firewall.until(lambda: switch.send(OUTSIDE, reply) == [])

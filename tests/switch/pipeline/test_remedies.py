"""What is done about congestion, on packets: another path, a rate, and marks of ECN."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest
from finsy.proto import p4r
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from p4fabric.controller.compiler.paths import path_to
from p4fabric.pipelines.entities import MeterConfig, Weighted
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import EcmpGroupId, IpProtocol, L4Port, Port

from .harness import SLOW_PORT, PipelineUnderTest
from .world import (
    ALICE,
    ALICE_IP,
    ALICE_IP6,
    CAROL_IP6,
    DAVE,
    DAVE_IP,
    RED,
    RED_SUBNET,
    RED_SUBNET6,
    edge,
    network,
)

UPLINKS = (2, 3)
DAVE_IP6 = CAROL_IP6


def flow4(source: int, action: Any, meter: MeterConfig | None = None) -> b.RemediedIpv4:
    ends = IPv4Address(ALICE_IP), IPv4Address(DAVE_IP)
    return b.RemediedIpv4(RED, *ends, IpProtocol(17), L4Port(source), L4Port(9000), action, meter)


def frame(source: int, size: int = 100, **ip: Any) -> Packet:
    return (
        Ether(src=str(ALICE), dst=str(DAVE))
        / IP(src=str(ALICE_IP), dst=str(DAVE_IP), **ip)
        / UDP(sport=source, dport=9000)
        / Raw(bytes(size))
    )


@pytest.fixture
def leaf(switch: PipelineUnderTest) -> Iterator[PipelineUnderTest]:
    """Alice at port 1, Dave behind either of two links."""
    switch.insert(*network(RED, RED_SUBNET, RED_SUBNET6), *edge(1, RED))
    for port in UPLINKS:
        switch.insert(
            b.LinkPorts(Port(port), b.Link()),
            b.PortVlan(Port(port), True, None, 1, b.PermitFabric()),
            b.EgressVlan(Port(port), None, 1, b.FabricTagged()),
        )
    members = tuple(Weighted(b.ToPort(Port(port)), 1, watch_port=port) for port in UPLINKS)
    switch.insert(b.EcmpGroups(EcmpGroupId(7), members), b.Bridging(RED, DAVE, b.ToEcmpGroup(EcmpGroupId(7))))
    yield switch


def left_by(switch: PipelineUnderTest, packet: Packet) -> int:
    """The port that a packet leaves by."""
    switch.drain()
    switch.send(1, packet)
    found = [port for port in UPLINKS if switch.receive(port, 1.0) is not None]
    assert len(found) == 1, found
    return found[0]


def test_a_flow_takes_the_path_that_an_entry_says_and_no_other_flow_moves(leaf: PipelineUnderTest) -> None:
    before = {source: left_by(leaf, frame(source)) for source in range(7000, 7008)}
    assert set(before.values()) == set(UPLINKS)
    (other,) = set(UPLINKS) - {before[7000]}
    leaf.insert(flow4(7000, b.TakePath(path_to(UPLINKS.index(other), 2))))
    after = {source: left_by(leaf, frame(source)) for source in before}
    assert after == {**before, 7000: other}
    leaf.modify(flow4(7000, b.TakePath(path_to(UPLINKS.index(before[7000]), 2))))
    assert left_by(leaf, frame(7000)) == before[7000]


def test_a_flow_of_ipv6_takes_the_path_that_an_entry_says(leaf: PipelineUnderTest) -> None:
    packet = (
        Ether(src=str(ALICE), dst=str(DAVE))
        / IPv6(src=str(ALICE_IP6), dst=str(DAVE_IP6))
        / UDP(sport=7000, dport=9000)
        / Raw(bytes(100))
    )
    (other,) = set(UPLINKS) - {left_by(leaf, packet)}
    path = b.TakePath(path_to(UPLINKS.index(other), 2))
    leaf.insert(b.RemediedIpv6(RED, ALICE_IP6, DAVE_IP6, IpProtocol(17), L4Port(7000), L4Port(9000), path))
    assert left_by(leaf, packet) == other


def test_a_policed_flow_has_its_burst_and_then_its_rate_and_others_have_all(leaf: PipelineUnderTest) -> None:
    slow = MeterConfig(1000, 5000, 1000, 5000)
    entry = flow4(7000, b.PoliceIpv4(), slow)
    leaf.insert(entry)
    (read,) = leaf.read(p4r.Entity(table_entry=b.RemediedIpv4.wildcard()))
    assert b.RemediedIpv4.decode(read.table_entry) == entry
    came = {7000: 0, 7001: 0}
    leaf.drain()
    for _ in range(20):
        for source in came:
            leaf.send(1, frame(source, 958))
    for port in UPLINKS:
        while (packet := leaf.receive(port, 1.0)) is not None:
            came[packet[UDP].sport] += 1
    # Of 1000 bytes each, five pass at once, and one more each second.
    assert came[7001] == 20
    assert 4 <= came[7000] <= 10
    (dropped,) = leaf.read(b.IngressDrops(1 << 5 | 30).encode_key())
    assert dropped.counter_entry.data.packet_count == 20 - came[7000]


@pytest.mark.parametrize("ecn", [0, 1, 2, 3])
def test_packets_behind_too_many_are_marked_if_their_transport_knows_ecn(
    switch: PipelineUnderTest, ecn: int
) -> None:
    switch.insert(*network(RED, RED_SUBNET, RED_SUBNET6), *edge(1, RED))
    switch.insert(
        b.PortVlan(Port(SLOW_PORT), True, None, 1, b.PermitFabric()),
        b.EgressVlan(Port(SLOW_PORT), None, 1, b.FabricTagged()),
        b.Bridging(RED, DAVE, b.ToPort(Port(SLOW_PORT))),
        b.Marking(Port(SLOW_PORT), b.MarkAbove(10)),
    )
    for number in range(30):
        switch.send(1, frame(7000 + number, tos=ecn | 0x28))
    seen = []
    for number in range(30):
        packet = switch.receive(SLOW_PORT)
        assert packet is not None and packet[UDP].sport == 7000 + number and packet[Dot1Q].vlan == RED
        summed = IP(bytes(packet[IP]))
        del summed.chksum
        assert IP(bytes(summed)).chksum == packet[IP].chksum
        assert packet[IP].tos >> 2 == 0x0A
        seen.append(packet[IP].tos & 3)
    marked = [number for number, one in enumerate(seen) if one != ecn]
    if ecn in (0, 3):
        assert not marked
    else:
        # The tenth behind the one that left at once, or a few later: some left meanwhile.
        assert seen[:10] == [ecn] * 10
        assert marked and marked[0] <= 16 and {seen[number] for number in marked} == {3}

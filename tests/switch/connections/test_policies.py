"""Who may talk to whom: tiers, sides, generations, and what a change does to connections that are there."""

from __future__ import annotations

from typing import Any

import pytest
from finsy.proto import p4r
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from p4fabric.controller.compiler.policy_entries import (
    Place,
    Side,
    Tier,
    Verdict,
    endpoint_source,
    peer,
    track,
)
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.pipelines.entities import Ternary
from p4fabric.pipelines.values import Identity, Port

from .bed import ALICE, BOB, CAROL, RED, TENANT, WEB, Bed, Endpoint, bed, isolated, rule

ALLOW, DENY, PASS = Verdict.ALLOW, Verdict.DENY, Verdict.PASS
DATA = Raw(b"data")
SYN, SYN_ACK = TCP(sport=40000, dport=80, flags="S"), TCP(sport=80, dport=40000, flags="SA")
THERE, BACK = TCP(sport=40000, dport=80, flags="A") / DATA, TCP(sport=80, dport=40000, flags="A") / DATA
OTHER = TCP(sport=40000, dport=81, flags="S")
PODS = Ternary(Identity(0x800000), 0x800000)
NAMESPACE = Ternary(Identity(0x800000), 0xFFFF00)
"""Of Alice and Bob."""


@pytest.fixture(scope="module")
def empty() -> Any:
    with bed() as made:
        yield made


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("said", "syn", "other"),
    [
        ({}, True, True),
        ({"network": [DENY]}, False, False),
        ({"network": [(ALLOW, WEB), DENY]}, True, False),
        ({"baseline": [DENY]}, False, False),
        ({"network": [(ALLOW, WEB)], "baseline": [DENY]}, True, False),
        ({"admin": [ALLOW], "network": [DENY], "baseline": [DENY]}, True, True),
        ({"admin": [(ALLOW, WEB)], "network": [DENY]}, True, False),
        ({"admin": [DENY], "network": [ALLOW]}, False, False),
        ({"admin": [(PASS, WEB), DENY], "network": [ALLOW]}, True, False),
        ({"admin": [(PASS, WEB), ALLOW], "network": [DENY]}, False, True),
        ({"admin": [PASS], "network": [PASS], "baseline": [(ALLOW, WEB), DENY]}, True, False),
        ({"admin": [PASS], "network": [PASS], "baseline": [PASS]}, True, True),
    ],
)
def test_the_first_tier_that_decides_does(
    empty: Bed, said: dict[str, list[Any]], syn: bool, other: bool, side: Side, version: int
) -> None:
    entries = []
    for tier, rules in said.items():
        for number, one in enumerate(rules):
            verdict, ports = one if isinstance(one, tuple) else (one, None)
            entries.append(
                rule(side, verdict, ALICE, CAROL, ports, tier=Tier[tier.upper()], priority=9 - number)
            )
    empty.write(*entries)
    reason = DropReason.POLICY_EGRESS if side is Side.EGRESS else DropReason.POLICY_INGRESS
    before = empty.dropped(ALICE, reason)
    assert empty.pass_(ALICE, CAROL, SYN, version=version) == syn
    assert empty.pass_(ALICE, CAROL, OTHER, version=version) == other
    assert empty.dropped(ALICE, reason) - before == (not syn) + (not other)
    # It is about these two, in this direction.
    assert empty.pass_(BOB, CAROL, OTHER, version=version)
    assert empty.pass_(CAROL, ALICE, OTHER, version=version)
    empty.delete(*entries)


@pytest.mark.parametrize(
    ("source", "destination", "alice", "bob"),
    [
        (PODS, None, False, False),
        (NAMESPACE, CAROL, False, False),
        (ALICE, PODS, False, True),
        (None, None, False, False),
    ],
)
def test_a_block_of_identities_is_one_entry(
    empty: Bed, source: Any, destination: Any, alice: bool, bob: bool
) -> None:
    denied = rule(Side.INGRESS, DENY, source, destination)
    empty.write(denied)
    assert (empty.pass_(ALICE, CAROL, SYN), empty.pass_(BOB, CAROL, SYN)) == (alice, bob)
    if source is NAMESPACE:
        assert empty.pass_(CAROL, ALICE, OTHER)
    empty.delete(denied)


def test_both_sides_have_to_allow_and_a_side_counts_its_rule(empty: Bed) -> None:
    leaving, entering = rule(Side.EGRESS, DENY, ALICE), rule(Side.INGRESS, DENY, None, CAROL, number=7)
    for one, other in ((leaving, entering), (entering, leaving)):
        empty.write(one)
        assert not empty.pass_(ALICE, CAROL, SYN)
        empty.write(other)
        assert not empty.pass_(ALICE, CAROL, SYN)
        empty.delete(one)
        assert not empty.pass_(ALICE, CAROL, SYN)
        empty.delete(other)
        assert empty.pass_(ALICE, CAROL, SYN)
    empty.write(entering)
    for _ in range(3):
        assert not empty.pass_(ALICE, CAROL, SYN)
    assert empty.packets_counted("leaf1", entering) == 3
    empty.delete(entering)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    "denier", [isolated(Side.INGRESS, CAROL), isolated(Side.EGRESS, ALICE)], ids=["in", "out"]
)
def test_a_change_holds_from_the_next_packet_on_in_both_directions(
    empty: Bed, denier: Any, version: int
) -> None:
    for source, destination, packet in ((ALICE, CAROL, SYN), (CAROL, ALICE, SYN_ACK), (ALICE, CAROL, THERE)):
        assert empty.pass_(source, destination, packet, version=version)
    empty.write(denier)
    assert not empty.pass_(ALICE, CAROL, THERE, version=version)
    assert not empty.pass_(CAROL, ALICE, BACK, version=version)
    side = Side.INGRESS if denier == isolated(Side.INGRESS, CAROL) else Side.EGRESS
    allowed = rule(side, ALLOW, ALICE, CAROL, WEB)
    empty.write(allowed)
    assert empty.pass_(CAROL, ALICE, BACK, version=version)
    assert empty.pass_(ALICE, CAROL, THERE, version=version)
    # Another rule allows it, then, and it does not notice.
    other = rule(side, ALLOW, PODS, PODS, priority=5)
    empty.write(other)
    empty.delete(allowed)
    assert empty.pass_(CAROL, ALICE, BACK, version=version)
    assert empty.pass_(ALICE, CAROL, THERE, version=version)
    empty.delete(other, denier)


def test_answers_need_nothing_of_their_own(empty: Bed) -> None:
    """Neither does isolation of the client for ingress, nor of the server for egress, concern them."""
    entries = [
        isolated(Side.INGRESS, ALICE),
        isolated(Side.EGRESS, CAROL),
        isolated(Side.EGRESS, ALICE),
        isolated(Side.INGRESS, CAROL),
        rule(Side.EGRESS, ALLOW, ALICE, CAROL, WEB),
        rule(Side.INGRESS, ALLOW, ALICE, CAROL, WEB),
    ]
    empty.write(*entries)
    ways = ((ALICE, CAROL, SYN), (CAROL, ALICE, SYN_ACK), (ALICE, CAROL, THERE), (CAROL, ALICE, BACK))
    for way in ways:
        assert empty.pass_(*way)
    assert not empty.pass_(ALICE, CAROL, OTHER)
    assert not empty.pass_(CAROL, ALICE, TCP(sport=81, dport=40000, flags="SA"))
    empty.delete(*entries)


def test_many_entries_change_at_once_by_their_generation(empty: Bed) -> None:
    old = [isolated(Side.INGRESS, CAROL), rule(Side.INGRESS, ALLOW, ALICE, CAROL, generation=0)]
    empty.write(*old)
    assert (empty.pass_(ALICE, CAROL, SYN), empty.pass_(BOB, CAROL, SYN)) == (True, False)
    new = [rule(Side.INGRESS, ALLOW, BOB, CAROL, generation=1)]
    empty.write(*new)
    assert (empty.pass_(ALICE, CAROL, SYN), empty.pass_(BOB, CAROL, SYN)) == (True, False)
    empty.write(track(TENANT, 1), kind=p4r.Update.MODIFY)
    assert (empty.pass_(ALICE, CAROL, SYN), empty.pass_(BOB, CAROL, SYN)) == (False, True)
    empty.write(track(TENANT, 0), kind=p4r.Update.MODIFY)
    empty.delete(*old, *new)


def test_a_tenant_that_is_not_tracked_has_no_policies(empty: Bed) -> None:
    denied = isolated(Side.INGRESS, CAROL)
    empty.write(denied)
    empty.delete(track(TENANT))
    assert empty.pass_(ALICE, CAROL, SYN)
    heads = [
        empty.network[leaf].engine.read_registers(f"FabricIngress.connections.head_{way}")
        for leaf in ("leaf1", "leaf2")
        for way in range(4)
    ]
    empty.network.wire("leaf1:8").crossings.clear()
    assert empty.pass_(CAROL, ALICE, SYN_ACK) and empty.marks() == [0]
    empty.write(track(TENANT))
    assert heads == [
        empty.network[leaf].engine.read_registers(f"FabricIngress.connections.head_{way}")
        for leaf in ("leaf1", "leaf2")
        for way in range(4)
    ]
    assert not empty.pass_(ALICE, CAROL, SYN)
    empty.delete(denied)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (IP(src=str(BOB.ipv4), dst=str(CAROL.ipv4)) / OTHER, DropReason.ADDRESS_ELSEWHERE),
        (IP(src="10.0.1.99", dst=str(CAROL.ipv4)) / OTHER, DropReason.SOURCE_ADDRESS),
        (IPv6(src=str(BOB.ipv6), dst=str(CAROL.ipv6)) / OTHER, DropReason.ADDRESS_ELSEWHERE),
        (IPv6(src="fe80::a", dst=str(CAROL.ipv6)) / OTHER, DropReason.SOURCE_ADDRESS),
        (IPv6(src="fe80::a", dst="fe80::c") / OTHER, DropReason.SOURCE_ADDRESS),
        (
            IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / DATA,
            DropReason.SOURCE_ADDRESS,
        ),
    ],
)
def test_nobody_is_somebody_else_or_nobody(empty: Bed, packet: Packet, reason: DropReason) -> None:
    before = empty.dropped(ALICE, reason)
    assert not empty.pass_(ALICE, CAROL, packet)
    assert empty.dropped(ALICE, reason) == before + 1


def test_addresses_are_resolved_whatever_policies_say(empty: Bed) -> None:
    closed = rule(Side.INGRESS, DENY, tier=Tier.ADMIN)
    empty.write(closed)
    ns = IPv6(src=str(ALICE.ipv6), dst="ff02::1:ff00:c", hlim=255) / ICMPv6ND_NS(tgt=str(CAROL.ipv6))
    ns /= ICMPv6NDOptSrcLLAddr(lladdr=str(ALICE.mac))
    na = IPv6(src="fe80::c", dst=str(ALICE.ipv6), hlim=255) / ICMPv6ND_NA(tgt=str(CAROL.ipv6), R=0, S=1)
    arp = Ether(src=str(ALICE.mac), dst=str(CAROL.mac)) / ARP(
        hwsrc=str(ALICE.mac), psrc=str(ALICE.ipv4), pdst=str(CAROL.ipv4)
    )
    for source, frame in (
        (ALICE, Ether(src=str(ALICE.mac), dst=str(CAROL.mac)) / ns),
        (CAROL, Ether(src=str(CAROL.mac), dst=str(ALICE.mac)) / na),
        (ALICE, arp),
    ):
        arrived = empty.network.send(source.name, bytes(frame).ljust(60, b"\0"))
        assert [one[0] for one in arrived] == ["carol" if source is ALICE else "alice"], frame
    assert not empty.pass_(ALICE, CAROL, SYN, version=6)
    empty.delete(closed)


def test_what_is_for_everybody_is_for_who_is_said_to_be_at_the_networks_own_address(empty: Bed) -> None:
    everybody = Endpoint("everybody", "leaf1", 0, 0, Identity(5))
    entries = [peer(TENANT, everybody.ipv4, everybody.identity), rule(Side.INGRESS, DENY, ALICE, everybody)]
    to_all = IP(src=str(ALICE.ipv4), dst="224.0.0.251") / UDP(sport=5353, dport=5353) / DATA
    assert empty.pass_(ALICE, CAROL, to_all)
    empty.write(*entries)
    assert not empty.pass_(ALICE, CAROL, to_all)
    assert empty.pass_(ALICE, CAROL, SYN)
    empty.delete(*entries)


def test_between_a_host_and_its_own_endpoints_there_are_no_policies(empty: Bed) -> None:
    """Bob's address is that of the host at leaf1: of Alice's, not of Carol's."""
    host = endpoint_source(RED, BOB.ipv4, Port(BOB.port), BOB.mac, BOB.identity, is_host=True)
    here = [
        peer(TENANT, BOB.ipv4, BOB.identity, Place.HOST),
        peer(TENANT, ALICE.ipv4, ALICE.identity, Place.HERE),
    ]
    closed = rule(Side.INGRESS, DENY, tier=Tier.ADMIN)
    modify: Any = p4r.Update.MODIFY
    empty.write(host, *here, kind=modify, leaves=("leaf1",))
    empty.write(closed)
    assert empty.pass_(BOB, ALICE, OTHER) and empty.pass_(ALICE, BOB, OTHER)
    assert not empty.pass_(BOB, CAROL, OTHER) and not empty.pass_(CAROL, BOB, OTHER)
    assert not empty.pass_(BOB, ALICE, OTHER, version=6)
    empty.delete(closed)
    assert empty.pass_(BOB, CAROL, OTHER)
    back = [peer(TENANT, end.ipv4, end.identity) for end in (ALICE, BOB)]
    empty.write(
        endpoint_source(RED, BOB.ipv4, Port(BOB.port), BOB.mac, BOB.identity),
        *back, kind=modify, leaves=("leaf1",),
    )  # fmt: skip

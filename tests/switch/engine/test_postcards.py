"""Postcards of fabric.p4: where packets of followed flows came in, left, and how long they were here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from benchmarks.forwarding import NETWORK, VRF, entry
from p4fabric.controller.telemetry.reports import FlowReport, FlowWords, Inner, InnerType, Origin, Role
from p4fabric.softswitch.engine.api import Change, Exact, Ternary, WriteEntry

from .linked import FAR, LINK, LINK_OUT, NEAR, TAG, framed, linked
from .queueing import MS, Held, S
from .test_reports import CUT, IN, INGRESS, NODE, OUT, groups, left, told, watch

FOLLOWED = IP(src="10.0.1.10", dst="10.0.1.11") / UDP(sport=1000, dport=2000, chksum=0) / Raw(bytes(300))
TAG_TYPE, SERVICE_TAG, IPV4 = 0x8100, 0x88A8, 0x0800
OTHER = IP(src="10.0.1.10", dst="10.0.1.11") / UDP(sport=1000, dport=2001, chksum=0) / Raw(bytes(300))
SIX = IPv6(src="fd00::1", dst="fd00::2") / UDP(sport=1000, dport=2000) / Raw(bytes(300))


@pytest.fixture(scope="module")
def shared() -> Iterator[Held]:
    with linked() as world:
        follow(world)
        yield world


@pytest.fixture
def world(shared: Held) -> Held:
    shared.go(10 * S)
    told(shared)
    shared.engine.collect()
    shared.oracle.take()
    return shared


def follow(world: Held) -> None:
    udp, ports = Ternary(17, 0xFF), (Ternary(1000, 0xFFFF), Ternary(2000, 0xFFFF))
    four = (Exact(VRF), Ternary(0x0A00010A, 2**32 - 1), Ternary(0x0A000100, 0xFFFFFF00), udp, *ports)
    six = (Exact(VRF), None, Ternary(0xFD << 120, 0xFF << 120), udp, *ports)
    action = f"{INGRESS}.followed_flows.follow"
    entries = [
        entry(f"{INGRESS}.followed_flows.followed_{family}", match, action, priority=1)
        for family, match in (("ipv4", four), ("ipv6", six))
    ]
    outcomes = world.engine.apply(entries)
    assert not any(one.status for one in outcomes), outcomes


def cards(world: Held) -> list[FlowReport]:
    """What was told, as reports of followed flows."""
    found: list[FlowReport] = []
    for group in groups(told(world)):
        assert (group.node, group.hw_id) == (NODE, Origin.POSTCARDS)
        for report in group.reports:
            assert isinstance(report, FlowReport) and report.tracked and not report.congested
            found.append(report)
    return found


def put(world: Held, port: int, frame: Packet) -> Packet:
    """The frame as it leaves."""
    assert world.engine.inject(port, bytes(frame))
    world.go(MS)
    ((_, content),) = world.engine.collect()
    return Ether(content)


@pytest.mark.parametrize("packet", [FOLLOWED, SIX], ids=["IPv4", "IPv6"])
def test_a_followed_flow_is_told_of_once_and_again_after_a_second(world: Held, packet: Packet) -> None:
    for _ in range(5):
        put(world, IN, framed(packet))
    (first,) = cards(world)
    at = left(world.oracle.take())[0]
    kind = InnerType.IPV6 if packet is SIX else InnerType.IPV4
    assert first == FlowReport(
        IN, OUT, at.waited_ns // 1000, 0, 0, None, at.at_ns // 1000 * 1000,
        FlowWords(Role.NONE, NETWORK, 0, 0), None, first.suppressed, Inner(kind, bytes(packet)[:CUT]),
        tracked=True,
    )  # fmt: skip
    world.go(2 * S)
    put(world, IN, framed(packet))
    (second,) = cards(world)
    assert second.suppressed == 4 and second.egress_ns is not None and first.egress_ns is not None
    assert second.egress_ns - first.egress_ns > S


def test_others_are_not_told_of(world: Held) -> None:
    for where in (NEAR, FAR):
        put(world, IN, framed(OTHER, dst=where))
    assert cards(world) == []


def test_the_tag_has_the_mark_over_links_and_no_other_switch_knows_the_flow(world: Held) -> None:
    assert put(world, IN, framed(FOLLOWED, dst=FAR)).type == SERVICE_TAG
    assert put(world, IN, framed(OTHER, dst=FAR)).type == TAG_TYPE
    assert [(one.ingress_port, one.egress_port) for one in cards(world)] == [(IN, LINK_OUT)]
    for tag, kind in ((Dot1Q(vlan=NETWORK), TAG_TYPE), (Dot1AD(vlan=NETWORK), SERVICE_TAG)):
        assert put(world, LINK, framed(OTHER, tag, dst=FAR)).type == kind
        assert put(world, LINK, framed(OTHER, tag)).type == IPV4
    assert [(one.ingress_port, one.egress_port) for one in cards(world)] == [(LINK, LINK_OUT), (LINK, OUT)]


def test_a_tenants_own_mark_is_none(world: Held) -> None:
    frame = put(world, IN, framed(OTHER, Dot1Q(vlan=TAG, dei=1), dst=FAR))
    assert (frame.type, frame[Dot1Q].dei) == (TAG_TYPE, 0)
    assert cards(world) == []


def test_flows_in_one_tunnel_are_told_apart(world: Held) -> None:
    outer = IP(src="10.0.1.10", dst="10.0.1.11") / UDP(sport=2152, dport=2152, chksum=0)
    tag = Dot1AD(vlan=NETWORK)
    inside = [IP(src=f"10.45.0.{n}", dst="10.0.2.1") / UDP() / Raw(bytes(40)) for n in (2, 3)]
    for packet in inside * 2:
        put(world, LINK, framed(outer / GTP_U_Header(teid=9, gtp_type=255) / packet, tag))
    found = cards(world)
    assert [one.inner.data for one in found] == [bytes(packet) for packet in inside]
    assert all(one.flow is not None and one.flow.tunnelled for one in found)


def test_a_packet_that_meets_congestion_is_told_of_by_that_and_the_next_by_a_postcard(
    world: Held,
) -> None:
    watch(world, depth=0)
    put(world, IN, framed(FOLLOWED))
    (group,) = groups(told(world))
    assert group.hw_id == Origin.EGRESS
    table = "FabricEgress.congestion_watch.congestion_watch"
    world.engine.apply([WriteEntry(Change.DELETE, table, (Exact(OUT),))])
    put(world, IN, framed(FOLLOWED))
    assert len(cards(world)) == 1


def step(microseconds: int) -> int:
    return min(15, max(0, microseconds.bit_length() - 4))


STEPS = st.lists(
    st.tuples(st.integers(0, 1500 * MS), st.integers(1, 30), st.integers(0, 1400)), min_size=1, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(10**5, 10**9))
def test_what_changes_is_told_as_often_as_may_be_and_the_rest_is_counted(
    shared: Held, steps: list[tuple[int, int, int]], rate: int
) -> None:
    world = shared
    world.go(10 * S)
    told(world)
    world.oracle.take()
    world.engine.set_queue(OUT, rate_bps=rate, depth=64)
    frame: Any = FOLLOWED.copy()
    before: tuple[int, int] | None = None
    due = 0
    expected: list[tuple[int, int]] = []
    reports: list[FlowReport] = []
    for gap, count, length in steps:
        world.go(gap)
        frame[UDP].payload = Raw(bytes(length))
        del frame[UDP].len, frame[IP].len, frame[IP].chksum
        world.send(*[bytes(framed(IP(bytes(frame))))] * count)
        reports += cards(world)
    world.drain(OUT)
    reports += cards(world)
    seen = left(world.oracle.take())
    for one in seen:
        at, latency = one.at_ns // 1000, one.at_ns // 1000 - one.enqueued_ns // 1000
        now = (step(latency), at >> 20)
        if now != before and max(due, at) - at <= 500_000:
            due = max(due, at) + 50_000
            before = now
            expected.append((at * 1000, latency))
    assert [(one.egress_ns, one.latency_us) for one in reports] == expected
    # What was not told since the last one is told by the next.
    last = max(n for n, one in enumerate(seen) if one.at_ns // 1000 * 1000 == expected[-1][0])
    assert sum(1 + (one.suppressed or 0) for one in reports[1:]) == last

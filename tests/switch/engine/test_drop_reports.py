"""Reports of packets that fabric.p4 drops: why, which, and how many more there were, against its drop counters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from benchmarks.forwarding import NETWORK
from p4fabric.controller.telemetry.drop_reasons import reported_number
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.controller.telemetry.reports import DropReport, FlowWords, Inner, InnerType, Origin, Role

from .queueing import MS, Held, S
from .test_reports import CUT, FRAME, IN, NODE, bridged, fabric, groups, told

CLOSED = 3
"""A port that no entry opens."""
ELSEWHERE = Ether(dst="02:00:5e:00:00:01", src="02:00:00:00:00:0a") / IP(src="10.0.1.10", dst="10.9.9.9")
DROPPED: list[tuple[DropReason, int, Packet]] = [
    (DropReason.CLOSED, CLOSED, FRAME / Raw(bytes(200))),
    (DropReason.CLOSED, CLOSED, Ether() / Dot1Q(vlan=9) / IP() / TCP()),
    (DropReason.NO_ROUTE, IN, ELSEWHERE / UDP(sport=5, dport=6)),
    (DropReason.TTL, IN, Ether(bytes(FRAME))),
    (
        DropReason.MALFORMED,
        IN,
        bridged(IP(src="10.0.1.10", dst="10.0.1.11", len=9000) / UDP() / Raw(bytes(9))),
    ),
    (DropReason.SOURCE_ADDRESS, IN, bridged(IP(src="10.7.7.7", dst="10.0.1.11") / UDP() / Raw(bytes(300)))),
    (DropReason.ETHERTYPE, IN, Ether(dst="02:00:00:00:00:0b", type=0x88B5) / Raw(bytes(46))),
]
DROPPED[3][2][IP].ttl = 1
del DROPPED[3][2][IP].chksum


@pytest.fixture(scope="module")
def world() -> Iterator[Held]:
    with fabric() as world:
        world.engine.add_port(CLOSED, None)
        yield world


@pytest.mark.parametrize(("reason", "port", "packet"), DROPPED)
def test_a_dropped_packet_is_reported_as_it_came_with_its_reason(
    world: Held, reason: DropReason, port: int, packet: Packet
) -> None:
    world.go(10 * S)
    told(world)
    frame = bytes(packet)
    assert world.engine.inject(port, frame)
    world.go(MS)
    (group,) = groups(told(world))
    (report,) = group.reports
    assert (group.node, group.hw_id) == (NODE, Origin.DROPS)
    ip_at = 18 if Dot1Q in packet else 14
    inner = Inner(InnerType.IPV4, frame[ip_at : ip_at + CUT])
    if IP not in packet:
        inner = Inner(InnerType.ETHERNET, frame[:16])
    assert isinstance(report, DropReport) and report.flow is not None
    network = 0 if port == CLOSED else NETWORK
    assert report == DropReport(
        port, 0, egress_ns=world.now - MS, flow=FlowWords(Role.DROPPED, network, 0, 0),
        suppressed=report.suppressed, inner=inner, drop_queue=0, reason=reported_number(reason),
    )  # fmt: skip


STEPS = st.lists(
    st.tuples(st.integers(0, 400 * MS), st.integers(0, len(DROPPED) - 1), st.integers(1, 40)), max_size=20
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_reports_and_what_they_leave_out_are_what_is_counted_and_floods_are_bounded(
    world: Held, steps: list[tuple[int, int, int]]
) -> None:
    def counted() -> Counter[tuple[int, int]]:
        cells = world.engine.read_counters("FabricIngress.ingress_drops")
        return Counter({(n >> 5, n & 31): one.packets for n, one in enumerate(cells) if one.packets})

    world.go(10 * S)
    told(world)
    before, began = counted(), world.now
    left_out = "FabricIngress.drop_watch.unreported"
    open_before = world.engine.read_registers(left_out)
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for gap, which, count in steps:
        world.go(gap)
        reason, port, packet = DROPPED[which]
        for _ in range(count):
            assert world.engine.inject(port, bytes(packet))
        world.go(0)
        for group in groups(told(world)):
            for report in group.reports:
                assert isinstance(report, DropReport) and report.suppressed is not None
                number = next(one for one in DropReason if reported_number(one) == report.reason)
                found[report.ingress_port or 0, number].append(report.suppressed)
    drops, open_after = counted() - before, world.engine.read_registers(left_out)
    lasted = world.now - began
    assert found.keys() == drops.keys()
    for (port, number), suppressed in found.items():
        cell = port << 5 | number
        unreported = sum(suppressed) - open_before[cell] + open_after[cell]
        assert len(suppressed) + unreported == drops[port, number]
        assert len(suppressed) <= 6 + 5 * lasted // S + 1

"""Reports of packets that fabric.p4 drops: why, which, and how many more there were, against its drop
counters and what comes out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from p4fabric.controller.telemetry.drop_reasons import reported_number
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.controller.telemetry.reports import DropReport, FlowWords, Inner, InnerType, Origin, Role

from .dropping import CASES, Case, dropping
from .queueing import MS, Held, S
from .test_reports import CUT, IN, NODE, bridged, groups, told

Place = tuple[str, int, int]
"""Where packets are dropped (`Ingress` or `Egress`), the port, the reason."""


@pytest.fixture(scope="module")
def world() -> Iterator[Held]:
    with dropping() as world:
        yield world


def counted(world: Held) -> Counter[Place]:
    found: Counter[Place] = Counter()
    for way in ("Ingress", "Egress"):
        cells = world.engine.read_counters(f"Fabric{way}.{way.lower()}_drops")
        found.update({(way, n >> 5, n & 31): one.packets for n, one in enumerate(cells) if one.packets})
    return found


def place(case: Case) -> Place:
    return ("Ingress", case.port, case.reason) if case.at is None else ("Egress", case.at, case.reason)


def inner_of(case: Case) -> Inner:
    packet = case.packet
    if IP in packet and case.reason is not DropReason.NESTED_TAG:
        return Inner(InnerType.IPV4, case.whole[:CUT])
    return Inner(InnerType.IPV6 if IPv6 in packet else InnerType.ETHERNET, case.whole[:CUT])


def quiet(world: Held) -> None:
    """Until as much may be reported, flooded and answered as ever."""
    world.go(10 * S)
    while world.engine.drain():
        pass
    world.engine.collect()


def test_there_is_a_packet_for_each_reason() -> None:
    assert {case.reason for case in CASES} == set(DropReason)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_a_dropped_packet_is_reported_as_it_came_with_its_reason(world: Held, case: Case) -> None:
    quiet(world)
    frame = bytes(case.packet)
    for _ in range(case.passing):
        assert world.engine.inject(case.port, frame)
    world.go(0)
    while world.engine.drain():
        pass
    passed, before = len(world.engine.collect()), counted(world)
    assert bool(passed) == (case.reason is DropReason.FLOOD)
    assert world.engine.inject(case.port, frame)
    world.go(MS)
    assert world.engine.collect() == [] and counted(world) - before == Counter([place(case)])
    (group,) = groups(told(world))
    (report,) = group.reports
    assert (group.node, group.hw_id) == (NODE, Origin.DROPS)
    assert isinstance(report, DropReport) and report.flow is not None
    opened = case.shown is not None and case.reason is not DropReason.NESTED_TAG
    assert report == DropReport(
        case.port, case.at or 0, egress_ns=world.now - MS, suppressed=report.suppressed, inner=inner_of(case),
        flow=FlowWords(Role.DROPPED, case.vlan, 0, 0, tunnelled=opened),
        drop_queue=0, reason=reported_number(case.reason),
    )  # fmt: skip


def test_of_a_frame_that_is_too_short_to_be_one_the_reason_is_told(world: Held) -> None:
    for length in (1, 13, 14, 15, 19):
        quiet(world)
        before = counted(world)
        if not world.engine.inject(IN, bytes(length)):
            continue
        world.go(MS)
        ((report,),) = groups(told(world))
        (dropped,) = counted(world) - before
        assert isinstance(report, DropReport) and report.inner == Inner(InnerType.NONE, b"")
        assert reported_number(DropReason(dropped[2])) == report.reason


PASSING = bytes(bridged(IP(src="10.0.1.10", dst="10.0.1.11") / UDP(sport=3, dport=4) / Raw(bytes(99))))
FLOODS = [case for case in CASES if not case.passing]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 400 * MS), st.integers(0, len(FLOODS) - 1), st.integers(1, 40), st.integers(0, 3)
    ),
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_reports_with_what_they_leave_out_are_what_was_sent_and_did_not_come_out(
    world: Held, steps: list[tuple[int, int, int, int]]
) -> None:
    def left_out() -> dict[str, list[int]]:
        ways = ("Ingress", "Egress")
        return {way: world.engine.read_registers(f"Fabric{way}.drop_watch.unreported") for way in ways}

    quiet(world)
    before, began, open_before = counted(world), world.now, left_out()
    found: dict[Place, list[int]] = defaultdict(list)
    sent = received = 0
    for gap, which, count, passing in steps:
        world.go(gap)
        case = FLOODS[which]
        for _ in range(count):
            assert world.engine.inject(case.port, bytes(case.packet))
        for _ in range(passing):
            assert world.engine.inject(IN, PASSING)
        sent += count + passing
        world.go(0)
        received += len(world.engine.collect())
        for group in groups(told(world)):
            for report in group.reports:
                assert isinstance(report, DropReport) and report.suppressed is not None
                number = next(one for one in DropReason if reported_number(one) == report.reason)
                way, port = (
                    ("Egress", report.egress_port) if report.egress_port else ("Ingress", report.ingress_port)
                )
                found[way, port or 0, int(number)].append(report.suppressed)
    drops, open_after = counted(world) - before, left_out()
    assert sum(drops.values()) == sent - received
    assert found.keys() == drops.keys()
    lasted = world.now - began
    for (way, port, why), suppressed in found.items():
        cell = port << 5 | why
        unreported = sum(suppressed) - open_before[way][cell] + open_after[way][cell]
        assert len(suppressed) + unreported == drops[way, port, why]
        assert len(suppressed) <= 6 + 5 * lasted // S + 1

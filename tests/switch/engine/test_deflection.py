"""Packets that find their queue full, given to egress as Tofino's deflect-on-drop does: what the program is
told of them, how many there are, and that they are counted exactly whether or not they were."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.softswitch.engine import open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Change,
    EngineOptions,
    Exact,
    Replica,
    WriteCloneSession,
    WriteEntry,
)
from tests.oracle import Fate

from .conftest import program
from .packets import Command, command
from .queueing import IN, MS, OUT, REPORTS, Held, S, held, order

SESSION = 7
MOST = 128
"""Bytes of a dropped packet that are kept."""


class Told(NamedTuple):
    """The report that deflected.p4 makes, and the packet that it is about."""

    kind: int
    port: int
    report_port: int
    priority: int
    copy: int
    kept: int
    depth: int
    suppressed: int
    length: int
    dropped_at_us: int
    packet: bytes

    @property
    def number(self) -> int:
        return int.from_bytes(self.packet[4:8], "big")


def told(frame: bytes) -> Told:
    size = struct.calcsize("!IHHBBHIIII")
    return Told._make((*struct.unpack_from("!IHHBBHIIII", frame), frame[size:]))


@pytest.fixture(scope="module")
def world() -> Iterator[Held]:
    with held() as world:
        yield world


def sessions(world: Held, *replicas: Replica, change: Change = Change.MODIFY, length: int = 0) -> None:
    write = WriteCloneSession(change, SESSION, replicas, 7, length)
    (outcome,) = world.engine.apply([write])
    assert not outcome.status, outcome


@pytest.fixture
def switch(world: Held) -> Iterator[Held]:
    """Port 2 sends 10 Mbit/s and holds 4 packets; drops are told at port 3, five at once, 100 a second."""
    world.drain()
    world.go(S)
    world.oracle.take()
    world.engine.set_queue(OUT, rate_bps=10**7, depth=4)
    world.engine.set_queue(REPORTS, rate_bps=0, depth=1024)
    world.engine.apply([WriteCloneSession(Change.DELETE, SESSION)])
    sessions(world, Replica(REPORTS, 3), change=Change.INSERT)
    world.engine.queues.deflect(SESSION, rate=100, burst=5)
    yield world
    world.engine.queues.deflect(0)


def reports(world: Held, *frames: bytes) -> list[Told]:
    for one in frames:
        world.engine.inject(IN, one)
    return [told(frame) for port, frame in world.engine.collect() if port == REPORTS]


def test_the_program_is_told_all_that_is_known_of_a_dropped_packet(switch: Held) -> None:
    switch.go(MS)
    frames = [order(1000, 5, number, kept=99) for number in range(6)]
    (only,) = reports(switch, *frames)
    now_us = switch.now // 1000
    assert only == Told(8, OUT, REPORTS, 5, 3, 99, 4, 0, 1000, now_us, frames[5][:MOST])


def test_copies_are_bounded_by_the_queues_bucket_and_what_is_left_out_is_told(switch: Held) -> None:
    before = switch.engine.queues.counts(OUT)[0]
    burst = reports(switch, *[order(number=number) for number in range(30)])
    assert [(one.number, one.suppressed) for one in burst] == [(number, 0) for number in range(5, 10)]
    assert reports(switch, order()) == []
    switch.go(10 * MS - 1)
    switch.send(*[order()] * 5)
    assert reports(switch, order()) == []
    switch.go(1)
    (next_one,) = reports(switch, order(number=77), order())
    assert (next_one.number, next_one.suppressed) == (77, 22)
    after = switch.engine.queues.counts(OUT)[0]
    assert (after.deflected - before.deflected, after.suppressed - before.suppressed) == (6, 23)


def test_each_queue_has_a_bucket_of_its_own(switch: Held) -> None:
    frames = [order(priority=priority) for priority in (0, 3, 6) for _ in range(20)]
    found = reports(switch, *frames)
    assert [one.priority for one in found] == [0] * 5 + [3] * 5 + [6] * 5


def test_the_session_says_where_copies_go_and_how_long_they_are(switch: Held) -> None:
    sessions(switch, Replica(REPORTS, 1), Replica(REPORTS, 2), length=40)
    before = switch.engine.queues.counts(OUT)[0].deflected
    found = reports(switch, *[order(number=number) for number in range(6)])
    assert [(one.copy, one.number, len(one.packet)) for one in found] == [(1, 5, 12), (2, 5, 12)]
    assert switch.engine.queues.counts(OUT)[0].deflected - before == 1


def test_nothing_is_reported_without_a_session_and_all_is_counted(switch: Held) -> None:
    before = switch.engine.queues.counts(OUT)[0]
    switch.engine.queues.deflect(0)
    assert reports(switch, *[order()] * 10) == []
    switch.engine.queues.deflect(SESSION + 1)  # which nobody has written
    assert reports(switch, *[order()] * 10) == []
    after = switch.engine.queues.counts(OUT)[0]
    assert after.deflected == before.deflected and after.suppressed - before.suppressed == 15


def test_copies_that_find_their_queue_full_are_not_copied_again(switch: Held) -> None:
    switch.engine.set_queue(REPORTS, rate_pps=1, depth=2)
    before = switch.engine.queues.counts(REPORTS)[7]
    switch.engine.queues.deflect(SESSION, rate=100, burst=50)
    assert len(reports(switch, *[order()] * 35)) == 1
    after = switch.engine.queues.counts(REPORTS)[7]
    assert after.drops["queue_full"] - before.drops["queue_full"] == 27
    assert after.deflected == before.deflected
    switch.engine.set_queue(REPORTS, rate_pps=0)


def test_a_copy_has_the_time_and_the_depth_of_its_packets_queue_not_of_its_own(switch: Held) -> None:
    switch.engine.set_queue(REPORTS, rate_pps=100)
    switch.go(3 * MS)
    dropped_at_us = switch.now // 1000
    reports(switch, *[order()] * 9)
    switch.go(100 * MS)
    found = reports(switch)
    assert [(one.dropped_at_us, one.depth, one.suppressed) for one in found] == [(dropped_at_us, 4, 0)] * 3


@pytest.mark.parametrize(("session", "rate", "burst"), [(-1, 1, 1), (1 << 15, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_what_is_out_of_bounds_is_refused(world: Held, session: int, rate: int, burst: int) -> None:
    with pytest.raises(ValueError, match="is not in"):
        world.engine.queues.deflect(session, rate, burst)


STEPS = st.lists(
    st.tuples(st.integers(0, 30 * MS), st.sampled_from((0, 1, 7)), st.integers(8, 1500), st.integers(1, 40)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 8), st.integers(1, 500), st.integers(1, 20), st.booleans())
def test_reports_and_suppressed_are_the_drops_and_those_are_what_was_sent_and_not_received(
    world: Held, steps: list[tuple[int, int, int, int]], depth: int, rate: int, burst: int, watch: bool
) -> None:
    world.drain()
    world.go(S)
    world.oracle.take()
    world.engine.collect()
    world.engine.set_queue(OUT, rate_bps=10**7, depth=depth)
    world.engine.set_queue(REPORTS, rate_pps=0, rate_bps=0, depth=1024)
    world.engine.apply([WriteCloneSession(Change.DELETE, SESSION)])
    sessions(world, Replica(REPORTS), change=Change.INSERT)
    world.engine.queues.deflect(SESSION, rate, burst)
    if watch:
        world.engine.queues.watch(OUT)
    before = world.engine.queues.counts(OUT)
    number, began = 0, world.now
    sent: list[int] = [0] * 8
    for gap, priority, length, count in steps:
        world.go(gap)
        for _ in range(count):
            world.engine.inject(IN, order(length, priority, number))
            number += 1
        sent[priority] += count
    world.go(2 * S)
    arrived = world.engine.collect()
    lasted, after = world.now - began, world.engine.queues.counts(OUT)
    world.engine.queues.unwatch(OUT)
    record = world.oracle.take()
    told_of = [told(frame) for port, frame in arrived if port == REPORTS]
    received = [frame[2] for port, frame in arrived if port == OUT]
    for priority in range(8):
        one, old = after[priority], before[priority]
        ours = [each for each in told_of if each.priority == priority]
        drops = one.drops["queue_full"] - old.drops["queue_full"]
        assert drops == sent[priority] - received.count(priority)
        assert len(ours) + (one.suppressed - old.suppressed) == drops
        assert one.deflected - old.deflected == len(ours) <= burst + lasted * rate // S + 1
    lost = {
        int.from_bytes(each.head[4:8], "big")
        for each in record
        if each.fate is Fate.DROPPED and each.port == OUT
    }
    assert {each.number for each in told_of} <= lost and len(told_of) == len({one.number for one in told_of})


def test_programs_that_know_nothing_of_it_are_given_the_instance_type() -> None:
    """constructs.p4 copies instance type and port into the packet."""
    with open_engine(program("constructs"), EngineOptions(clock=lambda: 0)) as engine:
        for port in (1, 2, 3):
            engine.add_port(port, None)
        engine.set_queue(2, rate_pps=10, depth=1)
        call = ActionCall("In.send", (2,))
        session = WriteCloneSession(Change.INSERT, 5, (Replica(3, 9),))
        engine.apply([session, WriteEntry(Change.INSERT, "In.ports", (Exact(1),), call)])
        engine.queues.deflect(5)
        engine.start()
        for _ in range(3):
            engine.inject(1, command(op=21, payload=bytes(500)))
        ((_, frame),) = [one for one in engine.collect() if one.port == 3]
    answer = Command(frame[14:])
    assert (answer.rest, answer.d, answer.b, len(frame)) == (8, 9, 3, 128)

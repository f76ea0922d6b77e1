"""Bins of watched ports, on a clock that is held: what they say is exact, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.softswitch.engine import load_config, open_engine
from p4fabric.softswitch.engine.api import Bin, EngineOptions, PortError
from tests.oracle import Fate

from .queueing import IN, MS, OUT, PROGRAM, Held, S, expected, held, order

MBIT = 10**6


@pytest.fixture(scope="module")
def world() -> Iterator[Held]:
    with held() as world:
        yield world


@pytest.fixture
def watched(world: Held) -> Iterator[Held]:
    """Port 2 sends 10 Mbit/s, holds 64 packets, and is watched; a bin has just begun."""
    world.drain()
    world.go(S - world.now % S)
    world.oracle.take()
    world.engine.set_queue(OUT, rate_bps=10 * MBIT, rate_pps=0, depth=64)
    world.engine.queues.watch(OUT)
    yield world
    world.drain()
    world.engine.queues.unwatch(OUT)


def bins(world: Held, priority: int = 0) -> list[Bin]:
    """With times from the beginning of the test."""
    begin = world.now - world.now % S
    return [replace(one, start_ns=one.start_ns - begin) for one in world.engine.queues.bins(OUT, priority)[0]]


def test_a_burst_is_seen_from_its_first_packet_to_its_last(watched: Held) -> None:
    watched.go(MS // 20)
    watched.send(*[order()] * 100)
    watched.go(3 * MS)
    # The first leaves at once, 64 wait, 35 are too many; one leaves each 0.3 ms.
    assert bins(watched) == [
        Bin(0, 64, MS // 20, 900_000, 65, 65 * 375, 35, after_gap=True),
        Bin(1 * MS, 61, 0, 1_800_000, 0, 0, 0),
        Bin(2 * MS, 58, 0, 2_700_000, 0, 0, 0),
    ]


def test_a_bin_ends_with_the_clock_though_no_packet_comes(watched: Held) -> None:
    watched.send(order())
    watched.go(MS - 1)
    assert bins(watched) == []
    watched.go(1)
    assert bins(watched) == [Bin(0, 0, 0, 0, 1, 375, 0, after_gap=True)]
    watched.go(500 * MS)
    watched.send(order())
    watched.go(MS)
    assert [(one.start_ns, one.after_gap) for one in bins(watched)] == [(0, True), (501 * MS, True)]


def test_a_slow_port_has_bins_in_which_nothing_happens_but_that_packets_wait(watched: Held) -> None:
    watched.engine.set_queue(OUT, rate_pps=100)
    watched.send(*[order()] * 3)
    watched.go(21 * MS)
    found = bins(watched)
    assert [one.max_depth for one in found] == [2] * 11 + [1] * 10
    assert {one.packets for one in found[1:]} == {0} and not any(one.late for one in found)


def test_each_priority_has_bins_of_its_own(watched: Held) -> None:
    watched.send(*[order(priority=0)] * 4, *[order(priority=7)] * 2)
    watched.go(MS)
    (low,), (high,) = bins(watched, 0), bins(watched, 7)
    assert (low.packets, low.max_depth, low.max_wait_ns) == (4, 3, 900_000)
    assert (high.packets, high.max_depth, high.max_wait_ns) == (2, 2, 600_000)
    assert bins(watched, 3) == []


def test_a_port_without_a_rate_has_bins_in_which_nothing_waits(watched: Held) -> None:
    watched.engine.set_queue(OUT, rate_bps=0)
    watched.send(*[order()] * 50)
    watched.go(MS)
    assert bins(watched) == [Bin(0, 0, 0, 0, 50, 50 * 375, 0, after_gap=True)]


def test_a_new_rate_is_that_of_packets_that_wait_already(watched: Held) -> None:
    watched.engine.set_queue(OUT, rate_pps=10)
    watched.send(*[order()] * 4)
    watched.go(5 * MS)
    watched.engine.set_queue(OUT, rate_pps=1000)
    watched.go(3 * MS)
    left = [one.waited_ns // MS for one in watched.oracle.take() if one.fate is Fate.LEFT]
    assert left == [0, 5, 6, 7]
    assert [(one.max_depth, one.max_wait_ns // MS) for one in bins(watched)[4:]] == [
        (3, 0),
        (3, 5),
        (2, 6),
        (1, 7),
    ]


def test_what_is_read_after_a_bin_begins_behind_it(watched: Held) -> None:
    queues = watched.engine.queues
    watched.send(*[order()] * 20)
    watched.go(2 * MS)
    first, end = queues.bins(OUT, 0)
    watched.go(3 * MS)
    second, _ = queues.bins(OUT, 0, end)
    assert (len(first), len(second)) == (2, 3)
    assert [*first, *second] == queues.bins(OUT, 0)[0]


def test_the_oldest_bins_make_room(watched: Held) -> None:
    watched.engine.set_queue(OUT, rate_pps=100, depth=500)
    watched.send(*[order()] * 301)
    watched.go(3 * S)
    kept, ever = watched.engine.queues.bins(OUT, 0)
    assert (len(kept), ever) == (2047, 3000)
    assert [one.start_ns for one in kept] == [watched.now - n * MS for n in range(2047, 0, -1)]


def test_a_port_that_nobody_watches_has_none_and_watching_begins_anew(watched: Held) -> None:
    queues = watched.engine.queues
    watched.send(*[order()] * 20)
    watched.go(2 * MS)
    queues.unwatch(OUT)
    assert queues.bins(OUT, 0) == ([], 0)
    queues.watch(OUT)
    watched.go(MS)
    # Those that wait are seen at once.
    (only,) = queues.bins(OUT, 0)[0]
    assert (only.max_depth, only.packets) == (13, 0)


def test_a_port_that_is_not_there_cannot_be_watched(world: Held) -> None:
    with pytest.raises(PortError, match="port 77 cannot be watched"):
        world.engine.queues.watch(77)


STEPS = st.lists(
    st.tuples(st.integers(0, 3 * MS), st.sampled_from((0, 1, 7)), st.integers(60, 1500), st.integers(1, 12)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from((1, 10, 100, 10_000)), st.integers(1, 20))
def test_bins_are_what_each_packets_fate_makes_them(
    world: Held, steps: list[tuple[int, int, int, int]], mbit: int, depth: int
) -> None:
    world.drain()
    world.oracle.take()
    world.engine.set_queue(OUT, rate_bps=mbit * MBIT, rate_pps=0, depth=depth)
    world.engine.queues.watch(OUT)
    try:
        before = world.engine.queues.counts(OUT)
        for gap, priority, length, count in steps:
            world.go(gap)
            world.send(*[order(length, priority)] * count)
            held_now = [len(world.oracle.waiting(OUT, one)) for one in range(8)]
            assert held_now == [one.waiting for one in world.engine.queues.counts(OUT)]
        world.drain()
        record, after = world.oracle.take(), world.engine.queues.counts(OUT)
        for priority in range(8):
            found, _ = world.engine.queues.bins(OUT, priority)
            assert found == expected(record, OUT, priority)
            sent = after[priority].sent_packets - before[priority].sent_packets
            dropped = after[priority].drops["queue_full"] - before[priority].drops["queue_full"]
            asked = sum(count for _, one, _, count in steps if one == priority)
            assert (sum(one.packets for one in found), sum(one.drops for one in found)) == (sent, dropped)
            assert sent + dropped == asked
    finally:
        world.engine.queues.unwatch(OUT)


def test_the_record_that_judges_them_has_each_packet(watched: Held) -> None:
    watched.send(*[order(number=number) for number in range(100)])
    held_numbers = [int.from_bytes(one.head[4:8], "big") for one in watched.oracle.waiting(OUT)]
    assert held_numbers == list(range(1, 65))
    flows = watched.oracle.bytes_of_flows(OUT, flow=lambda head: head[7] % 2)
    assert flows == {0: 32 * 375, 1: 32 * 375}
    record = watched.oracle.take()
    lost = [int.from_bytes(one.head[4:8], "big") for one in record if one.fate is Fate.DROPPED]
    assert lost == list(range(65, 100))


# --- a worker that is kept waiting ----------------------------------------------------------------


def test_what_a_worker_has_not_seen_is_marked_and_not_made_up() -> None:
    """Time goes on while it stands still; frames of memory ports do not say when they came."""
    now = 0
    with open_engine(load_config(PROGRAM.read_bytes()), EngineOptions(clock=lambda: now)) as engine:
        for port in (IN, OUT):
            engine.add_port(port, None)
        engine.set_queue(OUT, rate_pps=100, depth=64)
        engine.queues.watch(OUT)
        engine.start()
        for _ in range(3):
            engine.inject(IN, order())
        engine.advance(2 * MS)
        engine.stop()
        now = 8 * MS + MS // 2
        engine.start()
        engine.inject(IN, order())
        engine.advance(10 * MS)
        found, _ = engine.queues.bins(OUT, 0)
    assert [one.late for one in found] == [False] * 2 + [True] * 7 + [False]
    assert [one.max_depth for one in found] == [2] * 8 + [3] * 2
    assert [one.packets for one in found] == [3] + [0] * 7 + [1] + [0]


def test_a_late_round_is_seen_by_the_machines_clock_too() -> None:
    with open_engine(load_config(PROGRAM.read_bytes())) as engine:
        for port in (IN, OUT):
            engine.add_port(port, None)
        engine.set_queue(OUT, rate_pps=10, depth=64)
        engine.queues.watch(OUT)
        engine.start()
        for _ in range(5):
            engine.inject(IN, order())
        deadline = time.monotonic() + 60
        while not engine.queues.bins(OUT, 0)[0]:
            assert time.monotonic() < deadline
        engine.stop()
        stood = engine.queues.now_ns()
        time.sleep(0.02)
        went_on = engine.queues.now_ns()
        engine.start()
        while engine.queues.bins(OUT, 0)[0][-1].start_ns < went_on:
            assert time.monotonic() < deadline
        found, _ = engine.queues.bins(OUT, 0)
    missed = [one for one in found if stood <= one.start_ns and one.start_ns + MS <= went_on]
    assert len(missed) >= 18 and all(one.late for one in missed)

"""Bins that the switch itself sends to a collector: which, when, and in which form (Telemetry Report 2.0)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.softswitch.engine.api import Bin

from .queueing import MS, OUT, Held, S, held, order

NODE = 0xC0FFEE
AROUND = 50


@dataclass(frozen=True)
class Report:
    """One report of a datagram."""

    port: int
    priority: int
    complete_ns: int
    bins: tuple[Bin, ...]
    queued: bool
    dropped: bool


@dataclass(frozen=True)
class Datagram:
    sequence: int
    reports: tuple[Report, ...]
    size: int


def parsed(raw: bytes) -> Datagram:
    first, node = struct.unpack_from("!II", raw)
    assert (first >> 28, first >> 22 & 0x3F, node) == (2, 4, NODE)
    reports, at = [], 8
    while at < len(raw):
        kind, words, metadata, bits = raw[at : at + 4]
        assert (kind, words, bits & 0x3F) == (0x10, metadata + 2, 0)  # INT, no inner packet
        given, domain, ours, status = struct.unpack_from("!HHHH", raw, at + 4)
        assert (given, domain, ours, status) == (0x4400, 0x5034, 0x1000, 0)
        came_by, port, complete_ns, count, priority, flags = struct.unpack_from("!HHQHBB", raw, at + 12)
        assert (came_by, flags, metadata) == (0, 0, 4 + 8 * count)
        bins = []
        for start, depth, offset, wait, packets, octets, last in struct.iter_unpack(
            "!QIIIIII", raw[at + 28 : at + 28 + 32 * count]
        ):
            assert last & 0xFC == 0
            bins.append(
                Bin(start, depth, offset, wait, packets, octets, last >> 8, bool(last & 1), bool(last & 2))
            )
        reports.append(Report(port, priority, complete_ns, tuple(bins), bool(bits & 0x40), bool(bits & 0x80)))
        at += 4 + 4 * words
    assert at == len(raw) <= 1400
    return Datagram(first & 0x3FFFFF, tuple(reports), len(raw))


class Collector:
    """Where datagrams arrive. On one machine a datagram that was sent is there."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    def sender(self) -> int:
        """A descriptor for the engine."""
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.connect(self.socket.getsockname())
        return made.detach()

    def datagrams(self) -> list[Datagram]:
        found = []
        while True:
            try:
                found.append(parsed(self.socket.recv(2000)))
            except BlockingIOError:
                return found

    def bins(self, port: int = OUT, priority: int = 0) -> list[Bin]:
        return [
            one
            for datagram in self.datagrams()
            for report in datagram.reports
            if (report.port, report.priority) == (port, priority)
            for one in report.bins
        ]


@pytest.fixture(scope="module")
def world() -> Iterator[Held]:
    with held() as world:
        world.engine.set_queue(OUT, rate_bps=10**7, depth=64)
        yield world


@pytest.fixture
def collector(world: Held) -> Iterator[Collector]:
    """Of reports about port 2, with the default thresholds; a second has just begun."""
    world.drain()
    world.go(S - world.now % S)
    collector = Collector()
    world.engine.queues.watch(OUT)
    world.engine.queues.report_to(collector.sender(), NODE)
    yield collector
    world.drain()
    world.engine.queues.report_to(-1, 0)
    world.engine.queues.unwatch(OUT)
    collector.socket.close()


def test_what_is_calm_is_not_reported_but_that_it_was_watched(world: Held, collector: Collector) -> None:
    begin = world.now
    for _ in range(200):
        world.send(*[order()] * 3)
        world.go(9 * MS)
    assert len(world.engine.queues.bins(OUT, 0)[0]) == 200
    (beat,) = collector.datagrams()
    assert beat.reports == (Report(OUT, 0, begin + S, (), queued=False, dropped=False),)


def test_a_burst_is_reported_with_what_was_around_it(world: Held, collector: Collector) -> None:
    begin = world.now
    for _ in range(10):
        world.send(order())
        world.go(10 * MS)
    world.send(*[order()] * 20)
    for _ in range(20):
        world.go(10 * MS)
        world.send(order())
    kept, _ = world.engine.queues.bins(OUT, 0)
    told = collector.bins()
    first, last = begin + 50 * MS, begin + (105 + AROUND) * MS
    assert [one.start_ns for one in told] == [one.start_ns for one in kept if first <= one.start_ns <= last]
    assert [one for one in told if not one.after_gap] == [
        one for one in kept if not one.after_gap and first <= one.start_ns <= last
    ]
    # Of those before and behind nobody has been told, so nobody may take them for empty.
    assert told[0].after_gap


def test_bins_come_within_six_milliseconds_of_their_beginning(world: Held, collector: Collector) -> None:
    world.send(*[order()] * 50)
    for _ in range(20):
        world.go(MS)
        for datagram in collector.datagrams():
            for report in datagram.reports:
                assert report.complete_ns == world.now
                assert all(world.now - one.start_ns <= 6 * MS for one in report.bins)


def test_datagrams_are_shared_by_queues_and_bounded(world: Held, collector: Collector) -> None:
    world.send(*[order(priority=priority) for priority in range(8) for _ in range(9)])
    world.go(30 * MS)
    datagrams = collector.datagrams()
    assert [[one.priority for one in datagram.reports] for datagram in datagrams[:2]] == [[*range(7)], [6, 7]]
    numbers = [one.sequence for one in datagrams]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_long_report_is_split(world: Held, collector: Collector) -> None:
    world.engine.queues.watch(OUT, report_depth=1 << 30, report_wait_us=10**6)
    for _ in range(50):  # 50 bins that nobody has asked for until one drops
        world.send(order())
        world.go(MS)
    collector.datagrams()
    world.send(*[order()] * 70)
    world.go(4 * MS)
    assert collector.datagrams() == []
    world.go(2 * MS)
    burst = collector.datagrams()
    assert [len(one.reports) for one in burst] == [2, 1] and burst[0].size > 1300
    assert sum(len(report.bins) for one in burst for report in one.reports) == 56


def test_a_report_says_whether_packets_waited_or_were_dropped(world: Held, collector: Collector) -> None:
    world.engine.queues.watch(OUT, report_depth=0)
    world.send(order())
    world.go(10 * MS)
    world.send(*[order()] * 2)
    world.go(10 * MS)
    world.send(*[order()] * 70)
    world.go(6 * MS)
    said = [(one.queued, one.dropped) for datagram in collector.datagrams() for one in datagram.reports]
    assert said == [(False, False), (True, False), (True, True)]


def test_what_the_socket_refuses_is_counted_and_missing_from_the_sequence(
    world: Held, collector: Collector
) -> None:
    before = world.engine.queues.reports()
    address = collector.socket.getsockname()
    world.go(S)
    (beat,) = collector.datagrams()
    collector.socket.close()
    for _ in range(6):
        world.go(S)
    collector.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    collector.socket.bind(address)
    collector.socket.setblocking(False)
    world.go(2 * S)
    after = world.engine.queues.reports()
    assert after.datagrams - before.datagrams == 9
    # The kernel tells of a datagram that nobody took when the next one is sent.
    assert after.refused - before.refused in (3, 4)
    assert collector.datagrams()[-1].sequence == beat.sequence + 8


STEPS = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 40)), min_size=1, max_size=8)


@settings(max_examples=30, deadline=None)
@given(STEPS, st.integers(1, 30))
def test_every_bin_that_reaches_the_threshold_is_reported_once_and_none_far_from_one(
    world: Held, steps: list[tuple[int, int]], threshold: int
) -> None:
    world.drain()
    collector = Collector()
    queues = world.engine.queues
    queues.watch(OUT, report_depth=threshold, report_wait_us=4_000_000)
    queues.report_to(collector.sender(), NODE)
    try:
        for gap, count in steps:
            world.go(gap * MS // 2)
            world.send(*[order(800)] * count)
        world.drain()
        world.go(10 * MS)
        kept, told = queues.bins(OUT, 0)[0], collector.bins()
        deep = [one.start_ns for one in kept if one.max_depth >= threshold or one.drops]
        near = {
            one.start_ns
            for one in kept
            if any(-AROUND * MS <= start - one.start_ns <= AROUND * MS for start in deep)
        }
        assert [one.start_ns for one in told] == sorted(near)
        by_start = {one.start_ns: one for one in kept}
        for before, one in zip([None, *told], told, strict=False):
            follows = before is not None and before.start_ns + MS == one.start_ns
            assert one.after_gap is not follows
            assert (one.max_depth, one.drops) == (
                by_start[one.start_ns].max_depth,
                by_start[one.start_ns].drops,
            )
    finally:
        queues.report_to(-1, 0)
        queues.unwatch(OUT)
        collector.socket.close()

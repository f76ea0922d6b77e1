"""The recent past of queues: what was reported is there, nothing else is, and memory has an end."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.collector import ClockEstimate
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import Bin, BinsReport, Origin, ReportGroup
from p4fabric.controller.telemetry.series import (
    Film,
    FilmBin,
    Known,
    LastSecond,
    Point,
    QueueSeries,
    SeriesRecorder,
)
from p4fabric.controller.telemetry.series.film import films_from_bytes, films_to_bytes
from p4fabric.pipelines.values import Port

MS, SECOND = 1_000_000, 1_000_000_000
START = 1_800_000_000 * SECOND
LEAF = SwitchName("leaf1")


def a_bin(ms: int, depth: int = 5, *, late: bool = False) -> Bin:
    return Bin(ms * MS, depth, 0, depth * 1000, packets=2, bytes=3000, drops=0, late=late)


def series_of(*bins: Bin) -> QueueSeries:
    series = QueueSeries()
    for one in bins:
        series.add(one)
    return series


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(0, 3000), st.integers(0, 64), max_size=60),
    st.integers(0, 2000),
    st.sampled_from([1, 7, 100, 999, 1000]),
)
def test_a_step_is_the_sum_of_its_milliseconds_wherever_it_begins(
    depths: dict[int, int], first: int, step: int
) -> None:
    series = series_of(*(a_bin(ms, depth) for ms, depth in sorted(depths.items())))
    if step == 1000:
        first = first // 1000 * 1000
    points = list(series.points(first * MS, (first + 10 * step) * MS, step * MS))
    for index, point in enumerate(points):
        inside = [d for ms, d in depths.items() if 0 <= ms - first - index * step < step]
        if not inside:
            assert point == Point.UNKNOWN
        else:
            assert (point.max_depth, point.max_wait_ns) == (max(inside), max(inside) * 1000)
            assert (point.packets, point.bytes) == (2 * len(inside), 3000 * len(inside))
            assert point.known is (Known.BINS if len(inside) == step else Known.PARTLY)
            if step < 1000:
                assert point.min_depth == min(inside)


def test_the_peak_of_a_burst_survives_any_decimation() -> None:
    series = series_of(*(a_bin(ms, 60 if ms == 1234 else 1) for ms in range(2000)))
    for step in (1, 10, 250):
        points = list(series.points(0, 2 * SECOND, step * MS))
        assert [index for index, point in enumerate(points) if point.max_depth == 60] == [1234 // step]
    assert [point.max_depth for point in series.points(0, 2 * SECOND, SECOND)] == [1, 60]


def test_milliseconds_are_kept_for_a_minute_and_seconds_for_a_day() -> None:
    series = series_of(a_bin(500, 9), a_bin(61_000), a_bin(62_000 - 1))
    assert next(series.points(500 * MS, 501 * MS, MS)).max_depth == 9
    assert series.p99(0, 61 * SECOND) == 0
    series.add(a_bin(62_000))
    assert series.p99(0, 61 * SECOND) is None, "not all of it is kept any more"
    assert next(series.points(500 * MS, 501 * MS, MS)) == Point.UNKNOWN
    assert next(series.points(0, SECOND, SECOND)).max_depth == 9
    series.add(a_bin(25 * 3600 * 1000))
    assert next(series.points(0, SECOND, SECOND)) == Point.UNKNOWN
    series.add(a_bin(1000))
    assert next(series.points(SECOND, 2 * SECOND, SECOND)) == Point.UNKNOWN


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1 << 32), st.integers(0, 1999), st.integers(200, 60_000))
def test_the_percentile_of_a_span_is_exact_however_long_it_is(seed: int, first: int, length: int) -> None:
    random = Random(seed)
    waits = {
        ms: random.choice((0, 3, random.randrange(1 << 32))) for ms in range(62_000) if random.random() < 0.3
    }
    series = QueueSeries()
    for ms, wait in waits.items():
        series.add(a_bin(ms)._replace(max_wait_ns=wait))
    for _ in range(2):
        found = sorted((waits.get(ms, 0) for ms in range(first, first + length)), reverse=True)
        assert series.p99(first * MS, (first + length) * MS) == found[length // 100]
        # Another bin is seen at once.
        waits[first + 100] = (1 << 32) - 1
        series.add(a_bin(first + 100)._replace(max_wait_ns=waits[first + 100]))


def test_a_span_without_bins_is_calm_or_not_known() -> None:
    series = series_of(a_bin(5))
    assert series.p99(SECOND, 3 * SECOND) is None
    series.calm(0, 2 * SECOND)
    assert series.p99(SECOND, 3 * SECOND) == 0


def test_a_bin_that_comes_twice_counts_once() -> None:
    series = series_of(a_bin(5), a_bin(5))
    assert next(series.points(0, SECOND, SECOND)).packets == 2


def test_late_bins_are_marked() -> None:
    late = next(series_of(a_bin(5, late=True)).points(0, SECOND, SECOND))
    assert late.late and not next(series_of(a_bin(5)).points(0, SECOND, SECOND)).late


class Switch:
    """What a switch sends of its queues, and when."""

    def __init__(self) -> None:
        self.lost, self.epoch, self.sequence = 0, 0, 0
        self.recorder = SeriesRecorder(
            lambda switch, now: ClockEstimate(START, 1000, self.epoch), lambda switch: self.lost
        )

    def send(self, *bins: Bin, complete_ms: int | None = None, priority: int = 0, port: int = 2) -> None:
        complete = None if complete_ms is None else complete_ms * MS
        group = ReportGroup(1, Origin.QUEUES, self.sequence, (BinsReport(port, priority, bins, complete),))
        self.sequence += 1
        self.recorder.take(LEAF, group, START)

    def known(self, ms: int, priority: int = 0, length: int = 1000) -> Point:
        where = Queue(PortRef(LEAF, Port(2)), priority)
        return next(self.recorder.points(where, START + ms * MS, START + (ms + length) * MS, length * MS))


def test_the_last_second_is_the_newest_of_which_waits_are_known() -> None:
    switch, queue = Switch(), Queue(PortRef(LEAF, Port(2)), 0)

    def last(ms: int) -> LastSecond | None:
        return switch.recorder.last_second(queue, START + ms * MS)

    switch.send(complete_ms=2000)
    for ms in range(2000, 3000, 20):
        switch.send(*(a_bin(ms + each, 100 if ms + each < 2011 else 1) for each in range(20)))
    assert last(2900) is None
    found = last(3100)
    assert found is not None and (found.begins, found.known, found.max_depth) == (
        START + 2000 * MS,
        1000,
        100,
    )
    assert found.p99_wait_ns == a_bin(0, 100).max_wait_ns
    # Of calm milliseconds there are no bins; they count all the same.
    switch.send(a_bin(3500, 100), complete_ms=4000)
    found = last(5200)
    assert found is not None and (found.begins, found.known, found.p99_wait_ns) == (
        START + 3000 * MS,
        1000,
        0,
    )
    assert last(8000) is None
    # Of a second that is not whole, what is known counts.
    switch.send(a_bin(9000, 7))
    found = last(10_000)
    assert found is not None and (found.known, found.p99_wait_ns) == (1, a_bin(0, 7).max_wait_ns)


def test_a_queue_of_which_the_switch_says_that_there_is_no_bin_was_calm() -> None:
    switch = Switch()
    switch.send(complete_ms=1000)
    switch.send(a_bin(2500, 40), complete_ms=2600)
    switch.send(complete_ms=4000)
    assert [switch.known(ms) for ms in (1000, 3000)] == [Point.CALM, Point.CALM]
    burst = switch.known(2000)
    assert (burst.known, burst.min_depth, burst.max_depth) == (Known.BINS, 0, 40)
    assert switch.known(2400, length=1) == Point.CALM
    assert switch.known(500, length=100) == switch.known(4000) == Point.UNKNOWN


def test_where_reports_were_lost_nobody_knows() -> None:
    switch = Switch()
    switch.send(complete_ms=1000)
    switch.lost += 1
    switch.send(complete_ms=2000)
    switch.send(complete_ms=3000)
    assert [switch.known(ms) for ms in (1000, 2000)] == [Point.UNKNOWN, Point.CALM]


def test_all_priorities_of_a_port_are_complete_together() -> None:
    switch = Switch()
    switch.send(a_bin(500), priority=3, complete_ms=900)
    switch.send(complete_ms=3000)
    assert switch.known(1000, priority=3) == switch.known(1000, priority=0) == Point.CALM


def test_a_switch_that_starts_again_has_no_past() -> None:
    switch = Switch()
    switch.send(a_bin(5000))
    switch.epoch = 1
    switch.send(a_bin(10))
    assert switch.known(5000, length=1) == Point.UNKNOWN
    assert switch.known(10, length=1).max_depth == 5


def test_queues_are_bounded() -> None:
    switch = Switch()
    for port in range(200):
        for priority in range(8):
            switch.send(a_bin(1), port=port, priority=priority)
    assert len(switch.recorder.queues) == 1024
    assert switch.recorder.refused == 1600 - 1024


def test_a_film_is_what_was_between_in_the_controllers_time() -> None:
    switch = Switch()
    switch.send(*(a_bin(ms, ms) for ms in range(20)))
    where = Queue(PortRef(LEAF, Port(2)), 0)
    film = switch.recorder.film(where, START + 5 * MS, START + 8 * MS)
    assert [(one.start_ns, one.max_depth) for one in film.bins] == [(START + ms * MS, ms) for ms in (5, 6, 7)]
    assert switch.recorder.film(where._replace(queue=1), START, START + SECOND).bins == ()


film_bins = st.builds(
    FilmBin,
    st.integers(0, 2**63),
    *[st.integers(0, 2**32 - 1)] * 5,
    st.booleans(),
)
films = st.lists(
    st.builds(
        Film,
        st.builds(
            lambda name, port, queue: Queue(PortRef(SwitchName(name), Port(port)), queue),
            st.text(max_size=20),
            st.integers(0, 511),
            st.integers(0, 255),
        ),
        st.lists(film_bins, max_size=8).map(tuple),
        st.booleans(),
    ),
    max_size=3,
).map(tuple)


@given(films)
def test_a_film_that_is_packed_is_the_same_again(some: tuple[Film, ...]) -> None:
    assert films_from_bytes(films_to_bytes(some)) == some

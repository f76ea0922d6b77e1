"""Keeps the series of all queues that switches send bins of, and answers in the controller's time.

Where a switch says that its bins are complete, and nothing was lost since it said so before, what lies
between is known. This module knows reports and clocks; it does not know what congestion is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.collector import ClockEstimate
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import BinsReport, Origin, ReportGroup
from p4fabric.controller.telemetry.series.film import Film, FilmBin
from p4fabric.controller.telemetry.series.points import Point
from p4fabric.controller.telemetry.series.queue_series import QueueSeries
from p4fabric.pipelines.values import Port

__all__ = ["LastSecond", "SeriesRecorder"]

_MOST_QUEUES = 1024
_MOST_FILM_BINS = 10_000
_HIGHEST_PORT = (1 << Port.BITS) - 1
_SECOND = 1_000_000_000
_LATELY = 3
"""Seconds: what a switch says may come so much later."""


class LastSecond(NamedTuple):
    """What a queue did in the newest second that is known."""

    begins: int
    """Nanoseconds since 1970."""
    known: int
    """Milliseconds."""
    p99_wait_ns: int
    """Of the longest waits of these milliseconds, the 99th percentile."""
    max_depth: int
    drops: int


@dataclass(slots=True)
class _Complete:
    """Until when the bins of a port are complete, and how many datagrams were lost by then."""

    until: int
    lost: int


class SeriesRecorder:
    """Of all switches."""

    def __init__(
        self,
        clock: Callable[[SwitchName, int], ClockEstimate | None],
        lost: Callable[[SwitchName], int] = lambda switch: 0,
    ) -> None:
        """Make it, knowing nothing.

        Args:
            clock: what is known of a switch's clock at a time (nanoseconds since 1970).
            lost: datagrams of a switch's queues that were lost so far.
        """
        self._clock, self._lost = clock, lost
        self._series: dict[Queue, QueueSeries] = {}
        self._complete: dict[PortRef, _Complete] = {}
        self._epochs: dict[SwitchName, int] = {}
        self.refused = 0
        """Bins of queues that were too many."""

    @property
    def queues(self) -> tuple[Queue, ...]:
        """Queues that there is something of, in order."""
        return tuple(sorted(self._series))

    def take(self, switch: SwitchName, group: ReportGroup, arrived: int) -> None:
        """Take the bins in a group of reports."""
        if group.hw_id != Origin.QUEUES:
            return
        self._begin_anew_if_new(switch, arrived)
        for report in group.reports:
            if isinstance(report, BinsReport) and report.egress_port <= _HIGHEST_PORT:
                self._take(PortRef(switch, Port(report.egress_port)), report)

    def points(self, queue: Queue, first: int, until: int, step: int) -> Iterator[Point]:
        """What a queue did, step by step, from a moment since 1970 until another (nanoseconds)."""
        clock, series = self._clock(queue.port.switch, until), self._series.get(queue)
        if clock is None or series is None:
            return iter([Point.UNKNOWN] * len(range(first, until, step)))
        return series.points(first - clock.offset, until - clock.offset, step)

    def last_second(self, queue: Queue, now: int) -> LastSecond | None:
        """The newest second of which a queue's waits are known; None: there is none of late.

        Args:
            queue: which one.
            now: nanoseconds since 1970.
        """
        clock, series = self._clock(queue.port.switch, now), self._series.get(queue)
        if clock is None or series is None:
            return None
        newest = (now - clock.offset) // _SECOND
        for second in range(newest - 1, newest - 1 - _LATELY, -1):
            if waits := sorted(series.waits(second)):
                whole = next(series.points(second * _SECOND, (second + 1) * _SECOND, _SECOND))
                return LastSecond(
                    second * _SECOND + clock.offset,
                    len(waits),
                    waits[min(len(waits) - 1, len(waits) * 99 // 100)],
                    whole.max_depth or 0,
                    whole.drops or 0,
                )
        return None

    def p99(self, queue: Queue, first: int, until: int) -> int | None:
        """Of the longest waits of a queue's milliseconds between two moments since 1970, the 99th percentile.

        None: it is not known.
        """
        clock, series = self._clock(queue.port.switch, until), self._series.get(queue)
        return (
            None
            if clock is None or series is None
            else series.p99(first - clock.offset, until - clock.offset)
        )

    def film(self, queue: Queue, first: int, until: int) -> Film:
        """The bins of a queue from a moment since 1970 until another."""
        clock, series = self._clock(queue.port.switch, until), self._series.get(queue)
        if clock is None or series is None:
            return Film(queue, ())
        bins = series.bins(first - clock.offset, until - clock.offset)
        found = tuple(
            FilmBin(
                one.start_ns + clock.offset,
                one.max_depth,
                one.max_wait_ns,
                one.packets,
                one.bytes,
                one.drops,
                one.late,
            )
            for one in islice(bins, _MOST_FILM_BINS)
        )
        return Film(queue, found, next(bins, None) is not None)

    def _begin_anew_if_new(self, switch: SwitchName, now: int) -> None:
        """A switch that starts again counts its time from 0: what it said before has no place in that."""
        clock = self._clock(switch, now)
        if clock is None or self._epochs.setdefault(switch, clock.epoch) == clock.epoch:
            return
        self._epochs[switch] = clock.epoch
        self._series = {queue: one for queue, one in self._series.items() if queue.port.switch != switch}
        self._complete = {port: one for port, one in self._complete.items() if port.switch != switch}

    def _take(self, port: PortRef, report: BinsReport) -> None:
        queue = Queue(port, report.priority)
        if report.bins:
            series = self._series_of(queue)
            if series is None:
                self.refused += len(report.bins)
                return
            for one in report.bins:
                series.add(one)
        if report.complete_ns is not None:
            self._completed(port, report.complete_ns)

    def _completed(self, port: PortRef, until: int) -> None:
        lost = self._lost(port.switch)
        before = self._complete.get(port)
        if before is None or before.lost != lost or until < before.until:
            # What lies between may have been in what was lost.
            self._complete[port] = _Complete(until, lost)
        elif until // _SECOND > before.until // _SECOND:
            self._series_of(Queue(port, 0))
            for priority in range(8):
                series = self._series.get(Queue(port, priority))
                if series is not None:
                    series.calm(before.until, until)
            before.until = until // _SECOND * _SECOND

    def _series_of(self, queue: Queue) -> QueueSeries | None:
        series = self._series.get(queue)
        if series is None:
            if len(self._series) >= _MOST_QUEUES:
                return None
            series = self._series[queue] = QueueSeries()
        return series

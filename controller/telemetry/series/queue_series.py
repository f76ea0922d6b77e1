"""The recent past of one queue: a minute by milliseconds, a day by seconds. In the switch's own time.

Memory is taken as bins come, a second or an hour at a time; `python -m benchmarks.collector` measures it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from p4fabric.controller.telemetry.reports import Bin
from p4fabric.controller.telemetry.series.columns import MillisecondColumns, SecondColumns
from p4fabric.controller.telemetry.series.points import Known, Point

__all__ = ["MILLISECOND", "SECOND", "QueueSeries"]

MILLISECOND, SECOND = 1_000_000, 1_000_000_000
_SECONDS_KEPT = 62
"""A minute, whenever it ended of late, and at whatever millisecond."""
_HOURS_KEPT = 24
_HOUR = SecondColumns.SLOTS


class QueueSeries:
    """Of one queue, in one life of its switch."""

    def __init__(self) -> None:
        """Make it, knowing nothing."""
        self._seconds: dict[int, MillisecondColumns] = {}
        self._hours: dict[int, SecondColumns] = {}
        self._newest = 0
        """The second of the newest bin."""

    def add(self, one: Bin) -> None:
        """Add a bin; one that is older than all that is kept says nothing any more."""
        second, rest = divmod(one.start_ns, SECOND)
        self._advance(second)
        if second > self._newest - _SECONDS_KEPT:
            columns = self._seconds.get(second)
            if columns is None:
                columns = self._seconds[second] = MillisecondColumns()
            if not columns.put(rest // MILLISECOND, one):
                return
        if second > self._newest - _HOURS_KEPT * _HOUR:
            self._hour(second).add(second % _HOUR, one)

    def calm(self, first: int, until: int) -> None:
        """From one moment until another, all bins that there are have come.

        Args:
            first: nanoseconds of the switch's clock.
            until: likewise, and not included; of both, whole seconds count.
        """
        self._advance(until // SECOND - 1)
        begins = max(-(-first // SECOND), until // SECOND - _SECONDS_KEPT)
        for second in range(begins, until // SECOND):
            self._hour(second).calm[second % _HOUR] = 1

    def points(self, first: int, until: int, step: int) -> Iterator[Point]:
        """What happened, step by step, from a moment until another.

        Args:
            first: nanoseconds of the switch's clock.
            until: likewise, and not included.
            step: nanoseconds; of a second or more, whole seconds are taken.
        """
        by_seconds = step >= SECOND
        length = SECOND if by_seconds else MILLISECOND
        for begin in range(first, until, step):
            start, end = begin // length, max(begin // length + 1, min(begin + step, until) // length)
            yield self._of_seconds(start, end) if by_seconds else self._of_milliseconds(start, end)

    def bins(self, first: int, until: int) -> Iterator[Bin]:
        """All bins that begin from one moment until another, as far as they are kept by milliseconds."""
        for second in sorted(self._seconds):
            if first // SECOND <= second <= until // SECOND:
                columns = self._seconds[second]
                for slot in range(MillisecondColumns.SLOTS):
                    start = second * SECOND + slot * MILLISECOND
                    if first <= start < until and (found := columns.bin(slot, start)) is not None:
                        yield found

    def waits(self, second: int) -> list[int]:
        """The longest waits in the milliseconds of a second that are known; the second is counted from 0."""
        columns, is_calm = self._seconds.get(second), self._is_calm(second)
        if columns is not None:
            return columns.waits(0, MillisecondColumns.SLOTS, is_calm=is_calm)
        return [0] * MillisecondColumns.SLOTS if is_calm else []

    def p99(self, first: int, until: int) -> int | None:
        """Of the longest waits of all milliseconds that begin in a span, the 99th percentile; exact.

        Milliseconds without a bin are calm, where anything is known at all; None: nothing is.

        Args:
            first: nanoseconds of the switch's clock; before what is kept by milliseconds, nothing is known.
            until: likewise, and not included.
        """
        start, end = -(-first // MILLISECOND), -(-until // MILLISECOND)
        slots = MillisecondColumns.SLOTS
        seconds = range(start // slots, -(-end // slots))
        if not seconds or seconds[0] <= self._newest - _SECONDS_KEPT:
            return None
        ranked: list[array[int]] = []
        for second in seconds:
            if (columns := self._seconds.get(second)) is not None:
                begin, stop = max(0, start - second * slots), min(slots, end - second * slots)
                if any(columns.flags[begin:stop]):
                    ranked.append(columns.ranked(begin, stop))
        if not ranked:
            return 0 if any(map(self._is_calm, seconds)) else None
        return _greatest(ranked, (end - start) // 100)

    def _advance(self, second: int) -> None:
        if second <= self._newest:
            return
        self._newest = second
        for old in [one for one in self._seconds if one <= second - _SECONDS_KEPT]:
            del self._seconds[old]
        for old in [one for one in self._hours if one < second // _HOUR - _HOURS_KEPT]:
            del self._hours[old]

    def _hour(self, second: int) -> SecondColumns:
        hour = self._hours.get(second // _HOUR)
        if hour is None:
            hour = self._hours[second // _HOUR] = SecondColumns()
        return hour

    def _is_calm(self, second: int) -> bool:
        hour = self._hours.get(second // _HOUR)
        return hour is not None and hour.calm[second % _HOUR] != 0

    def _of_milliseconds(self, start: int, end: int) -> Point:
        """Slots within one second or more, numbered from the switch's start."""
        found: Point | None = None
        slots = MillisecondColumns.SLOTS
        while start < end:
            second = start // slots
            stop = min(end, (second + 1) * slots)
            columns, is_calm = self._seconds.get(second), self._is_calm(second)
            if columns is not None:
                one = columns.point(start - second * slots, stop - second * slots, is_calm=is_calm)
            else:
                one = Point.CALM if is_calm else Point.UNKNOWN
            found = one if found is None else _together(found, one)
            start = stop
        return Point.UNKNOWN if found is None else found

    def _of_seconds(self, start: int, end: int) -> Point:
        found: Point | None = None
        while start < end:
            number = start // _HOUR
            stop = min(end, (number + 1) * _HOUR)
            hour = self._hours.get(number)
            one = Point.UNKNOWN if hour is None else hour.point(start % _HOUR, stop - number * _HOUR)
            found = one if found is None else _together(found, one)
            start = stop
        return Point.UNKNOWN if found is None else found


def _greatest(ranked: list[array[int]], before: int) -> int:
    """The value that so many are greater than at most, the least such one. By halving, without a sort."""
    low, high = 0, max(values[-1] for values in ranked)
    while low < high:
        middle = (low + high) // 2
        if sum(len(values) - bisect_right(values, middle) for values in ranked) > before:
            low = middle + 1
        else:
            high = middle
    return low


def _together(one: Point, other: Point) -> Point:
    """Two steps as one."""
    if one.known is other.known and one.known in (Known.CALM, Known.UNKNOWN):
        return one
    whole = {one.known, other.known} <= {Known.BINS, Known.CALM}
    depths = [point.min_depth for point in (one, other)]
    return Point(
        Known.BINS if whole else Known.PARTLY,
        min((depth for depth in depths if depth is not None), default=None),
        _max(one.max_depth, other.max_depth),
        _max(one.max_wait_ns, other.max_wait_ns),
        _sum(one.packets, other.packets),
        _sum(one.bytes, other.bytes),
        _sum(one.drops, other.drops),
        one.late or other.late,
    )


def _max(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)

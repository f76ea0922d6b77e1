"""Adds up what switches count as dropped, so that no total ever goes back.

A switch that restarts counts from zero; another epoch or a cell that is smaller than before says so. Time is
given, never read. This module does not know what reads the cells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.drops import DropPoint

__all__ = ["DropCounts", "Growth", "PointCount"]


@dataclass(frozen=True, slots=True)
class PointCount:
    """What was dropped at one point, as far as it was read."""

    point: DropPoint
    packets: int
    """Since the switch started, as this controller saw it first; never less than before."""
    rate: float | None
    """Packets a second between the last two reads; None before the second, and while nothing is read."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What one point dropped between two reads."""

    point: DropPoint
    packets: int
    seconds: float

    @property
    def rate(self) -> float:
        """Packets a second."""
        return self.packets / self.seconds


@dataclass(frozen=True, slots=True)
class _Known:
    cell: int
    total: int
    read_at: float
    rate: float | None = None
    epoch: int = 0


class DropCounts:
    """Feed it what was read; its size is that of the points read."""

    def __init__(self) -> None:
        """Begin without counts."""
        self._known: dict[SwitchName, dict[DropPoint, _Known]] = {}
        self._cells: dict[SwitchName, Collection[DropPoint]] = {}
        """What was read last."""
        self._read_at: dict[SwitchName, float] = {}
        self._taken_at: dict[SwitchName, float] = {}
        """When cells were taken last; since then, a switch may have been read, and had counted nothing."""

    def take(
        self, switch: SwitchName, cells: Mapping[DropPoint, int], now: float, epoch: int = 0
    ) -> list[Growth]:
        """Take the cells of one switch, read at one time; returns what grew or stood since the last read.

        In another epoch than before, the switch has counted from zero.

        A point that is read for the first time has no growth. One that is not read any more drops
        nothing: its port was closed for that reason.
        """
        taken_at, read_at = self._taken_at.get(switch), self._read_at.get(switch, now)
        self._read_at[switch] = self._taken_at[switch] = now
        self._cells[switch] = cells.keys()
        known, grown = self._known.setdefault(switch, {}), []
        for point, cell in cells.items():
            before = known.get(point)
            if before is None:
                known[point] = _Known(cell, cell, now, epoch=epoch)
                continue
            if before.read_at == taken_at != read_at:
                before = replace(before, read_at=read_at)
            goes_on = cell >= before.cell and epoch == before.epoch
            new = cell - before.cell if goes_on else cell
            seconds = now - before.read_at
            if seconds <= 0:
                known[point] = replace(before, cell=cell, total=before.total + new, epoch=epoch)
                continue
            growth = Growth(point, new, seconds)
            known[point] = _Known(cell, before.total + new, now, growth.rate, epoch)
            grown.append(growth)
        for point in known.keys() - cells.keys():
            seconds = now - known[point].read_at
            known[point] = replace(known[point], rate=0.0)
            if seconds > 0:
                grown.append(Growth(point, 0, seconds))
        return grown

    def stands(self, switch: SwitchName, now: float) -> None:
        """Take it that a switch was read, and all cells that were taken last hold what they held then.

        Only after a `take` of which no growth was more than 0: the rates stay as they are.
        """
        self._read_at[switch] = now

    def unanswered(self, switch: SwitchName) -> None:
        """Forget the rates of a switch that does not answer; its totals stay."""
        known = self._known.get(switch, {})
        for point, before in known.items():
            if before.rate is not None:
                known[point] = replace(before, rate=None)

    def read_at(self, switch: SwitchName) -> float | None:
        """When a switch was read last, or None."""
        return self._read_at.get(switch)

    def of(self, switch: SwitchName) -> Iterator[PointCount]:
        """The points of a switch that were read last, and those that have dropped a packet before."""
        read = self._cells.get(switch, ())
        for point, known in list(self._known.get(switch, {}).items()):
            if known.total or point in read:
                yield PointCount(point, known.total, known.rate)

    def nonzero(self) -> tuple[PointCount, ...]:
        """All points that have dropped at least one packet, the worst first."""
        found = [
            PointCount(point, known.total, known.rate)
            for points in self._known.values()
            for point, known in points.items()
            if known.total
        ]
        return tuple(sorted(found, key=lambda count: (-(count.rate or 0.0), -count.packets, count.point)))

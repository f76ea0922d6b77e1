"""Follows every switch's drop counters, and judges what they say.

This module does not know what opens a port, nor how cells are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.cell_rounds import CellRounds, ReadCells
from p4fabric.controller.telemetry.drop_alarm import DropAlarm
from p4fabric.controller.telemetry.drop_counts import DropCounts, PointCount
from p4fabric.controller.telemetry.drops import DropPoint

__all__ = ["DropWatch"]


class DropWatch:
    """`run` it in a TaskGroup, or `refresh` it on request."""

    def __init__(
        self,
        switches: Sequence[SwitchName],
        points: Callable[[SwitchName], Sequence[DropPoint]],
        read: ReadCells,
        alarm: DropAlarm,
        now: Callable[[], float],
        epoch: Callable[[SwitchName], int] = lambda switch: 0,
    ) -> None:
        """Make it; nothing is read yet.

        Args:
            switches: all of the fabric's.
            points: what to read of a switch; the same object as long as it is the same.
            read: reads cells of a switch; a P4RuntimeError of it is put up with.
            alarm: judges what `run` reads.
            now: seconds since 1970, never going back.
            epoch: of a switch's counters; in another one, all of them began with zero.
        """
        self._switches = tuple(switches)
        self._alarm, self._now = alarm, now
        self._counts = DropCounts()
        self._rounds = CellRounds("drop counters", switches, points, read, self, epoch)

    def counts(self) -> tuple[PointCount, ...]:
        """All points that have dropped at least one packet, the worst first."""
        return self._counts.nonzero()

    def counts_of(self, switch: SwitchName) -> Iterator[PointCount]:
        """The points of a switch that are read, and those that have dropped a packet."""
        return self._counts.of(switch)

    @property
    def raised(self) -> Collection[DropPoint]:
        """Points that drop more than the alarm's threshold."""
        return self._alarm.raised

    @property
    def read_at(self) -> Mapping[SwitchName, float | None]:
        """When each switch was read last (seconds since 1970), or None."""
        return {name: self._counts.read_at(name) for name in self._switches}

    async def run(self, interval: float) -> None:
        """Read all switches, each once an interval (seconds), or more rarely where there are very many.

        Ends by cancellation only.
        """
        await self._rounds.run(interval)

    async def refresh(self) -> None:
        """Read all switches now, and raise no alarms: two requests may be too close to make a rate."""
        await self._rounds.refresh()

    def took(self, switch: SwitchName, cells: Mapping[DropPoint, int], epoch: int, *, judge: bool) -> bool:
        """Add up what was read, and judge what has grown."""
        now = self._now()
        grown = self._counts.take(switch, cells, now, epoch)
        if judge:
            self._alarm.judge(grown, now)
        is_still = len(grown) >= len(cells) and not any(growth.packets for growth in grown)
        return is_still and not any(point.port.switch == switch for point in self._alarm.raised)

    def stands(self, switch: SwitchName) -> None:
        """Nothing was dropped since the last read."""
        self._counts.stands(switch, self._now())

    def unanswered(self, switch: SwitchName) -> None:
        """Nobody knows how fast the switch drops."""
        self._counts.unanswered(switch)

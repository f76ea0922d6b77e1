"""Reads every switch's drop counters again and again, each at its own moment, and judges what they say.

A switch that does not answer is asked again at the next turn; the others never wait for it. This
module does not know what opens a port.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.cells import CellRequest, CellsRead
from p4fabric.controller.p4runtime.errors import NotPrimary, P4RuntimeError, SwitchUnavailable
from p4fabric.controller.p4runtime.rounds import sleep_until_round
from p4fabric.controller.telemetry.drop_alarm import DropAlarm
from p4fabric.controller.telemetry.drop_counts import DropCounts, PointCount
from p4fabric.controller.telemetry.drops import DropPoint
from p4fabric.pipelines.entities import EntityKey

__all__ = ["DropWatch", "ReadCells"]

_log = logging.getLogger(__name__)

_READS_A_SECOND = 10.0
"""Of switches in the whole fabric at most: about 1 % of a core where nothing is dropped."""
_CELLS_A_SECOND = 1500.0
"""The same of cells of switches that drop something, which have to be looked at: about 2 % of a core."""

ReadCells = Callable[[SwitchName, CellRequest, bytes | None], Awaitable[CellsRead | None]]
"""Reads cells of a switch; None where the answer has the digest of an earlier one."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a switch is asked for, made once for the points that it has."""

    points: Sequence[DropPoint]
    keys: Sequence[EntityKey]
    request: CellRequest

    @classmethod
    def of(cls, points: Sequence[DropPoint]) -> _Asked:
        cells = [point.cell for point in points]
        return cls(points, [cell.key for cell in cells], CellRequest(cells))


@dataclass(frozen=True, slots=True)
class _Still:
    """An answer after which nothing is left to be told, unless the next one differs."""

    points: Sequence[DropPoint]
    epoch: int
    digest: bytes


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
        self._switches, self._points, self._read = tuple(switches), points, read
        self._epoch = epoch
        self._alarm, self._now = alarm, now
        self._counts = DropCounts()
        self._reading = {name: asyncio.Lock() for name in self._switches}
        self._refusals: dict[SwitchName, str] = {}
        self._asked: dict[SwitchName, _Asked] = {}
        self._still: dict[SwitchName, _Still] = {}

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
        spread = max(interval, len(self._switches) / _READS_A_SECOND)
        async with asyncio.TaskGroup() as tasks:
            for number, name in enumerate(self._switches):
                delay = spread * number / len(self._switches)
                tasks.create_task(self._follow(name, delay, interval), name=f"drops {name}")

    async def refresh(self) -> None:
        """Read all switches now, and raise no alarms: two requests may be too close to make a rate."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._switches:
                tasks.create_task(self._take(name, judge=False), name=f"drops {name}")

    async def _follow(self, name: SwitchName, delay: float, interval: float) -> None:
        await sleep_until_round(delay)
        while True:
            await self._take(name, judge=True)
            await sleep_until_round(max(interval, self._fair_interval(name)))

    def _fair_interval(self, name: SwitchName) -> float:
        """Seconds between reads of a switch that keep the fabric's reads within their rates."""
        reads = 1.0 / _READS_A_SECOND
        if name not in self._still and name in self._asked:
            reads = max(reads, len(self._asked[name].points) / _CELLS_A_SECOND)
        return reads * len(self._switches)

    async def _take(self, name: SwitchName, *, judge: bool) -> None:
        try:
            async with self._reading[name]:
                await self._take_one(name, judge)
        except Exception as error:
            self._counts.unanswered(name)
            self._still.pop(name, None)
            self._tell(name, error)
        else:
            self._refusals.pop(name, None)

    async def _take_one(self, name: SwitchName, judge: bool) -> None:
        points, epoch = self._points(name), self._epoch(name)
        asked = self._asked.get(name)
        if asked is None or asked.points is not points:
            asked = self._asked[name] = _Asked.of(points)
        still = self._still.pop(name, None)
        if still is not None and (still.points is not points or still.epoch != epoch):
            still = None
        result = await self._read(name, asked.request, None if still is None else still.digest)
        now = self._now()
        if result is None:
            assert still is not None
            self._counts.stands(name, now)
            self._still[name] = still
            return
        found = result.counters
        cells = {
            point: found[key].packets for point, key in zip(points, asked.keys, strict=True) if key in found
        }
        grown = self._counts.take(name, cells, now, epoch)
        if judge:
            self._alarm.judge(grown, now)
        if (
            len(grown) >= len(cells)
            and not any(growth.packets for growth in grown)
            and not self._is_raised(name)
        ):
            self._still[name] = _Still(points, epoch, result.digest)

    def _is_raised(self, name: SwitchName) -> bool:
        return any(point.port.switch == name for point in self._alarm.raised)

    def _tell(self, name: SwitchName, error: Exception) -> None:
        """Log why a switch was not read: a refusal once, a fault in here always, what is expected hardly."""
        match error:
            case SwitchUnavailable() | NotPrimary():
                _log.debug("%s: drop counters were not read: %s", name, error)
            case P4RuntimeError():
                if self._refusals.get(name) != str(error):
                    self._refusals[name] = str(error)
                    _log.warning("%s: drop counters were not read: %s", name, error)
            case _:
                _log.error("%s: drop counters were not read", name, exc_info=error)

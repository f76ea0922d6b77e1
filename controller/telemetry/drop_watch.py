"""Reads every switch's drop counters again and again, each at its own moment, and judges what they say.

A switch that does not answer is asked again at the next turn; the others never wait for it. This
module must never know what opens a port.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from controller.names import SwitchName
from controller.p4runtime.errors import NotPrimary, P4RuntimeError, SwitchUnavailable
from controller.telemetry.drop_alarm import DropAlarm
from controller.telemetry.drop_counts import DropCounts, PointCount
from controller.telemetry.drops import DropPoint
from pipelines.entities import Counter, CounterCell, EntityKey

__all__ = ["DropWatch", "ReadCells"]

_log = logging.getLogger(__name__)

ReadCells = Callable[[SwitchName, Collection[CounterCell]], Awaitable[Mapping[EntityKey, Counter]]]


class DropWatch:
    """`run` it in a TaskGroup, or `refresh` it on request."""

    def __init__(
        self,
        switches: Sequence[SwitchName],
        points: Callable[[SwitchName], Collection[DropPoint]],
        read: ReadCells,
        alarm: DropAlarm,
        now: Callable[[], float],
    ) -> None:
        """Make it; nothing is read yet.

        Args:
            switches: all of the fabric's.
            points: what to read of a switch.
            read: reads cells of a switch; a P4RuntimeError of it is put up with.
            alarm: judges what `run` reads.
            now: seconds since 1970, never going back.
        """
        self._switches, self._points, self._read = tuple(switches), points, read
        self._alarm, self._now = alarm, now
        self._counts = DropCounts()
        self._reading = {name: asyncio.Lock() for name in self._switches}
        self._refusals: dict[SwitchName, str] = {}

    def counts(self) -> tuple[PointCount, ...]:
        """All points that have dropped at least one packet, the worst first."""
        return self._counts.nonzero()

    @property
    def raised(self) -> Collection[DropPoint]:
        """Points that drop more than the alarm's threshold."""
        return self._alarm.raised

    @property
    def read_at(self) -> Mapping[SwitchName, float | None]:
        """When each switch was read last (seconds since 1970), or None."""
        return {name: self._counts.read_at(name) for name in self._switches}

    async def run(self, interval: float) -> None:
        """Read all switches, each once an interval (seconds). Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            for number, name in enumerate(self._switches):
                delay = interval * number / len(self._switches)
                tasks.create_task(self._follow(name, delay, interval), name=f"drops {name}")

    async def refresh(self) -> None:
        """Read all switches now, and raise no alarms: two requests may be too close to make a rate."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._switches:
                tasks.create_task(self._take(name, judge=False), name=f"drops {name}")

    async def _follow(self, name: SwitchName, delay: float, interval: float) -> None:
        await asyncio.sleep(delay)
        while True:
            await self._take(name, judge=True)
            await asyncio.sleep(interval)

    async def _take(self, name: SwitchName, *, judge: bool) -> None:
        try:
            async with self._reading[name]:
                await self._take_one(name, judge)
        except Exception as error:
            self._counts.unanswered(name)
            self._tell(name, error)
        else:
            self._refusals.pop(name, None)

    async def _take_one(self, name: SwitchName, judge: bool) -> None:
        points = self._points(name)
        found = await self._read(name, [point.cell for point in points])
        cells = {point: found[key].packets for point in points if (key := point.cell.key) in found}
        now = self._now()
        grown = self._counts.take(name, cells, now)
        if judge:
            self._alarm.judge(grown, now)

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

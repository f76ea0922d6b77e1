"""What the running fabric observes: congestion, counters, drops, metrics, and the bus that tells of it all.

This module knows reports and counts, and asks the fabric for the rest by the functions it is given.
It must never know what is desired, nor intents beyond their keys.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence

from controller.config import TelemetryConfig
from controller.names import PortRef, SwitchName
from controller.telemetry.bus import EventBus
from controller.telemetry.congestion import CongestionMonitor, Episode, Queue, Turn
from controller.telemetry.counters import Count, CounterCache, Read, Source
from controller.telemetry.drop_alarm import DropAlarm
from controller.telemetry.drop_watch import DropWatch, ReadCells
from controller.telemetry.drops import DropPoint
from controller.telemetry.events import CongestionCleared, CongestionOnset, CongestionUpdate
from controller.telemetry.metrics import Metrics, View
from pipelines.fabric.bindings import CongestionReport

__all__ = ["Observation"]

_log = logging.getLogger(__name__)


class Observation:
    """`run` it in a TaskGroup."""

    def __init__(
        self,
        config: TelemetryConfig,
        view: View,
        *,
        report_interval: Callable[[Queue], float],
        read_counters: Read,
        all_sources: Callable[[], Collection[Source]],
        switches: Sequence[SwitchName],
        drop_points: Callable[[SwitchName], Collection[DropPoint]],
        read_cells: ReadCells,
    ) -> None:
        """Make it, having seen nothing.

        Args:
            config: how patient, how often, how much.
            view: what metrics ask at each scrape.
            report_interval: seconds between reports that a queue was asked for.
            read_counters: reads the counters of entries of one switch.
            all_sources: all entries that count.
            switches: all of the fabric's.
            drop_points: which drop counters of a switch to read.
            read_cells: reads cells of indirect counters of one switch.
        """
        self.bus = EventBus(config.event_history)
        self.metrics = Metrics(view)
        self.congestion = CongestionMonitor(
            self._turned, clear_after=lambda queue: max(config.clear_after, 2 * report_interval(queue))
        )
        self._counters = CounterCache(read_counters)
        self._interval = config.counter_interval
        self._all_sources = all_sources
        alarm = DropAlarm(
            self.bus.publish, threshold=config.drop_threshold, clear_after=config.drop_clear_after
        )
        self.drops = DropWatch(switches, drop_points, read_cells, alarm, self._now)
        self._reported = asyncio.Event()
        self._clock_offset = time.time() - time.monotonic()

    async def run(self) -> None:
        """End episodes that are silent, and read counters. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_congestion(), name="congestion")
            if self._interval:
                tasks.create_task(self._follow_counters(), name="counters")
                tasks.create_task(self.drops.run(self._interval), name="drops")

    def report(self, switch: SwitchName, report: CongestionReport) -> None:
        """A queue was too full."""
        self.congestion.report(Queue(PortRef(switch, report.port), report.queue), report, self._now())
        self._reported.set()

    async def read(self, sources: Collection[Source]) -> tuple[Count, ...]:
        """Read counters now; a switch that does not answer gives its last answer."""
        await self._counters.refresh(sources)
        return self._counters.counts(sources)

    async def read_drops(self) -> DropWatch:
        """What was dropped by the last turn of reads; read now where there are no turns."""
        if not self._interval:
            await self.drops.refresh()
        return self.drops

    def last_read(self, sources: Iterable[Source]) -> tuple[Count, ...]:
        """Counters as they were read last."""
        return self._counters.counts(sources)

    def _turned(self, turn: Turn, episode: Episode) -> None:
        match turn:
            case Turn.ONSET:
                self.metrics.congestion_began(episode.queue)
                self.bus.publish(CongestionOnset(episode))
            case Turn.UPDATE:
                self.bus.publish(CongestionUpdate(episode))
            case Turn.CLEARED:
                self.bus.publish(CongestionCleared(episode))

    async def _follow_congestion(self) -> None:
        while True:
            self._reported.clear()
            deadline = self.congestion.expire(self._now())
            timeout = None if deadline is None else max(0.0, deadline - self._now())
            try:
                async with asyncio.timeout(timeout):
                    await self._reported.wait()
            except TimeoutError:
                pass

    async def _follow_counters(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            sources = self._all_sources()
            try:
                self._counters.forget_others(sources)
                await self._counters.refresh(sources)
            except Exception:
                _log.exception("counters were not read")

    def _now(self) -> float:
        """Seconds since 1970, on a clock that never goes back."""
        return time.monotonic() + self._clock_offset

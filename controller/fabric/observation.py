"""What the running fabric observes: congestion, counters, drops, metrics, and the bus that tells of it all.

This module knows reports and counts, and asks the fabric for the rest by the functions it is given.
It does not know what is desired, and knows intents by their keys only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from p4fabric.controller.config import TelemetryConfig
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.telemetry.bus import EventBus
from p4fabric.controller.telemetry.cell_rounds import ReadCells
from p4fabric.controller.telemetry.congestion import CongestionMonitor, Episode, Turn
from p4fabric.controller.telemetry.congestion_series import CongestionSeries
from p4fabric.controller.telemetry.counter_turns import CounterTurns, ReadCounters
from p4fabric.controller.telemetry.counters import Count, CounterTotals, Source
from p4fabric.controller.telemetry.drop_alarm import DropAlarm
from p4fabric.controller.telemetry.drop_watch import DropWatch
from p4fabric.controller.telemetry.drops import DropPoint
from p4fabric.controller.telemetry.events import CongestionCleared, CongestionOnset, CongestionUpdate
from p4fabric.controller.telemetry.incidents import PacketEvidence
from p4fabric.controller.telemetry.intent_series import IntentSeries, StateCounts
from p4fabric.controller.telemetry.metrics import Metrics, View
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.queue_waits import WaitCounts, WaitPoint

__all__ = ["Observation"]


class Observation:
    """`run` it in a TaskGroup."""

    def __init__(
        self,
        config: TelemetryConfig,
        view: View,
        *,
        report_interval: Callable[[Queue], float],
        read_counters: ReadCounters,
        counter_epoch: Callable[[SwitchName], int],
        switches: Sequence[SwitchName],
        drop_points: Callable[[SwitchName], Sequence[DropPoint]],
        wait_points: Callable[[SwitchName], Sequence[WaitPoint]],
        read_cells: ReadCells,
    ) -> None:
        """Make it, having seen nothing.

        Args:
            config: how patient, how often, how much.
            view: what metrics ask at each scrape.
            report_interval: seconds between reports that a queue was asked for.
            read_counters: reads the counters of entries of one switch.
            counter_epoch: of a switch's counters; in another one, all of them began with zero.
            switches: all of the fabric's.
            drop_points: which drop counters of a switch to read; the same object as long as it is the same.
            wait_points: which counters of waiting times, likewise.
            read_cells: reads cells of indirect counters of one switch.
        """
        self.bus = EventBus(config.event_history)
        self.metrics = Metrics(view)
        self.congestion = CongestionMonitor(
            self._turned, clear_after=lambda queue: max(config.clear_after, 2 * report_interval(queue))
        )
        self.congestion_series = CongestionSeries()
        self.states = StateCounts()
        self.totals = CounterTotals()
        self.series = IntentSeries(config.series_kinds, config.most_series)
        self._interval = config.counter_interval
        self.turns = CounterTurns(
            switches,
            self.totals,
            read_counters,
            counter_epoch,
            self.now,
            interval=config.counter_interval,
            share=config.counter_share,
        )
        alarm = DropAlarm(
            self.bus.publish, threshold=config.drop_threshold, clear_after=config.drop_clear_after
        )
        self.drops = DropWatch(switches, drop_points, read_cells, alarm, self.now, counter_epoch)
        self.waits = WaitCounts(switches, wait_points, read_cells, counter_epoch)
        self._reported = asyncio.Event()
        self._clock_offset = time.time() - time.monotonic()

    async def run(self) -> None:
        """End episodes that are silent, and read counters. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_congestion(), name="congestion")
            if self._interval:
                tasks.create_task(self.turns.run(), name="counters")
                tasks.create_task(self.drops.run(self._interval), name="drops")
                tasks.create_task(self.waits.run(self._interval), name="waits")

    def congested(self, packet: PacketEvidence) -> None:
        """A packet met a queue that was too full."""
        now = self.now()
        self.congestion.report(packet, now)
        self.congestion_series.reported(packet.queue, now)
        self._reported.set()

    def counts(self, key: IntentKey, sources: Iterable[Source]) -> None:
        """These entries count for an intent from now on."""
        self.totals.replace(key, sources)
        self.series.put(key, self.totals.labels(key))

    async def read(self, key: IntentKey) -> tuple[Count, ...]:
        """Read an intent's counters now; a switch that does not answer gives its last answer."""
        await self.turns.refresh(key)
        return self.totals.counts(key)

    async def read_drops(self) -> DropWatch:
        """What was dropped by the last turn of reads; read now where there are no turns."""
        if not self._interval:
            await self.drops.refresh()
        return self.drops

    def forget(self, key: IntentKey) -> None:
        """An intent is gone, and what was counted for it."""
        self.totals.forget(key)
        self.series.drop(key)
        self.states.forget(key)

    def _turned(self, turn: Turn, episode: Episode) -> None:
        match turn:
            case Turn.ONSET:
                self.congestion_series.began(episode.queue, episode.started_at)
                self.bus.publish(CongestionOnset(episode))
            case Turn.UPDATE:
                self.bus.publish(CongestionUpdate(episode))
            case Turn.CLEARED:
                self.bus.publish(CongestionCleared(episode))

    async def _follow_congestion(self) -> None:
        while True:
            self._reported.clear()
            deadline = self.congestion.expire(self.now())
            timeout = None if deadline is None else max(0.0, deadline - self.now())
            try:
                async with asyncio.timeout(timeout):
                    await self._reported.wait()
            except TimeoutError:
                pass

    def now(self) -> float:
        """Seconds since 1970, on a clock that never goes back."""
        return time.monotonic() + self._clock_offset

"""What congestion reports add up to, as series that are there from the moment a queue is watched.

A counter that is born with its first event hides that event from whoever asks for its increase. A report is
gone before the next scrape, so the highest values are kept over fixed slots of time: reading resets nothing,
and two readers see the same. Time is given, never read. This module does not know what asks for reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.names import PortRef
from p4fabric.controller.telemetry.families import Filling, handed_on
from p4fabric.controller.telemetry.queue import Queue

__all__ = ["PRIORITIES", "SLOT", "CongestionSeries", "Watched", "congestion_metrics"]

PRIORITIES = range(8)
"""Of an egress port, 0 is the lowest."""
_PORTS_A_TURN = 16
SLOT = 15.0
"""Seconds; as long as the usual interval of scrapes, so that none misses a slot."""


class Watched(NamedTuple):
    """A watched port, and from when on its queues report."""

    port: PortRef
    depth: int
    """Packets in the queue."""
    delay_us: int
    """Microseconds that a packet waited."""


@dataclass(slots=True)
class _Highest:
    """The highest value of the slot of time that goes on, and of the one before."""

    slot: int = -1
    now: int = 0
    before: int | None = None

    def take(self, value: int, slot: int) -> None:
        if slot == self.slot:
            self.now = max(self.now, value)
        else:
            self.slot, self.now, self.before = slot, value, self.now if slot == self.slot + 1 else None

    def of(self, slot: int) -> int | None:
        """By a slot that goes on; None where there was nothing."""
        if slot == self.slot:
            return self.now if self.before is None else max(self.now, self.before)
        return self.now if slot == self.slot + 1 else None


@dataclass(slots=True)
class _Figures:
    """Of one queue."""

    episodes: int = 0
    seconds: float = 0.0
    """From the first to the last report of each episode."""
    reported_at: float | None = None
    """The last report, or the beginning of an episode after it."""
    depth: _Highest = field(default_factory=_Highest)
    delay_us: _Highest = field(default_factory=_Highest)


class CongestionSeries:
    """Feed it reports and episodes; its size is that of the queues that were congested."""

    def __init__(self) -> None:
        """Begin with no congestion."""
        self._queues: dict[Queue, _Figures] = {}

    def began(self, queue: Queue, now: float) -> None:
        """An episode began, with a report."""
        figures = self._of(queue)
        figures.episodes += 1
        figures.reported_at = now

    def reported(self, queue: Queue, depth: int, delay_us: int, now: float) -> None:
        """A packet met so many others, and waited so long; told after the beginning of its episode."""
        figures, slot = self._of(queue), int(now // SLOT)
        if figures.reported_at is not None:
            figures.seconds += now - figures.reported_at
            figures.reported_at = now
        figures.depth.take(depth, slot)
        figures.delay_us.take(delay_us, slot)

    def queues_of(self, port: PortRef) -> Iterator[Queue]:
        """The queues of a watched port, those that never reported anything included."""
        yield from (Queue(port, priority) for priority in PRIORITIES)

    def episodes(self, queue: Queue) -> int:
        """How many there were and are."""
        return self._queues[queue].episodes if queue in self._queues else 0

    def seconds(self, queue: Queue) -> float:
        """For how long the queue was congested."""
        return self._queues[queue].seconds if queue in self._queues else 0.0

    def highest(self, queue: Queue, now: float) -> tuple[int, int] | None:
        """The highest depth (packets) and delay (µs) that were reported lately; None: no report."""
        figures = self._queues.get(queue)
        if figures is None:
            return None
        slot = int(now // SLOT)
        depth, delay_us = figures.depth.of(slot), figures.delay_us.of(slot)
        return None if depth is None or delay_us is None else (depth, delay_us)

    def _of(self, queue: Queue) -> _Figures:
        return self._queues.setdefault(queue, _Figures())


def congestion_metrics(
    watches: Iterable[Watched | None], series: CongestionSeries, now: float
) -> Iterator[Metric | None]:
    """All families, for the queues of ports that are watched, and None for others to have their turn.

    Args:
        watches: of switches that are connected: of others nobody knows how they are. None is for a turn.
        series: what there was.
        now: as `CongestionSeries` was told.
    """
    return handed_on(_filled(watches, series, now))


def _filled(watches: Iterable[Watched | None], series: CongestionSeries, now: float) -> Filling:
    port, queue = ("switch", "port"), ("switch", "port", "priority")
    depth_limit = GaugeMetricFamily(
        "p4fabric_watch_depth_packets", "Packets in a queue from which on it reports.", labels=port
    )
    delay_limit = GaugeMetricFamily(
        "p4fabric_watch_delay_seconds", "Time that a packet waits from which on a queue reports.", labels=port
    )
    episodes = CounterMetricFamily(
        "p4fabric_congestion_episodes", "Times that a watched queue was congested.", labels=queue
    )
    seconds = CounterMetricFamily(
        "p4fabric_congestion_seconds", "Time for which a watched queue was congested.", labels=queue
    )
    depth = GaugeMetricFamily(
        "p4fabric_congestion_depth_packets_max",
        "The most packets in a queue that it reported in the last 15 to 30 seconds; none without reports.",
        labels=queue,
    )
    delay = GaugeMetricFamily(
        "p4fabric_congestion_delay_seconds_max",
        "The longest wait that a queue reported in the last 15 to 30 seconds; none without reports.",
        labels=queue,
    )
    for number, watched in enumerate(watches, 1):
        if watched is None or number % _PORTS_A_TURN == 0:
            yield None
        if watched is None:
            continue
        labels = [watched.port.switch, str(watched.port.port)]
        depth_limit.add_metric(labels, watched.depth)
        delay_limit.add_metric(labels, watched.delay_us / 1e6)
        for one in series.queues_of(watched.port):
            names = [*labels, str(one.queue)]
            episodes.add_metric(names, series.episodes(one))
            seconds.add_metric(names, series.seconds(one))
            if (highest := series.highest(one, now)) is not None:
                depth.add_metric(names, highest[0])
                delay.add_metric(names, highest[1] / 1e6)
    return [depth_limit, delay_limit, episodes, seconds, depth, delay]

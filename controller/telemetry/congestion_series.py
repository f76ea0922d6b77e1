"""How often and how long queues were congested, as series that are there from the moment a queue is watched.

A counter that is born with its first event hides that event from whoever asks for its increase. Time is
given, never read. This module does not know what asks for reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.names import PortRef
from p4fabric.controller.telemetry.families import Filling, handed_on
from p4fabric.controller.telemetry.queue import Queue

__all__ = ["PRIORITIES", "CongestionSeries", "Watched", "congestion_metrics"]

PRIORITIES = range(8)
"""Of an egress port, 0 is the lowest."""
_PORTS_A_TURN = 16


class Watched(NamedTuple):
    """A watched port, and from when on its queues report."""

    port: PortRef
    depth: int
    """Packets in the queue."""
    delay_us: int
    """Microseconds that a packet waited."""


@dataclass(slots=True)
class _Figures:
    """Of one queue."""

    episodes: int = 0
    seconds: float = 0.0
    """From the first to the last report of each episode."""
    reported_at: float | None = None
    """The last report, or the beginning of an episode after it."""


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

    def reported(self, queue: Queue, now: float) -> None:
        """A queue reported; told after the beginning of its episode."""
        figures = self._of(queue)
        if figures.reported_at is not None:
            figures.seconds += now - figures.reported_at
            figures.reported_at = now

    def episodes(self, queue: Queue) -> int:
        """How many there were and are."""
        return self._queues[queue].episodes if queue in self._queues else 0

    def seconds(self, queue: Queue) -> float:
        """For how long the queue was congested."""
        return self._queues[queue].seconds if queue in self._queues else 0.0

    def _of(self, queue: Queue) -> _Figures:
        return self._queues.setdefault(queue, _Figures())


def congestion_metrics(
    watches: Iterable[Watched | None], series: CongestionSeries
) -> Iterator[Metric | None]:
    """All families, for the queues of ports that are watched, and None for others to have their turn.

    Args:
        watches: of switches that are connected: of others nobody knows how they are. None is for a turn.
        series: what there was.
    """
    return handed_on(_filled(watches, series))


def _filled(watches: Iterable[Watched | None], series: CongestionSeries) -> Filling:
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
    for number, watched in enumerate(watches, 1):
        if watched is None or number % _PORTS_A_TURN == 0:
            yield None
        if watched is None:
            continue
        labels = [watched.port.switch, str(watched.port.port)]
        depth_limit.add_metric(labels, watched.depth)
        delay_limit.add_metric(labels, watched.delay_us / 1e6)
        for priority in PRIORITIES:
            names, one = [*labels, str(priority)], Queue(watched.port, priority)
            episodes.add_metric(names, series.episodes(one))
            seconds.add_metric(names, series.seconds(one))
    return [depth_limit, delay_limit, episodes, seconds]

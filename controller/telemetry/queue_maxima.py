"""The deepest that queues were, and the longest that packets waited, over fixed slots of time.

What a queue reports is gone long before the next scrape. So the highest is kept for the slot that goes on and
the one before: reading resets nothing, and two readers see the same. Time is given, never read. This module
does not know who reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.queue import Queue

__all__ = ["SLOT", "QueueMaxima"]

SLOT = 15.0
"""Seconds; as long as the usual interval of scrapes, so that none misses a slot."""


@dataclass(slots=True)
class _Highest:
    depth: int = 0
    delay: float = 0.0

    def take(self, depth: int, delay: float) -> None:
        self.depth, self.delay = max(self.depth, depth), max(self.delay, delay)


@dataclass(slots=True)
class _Slots:
    """The slot that goes on, and the one before."""

    number: int
    now: _Highest
    before: _Highest | None = None

    def move_to(self, number: int) -> None:
        if number != self.number:
            self.before = self.now if number == self.number + 1 else None
            self.number, self.now = number, _Highest()


class QueueMaxima:
    """Feed it reports; its size is that of the queues that have ever reported."""

    def __init__(self) -> None:
        """Begin with no report."""
        self._queues: dict[Queue, _Slots] = {}

    def reported(self, queue: Queue, depth: int, delay: float, now: float) -> None:
        """So many packets were in a queue, and one waited so long.

        Args:
            queue: which one.
            depth: packets.
            delay: seconds.
            now: seconds since 1970.
        """
        slot = int(now // SLOT)
        slots = self._queues.get(queue)
        if slots is None:
            slots = self._queues[queue] = _Slots(slot, _Highest())
        slots.move_to(slot)
        slots.now.take(depth, delay)

    def highest(self, queue: Queue, now: float) -> tuple[int, float] | None:
        """The highest depth (packets) and delay (seconds) of this slot and the last; None: no report."""
        slots, slot = self._queues.get(queue), int(now // SLOT)
        if slots is None or not slots.number <= slot <= slots.number + 1:
            return None
        found = _Highest()
        for one in (slots.now, slots.before if slot == slots.number else None):
            if one is not None:
                found.take(one.depth, one.delay)
        return found.depth, found.delay

    def families(self, switches: frozenset[SwitchName], now: float) -> Iterator[Metric]:
        """Of the queues of some switches: those that are connected, as nobody knows how others are."""
        labels = ("switch", "port", "priority")
        depth = GaugeMetricFamily(
            "p4fabric_queue_depth_packets_max",
            "The most packets in a queue by its reports of the last 15 to 30 seconds; none without reports.",
            labels=labels,
        )
        delay = GaugeMetricFamily(
            "p4fabric_queue_delay_seconds_max",
            "The longest wait by a queue's reports of the last 15 to 30 seconds; none without reports.",
            labels=labels,
        )
        for queue in list(self._queues):
            highest = self.highest(queue, now) if queue.port.switch in switches else None
            if highest is not None:
                names = [queue.port.switch, str(queue.port.port), str(queue.queue)]
                depth.add_metric(names, highest[0])
                delay.add_metric(names, highest[1])
        yield from (depth, delay)

"""When each port is looked at next: one timer queue for the whole fabric, with budgets.

Ports of one pace share a budget, so that a large fabric costs no more than a small one: its ports are probed
less often instead. This module knows ports and times only.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Mapping
from enum import Enum

from p4fabric.controller.names import PortRef

__all__ = ["Pace", "ProbeSchedule"]


class Pace(Enum):
    """How a port is looked at."""

    URGENT = "urgent"
    """Something happens there: it has just been connected, came up, or missed a probe."""
    STEADY = "steady"
    """Probes alone show whether its link is up."""
    SILENT = "silent"
    """Its switch does not tell when it comes up, and nothing is heard there: a cable may be plugged in."""
    RARE = "rare"
    """Its switch tells when it goes down; probes check the wiring."""


_BATCHES = {Pace.URGENT: 0.01, Pace.STEADY: 0.1, Pace.SILENT: 1.0, Pace.RARE: 0.5}
"""Seconds: what is due within them is handed out together, which costs less."""


class _Queue:
    """Ports by due time; hands out at most `rate` a second, in batches."""

    __slots__ = ("_batch", "_credit", "_heap", "_last", "_most", "_rate")

    def __init__(self, rate: float, batch: float) -> None:
        self._rate, self._batch = rate, batch
        self._heap: list[tuple[float, int, PortRef]] = []
        self._most = max(1.0, rate * 2 * batch)
        self._credit = self._most
        self._last = -math.inf

    def push(self, when: float, number: int, port: PortRef) -> None:
        heapq.heappush(self._heap, (when, number, port))

    def take(self, now: float, valid: dict[PortRef, int]) -> list[PortRef]:
        elapsed = now - self._last if self._last > -math.inf else 0.0
        self._credit = min(self._most, self._credit + elapsed * self._rate)
        self._last = now
        found: list[PortRef] = []
        heap = self._heap
        while heap and heap[0][0] <= now and self._credit >= 1.0:
            _, number, port = heapq.heappop(heap)
            if valid.get(port) == number:
                del valid[port]
                self._credit -= 1.0
                found.append(port)
        return found

    def due(self, valid: dict[PortRef, int]) -> float:
        heap = self._heap
        while heap and valid.get(heap[0][2]) != heap[0][1]:
            heapq.heappop(heap)
        if not heap:
            return math.inf
        missing = max(0.0, 1.0 - self._credit) / self._rate
        return max(heap[0][0], self._last + max(self._batch, missing))


class ProbeSchedule:
    """Each port has at most one time at which it is due; a new one replaces it."""

    def __init__(self, rates: Mapping[Pace, float]) -> None:
        """Make an empty one; the rates are ports a second that are handed out at most."""
        self._queues = {pace: _Queue(rates[pace], batch) for pace, batch in _BATCHES.items()}
        self._numbers = itertools.count()
        self._valid: dict[PortRef, int] = {}

    def at(self, port: PortRef, when: float, pace: Pace) -> None:
        """Make a port due at a time, instead of when it was."""
        number = self._valid[port] = next(self._numbers)
        self._queues[pace].push(when, number, port)

    def cancel(self, port: PortRef) -> None:
        """Make a port due no more."""
        self._valid.pop(port, None)

    def __contains__(self, port: PortRef) -> bool:
        """Whether a port will be due."""
        return port in self._valid

    def take(self, now: float) -> list[PortRef]:
        """The ports that are due and within the budgets; they are due no more."""
        return [port for queue in self._queues.values() for port in queue.take(now, self._valid)]

    @property
    def next_due(self) -> float:
        """When to take again; infinity while nothing is due."""
        return min(queue.due(self._valid) for queue in self._queues.values())

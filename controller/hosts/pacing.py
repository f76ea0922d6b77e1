"""Does many things again and again, each when it is due, but no faster than agreed.

For each port and altogether: what is due at once (after a restart, or when a switch is back) is spread
over time. This module does not know what is done.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from p4fabric.controller.names import PortRef

__all__ = ["Appointment", "PacedSchedule", "Rates"]

T = TypeVar("T")

_PERIOD = 0.05
"""Seconds between two looks at a schedule that is held up by the total rate."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How much a second."""

    per_port: float
    altogether: float


class Appointment(NamedTuple):
    """When something is due, and at which port."""

    at: float
    port: PortRef | None = None
    """None: no port's rate is kept to."""


class PacedSchedule(Generic[T]):
    """A time-ordered queue. What an element is due for is asked when its time has come, so that putting
    it off costs nothing before."""

    def __init__(self, appointment: Callable[[T, float], Appointment | None], rates: Rates) -> None:
        """Make it, empty.

        Args:
            appointment: when an element of the queue is due, as things are at a time, and where; None: it
                is dropped.
            rates: the most that is let out.
        """
        self._appointment = appointment
        self._rates = rates
        self._queue: list[tuple[float, int, T, bool]] = []
        """Time, a number that keeps heapq from comparing elements, the element, whether its port has
        room for it at that time."""
        self._numbers = 0
        self._port_free: dict[PortRef, float] = {}
        self._burst = max(1.0, 2 * _PERIOD * rates.altogether)
        self._left = self._burst
        self._filled = 0.0
        self._held_until = 0.0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def due(self) -> float | None:
        """When to `pop` next, in seconds of the clock; None: when something was added."""
        return max(self._queue[0][0], self._held_until) if self._queue else None

    def add(self, element: T, at: float) -> None:
        """Put an element in, to be looked at at a time or later."""
        self._push(at, element, False)

    def pop(self, now: float) -> list[T]:
        """Take out what is due and may be done now."""
        self._left = min(self._burst, self._left + (now - self._filled) * self._rates.altogether)
        self._filled = now
        found: list[T] = []
        while self._queue and self._queue[0][0] <= now:
            if self._left < 1:
                self._held_until = now + max(_PERIOD, 1 / self._rates.altogether)
                break
            _, _, element, has_room = heapq.heappop(self._queue)
            appointment = self._appointment(element, now)
            if appointment is None:
                continue
            if appointment.at > now:
                self._push(appointment.at, element, False)
            elif not has_room and (at := self._reserve(appointment.port, now)) > now:
                self._push(at, element, True)
            else:
                self._left -= 1
                found.append(element)
        return found

    def _reserve(self, port: PortRef | None, now: float) -> float:
        """The next time at which a port has room, which is then taken."""
        if port is None:
            return now
        at = max(now, self._port_free.get(port, now))
        self._port_free[port] = at + 1 / self._rates.per_port
        return at

    def _push(self, at: float, element: T, has_room: bool) -> None:
        self._numbers += 1
        heapq.heappush(self._queue, (at, self._numbers, element, has_room))

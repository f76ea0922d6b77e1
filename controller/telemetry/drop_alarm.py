"""Turns growing drop counts into alarms: who sends what the fabric drops, and when that is over.

One alarm a point, so one sender cannot fill the event history. Time is given, never read. This
module does not know where counts come from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from p4fabric.controller.telemetry.drop_counts import Growth
from p4fabric.controller.telemetry.drops import DropPoint
from p4fabric.controller.telemetry.events import TrafficDropped, TrafficDropsCleared

__all__ = ["DropAlarm"]


@dataclass(slots=True)
class _Raised:
    since: float
    packets: int
    peak: float
    loud_at: float


class DropAlarm:
    """Judges each growth of each point."""

    def __init__(
        self,
        on_event: Callable[[TrafficDropped | TrafficDropsCleared], None],
        *,
        threshold: float,
        clear_after: float,
    ) -> None:
        """Make it; nothing is raised.

        Args:
            on_event: told of onsets and ends.
            threshold: packets a second at one point that raise an alarm; 0: none is ever raised.
            clear_after: seconds below the threshold that end one.
        """
        self._on_event = on_event
        self._threshold, self._clear_after = threshold, clear_after
        self._raised: dict[DropPoint, _Raised] = {}

    @property
    def raised(self) -> Collection[DropPoint]:
        """Points with an alarm."""
        return self._raised.keys()

    def judge(self, grown: Iterable[Growth], now: float) -> None:
        """Take what grew until `now`."""
        for growth in grown:
            raised = self._raised.get(growth.point)
            loud = bool(self._threshold) and growth.rate >= self._threshold
            if raised is not None:
                self._go_on(growth, raised, loud, now)
            elif loud:
                since = now - growth.seconds
                self._raised[growth.point] = _Raised(since, growth.packets, growth.rate, now)
                event = TrafficDropped(growth.point, growth.packets, growth.seconds, growth.rate)
                self._on_event(event)

    def _go_on(self, growth: Growth, raised: _Raised, loud: bool, now: float) -> None:
        raised.packets += growth.packets
        raised.peak = max(raised.peak, growth.rate)
        if loud:
            raised.loud_at = now
        elif now - raised.loud_at >= self._clear_after:
            del self._raised[growth.point]
            seconds = raised.loud_at - raised.since
            self._on_event(TrafficDropsCleared(growth.point, raised.packets, seconds, raised.peak))

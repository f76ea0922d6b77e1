"""How fast counters count: the difference between two samples, by when they came. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PortRates"]

_ONE_SAMPLE = 0.05
"""Seconds in which what comes is of one sample; samples are at least 0.1 s apart."""


@dataclass(slots=True)
class PortRates:
    """One port's counters at its last two samples."""

    before: dict[str, int] = field(default_factory=dict)
    before_at: float | None = None
    last: dict[str, int] = field(default_factory=dict)
    last_at: float | None = None

    def sampled(self, totals: Mapping[str, int], now: float) -> dict[str, float] | None:
        """Take totals that never go back; returns what each counts a second, None before the second sample.

        Args:
            totals: by counter.
            now: seconds, of a clock that never goes back.
        """
        if self.last_at is None or now - self.last_at >= _ONE_SAMPLE:
            self.before, self.before_at, self.last_at = self.last, self.last_at, now
        self.last = dict(totals)
        if self.before_at is None:
            return None
        seconds = self.last_at - self.before_at
        return {
            name: (total - self.before[name]) / seconds
            for name, total in totals.items()
            if name in self.before
        }

    def forget(self) -> None:
        """Begin anew: nothing is known of what happens from here on."""
        self.before, self.before_at, self.last, self.last_at = {}, None, {}, None

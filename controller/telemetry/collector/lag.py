"""How long reports were under way: counts by size, for a histogram. Pure."""

from __future__ import annotations

from bisect import bisect_left

__all__ = ["BOUNDS", "LagHistogram"]

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds in seconds; what is above the last one counts too."""


class LagHistogram:
    """Seconds from the time in a report to its arrival."""

    def __init__(self) -> None:
        """Begin with none."""
        self.counts = [0] * (len(BOUNDS) + 1)
        """Of each bound alone; the last one: above all."""
        self.sum = 0.0
        self.last = 0.0

    def add(self, seconds: float) -> None:
        """Count one; before it was made nothing comes, so less than 0 is 0."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds
        self.last = seconds

    @property
    def total(self) -> int:
        """How many were counted."""
        return sum(self.counts)

    def buckets(self) -> list[tuple[float, int]]:
        """Bounds and how many are at most so large, as Prometheus has them; the last bound is infinite."""
        total, found = 0, []
        for bound, count in zip((*BOUNDS, float("inf")), self.counts, strict=True):
            total += count
            found.append((bound, total))
        return found

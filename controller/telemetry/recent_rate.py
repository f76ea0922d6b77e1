"""How fast a counter has grown lately, over a fixed time: whoever looks, and how often, sees the same.

Time is given, never read.
"""

from __future__ import annotations

from collections import deque

__all__ = ["RecentRate"]

_WINDOW = 60.0
"""Seconds; several scrapes of any usual interval."""
_STEP = 5.0
"""Seconds between values that are kept."""


class RecentRate:
    """Of one counter that never goes back. Keeps at most a value for each five seconds of the last minute."""

    __slots__ = ("_kept", "_last")

    def __init__(self) -> None:
        """Begin with no value."""
        self._kept: deque[tuple[float, int]] = deque()
        """Moments and totals, the oldest first; the first one is where the window begins, or before."""
        self._last: tuple[float, int] | None = None

    def take(self, total: int, now: float) -> None:
        """Take what the counter has come to at a moment (seconds) not before the last one."""
        self._last = now, total
        if not self._kept or now - self._kept[-1][0] >= _STEP:
            self._kept.append(self._last)
        while len(self._kept) > 1 and self._kept[1][0] <= now - _WINDOW:
            self._kept.popleft()

    def forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self._kept.clear()
        self._last = None

    @property
    def rate(self) -> float | None:
        """Growth a second over the last minute, or as long as there were values; None before the second."""
        if self._last is None or self._last[0] <= self._kept[0][0]:
            return None
        began, before = self._kept[0]
        now, total = self._last
        return (total - before) / (now - began)

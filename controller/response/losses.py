"""How much of what a switch reports was lost lately. Pure; time is given."""

from __future__ import annotations

from collections import deque

__all__ = ["RecentLosses"]

_SPAN, _STEP = 10.0, 1.0
"""Seconds that are looked back, and between two samples."""


class RecentLosses:
    """Of one switch: feed it the totals, as often as one likes."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._samples: deque[tuple[float, int, int]] = deque()

    def share(self, now: float, received: int, lost: int) -> float:
        """What was lost of the datagrams that were sent in the last seconds: 0 to 1.

        Args:
            now: seconds.
            received: datagrams so far.
            lost: that were sent and did not come, so far.
        """
        samples = self._samples
        if samples and lost < samples[-1][2]:
            samples.clear()  # what was late came after all, or the switch began anew
        if not samples or now - samples[-1][0] >= _STEP:
            samples.append((now, received, lost))
        while len(samples) > 1 and now - samples[1][0] >= _SPAN:
            samples.popleft()
        _, before, lost_before = samples[0]
        missing = lost - lost_before
        return missing / max(1, received - before + missing)

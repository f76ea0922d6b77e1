"""Flap damping: a port that goes down again and again is held down for a while.

Every loss of a link adds to the port's penalty, which halves in a fixed time (as RFC 2439 damps
routes). This module knows times and counts only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Damping", "FlapHistory"]


@dataclass(frozen=True, slots=True)
class Damping:
    """The defaults let two losses in a row pass; after the third within seconds a port is held for about
    15 s, and never for more than a minute after its last loss."""

    half_life: float = 15.0
    """Seconds in which a penalty halves."""
    hold_above: float = 2.5
    """Losses, less what has decayed, above which a port is held down."""
    release_below: float = 1.5
    """What the penalty must have decayed to before the port's link is used again."""
    most: float = 16.0
    """The highest penalty: it limits for how long a port is held."""


class FlapHistory:
    """The losses of one port."""

    __slots__ = ("_at", "_held_until", "_penalty")

    def __init__(self) -> None:
        self._penalty = 0.0
        self._at = 0.0
        self._held_until = -math.inf

    def lost(self, now: float, damping: Damping) -> None:
        """Count a loss of the port's link."""
        decayed = self._penalty * 0.5 ** ((now - self._at) / damping.half_life)
        self._penalty, self._at = min(decayed + 1.0, damping.most), now
        if self._penalty > damping.hold_above or now < self._held_until:
            over = math.log2(self._penalty / damping.release_below)
            self._held_until = now + damping.half_life * max(over, 0.0)

    def held(self, now: float) -> float:
        """Seconds for which the port is still held down; 0: it is not."""
        return max(0.0, self._held_until - now)

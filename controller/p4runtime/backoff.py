"""How long to wait before trying again."""

from __future__ import annotations

import random

__all__ = ["Backoff"]


class Backoff:
    """Waits that double up to a bound, each shortened at random, so that many do not try at once."""

    def __init__(self, first: float, longest: float) -> None:
        """Take the first and the longest wait, in seconds."""
        self._first, self._longest = first, longest
        self._next = first

    def reset(self) -> None:
        """Start again with the first wait."""
        self._next = self._first

    def lasted(self, seconds: float) -> None:
        """What was tried went well for so long; longer than the next wait, and the waits begin anew."""
        if seconds > self._next:
            self.reset()

    def next(self) -> float:
        """The next wait, in seconds."""
        wait = self._next
        self._next = min(2 * wait, self._longest)
        return wait * random.uniform(0.5, 1.0)

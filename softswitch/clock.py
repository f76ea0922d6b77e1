"""A clock for tests: it stands still until the test lets it go on.

Knows who follows it, and makes everything happen at its own time and in one order. Must not know what
switches and networks do.
"""

from __future__ import annotations

import threading
from typing import Protocol

MOST_STEPS = 1_000_000
"""Moments at which something happens, in one call; more are a mistake in a program."""


class Follower(Protocol):
    """What lives by the clock."""

    def due_ns(self) -> int | None:
        """When something happens next, if nothing else comes; None: never."""
        ...

    def move_to(self, ns: int) -> None:
        """It is so late; do all that is due. The clock stops at each moment that is due to anybody."""
        ...


class VirtualClock:
    """Time of switches that are given it: queues, meters, timestamps, idle timeouts and digests go by it.

    It begins at 0. What happens does not depend on how fast the machine is.
    """

    def __init__(self) -> None:
        self._now_ns = 0
        self._followers: list[Follower] = []
        self._lock = threading.RLock()

    @property
    def now_ns(self) -> int:
        """Nanoseconds since it began."""
        return self._now_ns

    def advance(self, *, s: float = 0, ms: float = 0, us: float = 0, ns: int = 0) -> None:
        """Go on; everything that is due on the way happens at its time.

        Raises:
            ValueError: that would be backwards.
            TimeoutError: a program recirculates packets without end.
        """
        self.advance_to(self._now_ns + round(s * 10**9) + round(ms * 10**6) + round(us * 10**3) + ns)

    def advance_to(self, ns: int) -> None:
        """Go on to a time; see `advance`."""
        with self._lock:
            if ns < self._now_ns:
                raise ValueError(f"the clock stands at {self._now_ns} ns and cannot go back to {ns} ns")
            for _ in range(MOST_STEPS):
                due = self.due_ns()
                if due is None or due >= ns:
                    self._move(ns)
                    # What happened now may have led to more that is due at once.
                    if (due := self.due_ns()) is None or due > ns:
                        return
                else:
                    self._move(max(due, self._now_ns))
            raise RuntimeError(f"more than {MOST_STEPS:,} things happen before {ns} ns")

    def due_ns(self) -> int | None:
        """When something happens next, if nothing else comes; None: never."""
        return min((due for one in self._followers if (due := one.due_ns()) is not None), default=None)

    def attach(self, follower: Follower) -> None:
        """Somebody lives by this clock from now on; of what happens at one time, what was attached first is
        first."""
        with self._lock:
            self._followers.append(follower)

    def detach(self, follower: Follower) -> None:
        """No longer. Idempotent."""
        with self._lock:
            if follower in self._followers:
                self._followers.remove(follower)

    def _move(self, ns: int) -> None:
        self._now_ns = ns
        for follower in list(self._followers):
            follower.move_to(ns)

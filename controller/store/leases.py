"""When leases expire: deadlines by a clock that is injected. It knows no records and no disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["Deadlines"]


class Deadlines:
    """Leases, their times to live and their ends, in seconds of a clock that never goes back."""

    def __init__(self, clock: Callable[[], float], ttls: Mapping[int, int]) -> None:
        """Let the time of each lease that there is begin now."""
        self._clock = clock
        self._ttls = dict(ttls)
        now = clock()
        self._ends = {lease: now + ttl for lease, ttl in ttls.items()}

    def add(self, lease: int, ttl: int) -> None:
        """Begin a lease."""
        self._ttls[lease] = ttl
        self._ends[lease] = self._clock() + ttl

    def renew(self, lease: int) -> int | None:
        """Let a lease's time begin anew and say how long it is; None if it is over, or none is known."""
        if lease not in self._ends or self._ends[lease] <= self._clock():
            return None
        self._ends[lease] = self._clock() + self._ttls[lease]
        return self._ttls[lease]

    def end(self, lease: int) -> None:
        """Forget a lease."""
        self._ttls.pop(lease, None)
        self._ends.pop(lease, None)

    def expired(self) -> tuple[int, ...]:
        """Those whose time is over."""
        now = self._clock()
        return tuple(lease for lease, end in self._ends.items() if end <= now)

    def next(self) -> float | None:
        """Seconds until the first one expires; None if there is none."""
        return max(0.0, min(self._ends.values()) - self._clock()) if self._ends else None

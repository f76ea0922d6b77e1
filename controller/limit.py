"""How much one source may send: a token bucket for each."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["RateLimit"]

S = TypeVar("S", bound=Hashable)


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class RateLimit(Generic[S]):
    """Lets each source do so much a second, and a burst after a pause; no source is ever forgotten."""

    def __init__(self, per_second: float, burst: int) -> None:
        """Take the rate of each source and the most that it may do at once."""
        self._per_second, self._burst = per_second, float(burst)
        self._buckets: dict[S, _Bucket] = {}

    def allows(self, source: S, now: float) -> bool:
        """Whether a source may do one thing more now (in seconds); if so, it counts."""
        bucket = self._buckets.setdefault(source, _Bucket(self._burst, now))
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

"""Keys that have something to be done: each once, however often it is put in; those that fail wait."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["WorkQueue"]

K = TypeVar("K", bound=Hashable)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
"""Seconds until a key that failed is due again."""


class WorkQueue(Generic[K]):
    """As client-go's: a key is never worked on twice at once, and what comes meanwhile is not lost."""

    def __init__(self) -> None:
        """Make it, empty."""
        self._due: dict[K, None] = {}
        self._under_way: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._news = asyncio.Event()

    def put(self, key: K) -> None:
        """It has something to be done now."""
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if key in self._under_way:
            self._again.add(key)
        else:
            self._due[key] = None
            self._news.set()

    async def take(self) -> K:
        """The next one; `done` must be said of it."""
        while not self._due:
            self._news.clear()
            await self._news.wait()
        key = next(iter(self._due))
        del self._due[key]
        self._under_way.add(key)
        return key

    def done(self, key: K, *, failed: bool) -> None:
        """It was worked on; one that failed is due again after a while, whatever happens."""
        self._under_way.discard(key)
        if not failed:
            self._failures.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self.put(key)
        elif failed:
            failures = self._failures[key] = min(self._failures.get(key, 0) + 1, 10)
            pause = min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE)
            self._timers[key] = asyncio.get_running_loop().call_later(pause, self.put, key)

    @property
    def waiting(self) -> tuple[K, ...]:
        """Those that failed and wait."""
        return tuple(self._timers)

    def close(self) -> None:
        """Forget all."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

"""The latest events of a store, in memory, and the watches that read them.

One bounded history serves all watches: a watch is a position in it, so that a slow one costs nothing,
and one that has fallen behind the oldest event is told so (`Compacted`). For the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from p4fabric.controller.store.errors import Compacted, StoreError
from p4fabric.controller.store.revisions import Event, WatchResponse

__all__ = ["History", "HistoryLimits"]


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """What is kept; the newest revision is kept whatever its size."""

    events: int = 65_536
    size: int = 32 << 20
    """Bytes of values."""


class History:
    """Events by revision, from some revision on without a gap."""

    def __init__(self, revision: int, limits: HistoryLimits) -> None:
        """Begin after a revision."""
        self._limits = limits
        self._oldest = self.revision = revision
        self._events: dict[int, tuple[Event, ...]] = {}
        self._count = self._size = 0
        self._changed = asyncio.Event()
        self._closed: str | None = None

    def append(self, revision: int, events: tuple[Event, ...]) -> None:
        """Take the events of the next revision, and wake the watches.

        Where one between is missing, because its outcome was never known, all watches begin anew.
        """
        if revision != self.revision + 1:
            self._events.clear()
            self._count = self._size = 0
            self._oldest = revision - 1
        self.revision = revision
        self._events[revision] = events
        self._count += len(events)
        self._size += _size(events)
        while self._oldest + 1 < revision and self._is_full:
            self._oldest += 1
            forgotten = self._events.pop(self._oldest)
            self._count -= len(forgotten)
            self._size -= _size(forgotten)
        self._wake()

    def close(self, reason: str) -> None:
        """End all watches with a StoreError."""
        self._closed = reason
        self._wake()

    async def watch(self, prefix: str, after: int) -> AsyncIterator[WatchResponse]:
        """Read on from a revision, also one that is still to come.

        Raises:
            Compacted: events after that revision are forgotten.
            StoreError: the history was closed.
        """
        while True:
            while after >= self.revision:
                if self._closed is not None:
                    raise StoreError(self._closed)
                await self._changed.wait()
            if after < self._oldest:
                raise Compacted(after, self._oldest)
            after += 1
            events = tuple(event for event in self._events[after] if event.key.startswith(prefix))
            if events:
                yield WatchResponse(after, events)

    @property
    def _is_full(self) -> bool:
        return self._count > self._limits.events or self._size > self._limits.size

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _size(events: tuple[Event, ...]) -> int:
    return sum(len(event.record.value) for event in events if event.record is not None)

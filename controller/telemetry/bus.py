"""Publish and subscribe: one bounded history of events, read by each subscriber at its own pace.

A subscriber is a place in the history, so it costs no memory, cannot slow the publisher down, and
one that comes back goes on where it was. What has left the history before it was read is lost, and
its reader is told how much. This module must never know what events mean.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from controller.telemetry.events import Event

__all__ = ["EventBus", "Lost", "Published", "Subscription"]


@dataclass(frozen=True, slots=True)
class Published:
    """An event, when it was published (seconds since 1970), and its id for coming back."""

    id: str
    time: float
    event: Event


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that this subscriber will not see; None where nobody knows how many."""

    count: int | None


class EventBus:
    """One event loop only."""

    def __init__(self, history: int = 4096) -> None:
        """Take how many events are kept."""
        self._events: deque[Published] = deque(maxlen=history)
        self._life = secrets.token_hex(4)
        """Tells the ids of this process from those of a former one."""
        self._next = 0
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self.lost = 0
        """Events lost by all subscribers together."""

    @property
    def published(self) -> int:
        """Events so far."""
        return self._next

    @property
    def subscribers(self) -> int:
        """Subscriptions that are open."""
        return len(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Tell everybody. Not blocking."""
        self._events.append(Published(f"{self._life}.{self._next}", time.time(), event))
        self._next += 1
        self._wake()

    def subscribe(self, after: str | None = None) -> Subscription:
        """Read from now on, or what came after an id; use it as a context manager.

        Args:
            after: the last event seen. One of another process's life, or nonsense, means everything
                that is kept, after a `Lost` of nobody knows how many.
        """
        if after is None:
            return Subscription(self, self._next)
        life, _, number = after.rpartition(".")
        known = life == self._life and number.isascii() and number.isdigit() and len(number) < 20
        if known and int(number) < self._next:
            return Subscription(self, int(number) + 1)
        return Subscription(self, self._oldest, Lost(None))

    def close(self) -> None:
        """End all subscriptions, after what they have not read yet."""
        self._closed = True
        self._wake()

    @property
    def _oldest(self) -> int:
        return self._next - len(self._events)

    def _wake(self) -> None:
        for subscription in self._subscriptions:
            subscription.news.set()


class Subscription:
    """A reader; iterate over it, or ask for what is there with `waiting`."""

    def __init__(self, bus: EventBus, position: int, first: Lost | None = None) -> None:
        """Take where to begin; `EventBus.subscribe` makes them."""
        self._bus, self._position, self._first = bus, position, first
        self.news = asyncio.Event()

    def __enter__(self) -> Subscription:
        self._bus._subscriptions.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._bus._subscriptions.discard(self)

    def take(self) -> list[Published | Lost]:
        """What came since the last time; not blocking."""
        bus = self._bus
        self.news.clear()
        found: list[Published | Lost] = [] if self._first is None else [self._first]
        self._first = None
        missed = bus._oldest - self._position
        if missed > 0:
            bus.lost += missed
            self._position = bus._oldest
            found.append(Lost(missed))
        start = self._position - bus._oldest
        found += [bus._events[index] for index in range(start, len(bus._events))]
        self._position = bus._next
        return found

    async def wait(self, seconds: float) -> bool:
        """Wait for news; returns whether there may be some. False as well once the bus is closed."""
        if self._bus._closed:
            return False
        try:
            async with asyncio.timeout(seconds):
                await self.news.wait()
        except TimeoutError:
            return False
        return True

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more."""
        return self._bus._closed and self._position == self._bus._next and self._first is None

    async def __aiter__(self) -> AsyncIterator[Published | Lost]:
        while not self.ended:
            for item in self.take():
                yield item
            if not self._bus._closed:
                await self.news.wait()

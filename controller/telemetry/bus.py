"""Publish and subscribe: a bounded history for each class of events, read by each subscriber at its own pace.

A subscriber is a position in the histories, so it costs no memory, cannot slow the publisher down, and
one that comes back goes on where it was. What has left a history before it was read is lost, and its
reader is told of which class, and how much. A burst of one class loses events of that class only. This
module does not know what events mean beyond their class.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice, takewhile
from math import inf

from p4fabric.controller.telemetry.events import Event, EventClass, class_of

__all__ = ["EventBus", "Lost", "Published", "Subscription"]

_CLASSES = tuple(EventClass)
_LONGEST_NUMBER = 20
"""Digits of a position that comes from outside."""
_FEW = 64
"""Events at the end of a history that are found from there."""
_Positions = tuple[int, ...]
"""How many events of each class were seen, in the order of `EventClass`."""


@dataclass(frozen=True, slots=True)
class Published:
    """An event, when it was published (seconds since 1970), and its id for coming back."""

    id: str
    time: float
    event: Event


@dataclass(frozen=True, slots=True)
class Lost:
    """Events of a class that this subscriber will not see; None where nobody knows which, or how many."""

    event_class: EventClass | None
    count: int | None


class _History:
    """The last events of one class, with the number of each among all events."""

    def __init__(self, length: int) -> None:
        self.published = 0
        self.lost = 0
        self._kept: deque[tuple[int, Published]] = deque(maxlen=length)
        self._left_at = -inf
        """The time of the newest that has left."""

    def add(self, number: int, event: Published) -> None:
        if len(self._kept) == self._kept.maxlen:
            self._left_at = self._kept[0][1].time
        self.published += 1
        self._kept.append((number, event))

    @property
    def oldest(self) -> int:
        """How many have left."""
        return self.published - len(self._kept)

    def since(self, moment: float) -> tuple[int, bool]:
        """Where events since a moment begin, and whether some of them have left."""
        newer = takewhile(lambda kept: kept[1].time >= moment, reversed(self._kept))
        return self.published - sum(1 for _ in newer), self._left_at >= moment

    def after(self, position: int, most: int | None) -> list[tuple[int, Published]]:
        """Events from a position on, which must not be before the oldest."""
        unread = self.published - position
        end = 0 if most is None or most > unread else unread - most
        if unread <= _FEW:
            return [self._kept[-number] for number in range(unread, end, -1)]
        kept = len(self._kept)
        return list(islice(self._kept, kept - unread, kept - end))


class EventBus:
    """One event loop only."""

    def __init__(self, history: int = 4096) -> None:
        """Take how many events of each class are kept."""
        self._histories = {one: _History(history) for one in _CLASSES}
        self._life = secrets.token_hex(4)
        """Tells the ids of this process from those of a former one."""
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self.observer: Callable[[Published], None] | None = None
        """Called with each event at once, until the bus is closed; must not block."""

    @property
    def published(self) -> Mapping[EventClass, int]:
        """Events so far, by class."""
        return {one: history.published for one, history in self._histories.items()}

    @property
    def lost(self) -> Mapping[EventClass, int]:
        """Events lost by all subscribers together, by class."""
        return {one: history.lost for one, history in self._histories.items()}

    @property
    def subscribers(self) -> int:
        """Subscriptions that are open."""
        return len(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Tell everybody. Not blocking."""
        numbers = [history.published for history in self._histories.values()]
        of_class = class_of(type(event))
        numbers[_CLASSES.index(of_class)] += 1
        published = Published(self._id(numbers), time.time(), event)
        self._histories[of_class].add(sum(numbers), published)
        self._wake()
        if self.observer is not None and not self._closed:
            self.observer(published)

    def subscribe(self, after: str | None = None, since: float | None = None) -> Subscription:
        """Read from now on, or what came after an id, or since a moment; use it as a context manager.

        Args:
            after: the last event seen. One of another process's life, or nonsense, means everything
                that is kept, after a `Lost` of nobody knows how many.
            since: seconds since 1970, where there is no id. Classes of which events since then are not
                kept any more have a `Lost` of nobody knows how many.
        """
        if after is None:
            if since is None:
                return Subscription(self, self._now())
            places = {one: history.since(since) for one, history in self._histories.items()}
            lost = [Lost(one, None) for one, (_, some_left) in places.items() if some_left]
            return Subscription(self, tuple(place for place, _ in places.values()), lost)
        position = self._position(after)
        if position is not None:
            return Subscription(self, position)
        oldest = tuple(history.oldest for history in self._histories.values())
        return Subscription(self, oldest, [Lost(None, None)])

    def close(self) -> None:
        """End all subscriptions, after what they have not read yet."""
        self._closed = True
        self._wake()

    def _position(self, identity: str) -> _Positions | None:
        """What an id stands for, or None if none of this process's events has it."""
        life, *numbers = identity.split(".")
        if life != self._life or len(numbers) != len(_CLASSES):
            return None
        if not all(n.isascii() and n.isdigit() and len(n) < _LONGEST_NUMBER for n in numbers):
            return None
        position = tuple(map(int, numbers))
        known = all(seen <= now for seen, now in zip(position, self._now(), strict=True))
        return position if known else None

    def _id(self, position: Iterable[int]) -> str:
        """It says how many events of each class there were, so one that comes back is told what it lost."""
        return ".".join((self._life, *map(str, position)))

    def _now(self) -> _Positions:
        return tuple(history.published for history in self._histories.values())

    def _wake(self) -> None:
        for subscription in self._subscriptions:
            subscription.news.set()


class Subscription:
    """A reader; iterate over it, or ask for what is there with `take`."""

    def __init__(self, bus: EventBus, position: _Positions, first: Sequence[Lost] = ()) -> None:
        """Take where to begin; `EventBus.subscribe` makes them."""
        self._bus, self._first = bus, first
        self._position = dict(zip(_CLASSES, position, strict=True))
        self.news = asyncio.Event()

    def __enter__(self) -> Subscription:
        self._bus._subscriptions.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._bus._subscriptions.discard(self)

    def take(self, most: int | None = None) -> list[Published | Lost]:
        """What came since the last time, in order, losses first; not blocking.

        Args:
            most: events at once; what is left is taken the next time, if it is still there then.
        """
        bus = self._bus
        found: list[Published | Lost] = [*self._first]
        self._first = ()
        unread = []
        for of_class, history in bus._histories.items():
            missed = history.oldest - self._position[of_class]
            if missed > 0:
                history.lost += missed
                self._position[of_class] = history.oldest
                found.append(Lost(of_class, missed))
            unread.append(history.after(self._position[of_class], most))
        for _, published in islice(merge(*unread), most):
            self._position[class_of(type(published.event))] += 1
            found.append(published)
        if self._is_up_to_date:
            self.news.clear()
        else:
            self.news.set()
        return found

    @property
    def id(self) -> str:
        """What was taken, as an id to come back with."""
        return self._bus._id(self._position.values())

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
        return self._bus._closed and self._is_up_to_date and not self._first

    @property
    def _is_up_to_date(self) -> bool:
        return tuple(self._position.values()) == self._bus._now()

    async def __aiter__(self) -> AsyncIterator[Published | Lost]:
        while not self.ended:
            for item in self.take():
                yield item
            if not self._bus._closed:
                await self.news.wait()

"""Time for what the server does later: the machine's, or a clock that is held.

Belongs to the event loop. Must not know what is to be done.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol, TypeVarTuple, Unpack

A = TypeVarTuple("A")


class Timer(Protocol):
    """What is to be done later."""

    def cancel(self) -> None:
        """Do it not."""
        ...


class Timers(Protocol):
    """A clock and what it sets off."""

    def timestamp_ns(self) -> int:
        """For messages: nanoseconds since 1970, or of the held clock."""
        ...

    def seconds(self) -> float:
        """For differences."""
        ...

    def call_later(self, delay: float, callback: Callable[[Unpack[A]], object], *args: *A) -> Timer:
        """Call on the event loop after so many seconds."""
        ...


class LoopTimers:
    """The machine's time."""

    def timestamp_ns(self) -> int:
        """Since 1970."""
        return time.time_ns()

    def seconds(self) -> float:
        """Of the monotonic clock."""
        return time.monotonic()

    def call_later(self, delay: float, callback: Callable[[Unpack[A]], object], *args: *A) -> Timer:
        """By the loop."""
        return asyncio.get_running_loop().call_later(delay, callback, *args)


class HeldTimers:
    """A clock that goes on only when it is told to; whoever tells it asks `due_ns` first, and then calls
    `run`."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """`clock` gives nanoseconds."""
        self._clock = clock
        self._order = count()
        self._waiting: list[tuple[int, int, _Held]] = []

    def timestamp_ns(self) -> int:
        """Of the clock."""
        return self._clock()

    def seconds(self) -> float:
        """Of the clock."""
        return self._clock() / 1e9

    def call_later(self, delay: float, callback: Callable[[Unpack[A]], object], *args: *A) -> Timer:
        """When the clock has gone on so far."""
        held = _Held(lambda: callback(*args))
        heapq.heappush(self._waiting, (self._clock() + round(delay * 1e9), next(self._order), held))
        return held

    def due_ns(self) -> int | None:
        """When the next one is; None: never."""
        while self._waiting and self._waiting[0][2].cancelled:
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def run(self) -> None:
        """Do what is due."""
        while (due := self.due_ns()) is not None and due <= self._clock():
            heapq.heappop(self._waiting)[2].run()


class _Held:
    def __init__(self, run: Callable[[], object]) -> None:
        self.run = run
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

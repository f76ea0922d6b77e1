"""Long work on the event loop, in turns with everybody else's.

Whoever has much to do does a few milliseconds' worth and then waits for `turn`. However many wait, one of
them goes on in each round of the loop, so a round takes as long as one turn, not as all turns together.

What nobody waits for is done in the background: those who do so share a fifth of the loop's time. A change
of the fabric takes many rounds, and would otherwise wait for one turn of theirs in each.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar
from weakref import WeakKeyDictionary

__all__ = ["in_turns", "turn"]

T = TypeVar("T")

_TURN = 0.003
"""Seconds after which others have their turn."""
_REST = 4 * _TURN
"""Seconds between two turns in the background."""


class _Turns:
    """Those who wait on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rest: float = 0.0) -> None:
        self._loop, self._rest = loop, rest
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_going = False

    def wait(self) -> asyncio.Future[None]:
        """What is done when it is one's turn."""
        future = self._loop.create_future()
        self._waiting.append(future)
        if not self._is_going:
            self._is_going = True
            self._loop.call_soon(self._next)
        return future

    def _next(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                # In the next round, after the one whose turn it is; or when all others have had some time.
                if self._rest:
                    self._loop.call_later(self._rest, self._next)
                else:
                    self._loop.call_soon(self._next)
                return
        self._is_going = False


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()
_IN_BACKGROUND: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


async def turn(*, background: bool = False) -> None:
    """Wait until all others had their turn who have waited longer; in the background, also for a rest."""
    loop = asyncio.get_running_loop()
    all_turns = _IN_BACKGROUND if background else _TURNS
    turns = all_turns.get(loop)
    if turns is None:
        turns = all_turns[loop] = _Turns(loop, _REST if background else 0.0)
    await turns.wait()


async def in_turns(items: Iterable[T], *, background: bool = False) -> AsyncIterator[T]:
    """Items one by one; now and then others have their turn before the next."""
    until = time.perf_counter() + _TURN
    for item in items:
        yield item
        if time.perf_counter() > until:
            await turn(background=background)
            until = time.perf_counter() + _TURN

"""Does long work in order and in slices, so that the event loop is never blocked.

This module does not know what the work is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

from p4fabric.controller.turns import turn

__all__ = ["Backlog"]


class Backlog:
    """Each piece of work is an iterator that does a few milliseconds' worth at each step."""

    def __init__(self) -> None:
        """Nothing is to be done."""
        self._works: deque[Iterator[None]] = deque()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        """How many pieces of work are not finished."""
        return len(self._works)

    def do(self, work: Iterator[None]) -> None:
        """Do something after all that came before; at once, if none of that is left, and if it is short."""
        self._works.append(work)
        if len(self._works) == 1:
            self.step()

    def step(self) -> None:
        """Do the next step of the first piece of work."""
        try:
            next(self._works[0])
        except StopIteration:
            self._works.popleft()
        except BaseException:
            self._works.popleft()
            raise
        if self._works:
            self._wake.set()

    async def run(self) -> None:
        """Do what is left, for ever; others have their turn after each step. Ends by cancellation only."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._works:
                self.step()
                await turn()

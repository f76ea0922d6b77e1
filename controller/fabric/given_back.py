"""TEIDs and UE addresses of sessions that have ended: others may have them once no switch has them.

This module knows nothing of rows, requests or nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.fabric.acknowledged import Acknowledgements
from p4fabric.controller.names import SwitchName
from p4fabric.controller.turns import turn

__all__ = ["GivenBack"]


class _Ended(NamedTuple):
    """What switches are to let go of, and what follows."""

    delta: FabricDelta
    release: Callable[[], None]


class GivenBack:
    """`run` it in a TaskGroup. Event loop only. What waits for a switch holds up nothing of others."""

    def __init__(self, acknowledgements: Acknowledgements) -> None:
        """Make it; nothing waits."""
        self._acknowledgements = acknowledgements
        self._waiting: dict[frozenset[SwitchName], asyncio.Queue[_Ended]] = {}
        """By who is waited for. Each session waits once at most, so sessions bound it."""
        self._tasks: asyncio.TaskGroup | None = None

    def after(self, delta: FabricDelta, release: Callable[[], None]) -> None:
        """Give back what sessions had once the switches of the delta have acknowledged it."""
        one, switches = _Ended(delta, release), frozenset(delta.switches)
        if not switches:
            one.release()
            return
        waiting = self._waiting.get(switches)
        if waiting is None:
            waiting = self._waiting[switches] = asyncio.Queue()
            self._begin(waiting)
        waiting.put_nowait(one)

    async def run(self) -> None:
        """Give back, for ever. Ends by cancellation only."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for waiting in self._waiting.values():
                    self._begin(waiting)
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None

    def _begin(self, waiting: asyncio.Queue[_Ended]) -> None:
        if self._tasks is not None:
            self._tasks.create_task(self._release(waiting), name="sessions that have ended")

    async def _release(self, waiting: asyncio.Queue[_Ended]) -> None:
        while True:
            one = await waiting.get()
            await self._acknowledgements.wait(one.delta)
            one.release()
            del one  # What it holds goes now, and not with the next one's.
            await turn()

"""For how long an event loop was blocked, by its own process.

A machine that others use as well takes the processor away from a process at any time; that is not the
process's doing. So a stretch in which the loop did not come round counts with the smaller of its length and
the processor time that the process used meanwhile, in all its threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["LoopWatch", "watched_loop"]

_TICK = 0.001


@dataclass(slots=True)
class LoopWatch:
    """Seconds."""

    blocked: float = 0.0
    """The longest stretch, by the process."""
    late: float = 0.0
    """The longest stretch, by the clock."""

    def take(self) -> tuple[float, float]:
        """Both since the last call."""
        found = self.blocked, self.late
        self.blocked = self.late = 0.0
        return found


@asynccontextmanager
async def watched_loop() -> AsyncIterator[LoopWatch]:
    """Watch the running loop meanwhile."""
    watch = LoopWatch()

    async def run() -> None:
        while True:
            due, used = time.perf_counter() + _TICK, time.process_time()
            await asyncio.sleep(_TICK)
            late = time.perf_counter() - due
            watch.late = max(watch.late, late)
            watch.blocked = max(watch.blocked, min(late, time.process_time() - used))

    task = asyncio.create_task(run())
    try:
        await asyncio.sleep(0.01)
        watch.take()
        yield watch
    finally:
        task.cancel()

"""For how long an event loop was blocked, by its own process.

A loop looks at its sockets and timers between rounds; it is blocked for as long as a round takes. A machine
that others use as well takes the processor away from a process at any time; that is not the process's doing.
So a round counts with the smaller of its length and the processor time that the process used meanwhile, in
all its threads. The loop is not woken for that, and what is measured beside it costs a microsecond a round.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["LoopWatch", "loop_watch", "run"]

T = TypeVar("T")

_SHORT = 0.001
"""Rounds that are not looked at more closely, in seconds."""


@dataclass(slots=True)
class LoopWatch:
    """Seconds."""

    blocked: float = 0.0
    """The longest round, by the process."""
    late: float = 0.0
    """The longest round, by the clock."""

    def take(self) -> tuple[float, float]:
        """Both since the last call."""
        found = self.blocked, self.late
        self.blocked = self.late = 0.0
        return found


class _WatchingSelector(selectors.DefaultSelector):
    """The loop is in a round whenever it is not in `select`."""

    def __init__(self, watch: LoopWatch) -> None:
        super().__init__()
        self._watch = watch
        self._begun, self._used = time.perf_counter(), time.process_time()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        took = time.perf_counter() - self._begun
        if took > _SHORT:
            self._watch.late = max(self._watch.late, took)
            used = time.process_time() - self._used
            self._watch.blocked = max(self._watch.blocked, min(took, used))
        try:
            return super().select(timeout)
        finally:
            self._begun, self._used = time.perf_counter(), time.process_time()


class _WatchedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.watch = LoopWatch()
        super().__init__(_WatchingSelector(self.watch))


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run` does, on a loop that is watched."""
    with asyncio.Runner(loop_factory=_WatchedLoop) as runner:
        return runner.run(main)


def loop_watch() -> LoopWatch:
    """The watch of the running loop, which `run` has made; begun anew."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _WatchedLoop)
    loop.watch.take()
    return loop.watch

"""The thread that the core runs on, so that a large change never blocks the event loop.

This module does not know what is done there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar
from weakref import finalize

from p4fabric.controller.cancellation import to_completion
from p4fabric.controller.interpreter import collector_paused

__all__ = ["CoreThread"]

T = TypeVar("T")


class CoreThread:
    """Does one thing after another."""

    def __init__(self) -> None:
        """Start it with the first thing to do."""
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="core")

    async def run(self, work: Callable[[], T]) -> T:
        """Do something and return what it returns, or raise what it raises; a cancellation waits for it."""
        return await to_completion(
            asyncio.get_running_loop().run_in_executor(self._executor, _with_collector_paused, work)
        )

    def let_go_with(self, owner: object, pieces: list[object]) -> None:
        """When `owner` goes, let go of what it held piece by piece; otherwise all threads wait meanwhile."""
        finalize(owner, self._let_go, pieces).atexit = False

    def _let_go(self, pieces: list[object]) -> None:
        with suppress(RuntimeError):  # It is closed.
            self._executor.submit(_pop_all, pieces)

    def close(self) -> None:
        """Do nothing more; nobody may wait for anything any more."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _pop_all(pieces: list[object]) -> None:
    while pieces:
        pieces.pop()


def _with_collector_paused(work: Callable[[], T]) -> T:
    with collector_paused():
        return work()

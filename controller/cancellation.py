"""Work that must not be torn apart by a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import TypeVar

__all__ = ["in_own_task", "to_completion"]

T = TypeVar("T")


async def to_completion(work: Awaitable[T]) -> T:
    """Wait until work is done, whatever happens to the caller; return or raise what it does.

    A cancellation that comes meanwhile reaches the caller when it next has to wait, unless whoever asked
    for it (such as `asyncio.timeout`) has withdrawn it by then. So a caller may rely on this: what follows
    without waiting belongs to the work.
    """
    done = asyncio.ensure_future(work)
    caller = asyncio.current_task()
    cancelled = False
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled and caller is not None:
        # Runs when the caller waits again, or has ended. Not `caller.cancel()` here: before Python 3.13
        # such a request outlives a timeout that has taken its own back.
        asyncio.get_running_loop().call_soon(_cancel_again, caller, caller.cancelling())
    return done.result()


def _cancel_again(caller: asyncio.Task[object], requests: int) -> None:
    """Deliver what was held back, if it still stands and no later request has been delivered."""
    if requests and caller.cancelling() == requests:
        caller.uncancel()  # the same request, not another one
        caller.cancel()


async def in_own_task(work: Coroutine[object, object, T]) -> T:
    """Do work in a task of its own that ends with the caller; return or raise what it does.

    For work with a TaskGroup whose failures are caught: such a group raises the failures of its tasks, also
    where the task that it runs in is cancelled meanwhile, and the cancellation would be lost.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # of no interest any more
        raise
    return task.result()

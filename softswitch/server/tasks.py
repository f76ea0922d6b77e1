"""Work that must not be left half way, however often whoever waits for it is cancelled.

A thread cannot be stopped: what it makes would belong to nobody, and what it changes would be taken for
unchanged. Must not know what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def run_to_end(work: Awaitable[T]) -> T:
    """Wait until the work has ended; a cancellation meanwhile is raised then, in place of the work's result
    or exception."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as one:
            cancelled = cancelled or one
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # nobody else asks for it
        raise cancelled
    return task.result()

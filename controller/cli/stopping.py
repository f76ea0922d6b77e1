"""How a process that runs until it is told to stop is told so."""

from __future__ import annotations

import asyncio
import signal

__all__ = ["told_to_stop"]


def told_to_stop() -> asyncio.Event:
    """Set by SIGTERM or SIGINT; for the running event loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop

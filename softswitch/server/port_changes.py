"""Wakes those who follow ports, in the moment in which a port comes, goes, or is up or down.

The engine signals an eventfd from its own thread; the event loop reads it. Must not know what has changed:
whoever is woken looks.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager


class PortChanges:
    """Use on one event loop, from `start` to `close`; `signal` from any thread."""

    def __init__(self) -> None:
        self._followers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.descriptor = -1
        """An eventfd, for the engine's thread; -1 while nobody listens."""

    def start(self) -> None:
        """Begin to listen, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._loop.add_reader(self.descriptor, self._read)

    def close(self) -> None:
        """Listen no longer; after the engine, which may signal until then. Idempotent."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.remove_reader(self.descriptor)
            os.close(self.descriptor)
            self.descriptor = -1

    def signal(self) -> None:
        """Wake the followers."""
        if self.descriptor >= 0:
            os.eventfd_write(self.descriptor, 1)

    @contextmanager
    def follow(self, woken: asyncio.Event) -> Iterator[None]:
        """Set an event at each change, until the body ends."""
        self._followers.add(woken)
        try:
            yield
        finally:
            self._followers.discard(woken)

    def _read(self) -> None:
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            return
        for woken in self._followers:
            woken.set()

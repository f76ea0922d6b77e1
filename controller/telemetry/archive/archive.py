"""Keeps incidents on disk without anybody waiting for it: a task writes in a thread of its own.

What waits to be written is the latest of each incident, so it is bounded as incidents are. If the disk fails,
that is told and counted, and the fabric goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from p4fabric.controller.cancellation import to_completion
from p4fabric.controller.telemetry.archive.database import ArchiveError, IncidentDatabase, Query
from p4fabric.controller.telemetry.incidents import Incident
from p4fabric.controller.telemetry.series.film import Film

__all__ = ["IncidentArchive"]

_log = logging.getLogger(__name__)
_MOST_WAITING = 1024
T = TypeVar("T")


class IncidentArchive:
    """Make it with `opened`, and `run` it in a TaskGroup."""

    def __init__(
        self, database: IncidentDatabase, thread: ThreadPoolExecutor, clock: Callable[[], int]
    ) -> None:
        """Take an open file, the thread that uses it, and what the time is (nanoseconds since 1970)."""
        self._database, self._thread, self._clock = database, thread, clock
        self._waiting: dict[int, tuple[Incident, tuple[Film, ...]] | None] = {}
        """By number; None: to be removed."""
        self._news = asyncio.Event()
        self._lock = asyncio.Lock()
        self.failures = 0
        """Incidents that could not be written, or found no room among those that wait."""

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, path: Path, *, most_bytes: int, most_age: float, clock: Callable[[], int]
    ) -> AsyncIterator[IncidentArchive]:
        """Open the file while the body runs; what waits at its end is written.

        Args:
            path: the file.
            most_bytes: of all incidents together.
            most_age: seconds.
            clock: nanoseconds since 1970.

        Raises:
            ArchiveError: it cannot be used.
        """
        thread = ThreadPoolExecutor(1, "incidents")
        loop = asyncio.get_running_loop()
        try:
            database = await loop.run_in_executor(
                thread, lambda: IncidentDatabase(path, most_bytes=most_bytes, most_age_ns=int(most_age * 1e9))
            )
            archive = cls(database, thread, clock)
            try:
                yield archive
            finally:
                await archive.flush()
                await loop.run_in_executor(thread, database.close)
        finally:
            thread.shutdown()

    async def last_number(self) -> int:
        """The greatest number of an incident that is kept."""
        return await self._call(lambda: self._database.last_number)

    def put(self, incident: Incident, films: tuple[Film, ...] = ()) -> None:
        """Keep an incident as it is now. Not blocking."""
        self._wait_for(incident.number, (incident, films))

    def remove(self, number: int) -> None:
        """Forget an incident, which is a part of another now. Not blocking."""
        self._wait_for(number, None)

    async def run(self) -> None:
        """Write what comes, for ever."""
        while True:
            await self._news.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        async with self._lock:
            waiting, self._waiting = self._waiting, {}
            self._news.clear()
            if not waiting:
                return
            now = self._clock()

            def write() -> None:
                for number, item in waiting.items():
                    if item is None:
                        self._database.remove(number)
                self._database.put([item for item in waiting.values() if item is not None], now)

            try:
                await to_completion(self._call(write))
            except ArchiveError as error:
                self.failures += len(waiting)
                _log.error("%s", error)

    async def get(self, number: int) -> Incident | None:
        """One incident."""
        await self.flush()
        return await self._call(lambda: self._database.get(number))

    async def films(self, number: int) -> tuple[Film, ...]:
        """The films of an incident."""
        await self.flush()
        return await self._call(lambda: self._database.films(number))

    async def page(self, query: Query, after: tuple[int, int] | None, most: int) -> list[Incident]:
        """Incidents that are over, the newest first; see `IncidentDatabase.page`."""
        await self.flush()
        return await self._call(lambda: self._database.page(query, after, most))

    def _wait_for(self, number: int, item: tuple[Incident, tuple[Film, ...]] | None) -> None:
        if number not in self._waiting and len(self._waiting) >= _MOST_WAITING:
            self.failures += 1
            return
        self._waiting[number] = item
        self._news.set()

    async def _call(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

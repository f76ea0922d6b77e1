"""Logs what is missing in captures. Must not know how they are written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from p4fabric.softswitch.engine.api import CaptureStats
from p4fabric.softswitch.server.logs import BoundedLog

_log = logging.getLogger(__name__)
INTERVAL = 1.0
"""Seconds between two looks."""
MOST_LINES = 60
"""In `logs.PERIOD`."""


class CaptureLog:
    """The pcap files of one switch."""

    def __init__(self, captures: Callable[[], Iterable[CaptureStats]]) -> None:
        """`captures` may be called in another thread."""
        self._captures = captures
        self._lines = BoundedLog(_log, MOST_LINES)
        self._missing: dict[Path, int] = {}
        self._failed: set[Path] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look(await asyncio.to_thread(self._captures))
            await asyncio.sleep(INTERVAL)

    def look(self, captures: Iterable[CaptureStats]) -> None:
        """Log what has come to be missing."""
        for one in captures:
            if one.error is not None and one.file not in self._failed:
                self._failed.add(one.file)
                self._lines.warning("%s: written no further: %s", one.file, one.error)
            if one.missing > self._missing.get(one.file, 0):
                self._missing[one.file] = one.missing
                self._lines.warning(
                    "%s: %s frames are missing so far, %s are there", one.file, one.missing, one.frames
                )

    def end(self) -> None:
        """Log once more, when the switch ends."""
        self.look(self._captures())

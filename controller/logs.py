"""A log that cannot be made to grow without bound by what repeats itself.

This module does not know what is logged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["UNBOUNDED", "BoundedRate"]

UNBOUNDED = {"p4fabric_unbounded": True}
"""For a record's `extra`: it is never held back, as something else bounds how often it comes."""
WINDOW = 60.0
"""Seconds in which records are counted."""
SAME = 5
"""Records with the same text, in a window."""
ALIKE = 200
"""Records of the same place in the code that differ in what they fill in, in a window."""
PLACES = 4096
"""Texts and places that are told apart in a window; beyond it, those of a logger count as one."""


@dataclass(slots=True)
class _Count:
    logged: int = 0
    held_back: int = 0


class BoundedRate(logging.Filter):
    """Lets a record through unless too many like it came in the last minute.

    What was held back is counted, and told by the next record like it. Records below INFO always pass:
    whoever asks for those wants all of them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock, in seconds."""
        super().__init__()
        self._clock = clock
        self._window = clock()
        self._counts: dict[tuple[object, ...], _Count] = {}
        self._before: dict[tuple[object, ...], _Count] = {}
        """The window before, for what it held back."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Judge a record."""
        if record.levelno < logging.INFO or hasattr(record, *UNBOUNDED):
            return True
        now = self._clock()
        if now - self._window >= WINDOW:
            self._before = self._counts if now - self._window < 2 * WINDOW else {}
            self._counts, self._window = {}, now
        message = record.getMessage()
        place = self._count(record.name, record.pathname, record.lineno)
        same = self._count(record.name, record.levelno, message)
        if place.logged >= ALIKE or same.logged >= SAME:
            same.held_back += 1
            return False
        place.logged += 1
        same.logged += 1
        before = self._before.pop((record.name, record.levelno, message), None)
        if before is not None and before.held_back:
            record.msg, record.args = f"{message} ({before.held_back} more like it were not logged)", ()
        return True

    def _count(self, *key: object) -> _Count:
        if key not in self._counts and len(self._counts) >= PLACES:
            key = (key[0],)
        return self._counts.setdefault(key, _Count())

"""Logs that nobody can fill a disk with: so many lines in a while, and how many were left out.

Knows how lines are counted; must not know what they say.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

PERIOD = 60.0
"""Seconds in which the lines of a kind are counted."""
LONGEST_LINE = 500
"""Characters of what a client has a hand in."""


class BoundedLog:
    """Lines of one kind, at most so many in `PERIOD`; the next line says how many were left out."""

    def __init__(
        self, logger: logging.Logger, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` gives seconds."""
        self._logger = logger
        self._most = most
        self._clock = clock
        self._since = -PERIOD
        self._written = 0
        self._left_out = 0

    def write(self, level: int, text: str, *arguments: object, fault: BaseException | None = None) -> None:
        """Log a line with %-arguments, the traceback of a fault behind it; or count it."""
        if not self._logger.isEnabledFor(level):
            return
        now = self._clock()
        if now - self._since >= PERIOD:
            self._since, self._written = now, 0
        if self._written >= self._most:
            self._left_out += 1
            return
        self._written += 1
        left_out, self._left_out = self._left_out, 0
        if left_out:
            text += " (%s more like this were not logged)"
            arguments = (*arguments, left_out)
        self._logger.log(level, text, *map(printable, arguments), exc_info=fault)

    def info(self, text: str, *arguments: object) -> None:
        """A line at level info."""
        self.write(logging.INFO, text, *arguments)

    def warning(self, text: str, *arguments: object) -> None:
        """A line at level warning."""
        self.write(logging.WARNING, text, *arguments)


def printable(given: object) -> str:
    """A value on one line, without characters that move a terminal's cursor, and not too long."""
    text = str(given)[:LONGEST_LINE]
    return "".join(one if one.isprintable() else "?" for one in text)

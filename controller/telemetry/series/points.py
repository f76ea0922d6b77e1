"""What a queue did in one step of a series."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, NamedTuple

__all__ = ["Known", "Point"]


class Known(StrEnum):
    """How much of a step is known."""

    BINS = "bins"
    """All of it, and something happened."""
    CALM = "calm"
    """All of it, and nothing happened that is worth a bin."""
    PARTLY = "partly"
    """There are bins, and reports may be missing."""
    UNKNOWN = "unknown"
    """Nobody said anything."""


class _Point(NamedTuple):
    known: Known
    min_depth: int | None
    """Of the greatest depths of its milliseconds, the least; None: not known."""
    max_depth: int | None
    max_wait_ns: int | None
    packets: int | None
    bytes: int | None
    drops: int | None
    late: bool = False
    """The switch closed a bin of it late."""


class Point(_Point):
    """One step; numbers are None where nothing is known."""

    __slots__ = ()
    UNKNOWN: ClassVar[Point]
    CALM: ClassVar[Point]
    PARTLY_CALM: ClassVar[Point]


Point.UNKNOWN = Point(Known.UNKNOWN, None, None, None, None, None, None)
Point.CALM = Point(Known.CALM, 0, 0, 0, 0, 0, 0)
Point.PARTLY_CALM = Point(Known.PARTLY, None, None, None, None, None, None)

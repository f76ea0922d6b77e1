"""Why something is not as it should be: reasons in a stable order, of which the first few are told.

This module does not know what a reason is about.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from enum import IntEnum
from typing import NamedTuple

from p4fabric.controller.reasons import Code, Reason

__all__ = ["MOST_REASONS", "Rank", "Reasons", "bounded"]

MOST_REASONS = 10
"""Reasons that are told of one thing; a switch that refuses everything would otherwise fill the screen."""


class Rank(IntEnum):
    """What is told first where not all is."""

    PROBLEM = 0
    """The intent does not stand with the others."""
    NOTE = 1
    """The intent waits for something that is not a switch."""
    ENTRY = 2
    """A switch refuses an entry, or the entry waits for others."""


class _Ranked(NamedTuple):
    rank: Rank
    reason: Reason


class Reasons:
    """A sorted multiset: the same texts come in the same order, however they came in.

    Adding and removing cost a binary search, not a sort: an intent may have thousands of refused entries.
    """

    __slots__ = ("_counts", "_sorted")

    def __init__(self) -> None:
        """Without any."""
        self._counts: dict[_Ranked, int] = {}
        self._sorted: list[_Ranked] = []

    def copy(self) -> Reasons:
        """The same reasons, to go on with."""
        copy = Reasons()
        copy._counts, copy._sorted = self._counts.copy(), self._sorted.copy()
        return copy

    def __len__(self) -> int:
        """How many different ones there are."""
        return len(self._sorted)

    def add(self, rank: Rank, reason: Reason) -> None:
        """One more reason; the same one several times is told once."""
        ranked = _Ranked(rank, reason)
        count = self._counts.get(ranked, 0)
        self._counts[ranked] = count + 1
        if not count:
            self._sorted.insert(bisect_left(self._sorted, ranked), ranked)

    def discard(self, rank: Rank, reason: Reason) -> None:
        """A reason that was added goes, once."""
        ranked = _Ranked(rank, reason)
        count = self._counts[ranked] - 1
        if count:
            self._counts[ranked] = count
        else:
            del self._counts[ranked]
            del self._sorted[bisect_left(self._sorted, ranked)]

    def count(self, rank: Rank) -> int:
        """How many different ones of a rank there are."""
        return bisect_left(self._sorted, (rank + 1,)) - bisect_left(self._sorted, (rank,))

    def first(self, number: int, *, start: int = 0) -> list[Reason]:
        """The first ones, from a position on."""
        return [ranked.reason for ranked in self._sorted[start : start + number]]


def bounded(reasons: Collection[Reason], number: int) -> tuple[Reason, ...]:
    """The first of some reasons, and how many more there are.

    Args:
        reasons: the first ones, at least MOST_REASONS of them if there are as many.
        number: of all.
    """
    left = number - MOST_REASONS
    more = [Reason(Code.MORE, f"and {left} more")] if left > 0 else []
    return (*tuple(reasons)[:MOST_REASONS], *more)

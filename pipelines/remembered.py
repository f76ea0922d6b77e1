"""Answers about objects that were asked about lately.

Switches that are to hold the same are given the same objects, one soon after another: what was worked out of
an object for the first of them holds for the others. An object is known by its identity, which is found
faster than any of its values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Remembered"]

S = TypeVar("S")
T = TypeVar("T")

_MOST = 1024
"""Objects that are remembered."""


class Remembered(Generic[S, T]):
    """A function of one object that never changes."""

    __slots__ = ("_answer", "_known")

    def __init__(self, answer: Callable[[S], T]) -> None:
        """Take the function; it is asked once for an object, as long as that is remembered."""
        self._answer = answer
        self._known: dict[int, tuple[S, T]] = {}
        """With the object, so that no other one gets its identity."""

    def __call__(self, asked: S) -> T:
        """What the function answers."""
        known = self._known.get(id(asked))
        if known is not None:
            return known[1]
        found = self._answer(asked)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[id(asked)] = asked, found
        return found

"""How many intents there are by kind and state, without asking each of them.

Intents that wait for the same switches, and have to do with the same switches, are in the same state but for
what is known of themselves, so they are counted together. This module does not know what a state means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from p4fabric.controller.names import SwitchName

__all__ = ["Census", "Group"]

S = TypeVar("S")


class Group(NamedTuple, Generic[S]):
    """Intents that are in the same state whatever happens to switches."""

    kind: str
    own_state: S
    """That of which switches decide nothing; None: they decide."""
    concerned: frozenset[SwitchName]
    """Where they want something, or something of them has not gone."""
    behind: frozenset[SwitchName]
    """Those that they wait for."""


class Census(Generic[S]):
    """Groups and how many are in each."""

    def __init__(self) -> None:
        """Nobody is there."""
        self._counts: Counter[Group[S]] = Counter()
        self._same: dict[Group[S], Group[S]] = {}
        """One object for each group, so that thousands of members do not each keep their own sets."""

    def move(self, before: Group[S] | None, now: Group[S] | None) -> Group[S] | None:
        """One intent leaves a group (None: it is new) for another (None: it is gone); returns that."""
        if before == now:
            return before
        if before is not None:
            self._counts[before] -= 1
            if not self._counts[before]:
                del self._counts[before], self._same[before]
        if now is None:
            return None
        now = self._same.setdefault(now, now)
        self._counts[now] += 1
        return now

    def groups(self) -> Iterator[tuple[Group[S], int]]:
        """All groups, and how many intents are in each."""
        return iter(self._counts.items())

    def __len__(self) -> int:
        """How many groups there are."""
        return len(self._counts)

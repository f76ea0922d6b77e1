"""The entries of the six tables, and what they are because of: several rules may come to the same entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from p4fabric.controller.blocks import Block
from p4fabric.controller.policy.numbers import Numbers
from p4fabric.controller.policy.rules import Action, Direction, RuleId, Tier

__all__ = ["EntryChange", "EntryKey", "PolicyEntries", "Verdict"]

_RULE_BITS = 32


class EntryKey(NamedTuple):
    """What an entry matches, and where it stands."""

    tier: Tier
    direction: Direction
    source: Block
    """Of identities; of whoever opens the connection."""
    destination: Block
    ports: Block
    """Of port classes."""
    priority: int
    """From 1; the highest that matches decides."""


class Verdict(NamedTuple):
    """What an entry does."""

    action: Action
    rule: int
    """The number of the rule that it counts for."""


class EntryChange(NamedTuple):
    """One entry before and now; None: it was not or is not there."""

    key: EntryKey
    before: Verdict | None
    now: Verdict | None


class PolicyEntries:
    """All that should be there, one generation apart from what was."""

    def __init__(self) -> None:
        """Make it, empty."""
        self._numbers = Numbers(1, 1 << _RULE_BITS)
        self._rules: dict[int, RuleId] = {}
        self._wanted: dict[EntryKey, dict[int, Action]] = {}
        self._touched: dict[EntryKey, Verdict | None] = {}
        self.counts: Counter[tuple[Tier, Direction]] = Counter()

    def __iter__(self) -> Iterator[tuple[EntryKey, Verdict]]:
        """All."""
        return ((key, self._verdict(key)) for key in self._wanted)  # type: ignore[misc]

    def __len__(self) -> int:
        """How many."""
        return len(self._wanted)

    def number(self, rule: RuleId) -> int:
        """A new number for a rule."""
        number = self._numbers.take()
        self._rules[number] = rule
        return number

    def forget(self, number: int) -> None:
        """A rule without entries is no more."""
        del self._rules[number]
        self._numbers.give_back(number)

    def rule(self, number: int) -> RuleId | None:
        """The rule with a number."""
        return self._rules.get(number)

    def wake(self) -> None:
        """No switch holds anything with numbers that rest."""
        self._numbers.wake()

    def change(self, number: int, action: Action, gone: Iterable[EntryKey], come: Iterable[EntryKey]) -> None:
        """A rule comes to other entries."""
        for key in gone:
            self._touched.setdefault(key, self._verdict(key))
            because = self._wanted[key]
            del because[number]
            if not because:
                del self._wanted[key]
                self.counts[key.tier, key.direction] -= 1
        for key in come:
            self._touched.setdefault(key, self._verdict(key))
            if key not in self._wanted:
                self._wanted[key] = {}
                self.counts[key.tier, key.direction] += 1
            self._wanted[key][number] = action

    def changes(self) -> list[EntryChange]:
        """What is another now than at the last call."""
        touched, self._touched = self._touched, {}
        found = (EntryChange(key, before, self._verdict(key)) for key, before in touched.items())
        return [one for one in found if one.before != one.now]

    def _verdict(self, key: EntryKey) -> Verdict | None:
        because = self._wanted.get(key)
        if not because:
            return None
        number = min(because)
        return Verdict(because[number], number)

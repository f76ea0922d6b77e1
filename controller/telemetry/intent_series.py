"""Which intents have metrics of their own: those of some kinds, as many as there is room for.

A fabric has more sessions than Prometheus should have series. This module does not know what is counted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping

from p4fabric.controller.names import IntentKey

__all__ = ["IntentSeries", "StateCounts"]


class IntentSeries:
    """Intents in the order in which they got room; one that has it keeps it until it is gone."""

    def __init__(self, kinds: Collection[str], most: int) -> None:
        """Take kinds that have series, and how many counters there may be of all intents together."""
        self._kinds, self._most = frozenset(kinds), most
        self._shown: dict[IntentKey, int] = {}
        # A plain dict takes long to find its first item when many before it are gone.
        self._waiting: OrderedDict[IntentKey, int] = OrderedDict()
        self._taken = 0

    def __iter__(self) -> Iterator[IntentKey]:
        """Intents with series."""
        return iter(tuple(self._shown))

    @property
    def waiting(self) -> int:
        """Intents of these kinds that found no room."""
        return len(self._waiting)

    def put(self, intent: IntentKey, counters: int) -> None:
        """An intent has so many counters now."""
        if intent.kind not in self._kinds:
            return
        if not counters:
            self.drop(intent)
        elif (before := self._shown.get(intent)) is None:
            self._waiting[intent] = counters
        elif self._taken - before + counters <= self._most:
            self._shown[intent] = counters
            self._taken += counters - before
        else:
            self.drop(intent)
            self._waiting[intent] = counters
        self._fill()

    def drop(self, intent: IntentKey) -> None:
        """An intent is gone."""
        self._waiting.pop(intent, None)
        self._taken -= self._shown.pop(intent, 0)
        self._fill()

    def _fill(self) -> None:
        """Give room to those that wait longest; none overtakes another."""
        while self._waiting:
            intent = next(iter(self._waiting))
            counters = self._waiting[intent]
            if self._taken + counters > self._most:
                return
            del self._waiting[intent]
            self._shown[intent] = counters
            self._taken += counters


class StateCounts:
    """How many intents are in each state, by kind."""

    def __init__(self) -> None:
        """Begin with none."""
        self._states: dict[IntentKey, str] = {}
        self._numbers: dict[tuple[str, str], int] = {}

    @property
    def numbers(self) -> Mapping[tuple[str, str], int]:
        """By kind and state; 0 where there were some."""
        return self._numbers

    def changed(self, intent: IntentKey, state: str) -> None:
        """An intent is in a state now."""
        self.forget(intent)
        self._states[intent] = state
        self._numbers[intent.kind, state] = self._numbers.get((intent.kind, state), 0) + 1

    def forget(self, intent: IntentKey) -> None:
        """An intent is gone."""
        state = self._states.pop(intent, None)
        if state is not None:
            self._numbers[intent.kind, state] -= 1

"""What one switch refused, and when each is tried again.

This module does not know what depends on what.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from heapq import heappop, heappush

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.update import Code as StatusCode
from p4fabric.controller.p4runtime.update import UpdateError
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.reconcile.operations import Operation, Refusal
from p4fabric.pipelines.entities import EntityKey

__all__ = ["Refusals", "jitter"]

_CORRECTIONS = 2
"""Times that a key may turn out to be there, or not, against what was read, before it is a failure."""


class Refusals:
    """Refused operations by key. Waits double up to a bound; room in a table ends a wait for it at once."""

    def __init__(self, switch: SwitchName, first_retry: float, longest_retry: float) -> None:
        """Take the switch's name and the bounds of waits, in seconds."""
        self._switch = switch
        self._first, self._longest = first_retry, longest_retry
        self._refusals: dict[EntityKey, Refusal] = {}
        self._order: list[tuple[float, int, EntityKey]] = []
        self._count = 0
        self._full: dict[object, dict[EntityKey, None]] = {}
        """By the first part of a key (its table), what found no room there."""
        self._corrections: Counter[EntityKey] = Counter()

    def __contains__(self, key: EntityKey) -> bool:
        return key in self._refusals

    def __iter__(self) -> Iterator[EntityKey]:
        return iter(self._refusals)

    def __len__(self) -> int:
        return len(self._refusals)

    def may_be_corrected(self, key: EntityKey, error: UpdateError) -> bool:
        """Whether a read may show why the switch refused: the key is there, or not, against what is known."""
        if error.code not in (StatusCode.ALREADY_EXISTS, StatusCode.NOT_FOUND):
            return False
        self._corrections[key] += 1
        return self._corrections[key] <= _CORRECTIONS

    def add(
        self, key: EntityKey, operation: Operation, error: UpdateError, now: float, jitter: float
    ) -> Reason:
        """Note a refusal; returns why, for an operator.

        Args:
            key: of what was refused.
            operation: what was refused.
            error: what the switch said.
            now: the event loop's clock.
            jitter: 0.5 to 1.0; the same for what is refused together, so that it is tried again together.
        """
        before = self._refusals.get(key)
        attempts = 1 if before is None or before.operation != operation else before.attempts + 1
        self._drop(key)
        text = f"{self._switch} refused to {operation.kind.name.lower()} {operation.entity}: {error}"
        reason = Reason(Code.ENTRY_REFUSED, text, switch=self._switch, entry=str(operation.entity))
        wait = min(self._first * 2 ** min(attempts - 1, 30), self._longest) * jitter
        self._refusals[key] = Refusal(operation, error.code, reason, attempts, now + wait)
        self._count += 1
        heappush(self._order, (now + wait, self._count, key))
        if error.code is StatusCode.RESOURCE_EXHAUSTED:
            self._full.setdefault(key[0], {})[key] = None
        return reason

    def forget(self, key: EntityKey) -> None:
        """It was performed, or something else is wanted."""
        self._corrections.pop(key, None)
        self._drop(key)

    def _drop(self, key: EntityKey) -> None:
        refusal = self._refusals.pop(key, None)
        if refusal is not None:
            self._no_longer_full(key)

    def due(self, now: float, most: int) -> list[EntityKey]:
        """Some of what is to be tried again now, each key once per refusal."""
        keys: list[EntityKey] = []
        while self._order and self._order[0][0] <= now and len(keys) < most:
            at, _, key = heappop(self._order)
            refusal = self._refusals.get(key)
            if refusal is not None and refusal.retry_at == at:
                keys.append(key)
        return keys

    def next_due(self) -> float | None:
        """When to ask `due` again."""
        while self._order:
            at, _, key = self._order[0]
            refusal = self._refusals.get(key)
            if refusal is not None and refusal.retry_at == at:
                return at
            heappop(self._order)
        return None

    def made_room(self, key: EntityKey) -> EntityKey | None:
        """Something left the table of `key`: one that found no room there is to be tried at once."""
        full = self._full.get(key[0])
        if not full:
            return None
        waiting = next(reversed(full))
        self._no_longer_full(waiting)
        return waiting

    def _no_longer_full(self, key: EntityKey) -> None:
        full = self._full.get(key[0])
        if full is not None:
            full.pop(key, None)
            if not full:
                del self._full[key[0]]


def jitter() -> float:
    """How much of its wait something that is tried again waits, so that many switches do not try at once."""
    return random.uniform(0.5, 1.0)

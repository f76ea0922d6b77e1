"""Summarizes many changes of statuses as few events: one for each cause.

A cause is the new state, the reasons that an intent has now and had not before, and those that it has no
more; a reason names its switch. This module does not know when events are told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status import IntentState, IntentStatus
from p4fabric.controller.telemetry.events import IntentsStatusChanged, IntentStatusChanged

__all__ = ["HANDFUL", "MOST_TENANTS", "StatusChanges", "one_change"]

HANDFUL = 8
"""Intents that change within a moment, or for the same reasons, and are told of one by one."""
_MOST_CAUSES = 16
"""Causes that are told apart in one moment."""
_INTENTS_SHOWN = 5
_REASONS_SHOWN = 3
MOST_TENANTS = 64
"""Tenants that are told apart."""
_A_PART = 250


class _Cause(NamedTuple):
    state: IntentState
    gained: tuple[Reason, ...]
    cleared: tuple[Reason, ...]


@dataclass(slots=True)
class _Group:
    """Intents that changed for one cause, or for several that are told together."""

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    tenants: Counter[str] = field(default_factory=Counter)
    first: list[tuple[IntentKey, IntentStatus]] = field(default_factory=list)
    """At most a handful."""
    gained: dict[Reason, None] = field(default_factory=dict)
    cleared: dict[Reason, None] = field(default_factory=dict)

    def add(self, key: IntentKey, status: IntentStatus) -> None:
        self.count += 1
        self.kinds[key.kind] += 1
        self.tenants[key.tenant] += 1
        if len(self.first) < HANDFUL:
            self.first.append((key, status))

    def merge(self, cause: _Cause, other: _Group) -> None:
        self.count += other.count
        self.kinds.update(other.kinds)
        self.tenants.update(other.tenants)
        self.first += other.first[: HANDFUL - len(self.first)]
        self.gained.update(dict.fromkeys(cause.gained))
        self.cleared.update(dict.fromkeys(cause.cleared))

    def event(self, state: IntentState) -> IntentsStatusChanged:
        keys = tuple(key for key, _ in self.first[:_INTENTS_SHOWN])
        gained, cleared = _shortened(self.gained), _shortened(self.cleared)
        tenants = dict(self.tenants) if len(self.tenants) <= MOST_TENANTS else {}
        return IntentsStatusChanged(state, self.count, dict(self.kinds), gained, cleared, keys, tenants)


class StatusChanges:
    """The changes of one moment."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_cause: dict[_Cause, _Group] = {}

    def add(self, key: IntentKey, before: IntentStatus | None, now: IntentStatus) -> None:
        """Take how one intent's status changed, from the last that was told."""
        old, new = before.reasons if before is not None else (), now.reasons
        gained = tuple(reason for reason in new if reason not in old)
        cleared = tuple(reason for reason in old if reason not in new)
        cause = _Cause(now.state, gained, cleared)
        self._by_cause.setdefault(cause, _Group()).add(key, now)

    def events(self) -> Iterator[IntentStatusChanged | IntentsStatusChanged | None]:
        """One for each of the commonest causes, then what is left; None whenever that has taken a while.

        What is left is told one by one if it is a handful, or together by state.
        """
        groups = self._by_cause
        common = [cause for cause, group in groups.items() if group.count > HANDFUL]
        common.sort(key=lambda cause: -groups[cause].count)
        for cause in common[:_MOST_CAUSES]:
            told = _Group()
            told.merge(cause, groups.pop(cause))
            yield told.event(cause.state)
        by_state: dict[IntentState, _Group] = {}
        for number, (cause, group) in enumerate(groups.items(), 1):
            by_state.setdefault(cause.state, _Group()).merge(cause, group)
            if number % _A_PART == 0:
                yield None
        few = sum(group.count for group in by_state.values()) <= HANDFUL
        for state, group in by_state.items():
            if few or group.count == 1:
                yield from (one_change(key, status) for key, status in group.first)
            else:
                yield group.event(state)


def one_change(key: IntentKey, status: IntentStatus) -> IntentStatusChanged:
    """One intent's change as an event."""
    return IntentStatusChanged(key, status.generation, status.state, status.reasons)


def _shortened(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    different = list(reasons)
    left = len(different) - _REASONS_SHOWN
    more = [Reason(Code.MORE, f"and {left} more")] if left > 0 else []
    return (*different[:_REASONS_SHOWN], *more)

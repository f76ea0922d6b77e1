"""What intents will be once a change is made and every switch that can be written to acknowledges it.

The change is counted in a copy of what it touches, by the same rules as it will be. Work is done in steps.
This module does not know what an entry means, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from p4fabric.controller.compiler.delta import FabricDelta
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Reason
from p4fabric.controller.status.entries import Entry, EntryCounts, IntentEntries
from p4fabric.controller.status.values import IntentState
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["Expected", "KnownToHold", "Outlook", "outlook"]

_STEP = 500
"""Entries or intents that are looked at before others have their turn: a few milliseconds' work."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an intent comes to: `active`, `degraded`, or `deleting` where a switch cannot let go of it."""

    state: IntentState
    reasons: tuple[Reason, ...] = ()


KnownToHold = Callable[[SwitchName, EntityKey, Entity | None], bool]
"""Whether a switch is known to hold just this under a key; None: nothing."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of an intent without a change, and with it; None: there is none, or nothing is left."""

    without: Expected | None
    expected: Expected | None


def outlook(
    counts: EntryCounts,
    delta: FabricDelta,
    asked: Mapping[IntentKey, bool],
    deleting: Callable[[IntentKey], bool | None],
    reasons: Callable[[IntentEntries], tuple[Reason, ...]],
    writable: Callable[[SwitchName], bool],
    known_to_hold: KnownToHold,
) -> Generator[None, None, dict[IntentKey, Outlook]]:
    """Count a change in a copy.

    Args:
        counts: what is wanted and acknowledged now.
        delta: the change.
        asked: intents that are asked for, and whether the change deletes them.
        deleting: whether an intent is being deleted already; None: there is none.
        reasons: why an intent does not do all it should, given its counts.
        writable: whether a switch can be written to, or is gone for good: nothing waits for it.
        known_to_hold: whether a switch is known to hold just this under a key.

    Returns:
        All that were asked for, and others of which something is another now.
    """
    copy = _Copy(counts, writable)
    for key in asked:
        copy.intent_of(key)
    yield from copy.take(delta)

    def expected(entries: IntentEntries, is_deleting: bool) -> Expected | None:
        if is_deleting:
            left = any(not writable(name) for name in entries.behind)
            return Expected(IntentState.DELETING, reasons(entries)) if left else None
        told = reasons(entries)
        return Expected(IntentState.DEGRADED if told else IntentState.ACTIVE, told)

    before: dict[IntentKey, Expected | None] = {}
    for number, (key, entries) in enumerate(copy.counts.intents.items(), 1):
        is_deleting = deleting(key)
        before[key] = expected(entries, is_deleting) if is_deleting is not None else None
        if number % _STEP == 0:
            yield
    yield from copy.counts.adopt(delta)
    for name, change in delta.switches.items():
        if not writable(name):
            # What it holds already, or does not hold, needs not be written.
            known = _Known(name)
            for number, entry in enumerate(chain(change.wanted, change.unwanted), 1):
                entity = change.wanted.get(entry)
                if known_to_hold(name, entry, entity):
                    (known.gone if entity is None else known.installed).append(entry)
                if number % _STEP == 0:
                    yield
            yield from copy.counts.progress(known)
    found: dict[IntentKey, Outlook] = {}
    for number, (key, entries) in enumerate(copy.counts.intents.items(), 1):
        # An intent that is applied again is deleted no more.
        will_be_deleted = asked[key] if key in asked else bool(deleting(key))
        now, was = expected(entries, will_be_deleted), before.get(key)
        if key in asked or now != was:
            found[key] = Outlook(was, now)
        if number % _STEP == 0:
            yield
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a switch that cannot be asked, as a report."""

    switch: SwitchName
    installed: list[EntityKey] = field(default_factory=list)
    gone: list[EntityKey] = field(default_factory=list)
    missing: Collection[EntityKey] = ()
    failures: Mapping[EntityKey, Reason] = field(default_factory=dict)
    recovered: Collection[EntityKey] = ()
    epoch: int | None = None


class _Copy:
    """Counts of what a change touches, as far as they can make a difference.

    What a switch acknowledges that can be written to makes none: there, only intents of which parts change
    are counted, however many want the same entry.
    """

    def __init__(self, source: EntryCounts, writable: Callable[[SwitchName], bool]) -> None:
        self.counts = EntryCounts()
        self._source, self._writable = source, writable
        self._done = 0

    def take(self, delta: FabricDelta) -> Generator[None, None, None]:
        """Copy all that a change touches."""
        for name, change in delta.switches.items():
            for key in (*change.wanted, *change.unwanted):
                yield from self._take_entry(name, key)
        for slot in delta.slots:
            if slot.owner is not None:
                intent, known = self.intent_of(slot.owner), self._source.intents.get(slot.owner)
                for name, keys in chain(slot.added.items(), slot.removed.items()):
                    for key in keys:
                        yield from self._take_entry(name, key)
                        self._take_owner(name, key, intent, known)

    def intent_of(self, key: IntentKey) -> IntentEntries:
        """The copy of what one intent waits for."""
        copy = self.counts.intents.get(key)
        if copy is None:
            copy = self.counts.intent(key)
            known = self._source.intents.get(key)
            if known is not None:
                copy.shares = {name: replace(share) for name, share in known.shares.items()}
                copy.concerned, copy.behind = known.concerned, known.behind
                copy.reasons = known.reasons.copy() if known.reasons is not None else None
        return copy

    def _take_entry(self, name: SwitchName, key: EntityKey) -> Generator[None, None, None]:
        switch, source = self.counts.switch(name), self._source.switches.get(name)
        known = source.entries.get(key) if source is not None else None
        if source is not None and known is not None and key not in switch.entries:
            switch.is_gone = source.is_gone
            entry = switch.entries[key] = Entry(known.is_wanted, known.is_installed, known.failure)
            if known.failure is not None:
                switch.failing[key] = None
            if known.failure is not None or not self._writable(name):
                for intent, parts in known.owners.items():
                    entry.owners[self.intent_of(intent.key)] = parts
                    if self._is_step_done():
                        yield
                if known.leavers is not None:
                    entry.leavers = {self.intent_of(intent.key): None for intent in known.leavers}
                    switch.leaving[key] = None
        if self._is_step_done():
            yield

    def _take_owner(
        self, name: SwitchName, key: EntityKey, intent: IntentEntries, known: IntentEntries | None
    ) -> None:
        source = self._source.switches.get(name)
        found = source.entries.get(key) if source is not None else None
        parts = found.owners.get(known) if found is not None and known is not None else None
        if parts is not None:
            self.counts.switch(name).entries[key].owners[intent] = parts

    def _is_step_done(self) -> bool:
        self._done += 1
        return self._done % _STEP == 0

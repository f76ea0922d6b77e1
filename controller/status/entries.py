"""Counts, entry by entry, which intents wait for which switches.

A change or a report costs what it names: each entry has a list of the intents that want it, or wanted what
it replaces; an intent has counters only. This module does not know what an entity means, what a state
is called or who is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from p4fabric.controller.compiler.delta import FabricDelta, SlotChange, SwitchDelta
from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.reasons import Reason
from p4fabric.controller.status.reasons import Rank, Reasons
from p4fabric.controller.status.values import SwitchProgress
from p4fabric.pipelines.entities import EntityKey

__all__ = ["Entry", "EntryCounts", "IntentEntries", "Share", "SwitchEntries"]


_MOST_SETS = 10_000
_STEP = 1000
"""Entries and countings that are done before others have their turn: a few milliseconds' work."""


@dataclass(slots=True, eq=False)
class Share:
    """What one intent has to do with one switch, in numbers of entries."""

    wanted: int = 0
    """That it wants there."""
    waiting: int = 0
    """Of these, not acknowledged as they are wanted now."""
    leaving: int = 0
    """That it wants no more, and that are neither gone nor replaced."""

    @property
    def is_behind(self) -> bool:
        """Whether the intent waits for the switch."""
        return bool(self.waiting or self.leaving)


@dataclass(slots=True, eq=False)
class IntentEntries:
    """What one intent waits for."""

    key: IntentKey
    shares: dict[SwitchName, Share] = field(default_factory=dict)
    """Of the switches where it wants something, or something of it has not gone."""
    concerned: frozenset[SwitchName] = frozenset()
    """The same switches, as a value."""
    behind: frozenset[SwitchName] = frozenset()
    """Those that it waits for."""
    reasons: Reasons | None = None
    """Of entries and notes; None until there is the first."""

    def add_reason(self, rank: Rank, reason: Reason) -> None:
        """Something keeps the intent from doing all it should."""
        if self.reasons is None:
            self.reasons = Reasons()
        self.reasons.add(rank, reason)

    def discard_reason(self, rank: Rank, reason: Reason) -> None:
        """A reason that was added no longer holds."""
        assert self.reasons is not None
        self.reasons.discard(rank, reason)
        if not self.reasons:
            self.reasons = None


@dataclass(slots=True, eq=False)
class Entry:
    """What is wanted under one key of one switch."""

    is_wanted: bool = True
    is_installed: bool = False
    failure: Reason | None = None
    owners: dict[IntentEntries, int] = field(default_factory=dict)
    """Intents that want it, and how many parts of each."""
    leavers: dict[IntentEntries, None] | None = None
    """Intents that wanted what the switch may hold still, and want it no more; None while there are none."""


@dataclass(slots=True, eq=False)
class SwitchEntries:
    """What is waited for on one switch."""

    name: SwitchName
    is_gone: bool = False
    """Nothing waits for it."""
    is_told_of: bool = False
    """Whether the numbers of entries that wait for it show in the statuses of intents."""
    intents: Counter[TenantName] = field(default_factory=Counter)
    """How many want something there, or have something there that has not gone, by tenant."""
    behind: Counter[TenantName] = field(default_factory=Counter)
    """How many of these wait for it."""
    entries: dict[EntityKey, Entry] = field(default_factory=dict)
    leaving: dict[EntityKey, None] = field(default_factory=dict)
    """Those with leavers."""
    failing: dict[EntityKey, None] = field(default_factory=dict)


class EntryCounts:
    """What every intent waits for. Whatever may be told of an intent has changed: it is in `touched`."""

    def __init__(self) -> None:
        """Nothing is wanted."""
        self.intents: dict[IntentKey, IntentEntries] = {}
        self.switches: dict[SwitchName, SwitchEntries] = {}
        self.touched: dict[IntentEntries, None] = {}
        """For the reader to empty."""
        self._done = 0
        """Entries and countings since the last step's end."""
        self._sets: dict[frozenset[SwitchName], frozenset[SwitchName]] = {}

    def intent(self, key: IntentKey) -> IntentEntries:
        """What an intent waits for: nothing, if it was not heard of."""
        found = self.intents.get(key)
        if found is None:
            found = self.intents[key] = IntentEntries(key)
            # Parts that come to nothing may be all that is left of an intent.
            self.touched[found] = None
        return found

    def switch(self, name: SwitchName) -> SwitchEntries:
        """What is waited for on a switch."""
        found = self.switches.get(name)
        if found is None:
            found = self.switches[name] = SwitchEntries(name)
        return found

    # What is wanted.

    def adopt(self, delta: FabricDelta) -> Iterator[None]:
        """Something else is wanted. Work in steps; what is counted holds only after the last."""
        self._done = 0
        for name, change in delta.switches.items():
            yield from self._wishes_changed(self.switch(name), change)
        # What one part of an intent takes over from another never leaves the intent.
        for slot in delta.slots:
            if slot.owner is not None:
                yield from self._added(self.intent(slot.owner), slot)
            if self._is_step_done():
                yield
        for slot in delta.slots:
            if slot.owner is not None:
                yield from self._removed(self.intent(slot.owner), slot, delta.switches)
            if self._is_step_done():
                yield
        for name, change in delta.switches.items():
            entries = self.switch(name).entries
            for key in change.unwanted:
                if key in entries and not entries[key].leavers:
                    del entries[key]
                if self._is_step_done():
                    yield

    def _wishes_changed(self, switch: SwitchEntries, change: SwitchDelta) -> Iterator[None]:
        for key in change.wanted:
            entry = switch.entries.get(key)
            if entry is None:
                switch.entries[key] = Entry()
            else:
                entry.is_wanted = True
                yield from self._unsettle(switch, key, entry)
            if self._is_step_done():
                yield
        for key in change.unwanted:
            entry = switch.entries[key]
            yield from self._unsettle(switch, key, entry)
            entry.is_wanted = False
            if self._is_step_done():
                yield

    def _unsettle(self, switch: SwitchEntries, key: EntityKey, entry: Entry) -> Iterator[None]:
        """What the switch said of an entry counts no more. An entry may have thousands of owners."""
        if entry.failure is not None:
            yield from self._set_failure(switch, key, entry, None)
        if entry.is_installed:
            entry.is_installed = False
            for intent in entry.owners:
                self._count(switch, intent, waiting=1)
                if self._is_over():
                    yield

    def _added(self, intent: IntentEntries, slot: SlotChange) -> Iterator[None]:
        for name, keys in slot.added.items():
            switch = self.switch(name)
            for key in keys:
                self._want(switch, switch.entries[key], intent)
                if self._is_step_done():
                    yield
        if slot.notes_before != slot.notes:
            for note in slot.notes:
                intent.add_reason(Rank.NOTE, note)
            for note in slot.notes_before:
                intent.discard_reason(Rank.NOTE, note)
            self.touched[intent] = None

    def _removed(
        self, intent: IntentEntries, slot: SlotChange, changes: Mapping[SwitchName, SwitchDelta]
    ) -> Iterator[None]:
        for name, keys in slot.removed.items():
            switch, change = self.switch(name), changes.get(name)
            for key in keys:
                entry = switch.entries[key]
                # Another entity is wanted under the key now, or none: what this intent wanted is to go.
                replaced = not entry.is_wanted or (change is not None and key in change.wanted)
                self._let_go(switch, key, entry, intent, leaves=replaced and not switch.is_gone)
                if self._is_step_done():
                    yield

    def _want(self, switch: SwitchEntries, entry: Entry, intent: IntentEntries) -> None:
        # It may be a leaver as well: what it wanted before may still be there.
        parts = entry.owners.get(intent, 0)
        entry.owners[intent] = parts + 1
        if not parts:
            if entry.failure is not None:
                intent.add_reason(Rank.ENTRY, entry.failure)
            self._count(switch, intent, wanted=1, waiting=0 if entry.is_installed else 1)

    def _let_go(
        self, switch: SwitchEntries, key: EntityKey, entry: Entry, intent: IntentEntries, *, leaves: bool
    ) -> None:
        parts = entry.owners[intent]
        if parts > 1:
            entry.owners[intent] = parts - 1
            return
        del entry.owners[intent]
        if entry.failure is not None:
            intent.discard_reason(Rank.ENTRY, entry.failure)
        leaving = 0
        if leaves and not (entry.leavers and intent in entry.leavers):
            # Of what the switch refused before, nothing is left: something else is wanted since this change.
            if entry.leavers is None:
                entry.leavers = {}
            entry.leavers[intent] = None
            switch.leaving[key] = None
            leaving = 1
        self._count(switch, intent, wanted=-1, waiting=0 if entry.is_installed else -1, leaving=leaving)

    # What switches say.

    def progress(self, progress: SwitchProgress) -> Iterator[None]:
        """A switch said how far it is. What nobody here wants, or wanted, is passed over. Work in steps."""
        self._done = 0
        switch = self.switch(progress.switch)
        entries = switch.entries
        for key in progress.missing:
            entry = entries.get(key)
            if entry is not None and entry.is_wanted:
                yield from self._unsettle(switch, key, entry)
            if self._is_step_done():
                yield
        for key in progress.recovered:
            entry = entries.get(key)
            if entry is not None:
                yield from self._set_failure(switch, key, entry, None)
            if self._is_step_done():
                yield
        for key, reason in progress.failures.items():
            entry = entries.get(key)
            if entry is not None:
                yield from self._set_failure(switch, key, entry, reason)
            if self._is_step_done():
                yield
        for key in progress.installed:
            entry = entries.get(key)
            if entry is not None and entry.is_wanted and not entry.is_installed:
                yield from self._settle(switch, key, entry)
            if self._is_step_done():
                yield
        for key in progress.gone:
            entry = entries.get(key)
            if entry is not None and not entry.is_wanted:
                yield from self._settle(switch, key, entry)
                del entries[key]
            if self._is_step_done():
                yield

    def _settle(self, switch: SwitchEntries, key: EntityKey, entry: Entry) -> Iterator[None]:
        """The switch holds what is wanted under a key, or nothing if nothing is."""
        if entry.failure is not None:
            yield from self._set_failure(switch, key, entry, None)
        entry.is_installed = entry.is_wanted
        for intent in entry.owners:
            self._count(switch, intent, waiting=-1)
            if self._is_over():
                yield
        if entry.leavers:
            yield from self._forget_leavers(switch, key, entry)

    def _forget_leavers(self, switch: SwitchEntries, key: EntityKey, entry: Entry) -> Iterator[None]:
        for intent in entry.leavers or ():
            self._count(switch, intent, leaving=-1)
            if self._is_over():
                yield
        entry.leavers = None
        del switch.leaving[key]

    def _set_failure(
        self, switch: SwitchEntries, key: EntityKey, entry: Entry, reason: Reason | None
    ) -> Iterator[None]:
        before = entry.failure
        if before == reason:
            return
        for intent in (*entry.owners, *(entry.leavers or ())):
            if before is not None:
                intent.discard_reason(Rank.ENTRY, before)
            if reason is not None:
                intent.add_reason(Rank.ENTRY, reason)
            self.touched[intent] = None
            self._done += 1
            if self._is_over():
                yield
        entry.failure = reason
        if reason is None:
            del switch.failing[key]
        else:
            switch.failing[key] = None

    def give_up(self, name: SwitchName) -> Iterator[None]:
        """A switch is gone for good: nothing waits for what should leave it, nor is told of what it refused.

        Work in steps.
        """
        self._done = 0
        switch = self.switch(name)
        for key in list(switch.failing):
            yield from self._set_failure(switch, key, switch.entries[key], None)
            if self._is_step_done():
                yield
        for key in list(switch.leaving):
            entry = switch.entries[key]
            yield from self._forget_leavers(switch, key, entry)
            if not entry.is_wanted:
                del switch.entries[key]
            if self._is_step_done():
                yield

    # Counting.

    def _count(
        self,
        switch: SwitchEntries,
        intent: IntentEntries,
        wanted: int = 0,
        waiting: int = 0,
        leaving: int = 0,
    ) -> None:
        self._done += 1
        name = switch.name
        share = intent.shares.get(name)
        if share is None:
            share = intent.shares[name] = Share()
            intent.concerned = self._same(intent.concerned | {name})
            switch.intents[intent.key.tenant] += 1
            self.touched[intent] = None
        was_behind = share.waiting or share.leaving
        share.wanted += wanted
        share.waiting += waiting
        share.leaving += leaving
        is_behind = share.waiting or share.leaving
        if is_behind:
            if not was_behind:
                intent.behind = self._same(intent.behind | {name})
                switch.behind[intent.key.tenant] += 1
                self.touched[intent] = None
            elif switch.is_told_of:
                self.touched[intent] = None
        elif was_behind:
            intent.behind = self._same(intent.behind - {name})
            _count_down(switch.behind, intent.key.tenant)
            self.touched[intent] = None
        if not is_behind and not share.wanted:
            del intent.shares[name]
            intent.concerned = self._same(intent.concerned - {name})
            _count_down(switch.intents, intent.key.tenant)
            self.touched[intent] = None

    def _is_step_done(self) -> bool:
        """One more entry was looked at; whether others have their turn."""
        self._done += 1
        return self._is_over()

    def _is_over(self) -> bool:
        """Whether others have their turn."""
        if self._done < _STEP:
            return False
        self._done = 0
        return True

    def _same(self, names: frozenset[SwitchName]) -> frozenset[SwitchName]:
        """One object for all equal sets: thousands of intents concern the same switches."""
        if len(self._sets) > _MOST_SETS:
            self._sets.clear()
        return self._sets.setdefault(names, names)


def _count_down(counts: Counter[TenantName], tenant: TenantName) -> None:
    counts[tenant] -= 1
    if not counts[tenant]:
        del counts[tenant]

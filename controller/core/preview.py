"""What a change would do: it is made, looked at, and taken back at once.

Looking costs what the change touches, and what is listed is bounded; counts are of everything. This module
knows no kind of intent, and does not know what an entry means or how it is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import chain

from p4fabric.controller.compiler.delta import SwitchDelta
from p4fabric.controller.compiler.output import Slot
from p4fabric.controller.core.capacity import TableRoom, TableShare
from p4fabric.controller.core.core import Core
from p4fabric.controller.core.plan import Outcome, Plan
from p4fabric.controller.intents.numbers import NumberKey
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reconcile.diff import same
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["EntryChange", "NumberChange", "Preview", "SwitchPreview", "preview_of"]

MOST_PARTS = 5
"""Parts that are named of those that want one entry."""


@dataclass(frozen=True, slots=True)
class EntryChange:
    """One entry of one switch that would be written."""

    key: EntityKey
    before: Entity | None
    """None: it would be added."""
    now: Entity | None
    """None: it would be removed."""
    parts: tuple[Slot, ...]
    """Parts that want it, or wanted the one that goes: the first MOST_PARTS by name."""
    more_parts: int
    """How many there are beyond those."""


@dataclass(frozen=True, slots=True)
class SwitchPreview:
    """What would be written to one switch."""

    added: int
    changed: int
    removed: int
    entries: tuple[EntryChange, ...]
    """The first of them, by table and key."""

    @property
    def is_truncated(self) -> bool:
        """Whether there are more entries than are listed."""
        return len(self.entries) < self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True, order=True)
class NumberChange:
    """A number that would be given or given back. One that is given back rests before it is given again."""

    pool: str
    key: str
    """What it is given for."""
    number: int
    is_given: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """A change that was not made."""

    plan: Plan = field(repr=False)
    """The whole of it; it was taken back."""
    deleted: tuple[IntentKey, ...]
    """Intents that would be deleted."""
    switches: Mapping[SwitchName, SwitchPreview]
    """In order of names; those to which nothing is written are left out."""
    rooms: tuple[TableRoom, ...]
    """Tables in which anything is written, by switch and name."""
    shares: tuple[TableShare, ...]
    """Of tenants, in tables of which they want other entries than before."""
    numbers: tuple[NumberChange, ...]

    @property
    def outcomes(self) -> Mapping[IntentKey, Outcome]:
        """What would become of the documents that are applied."""
        return self.plan.outcomes

    @property
    def asked(self) -> dict[IntentKey, bool]:
        """The intents that it is about, and whether they would be deleted."""
        return dict.fromkeys(self.outcomes, False) | dict.fromkeys(self.deleted, True)


def preview_of(core: Core, plan: Callable[[], Plan], most_entries: int) -> Preview:
    """Make a change, take it back, and tell what it was. Afterwards everything is as it was before.

    Args:
        core: that the plan changes.
        plan: makes the change.
        most_entries: to list, of all switches together; each of them has its share.

    Raises:
        Exception: what `plan` raised.
    """
    made = plan()
    try:
        delta = made.delta
        share = most_entries // len(delta.switches) if delta.switches else 0
        listed = {name: _first(change, share) for name, change in delta.switches.items()}
        owners = {
            (name, key): _parts(core.compiler.wanted.owners(name, key))
            for name, keys in listed.items()
            for key in keys
            if key in delta.switches[name].wanted
        }
        numbers = _numbers(core, made)
    finally:
        core.discard(made)
    switches: dict[SwitchName, SwitchPreview] = {}
    rooms: list[TableRoom] = []
    for name in sorted(delta.switches):
        before, change = core.compiler.desired(name), delta.switches[name]
        found = _Entries.of(before, change)
        entries = []
        for key in listed[name]:
            if key in found.reordered:
                continue
            parts = owners.get((name, key)) or _parts(core.compiler.wanted.owners(name, key))
            entries.append(EntryChange(key, before.get(key), change.wanted.get(key), *parts))
        if found.written:
            added, removed = found.added.total(), found.removed.total()
            switches[name] = SwitchPreview(added, found.changed.total(), removed, tuple(entries))
            rooms += core.capacity.rooms(
                core.compiler.wanted, name, found.added, found.removed, found.written
            )
    deleted = tuple(sorted(key for key, metadata in made.metadata.items() if metadata is None))
    shares = core.capacity.shares(core.compiler.wanted, delta.slots)
    return Preview(made, deleted, switches, tuple(rooms), tuple(shares), numbers)


@dataclass(slots=True)
class _Entries:
    """Entries of one switch, counted by table: the first element of their keys."""

    added: Counter[object] = field(default_factory=Counter)
    changed: Counter[object] = field(default_factory=Counter)
    removed: Counter[object] = field(default_factory=Counter)
    reordered: set[EntityKey] = field(default_factory=set)
    """Those that mean the same as before, so that nothing is written."""

    @classmethod
    def of(cls, before: Mapping[EntityKey, Entity], change: SwitchDelta) -> _Entries:
        found = cls()
        for key, entity in change.wanted.items():
            old = before.get(key)
            if old is None:
                found.added[key[0]] += 1
            elif same(old, entity):
                found.reordered.add(key)
            else:
                found.changed[key[0]] += 1
        for key in change.unwanted:
            found.removed[key[0]] += 1
        return found

    @property
    def written(self) -> frozenset[object]:
        """Tables in which anything is written."""
        return frozenset((*self.added, *self.changed, *self.removed))


def _first(change: SwitchDelta, most: int) -> list[EntityKey]:
    """The first keys in an order that does not depend on how the change came about.

    Not `sorted`: it would sort all for the few that are listed, and keep other threads waiting meanwhile.
    """
    return nsmallest(most, chain(change.wanted, change.unwanted), key=_rank)


def _rank(part: object) -> tuple[object, ...]:
    """Puts keys, whose parts are of several types, in an order."""
    match part:
        case None:
            return (0,)
        case int():
            return (1, part)
        case tuple():
            return (3, *map(_rank, part))
    return (2, str(part))


def _parts(slots: Iterable[Slot]) -> tuple[tuple[Slot, ...], int]:
    counted = 0

    def counting() -> Iterator[Slot]:
        nonlocal counted
        for slot in slots:
            counted += 1
            yield slot

    first = nsmallest(MOST_PARTS, counting(), key=lambda slot: (str(slot.owner), slot.source, str(slot.key)))
    return tuple(first), counted - len(first)


def _numbers(core: Core, plan: Plan) -> tuple[NumberChange, ...]:
    found: list[NumberChange] = []
    given = core.view.numbers.given.name
    for row in plan.rows:
        if row.table == given and isinstance(row.key, NumberKey):
            for number, is_given in ((row.before, False), (row.value, True)):
                if number is not None:
                    found.append(NumberChange(row.key.pool, row.key.key, int(number), is_given))
    return tuple(sorted(found))

"""In which order the pending changes of a table with priorities or prefixes may be written.

A packet shall meet the old verdict or the new one at each moment:

* An entry is written after all new ones that are looked at before it, may match the same packet, and say
  something else. What it decides then is what the finished table decides.
* An old entry is deleted after all pending writes that may match the same packet, and after the deletes of
  those that are looked at after it and say something else. What is left decides as the old table did, or as
  the finished one does.
* An entry that is modified decides for what it matches before and after. So nothing that is looked at after
  it waits for it.

Entries of one verdict are free of each other, so a policy takes as many rounds as its verdicts alternate.
No write waits for a delete or for a modification, so waits within a table end at inserts.
This module knows what is pending; it does not know what a switch holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, MutableMapping
from dataclasses import dataclass, field
from itertools import count

from sortedcontainers import SortedDict, SortedList

from p4fabric.controller.p4runtime.update import UpdateKind
from p4fabric.pipelines.entities import EntityKey
from p4fabric.pipelines.safety import Precedence

__all__ = ["PendingPrecedence"]

_FIRST = -1
_LONGEST = 1 << 16
"""No prefix is as long."""


class PendingPrecedence:
    """The pending writes and deletes of one switch that have a precedence, by scope."""

    def __init__(self) -> None:
        """Start with nothing pending."""
        self._scopes: dict[Hashable, _Ranked | _Nested] = {}
        self._known: dict[EntityKey, tuple[Precedence, UpdateKind]] = {}

    def add(self, key: EntityKey, precedence: Precedence, kind: UpdateKind) -> None:
        """An entry is to be written with this precedence, or, having it, to be deleted."""
        self.remove(key)
        scope = self._scopes.get(precedence.scope)
        if scope is None:
            scope = self._scopes[precedence.scope] = _Ranked() if precedence.first is None else _Nested()
        scope.add(key, precedence, kind)
        self._known[key] = (precedence, kind)

    def remove(self, key: EntityKey) -> None:
        """The change is pending no more."""
        known = self._known.pop(key, None)
        if known is None:
            return
        precedence, kind = known
        scope = self._scopes[precedence.scope]
        scope.remove(key, precedence, kind)
        if not scope:
            del self._scopes[precedence.scope]

    def blocker(self, key: EntityKey) -> EntityKey | None:
        """The key of a pending change that has to come before that of `key`, which was added; None: none."""
        precedence, kind = self._known[key]
        scope = self._scopes[precedence.scope]
        return (
            scope.before_delete(precedence) if kind is UpdateKind.DELETE else scope.before_write(precedence)
        )

    def has(self, key: EntityKey) -> bool:
        """Whether the key was added."""
        return key in self._known


_Place = tuple[int, int, EntityKey]


_Places = dict[Hashable, SortedList[_Place]]
"""By verdict."""


@dataclass(slots=True)
class _Ranked:
    """A scope of entries with priorities: any two may match the same packet."""

    by_kind: dict[UpdateKind, _Places] = field(default_factory=lambda: {kind: {} for kind in UpdateKind})
    places: dict[EntityKey, _Place] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)

    def __bool__(self) -> bool:
        return bool(self.places)

    def add(self, key: EntityKey, precedence: Precedence, kind: UpdateKind) -> None:
        place = self.places[key] = (precedence.rank, next(self.numbers), key)
        self.by_kind[kind].setdefault(precedence.verdict, SortedList()).add(place)

    def remove(self, key: EntityKey, precedence: Precedence, kind: UpdateKind) -> None:
        places = self.by_kind[kind][precedence.verdict]
        places.remove(self.places.pop(key))
        if not places:
            del self.by_kind[kind][precedence.verdict]

    def before_write(self, precedence: Precedence) -> EntityKey | None:
        """The last to be inserted of those that are looked at before and say something else."""
        nearest: _Place | None = None
        for verdict, places in self.by_kind[UpdateKind.INSERT].items():
            index = places.bisect_left((precedence.rank + 1, _FIRST, ()))
            if verdict != precedence.verdict and index < len(places):
                place = places[index]
                nearest = place if nearest is None or place < nearest else nearest
        return None if nearest is None else nearest[2]

    def before_delete(self, precedence: Precedence) -> EntityKey | None:
        """The last of all inserts and of what is modified behind; else of the deletes behind."""
        inserts, modified = self.by_kind[UpdateKind.INSERT], self.by_kind[UpdateKind.MODIFY]
        last = min((places[0] for places in inserts.values()), default=None)
        if last is None:
            last = min((places[0] for places in modified.values()), default=None)
            if last is not None and last[0] > precedence.rank:
                last = None
        if last is not None:
            return last[2]
        nearest: _Place | None = None
        for verdict, places in self.by_kind[UpdateKind.DELETE].items():
            index = places.bisect_left((precedence.rank, _FIRST, ())) - 1
            if verdict != precedence.verdict and index >= 0:
                place = places[index]
                nearest = place if nearest is None or place > nearest else nearest
        return None if nearest is None else nearest[2]


_Prefix = tuple[int, int]
"""First value and rank."""
_Entry = tuple[EntityKey, Hashable]
"""Key and verdict."""


@dataclass(slots=True)
class _Of:
    """The pending changes of one kind, and how many there are of each length."""

    entries: MutableMapping[_Prefix, _Entry]
    ranks: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class _Nested:
    """A scope of prefixes: two match the same packet where one contains the other."""

    inserts: SortedDict[_Prefix, _Entry] = field(default_factory=SortedDict)
    by_kind: dict[UpdateKind, _Of] = field(init=False)

    def __post_init__(self) -> None:
        """Only what lies within a prefix needs an order: that is asked of inserts."""
        self.by_kind = {kind: _Of({}) for kind in UpdateKind}
        self.by_kind[UpdateKind.INSERT] = _Of(self.inserts)

    def __bool__(self) -> bool:
        return any(of.entries for of in self.by_kind.values())

    def add(self, key: EntityKey, precedence: Precedence, kind: UpdateKind) -> None:
        assert precedence.first is not None
        of = self.by_kind[kind]
        of.entries[precedence.first, precedence.rank] = (key, precedence.verdict)
        of.ranks[precedence.rank] += 1

    def remove(self, key: EntityKey, precedence: Precedence, kind: UpdateKind) -> None:
        assert precedence.first is not None
        of = self.by_kind[kind]
        del of.entries[precedence.first, precedence.rank]
        of.ranks[precedence.rank] -= 1
        if not of.ranks[precedence.rank]:
            del of.ranks[precedence.rank]

    def before_write(self, precedence: Precedence) -> EntityKey | None:
        """A new longer prefix within it that says something else."""
        for place in self._within(precedence):
            key, verdict = self.inserts[place]
            if verdict != precedence.verdict:
                return key
        return None

    def before_delete(self, precedence: Precedence) -> EntityKey | None:
        """An insert within or around it; a change around it; a delete around it that says something else."""
        for place in self._within(precedence):
            return self.inserts[place][0]
        for kind in (UpdateKind.INSERT, UpdateKind.MODIFY):
            for key, _ in self._around(precedence, self.by_kind[kind]):
                return key
        for key, verdict in self._around(precedence, self.by_kind[UpdateKind.DELETE]):
            if verdict != precedence.verdict:
                return key
        return None

    def _within(self, precedence: Precedence) -> Iterator[_Prefix]:
        assert precedence.first is not None and precedence.last is not None
        # Prefixes nest: what starts in the range, and is not as long or longer from its start, lies in it.
        return self.inserts.irange((precedence.first, precedence.rank + 1), (precedence.last, _LONGEST))

    @staticmethod
    def _around(precedence: Precedence, of: _Of) -> Iterator[_Entry]:
        assert precedence.first is not None and precedence.last is not None
        size = precedence.last - precedence.first + 1
        for rank in of.ranks:
            if rank < precedence.rank:
                first = precedence.first & -(size << (precedence.rank - rank))
                entry = of.entries.get((first, rank))
                if entry is not None:
                    yield entry

"""What one switch holds, as far as reads and acknowledgements tell, and what that refers to and mentions.

Every change is one key's and costs what the entity mentions. This module does not know what is wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator

from p4fabric.pipelines.entities import Entity, EntityKey, TableEntry
from p4fabric.pipelines.safety import Number, SafetyRules

__all__ = ["Held", "count", "discount"]

_NONE: frozenset[EntityKey] = frozenset()


class Held:
    """Entities by key; who refers to what; how often each number is mentioned."""

    def __init__(self, rules: SafetyRules) -> None:
        """Start with an empty switch."""
        self._rules = rules
        self._entities: dict[EntityKey, Entity] = {}
        self._referrers: dict[EntityKey, dict[EntityKey, None]] = {}
        self._numbers: dict[Number, int] = {}
        self._prioritised: dict[tuple[object, ...], dict[EntityKey, None]] = {}
        """Entries of tables with priorities, by table and exact fields: what one packet may match."""

    def __len__(self) -> int:
        return len(self._entities)

    def __contains__(self, key: EntityKey) -> bool:
        return key in self._entities

    def get(self, key: EntityKey) -> Entity | None:
        """What the switch holds under a key."""
        return self._entities.get(key)

    def __iter__(self) -> Iterator[EntityKey]:
        return iter(self._entities)

    def prioritised(self, *place: object) -> Collection[EntityKey]:
        """The keys of entries with a priority that have these exact fields.

        Args:
            place: the table's id, then the values of its exact fields, in the order of its key.
        """
        return self._prioritised.get(place, _NONE)

    def referrers(self, key: EntityKey) -> Collection[EntityKey]:
        """The keys of what it holds and refers to `key`."""
        return self._referrers.get(key, _NONE)

    def last_referrer(self, key: EntityKey, among: Container[EntityKey]) -> EntityKey | None:
        """The one that came last of what refers to `key`: what is deleted in order goes last, too."""
        referrers = self._referrers.get(key)
        return next((one for one in reversed(referrers) if one in among), None) if referrers else None

    def mentions(self, number: Number) -> bool:
        """Whether anything that it holds mentions a number."""
        return number in self._numbers

    def put(self, key: EntityKey, entity: Entity | None) -> None:
        """The switch holds this under the key now; None: nothing."""
        old = self._entities.get(key)
        if old is entity:
            return
        if old is not None:
            del self._entities[key]
            for target in self._rules.references(old):
                referrers = self._referrers.get(target)
                if referrers is not None:
                    referrers.pop(key, None)
                    if not referrers:
                        del self._referrers[target]
            discount(self._numbers, self._rules.numbers(old))
            if isinstance(old, TableEntry) and old.HAS_PRIORITY:
                place = old.place
                del self._prioritised[place][key]
                if not self._prioritised[place]:
                    del self._prioritised[place]
        if entity is not None:
            self._entities[key] = entity
            for target in self._rules.references(entity):
                self._referrers.setdefault(target, {})[key] = None
            count(self._numbers, self._rules.numbers(entity))
            if isinstance(entity, TableEntry) and entity.HAS_PRIORITY:
                self._prioritised.setdefault(entity.place, {})[key] = None


def count(counts: dict[Number, int], numbers: Iterable[Number]) -> None:
    """Count numbers once more."""
    for number in numbers:
        counts[number] = counts.get(number, 0) + 1


def discount(counts: dict[Number, int], numbers: Iterable[Number]) -> None:
    """Take numbers out of a count; those that reach zero leave it."""
    for number in numbers:
        left = counts.get(number, 0) - 1
        if left > 0:
            counts[number] = left
        else:
            counts.pop(number, None)

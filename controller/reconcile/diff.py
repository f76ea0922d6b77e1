"""What must change on a switch to hold what is desired.

Pure: two states in, a difference out. This module does not know in which order to write it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p4fabric.pipelines.entities import Entity, EntityKey, MulticastGroup, TableEntry
from p4fabric.pipelines.remembered import Remembered

__all__ = ["Change", "Difference", "difference", "same"]

State = Mapping[EntityKey, Entity]


@dataclass(frozen=True, slots=True)
class Change:
    """One entity as it is and as it should be."""

    actual: Entity
    desired: Entity


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs, by key."""

    missing: Mapping[EntityKey, Entity]
    changed: Mapping[EntityKey, Change]
    surplus: Mapping[EntityKey, Entity]

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.surplus)


def difference(actual: State, desired: State) -> Difference:
    """Compare two states; both map each entity's own key to it."""
    return Difference(
        missing={key: entity for key, entity in desired.items() if key not in actual},
        changed={
            key: Change(actual[key], entity)
            for key, entity in desired.items()
            if key in actual and not same(actual[key], entity)
        },
        surplus={key: entity for key, entity in actual.items() if key not in desired},
    )


def same(one: Entity, other: Entity) -> bool:
    """Whether two entities mean the same: a switch may give members and replicas back in another order."""
    if one is other or one == other:
        return True
    if isinstance(one, MulticastGroup) and isinstance(other, MulticastGroup):
        return one.key == other.key and sorted(one.replicas) == sorted(other.replicas)
    if isinstance(one, TableEntry) and isinstance(other, TableEntry) and one.HAS_SELECTOR:
        return one.key == other.key and _members(one) == _members(other)
    return False


def _count_members(entry: TableEntry) -> Counter[Any]:
    return Counter(getattr(entry, "action"))  # noqa: B009 - every generated table has it, the base has not


_members = Remembered(_count_members)

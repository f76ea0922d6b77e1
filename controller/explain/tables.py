"""Looking a packet up in the entries that one switch holds, at the cost of a few dictionary lookups.

The longest prefix is found by trying each length; of entries with priorities only those are looked at that
have the packet's exact fields. This module knows match kinds; it knows no table.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol, TypeVar

from p4fabric.pipelines.entities import Entity, EntityKey, TableEntry

__all__ = ["Holdings", "Keyed", "find", "instead"]

T = TypeVar("T", bound=TableEntry)


class Keyed(Protocol):
    """Entries by key."""

    def get(self, key: EntityKey, /) -> Entity | None:
        """What is there under a key."""


class Holdings(Keyed, Protocol):
    """What one switch holds."""

    def prioritised(self, *place: object) -> Collection[EntityKey]:
        """The keys of entries with a priority in a table (its id) that have these exact fields."""


def find(held: Holdings, table: type[T], values: tuple[int, ...]) -> T | None:
    """The entry that a packet meets; None: it meets none.

    Args:
        held: the switch's entries.
        table: the table.
        values: the packet's, in the order of the table's key.
    """
    if table.HAS_PRIORITY:
        found = _first(held, table, values)
    elif table.MATCH_FIELDS[-1].kind == "lpm":
        found = _longest(held, table, values, 0)
    else:
        found = held.get((table.TABLE_ID, *values, 0))
    return found if isinstance(found, table) else None


def instead(wanted: Keyed, table: type[T], values: tuple[int, ...], entry: T | None) -> T | None:
    """The entry among others that a packet would meet instead of `entry`; None: the same one.

    It is not looked for in tables with priorities.
    """
    if table.HAS_PRIORITY:
        return None
    last = table.MATCH_FIELDS[-1]
    if last.kind == "lpm":
        least = 0 if entry is None else getattr(entry, last.name).prefix_length
        found = _longest(wanted, table, values, least)
    else:
        found = wanted.get((table.TABLE_ID, *values, 0))
    return found if isinstance(found, table) and found is not entry and found != entry else None


def _longest(held: Keyed, table: type[TableEntry], values: tuple[int, ...], least: int) -> Entity | None:
    *exact, address = values
    width = table.MATCH_FIELDS[-1].bitwidth
    for length in range(width, least - 1, -1):
        rest = width - length
        found = held.get((table.TABLE_ID, *exact, (address >> rest << rest, length), 0))
        if found is not None:
            return found
    return None


def _first(held: Holdings, table: type[TableEntry], values: tuple[int, ...]) -> Entity | None:
    """The entry of the highest priority that matches. Of equal ones that match, any may come first."""
    fields = table.MATCH_FIELDS
    exact = [value for field, value in zip(fields, values, strict=True) if field.kind == "exact"]
    others = [
        (index, value, field.kind == "range")
        for index, (field, value) in enumerate(zip(fields, values, strict=True), 1)
        if field.kind != "exact"
    ]
    best: EntityKey | None = None
    highest = -1
    for key in held.prioritised(table.TABLE_ID, *exact):
        for index, value, is_range in others:
            part: Any = key[index]
            if part is None:
                continue
            if not part[0] <= value <= part[1] if is_range else value & part[1] != part[0]:
                break
        else:
            priority: int = key[-1]  # type: ignore[assignment]
            if priority > highest:
                best, highest = key, priority
    return held.get(best) if best is not None else None

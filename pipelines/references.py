"""Which entries an entry names, by the `@refers_to` annotations of a P4Info.

`@refers_to(table, field)` on a key's field or an action's parameter says that its value is that of a field
of an entry of another table (the convention of PINS and p4-constraints). An entry is found where its whole
key is named, which needs exact-match fields only. This module knows P4Info and bindings, but no pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from finsy.proto import p4i

from p4fabric.pipelines.entities import Entity, EntityKey, TableEntry, Weighted
from p4fabric.pipelines.entities.match import key_part

__all__ = ["References"]

_REFERS_TO = re.compile(r"@refers_to\(\s*(\w+)\s*,\s*(\w+)\s*\)")

Reader = Callable[[Any], Any]
_Named = Mapping[str, Mapping[str, Reader]]
"""By table and field that are referred to, how to read the value."""


@dataclass(frozen=True, slots=True)
class _Target:
    """How to make the key of an entry that is referred to: each value is the entry's or its action's."""

    table_id: int
    values: tuple[tuple[bool, Reader], ...]
    """Of each key field: whether the action has the value, and how to read it."""

    def key(self, entry: Any, action: Any) -> EntityKey:
        values = (key_part(read(action if of_action else entry)) for of_action, read in self.values)
        return (self.table_id, *values, 0)


class References:
    """The references of one pipeline's entries."""

    def __init__(self, p4info: p4i.P4Info, tables: Mapping[int, type[TableEntry]]) -> None:
        """Read the annotations.

        Args:
            p4info: of the pipeline.
            tables: its bindings, by table id.

        Raises:
            ValueError: an annotation names a table or a field that does not exist, or only a part of a key.
        """
        by_alias = {table.preamble.alias: tables[table.preamble.id] for table in p4info.tables}
        actions = {action.preamble.id: action for action in p4info.actions}
        self._targets: dict[type[TableEntry], dict[type[Any], tuple[_Target, ...]]] = {}
        for table in p4info.tables:
            binding = tables[table.preamble.id]
            of_match = _named(table.match_fields)
            by_action: dict[type[Any], tuple[_Target, ...]] = {}
            for action_id, action in binding.ACTIONS.items():
                of_action = _named(actions[action_id].params)
                targets = tuple(
                    _target(binding, by_alias, name, of_match.get(name, {}), of_action.get(name, {}))
                    for name in dict.fromkeys((*of_match, *of_action))
                )
                if targets:
                    by_action[action] = targets
            if by_action:
                self._targets[binding] = by_action

    def of(self, entity: Entity) -> tuple[EntityKey, ...]:
        """The keys of all entries that an entry names."""
        by_action = self._targets.get(type(entity))  # type: ignore[arg-type]
        if by_action is None:
            return ()
        action: Any = entity.action  # type: ignore[union-attr]
        if not isinstance(action, tuple):
            return tuple(target.key(entity, action) for target in by_action.get(type(action), ()))
        members: Iterable[Weighted[Any]] = action
        return tuple(
            target.key(entity, member.action)
            for member in members
            for target in by_action.get(type(member.action), ())
        )


def _named(fields: Iterable[Any]) -> _Named:
    """What annotated match fields or parameters name."""
    named: dict[str, dict[str, Reader]] = {}
    for field in fields:
        for annotation in field.annotations:
            found = _REFERS_TO.fullmatch(annotation.replace(" ", ""))
            if found is not None:
                named.setdefault(found[1], {})[found[2]] = attrgetter(field.name)
    return named


def _target(
    table: type[TableEntry],
    by_alias: Mapping[str, type[TableEntry]],
    name: str,
    of_match: Mapping[str, Reader],
    of_action: Mapping[str, Reader],
) -> _Target:
    target = by_alias.get(name)
    if target is None:
        raise ValueError(f"{table.TABLE_NAME} refers to a table {name}, which does not exist")
    fields = {field.name: field.kind for field in target.MATCH_FIELDS}
    named = {**of_match, **of_action}
    if named.keys() != fields.keys() or set(fields.values()) != {"exact"}:
        raise ValueError(
            f"{table.TABLE_NAME} refers to {name} by {', '.join(named)}, but its key is {', '.join(fields)}: "
            "a reference names the whole key, by exact-match fields"
        )
    return _Target(target.TABLE_ID, tuple((field in of_action, named[field]) for field in fields))

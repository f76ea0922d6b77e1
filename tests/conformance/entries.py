"""STF's entries as operations on a pipeline: finds tables, keys and actions by the names that tests use,
which may leave out whatever stands in front."""

from __future__ import annotations

import re
from collections.abc import Iterable

from p4fabric.softswitch.engine.api import (
    ActionCall,
    ActionInfo,
    Change,
    Exact,
    FieldMatch,
    KeyField,
    Lpm,
    MatchKind,
    PipelineInfo,
    SetDefaultAction,
    TableInfo,
    Ternary,
    WriteEntry,
)

from .stf import Add, Call, SetDefault, number

FIRST_PRIORITY = 1  # STF begins with 0
DIGIT_BITS = {"x": 4, "o": 3, "b": 1}


class Unknown(Exception):
    """A name that the program has not got, or a value that makes no sense there."""


def find(names: Iterable[str], wanted: str, what: str) -> str:
    """The one name that equals `wanted`, or else ends in it."""
    candidates = list(names)
    if wanted in candidates:
        return wanted
    ending = [one for one in candidates if one.endswith(wanted)]
    if len(ending) != 1:
        raise Unknown(f"{'no' if not ending else 'more than one'} {what} {wanted!r}")
    return ending[0]


def entry(add: Add, info: PipelineInfo) -> WriteEntry:
    """The entry that a test adds."""
    table = info.tables[find(info.tables, add.table, "table")]
    given: dict[str, tuple[str, str | None]] = {}
    for field, value, length in add.matches:
        given[_key(field, table)] = value, length
    match = tuple(_match(key, *given.get(key.name, (None, None))) for key in table.key)
    priority = FIRST_PRIORITY + (add.priority or 0) if table.needs_priority else 0
    return WriteEntry(Change.INSERT, table.name, match, _call(add.call, table), priority)


def default(command: SetDefault, info: PipelineInfo) -> SetDefaultAction:
    """The default action that a test sets."""
    table = info.tables[find(info.tables, command.table, "table")]
    return SetDefaultAction(table.name, _call(command.call, table))


def _call(call: Call, table: TableInfo) -> ActionCall:
    actions: dict[str, ActionInfo] = {one.name: one for one in table.actions}
    action = actions[find(actions, call.action, "action")]
    given = dict(call.arguments)
    if set(given) != {one.name for one in action.parameters}:
        raise Unknown(f"{action.name} has not the parameters {', '.join(given) or '(none)'}")
    return ActionCall(action.name, tuple(number(given[one.name]) for one in action.parameters))


def _key(field: str, table: TableInfo) -> str:
    """The key field that a test means: brackets may be written as `$1`, validity as `valid`."""
    field = re.sub(r"\$(\d+)", r"[\1]", field)
    names = [one.name for one in table.key]
    for name in (field, f"{field}$", f"{field}.$valid$", re.sub(r"valid$", "$valid$", field)):
        if name in names:
            return name
    for name in names:
        if name.endswith((f".{field}", f".{field}$")) or (field == "valid" and name.endswith("$valid$")):
            return name
    raise Unknown(f"{table.name} has no key {field!r}")


def _match(key: KeyField, value: str | None, length: str | None) -> FieldMatch:
    whole = (1 << key.bitwidth) - 1
    if value is None:
        return Exact(0) if key.match is MatchKind.EXACT else None
    if key.match is MatchKind.LPM:
        prefix = number(length) if length is not None else _digit_bits(value)
        prefix = min(prefix, key.bitwidth)
        mask = whole >> (key.bitwidth - prefix) << (key.bitwidth - prefix)
        return Lpm(number(value.replace("*", "0")) & mask, prefix)
    if key.match in (MatchKind.EXACT, MatchKind.OPTIONAL):
        return Exact(number(value))
    if key.match is MatchKind.TERNARY:
        digit = "1" if value[1:2].lower() == "b" else "7" if value[1:2].lower() == "o" else "f"
        digits = value[2:] if value[1:2].isalpha() else ""
        mask = number(value[:2] + re.sub(r"[^*]", digit, digits).replace("*", "0")) if digits else whole
        mask = mask | ~((1 << mask.bit_length()) - 1) if "*" not in value else mask
        return Ternary(number(value.replace("*", "0")) & mask & whole, mask & whole)
    raise Unknown(f"a {key.match.value} match cannot be written")


def _digit_bits(value: str) -> int:
    """The bits of the digits that are not `*`."""
    if not value[1:2].isalpha():
        return 4 * len(f"{int(value):x}")
    return (len(value) - 2 - value.count("*")) * DIGIT_BITS[value[1].lower()]

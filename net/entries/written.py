"""What a file asks for, with its place in the file, and values of files as the client's parsers take them.

Must not know formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from finsy.p4schema import P4MatchType
from finsy.proto import p4r

from p4fabric.net.read.document import Value
from p4fabric.net.read.errors import Wrong
from p4fabric.softswitch.client.entries import check_scope
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.matches import MatchField, forms
from p4fabric.softswitch.client.program import Action, Table

_BETWEEN: Mapping[P4MatchType | str, str] = {
    P4MatchType.LPM: "/",
    P4MatchType.TERNARY: "&&&",
    P4MatchType.RANGE: "..",
}
"""What stands between the two values of a match where it is one text."""


@dataclass(frozen=True, slots=True)
class Written:
    """An update, and what asks for it: `routes.json: table_entries[1]`."""

    place: str
    update: p4r.Update


@contextmanager
def at(place: str) -> Iterator[None]:
    """What does not fit the program is `Wrong` at this place."""
    try:
        yield
    except BadInput as error:
        raise Wrong(place, str(error)) from None


def match_of(field: MatchField, value: Value) -> p4r.FieldMatch | None:
    """A field of a key; None where every value matches. As in bmv2's tools, bits outside of the mask do not
    count."""
    content = value.content
    if isinstance(content, list) and len(content) == 2 and field.kind in _BETWEEN:
        parts = [_word(Value(one, value.place)) for one in content]
        word = _BETWEEN[field.kind].join(parts)
    else:
        word = _word(value, f"{forms(field.kind)} is needed")
    with at(value.place):
        return field.parse(word, trim=True)


def action_of(action: Action, values: Mapping[str, Value], place: str) -> p4r.Action:
    """An action with its parameters by name; `place` is where one is missing."""
    given: dict[str, bytes] = {}
    for name, value in values.items():
        with at(value.place):
            parameter = action.parameter(name)
            given[parameter.name] = parameter.type.encode(_word(value))
    with at(place):
        return action.message(given)


def entry_of(
    table: Table,
    match: list[p4r.FieldMatch],
    action: p4r.Action,
    place: Value,
    *,
    priority: int = 0,
    default: bool = False,
) -> p4r.Update:
    """An entry's INSERT, or a default entry's MODIFY; `place` is that of the action."""
    entry = p4r.TableEntry(table_id=table.id, match=match, priority=priority, is_default_action=default)
    entry.action.action.CopyFrom(action)
    with at(place.place):
        check_scope(table, entry.action, default=default)
    return p4r.Update(
        type=p4r.Update.MODIFY if default else p4r.Update.INSERT, entity=p4r.Entity(table_entry=entry)
    )


def _word(value: Value, wanted: str = "a value such as 10.0.1.1, 08:00:00:00:01:11 or 5 is needed") -> str:
    """A number or a text, also in a list of its own."""
    content = value.content
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if isinstance(content, bool):
        return "true" if content else "false"
    if not isinstance(content, int | str):
        raise value.wrong(wanted)
    return str(content).strip()

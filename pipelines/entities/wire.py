"""Updates of table entries as the bytes of P4Runtime's messages, made without the messages.

To build messages for an update takes ten times as long as to fill its values into the bytes that all updates
of the same shape have in common: same kind, table and action, and values of the same lengths. The bytes are
those that the messages would serialise to, field by field in the same order. This module knows protobuf's
encoding, as https://protobuf.dev/programming-guides/encoding has it, and takes the numbers of fields from
P4Runtime's descriptors.

A function for each kind, table and action is written and compiled at its first use, as `dataclasses` does it
for methods: to call a function for each field takes longer than all else. Names in it are those of
attributes, which must be identifiers; nothing else of a program gets into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from finsy.proto import p4r

from p4fabric.pipelines.entities import Entity, FixedEntity
from p4fabric.pipelines.entities.action import Action
from p4fabric.pipelines.entities.encoding import Parameter, encode_int, encode_value
from p4fabric.pipelines.entities.match import MatchField
from p4fabric.pipelines.entities.table import TableEntry
from p4fabric.pipelines.remembered import Remembered

__all__ = ["entities_of", "update_bytes", "write_request_bytes"]

Encoder = Callable[[TableEntry], bytes]
"""Of an entry, as one element of a WriteRequest's `updates`."""

_VARINT, _BYTES = 0, 2
"""Wire types."""
_DELETE = int(p4r.Update.DELETE)
_MOST_SHAPES = 1024
"""Kept for one kind of update; an entry of another costs some microseconds more."""
_SMALL_BITS = 12
_SMALL = tuple(encode_int(number) for number in range(1 << _SMALL_BITS))
"""Byte strings of numbers that come often: ports, VLANs."""


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _tag(message: Any, field: str, wire_type: int = _BYTES) -> bytes:
    return _varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | wire_type)


_MATCH = _tag(p4r.TableEntry, "match")
_PRIORITY = _tag(p4r.TableEntry, "priority", _VARINT)
_TABLE_ID = _tag(p4r.TableEntry, "table_id", _VARINT)
_ACTION = _tag(p4r.TableEntry, "action")
_FIELD_ID = _tag(p4r.FieldMatch, "field_id", _VARINT)
_EXACT = _tag(p4r.FieldMatch, "exact")
_EXACT_VALUE = _tag(p4r.FieldMatch.Exact, "value")
_OPTIONAL = _tag(p4r.FieldMatch, "optional")
_OPTIONAL_VALUE = _tag(p4r.FieldMatch.Optional, "value")
_TERNARY = _tag(p4r.FieldMatch, "ternary")
_TERNARY_VALUE = _tag(p4r.FieldMatch.Ternary, "value")
_TERNARY_MASK = _tag(p4r.FieldMatch.Ternary, "mask")
_LPM = _tag(p4r.FieldMatch, "lpm")
_LPM_VALUE = _tag(p4r.FieldMatch.LPM, "value")
_LPM_LENGTH = _tag(p4r.FieldMatch.LPM, "prefix_len", _VARINT)
_ACTION_ID = _tag(p4r.Action, "action_id", _VARINT)
_PARAMS = _tag(p4r.Action, "params")
_PARAM_ID = _tag(p4r.Action.Param, "param_id", _VARINT)
_PARAM_VALUE = _tag(p4r.Action.Param, "value")
_OF_ACTION = _tag(p4r.TableAction, "action")
_TYPE = _tag(p4r.Update, "type", _VARINT)
_ENTITY = _tag(p4r.Update, "entity")
_TABLE_ENTRY = _tag(p4r.Entity, "table_entry")
_UPDATES = _tag(p4r.WriteRequest, "updates")
_ANSWERED_ENTITIES = _tag(p4r.ReadResponse, "entities")[0]


@dataclass(frozen=True, slots=True)
class _Shape:
    """Bytes with places for values of known lengths."""

    format: bytes
    """For `%`: `%b` where a value goes."""
    length: int
    """With the values."""

    def __add__(self, other: _Shape) -> _Shape:
        return _Shape(self.format + other.format, self.length + other.length)

    def as_field(self, tag: bytes) -> _Shape:
        """As a message or a byte string in another message."""
        return _fixed(tag + _varint(self.length)) + self


def _fixed(content: bytes) -> _Shape:
    return _Shape(content.replace(b"%", b"%%"), len(content))


def _place(length: int) -> _Shape:
    return _Shape(b"%b", length)


_LEFT_OUT = _place(0)


@dataclass(frozen=True, slots=True)
class _Part:
    """One value of an entry: a match field, a parameter, or the priority."""

    source: str
    """Statements that set `{0}`, and where there is another place `{1}`, to what goes there, from `entry` or
    `action`; all of them to nothing where the part is left out."""
    shape: Callable[..., _Shape]
    """Takes the lengths of what goes to its places."""
    places: int = 1
    other: Callable[[Any], bytes] | None = None
    """What the statements call `other`."""


def _value(place: str, value: str, bitwidth: int) -> str:
    """Statements that set a place to a number's byte string (section 8.4)."""
    made = "small[n]" if bitwidth <= _SMALL_BITS else "n.to_bytes((n.bit_length() + 7) // 8 or 1, 'big')"
    # A negative number is not 0 then, either.
    return f"n = int({value})\nif n >> {bitwidth}: wrong(entry)\n{place} = {made}\n"


def _parameter(parameter: Parameter) -> _Part:
    head = _fixed(_PARAM_ID + _varint(parameter.id))

    def shape(length: int) -> _Shape:
        return (head + _place(length).as_field(_PARAM_VALUE)).as_field(_PARAMS)

    name = f"action.{parameter.name}"
    if parameter.bitwidth == 0:
        return _Part(f"{{0}} = other({name})\n", shape, other=parameter.encode)
    return _Part(_value("{0}", name, parameter.bitwidth), shape)


def _priority() -> _Part:
    def shape(length: int) -> _Shape:
        return _fixed(_PRIORITY) + _place(length) if length else _LEFT_OUT

    return _Part("{0} = varint(entry.priority) if entry.priority > 0 else b''\n", shape)


def _match(field: MatchField) -> _Part:
    is_number = field.bitwidth > 0
    match field.kind:
        case "exact" if is_number:
            return _Part(_value("{0}", f"entry.{field.name}", field.bitwidth), _one_value(field))
        case "exact":
            encode = partial(encode_value, field.name, bitwidth=0)
            return _Part(f"{{0}} = other(entry.{field.name})\n", _one_value(field), other=encode)
        case "optional" if is_number:
            value = _value("{0}", "m", field.bitwidth)
            return _Part(_or_nothing(field, "m is None", value, 1), _one_value(field))
        case "ternary" if is_number:
            value = _value("{0}", "m.value", field.bitwidth) + _value("{1}", "m.mask", field.bitwidth)
            return _Part(_or_nothing(field, "m is None or not m.mask", value, 2), _ternary(field), 2)
        case "lpm" if is_number:
            value = _value("{0}", "m.value", field.bitwidth) + "{1} = varint(m.prefix_length)\n"
            return _Part(_or_nothing(field, "m is None or not m.prefix_length", value, 2), _lpm(field), 2)

    def by_message(value: Any) -> bytes:
        made = None if value is None else field.encode(value)
        return b"" if made is None else made.SerializeToString()

    def shape(length: int) -> _Shape:
        return _place(length).as_field(_MATCH) if length else _LEFT_OUT

    return _Part(f"{{0}} = other(entry.{field.name})\n", shape, other=by_message)


def _or_nothing(field: MatchField, left_out: str, source: str, places: int) -> str:
    """Statements for a field that may match everything, which is said by leaving it out (section 9.1.1)."""
    nothing = "".join(f"{{{place}}} = " for place in range(places))
    return f"m = entry.{field.name}\nif {left_out}:\n {nothing}b''\nelse:\n{_indented(source)}"


def _one_value(field: MatchField) -> Callable[[int], _Shape]:
    head = _fixed(_FIELD_ID + _varint(field.id))
    outer, inner = (_EXACT, _EXACT_VALUE) if field.kind == "exact" else (_OPTIONAL, _OPTIONAL_VALUE)

    def shape(length: int) -> _Shape:
        if not length:
            return _LEFT_OUT
        return (head + _place(length).as_field(inner).as_field(outer)).as_field(_MATCH)

    return shape


def _ternary(field: MatchField) -> Callable[[int, int], _Shape]:
    head = _fixed(_FIELD_ID + _varint(field.id))

    def shape(value: int, mask: int) -> _Shape:
        if not mask:
            return _LEFT_OUT + _LEFT_OUT
        both = _place(value).as_field(_TERNARY_VALUE) + _place(mask).as_field(_TERNARY_MASK)
        return (head + both.as_field(_TERNARY)).as_field(_MATCH)

    return shape


def _lpm(field: MatchField) -> Callable[[int, int], _Shape]:
    head = _fixed(_FIELD_ID + _varint(field.id))

    def shape(value: int, prefix_length: int) -> _Shape:
        if not prefix_length:
            return _LEFT_OUT + _LEFT_OUT
        both = _place(value).as_field(_LPM_VALUE) + _fixed(_LPM_LENGTH) + _place(prefix_length)
        return (head + both.as_field(_LPM)).as_field(_MATCH)

    return shape


def _indented(source: str) -> str:
    return "".join(f" {line}\n" for line in source.splitlines())


class _Formats(dict[tuple[int, ...], bytes]):
    """The bytes of updates of one kind, of entries of one table, with one action or (deletes) without any.

    By the lengths of what goes to the places, in the order of `parts`.
    """

    def __init__(self, kind: int, table: type[TableEntry], action: type[Action] | None) -> None:
        self._kind = _fixed(_TYPE + _varint(kind))
        self._table = _fixed(_TABLE_ID + _varint(table.TABLE_ID))
        self._action = None if action is None else _fixed(_ACTION_ID + _varint(action.ID))
        self._match = [_match(field) for field in table.MATCH_FIELDS]
        self._parameters = [] if action is None else [_parameter(one) for one in action.PARAMETERS]
        self._priority = [_priority()] if table.HAS_PRIORITY else []
        self.parts = [*self._match, *self._parameters, *self._priority]

    def __missing__(self, lengths: tuple[int, ...]) -> bytes:
        if len(self) == _MOST_SHAPES:
            self.clear()
        left = iter(lengths)

        def shapes(before: _Shape, parts: Iterable[_Part]) -> _Shape:
            for part in parts:
                before += part.shape(*islice(left, part.places))
            return before

        entry = shapes(self._table, self._match)
        if self._action is not None:
            entry += shapes(self._action, self._parameters).as_field(_OF_ACTION).as_field(_ACTION)
        entry = shapes(entry, self._priority)
        found = (self._kind + entry.as_field(_TABLE_ENTRY).as_field(_ENTITY)).as_field(_UPDATES)
        self[lengths] = found.format
        return found.format


def _encoder(kind: int, table: type[TableEntry], action: type | None) -> Encoder:
    """The function for updates of one kind, table and action."""
    if action is None:
        return _compiled(kind, table, None)
    if table.HAS_IDLE_TIMEOUT or table.HAS_METER or not issubclass(action, Action):
        return Remembered(partial(_by_message, kind))
    return _compiled(kind, table, action)


def _compiled(kind: int, table: type[TableEntry], action: type[Action] | None) -> Encoder:
    fields: list[MatchField | Parameter] = [*table.MATCH_FIELDS, *(action.PARAMETERS if action else ())]
    if not all(field.name.isidentifier() for field in fields):
        raise ValueError(f"{table.TABLE_NAME}: attributes must be identifiers")
    formats = _Formats(kind, table, action)
    names: dict[str, Any] = {"formats": formats, "small": _SMALL, "varint": _varint}
    # The message's way finds the number, too, and says what is wrong with it.
    names["wrong"] = table.encode_key if action is None else table.encode
    source = "action = entry.action\n" if action is not None else ""
    places: list[str] = []
    for part in formats.parts:
        first = len(places)
        own = [f"v{first + place}" for place in range(part.places)]
        source += part.source.format(*own).replace("other(", f"other{first}(")
        names[f"other{first}"] = part.other
        places += own
    lengths = "".join(f"len({place})," for place in places)
    source += f"return formats[({lengths})] % ({''.join(f'{place},' for place in places)})\n"
    exec(f"def encode(entry):\n{_indented(source)}", names)
    encode: Encoder = names["encode"]
    return encode


def update_bytes(kind: int, entity: Entity | FixedEntity) -> bytes:
    """One update, as an element of a WriteRequest's `updates`.

    A delete of a table entry names the key only (section 9.1: the rest is ignored).

    Args:
        kind: of P4Runtime's Update.Type.
        entity: whole, also where only its key counts.

    Raises:
        ValueError: a value does not fit.
    """
    if not isinstance(entity, TableEntry):
        return _by_message(kind, entity)
    action: type | None = None if kind == _DELETE else type(entity.action)  # type: ignore[attr-defined]
    try:
        encode = _encoders[kind, type(entity), action]
    except KeyError:
        encode = _encoders[kind, type(entity), action] = _encoder(kind, type(entity), action)
    return encode(entity)


_encoders: dict[tuple[int, type[TableEntry], type | None], Encoder] = {}


def _by_message(kind: int, entity: Entity | FixedEntity) -> bytes:
    update = p4r.Update(type=kind, entity=entity.encode())  # type: ignore[arg-type]
    return p4r.WriteRequest(updates=[update]).SerializeToString()


def write_request_bytes(head: bytes, updates: Iterable[bytes]) -> bytes:
    """A WriteRequest with updates, made by `update_bytes`, after those that the encoded one has."""
    return head + b"".join(updates)


def entities_of(answer: bytes) -> Iterator[bytes]:
    """The entities of a ReadResponse, encoded as they came.

    Raises:
        DecodeError: no ReadResponse.
    """
    start, end = 0, len(answer)
    while start < end:
        at = start + 2
        if at > end or answer[start] != _ANSWERED_ENTITIES:
            break
        length = answer[at - 1]
        if length > 127:
            length, shift = length & 127, 7
            while at < end and answer[at] > 127 and shift < 28:
                length |= (answer[at] & 127) << shift
                at, shift = at + 1, shift + 7
            if at == end:
                break
            length |= answer[at] << shift
            at += 1
        if at + length > end:
            break
        yield answer[at : at + length]
        start = at + length
    else:
        return
    # A field that is not known, or no message at all: protobuf knows which.
    for entity in p4r.ReadResponse.FromString(answer[start:]).entities:
        yield entity.SerializeToString()

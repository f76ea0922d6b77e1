"""Codecs of table entries and actions: P4Runtime's match fields and actions to the engine's values.

Made once for each table of a pipeline, so that an entry costs a few dictionary look-ups. Byte strings that
are valid but not canonical are replaced in the message itself, so that what is kept is canonical
(section 8.4). Must not know the state of tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import (
    ActionCall,
    Exact,
    FieldMatch,
    Lpm,
    MatchKind,
    Range,
    Ternary,
)
from p4fabric.softswitch.server.bytestrings import encode, is_canonical, shown
from p4fabric.softswitch.server.codings import Coding
from p4fabric.softswitch.server.errors import Refusal, denied, invalid, out_of_range
from p4fabric.softswitch.server.keys import PRIORITY_BYTES, Key, packer

FieldDecoder = Callable[[p4r.FieldMatch], FieldMatch]
HIGHEST_PRIORITY = (1 << 31) - 1

_number = int.from_bytes


@dataclass(frozen=True, slots=True)
class Field:
    """A match field: P4Info's id and name, and how the engine matches it. `coding` is None for unsigned
    numbers, which have quicker ways."""

    id: int
    name: str
    bitwidth: int
    match: MatchKind
    coding: Coding | None = None

    def encode(self, value: int) -> bytes:
        """The canonical byte string of a value."""
        return encode(value) if self.coding is None else self.coding.encode(value)


class MatchCodec:
    """The key of one table."""

    def __init__(self, table: str, fields: Sequence[Field], has_priority: bool) -> None:
        self.table = table
        self.fields = tuple(fields)
        self.has_priority = has_priority
        self._count = len(self.fields)
        self._decoders = {one.id: (place, _decoder(one)) for place, one in enumerate(self.fields)}
        self._packers = tuple(packer(one.match, one.bitwidth) for one in self.fields)
        self._required = tuple(p for p, one in enumerate(self.fields) if one.match is MatchKind.EXACT)

    def decode(self, given: Sequence[p4r.FieldMatch]) -> tuple[FieldMatch, ...]:
        """The engine's match; `Refusal` names the field."""
        values: list[FieldMatch] = [None] * self._count
        decoders = self._decoders
        for one in given:
            try:
                place, decoder = decoders[one.field_id]
            except KeyError:
                raise invalid(f"{self.table} has no match field {one.field_id}") from None
            if values[place] is not None:
                raise invalid(f"{self.table}: match field {self.fields[place].name} is given twice")
            try:
                values[place] = decoder(one)
            except Refusal as refusal:
                raise refusal.within(f"{self.table}: {self.fields[place].name}") from None
        for place in self._required:
            if values[place] is None:
                raise invalid(f"{self.table}: exact match field {self.fields[place].name} is missing")
        return tuple(values)

    def check_default(self, entry: p4r.TableEntry) -> None:
        """`Refusal` if a default entry says which entry it is."""
        if entry.match or entry.priority:
            raise invalid(f"{self.table}: a default entry has neither match nor priority")

    def key(self, match: tuple[FieldMatch, ...], priority: int) -> Key:
        """What identifies the entry; `Refusal` when the priority is not what the table needs."""
        if self.has_priority:
            if not 1 <= priority <= HIGHEST_PRIORITY:
                raise invalid(f"{self.table}: priority {priority}: this table needs one, 1 or more")
            return self.match_key(match) + priority.to_bytes(PRIORITY_BYTES, "big")
        if priority:
            raise invalid(f"{self.table}: priority {priority}: this table has none, leave it 0")
        return self.match_key(match)

    def match_key(self, match: tuple[FieldMatch, ...]) -> Key:
        """A key without its priority."""
        return b"".join([pack(value) for pack, value in zip(self._packers, match, strict=True)])

    def encode(self, match: Sequence[FieldMatch]) -> list[p4r.FieldMatch]:
        """P4Runtime's match fields, canonical."""
        found = []
        for field, value in zip(self.fields, match, strict=True):
            if value is not None:
                found.append(_encode(field, value))
        return found


def _bad(raw: bytes, field: Field) -> Refusal:
    if not raw:
        return invalid(f"an {field.match.value} match needs values that are not empty byte strings")
    return out_of_range(f"{shown(raw)} does not fit in {field.bitwidth} bits")


def _wrong_kind(given: p4r.FieldMatch, wanted: str) -> Refusal | None:
    kind = given.WhichOneof("field_match_type")
    return None if kind == wanted else invalid(f"the field is matched {wanted}, not {kind or 'at all'}")


def _exact(field: Field) -> FieldDecoder:
    limit = 1 << field.bitwidth

    def decode(given: p4r.FieldMatch) -> FieldMatch:
        raw = given.exact.value
        value = _number(raw)
        if value >= limit or not raw:
            raise _wrong_kind(given, "exact") or _bad(raw, field)
        if not raw[0] and len(raw) > 1:
            given.exact.value = encode(value)
        return Exact(value)

    return decode


def _optional(field: Field) -> FieldDecoder:
    limit = 1 << field.bitwidth

    def decode(given: p4r.FieldMatch) -> FieldMatch:
        raw = given.optional.value
        value = _number(raw)
        if value >= limit or not raw:
            raise _wrong_kind(given, "optional") or _bad(raw, field)
        if not raw[0] and len(raw) > 1:
            given.optional.value = encode(value)
        return Exact(value)

    return decode


def _lpm(field: Field) -> FieldDecoder:
    limit, width = 1 << field.bitwidth, field.bitwidth

    def decode(given: p4r.FieldMatch) -> FieldMatch:
        raw, length = given.lpm.value, given.lpm.prefix_len
        value = _number(raw)
        if value >= limit or not raw:
            raise _wrong_kind(given, "lpm") or _bad(raw, field)
        if not 0 < length <= width:
            raise invalid(
                f"prefix length {length} is not in 1..{width}; a field that matches all is left out"
            )
        if value & (1 << width - length) - 1:
            raise invalid(f"{shown(raw)} has bits behind its prefix of length {length}")
        if not is_canonical(raw):
            given.lpm.value = encode(value)
        return Lpm(value, length)

    return decode


def _ternary(field: Field) -> FieldDecoder:
    limit = 1 << field.bitwidth

    def decode(given: p4r.FieldMatch) -> FieldMatch:
        ternary = given.ternary
        raw, raw_mask = ternary.value, ternary.mask
        value, mask = _number(raw), _number(raw_mask)
        if value >= limit or not raw:
            raise _wrong_kind(given, "ternary") or _bad(raw, field)
        if mask >= limit or not raw_mask:
            raise _bad(raw_mask, field)
        if not mask:
            raise invalid("the mask is 0; a field that matches all is left out")
        if value & ~mask:
            raise invalid(f"{shown(raw)} has bits outside its mask {shown(raw_mask)}")
        if not (is_canonical(raw) and is_canonical(raw_mask)):
            given.ternary.value, given.ternary.mask = encode(value), encode(mask)
        return Ternary(value, mask)

    return decode


def _range(field: Field) -> FieldDecoder:
    limit = 1 << field.bitwidth

    def decode(given: p4r.FieldMatch) -> FieldMatch:
        raw_low, raw_high = given.range.low, given.range.high
        low, high = _number(raw_low), _number(raw_high)
        if low >= limit or not raw_low:
            raise _wrong_kind(given, "range") or _bad(raw_low, field)
        if high >= limit or not raw_high:
            raise _bad(raw_high, field)
        if low > high:
            raise invalid(f"the low bound {low} is above the high bound {high}")
        if low == 0 and high == limit - 1:
            raise invalid("the range holds every value; a field that matches all is left out")
        if not (is_canonical(raw_low) and is_canonical(raw_high)):
            given.range.low, given.range.high = encode(low), encode(high)
        return Range(low, high)

    return decode


_DECODERS: dict[MatchKind, Callable[[Field], FieldDecoder]] = {
    MatchKind.EXACT: _exact,
    MatchKind.OPTIONAL: _optional,
    MatchKind.LPM: _lpm,
    MatchKind.TERNARY: _ternary,
    MatchKind.RANGE: _range,
}


def _decoder(field: Field) -> FieldDecoder:
    return _DECODERS[field.match](field) if field.coding is None else _coded(field, field.coding)


def _coded(field: Field, coding: Coding) -> FieldDecoder:
    """Of a field whose values are no unsigned numbers: they become such, and are checked as such."""
    plain = _DECODERS[field.match](Field(field.id, field.name, field.bitwidth, field.match))
    names = {MatchKind.TERNARY: ("value", "mask"), MatchKind.RANGE: ("low", "high")}.get(
        field.match, ("value",)
    )

    def decode(given: p4r.FieldMatch) -> FieldMatch:
        part = getattr(given, field.match.value)
        if given.WhichOneof("field_match_type") != field.match.value:
            raise _wrong_kind(given, field.match.value) or invalid("the match is missing")
        values = [coding.decode(getattr(part, name), name) for name in names]
        if field.match is MatchKind.RANGE:
            return _signed_range(part, field, coding, *values)
        for name, value in zip(names, values, strict=True):
            setattr(part, name, encode(value))
        match = plain(given)
        for name, value in zip(names, values, strict=True):
            setattr(part, name, coding.encode(value))
        return match

    return decode


def _signed_range(
    part: p4r.FieldMatch.Range, field: Field, coding: Coding, low: int, high: int
) -> FieldMatch:
    """A range between signed numbers, whose order is another than that of their bits."""
    sign = 1 << field.bitwidth - 1
    if low ^ sign > high ^ sign:
        raise invalid("the low bound is above the high bound")
    if (low, high) == (sign, sign - 1):
        raise invalid("the range holds every value; a field that matches all is left out")
    part.low, part.high = coding.encode(low), coding.encode(high)
    return Range(low, high)


def _encode(field: Field, value: FieldMatch) -> p4r.FieldMatch:
    message = p4r.FieldMatch(field_id=field.id)
    match value:
        case Exact(number) if field.match is MatchKind.OPTIONAL:
            message.optional.value = field.encode(number)
        case Exact(number):
            message.exact.value = field.encode(number)
        case Lpm(number, length):
            message.lpm.value, message.lpm.prefix_len = field.encode(number), length
        case Ternary(number, _) if field.match is MatchKind.OPTIONAL:
            message.optional.value = field.encode(number)
        case Ternary(number, mask):
            message.ternary.value, message.ternary.mask = field.encode(number), field.encode(mask)
        case Range(low, high):
            message.range.low, message.range.high = field.encode(low), field.encode(high)
    return message


class ActionCodec:
    """An action and its parameters."""

    def __init__(
        self,
        id_: int,
        name: str,
        parameters: Sequence[tuple[int, str, int]],
        codings: Mapping[int, Coding] | None = None,
    ) -> None:
        """Parameters are (id, name, bits), in the engine's order. `codings` by id are those of parameters
        that are no unsigned numbers."""
        self.id = id_
        self.name = name
        self.parameters = tuple(parameters)
        self.codings = dict(codings or {})
        self._places = {
            number: (place, 1 << bits, label) for place, (number, label, bits) in enumerate(parameters)
        }
        self._nothing = ActionCall(name, ())

    def decode(self, given: p4r.Action) -> ActionCall:
        """The engine's call; `Refusal` names the parameter."""
        values: list[int | None] = [None] * len(self.parameters)
        for one in given.params:
            try:
                place, limit, label = self._places[one.param_id]
            except KeyError:
                raise invalid(f"{self.name} has no parameter {one.param_id}") from None
            raw = one.value
            if one.param_id in self.codings:
                coding = self.codings[one.param_id]
                value = coding.decode(raw, f"{self.name}: {label}")
                one.value, raw = coding.encode(value), encode(value)
            else:
                value = _number(raw)
            if not raw:
                raise invalid(f"{self.name}: {label}: an empty byte string is no value")
            if value >= limit:
                bits = limit.bit_length() - 1
                raise out_of_range(f"{self.name}: {label}: {shown(raw)} does not fit in {bits} bits")
            if values[place] is not None:
                raise invalid(f"{self.name}: parameter {label} is given twice")
            if not raw[0] and len(raw) > 1:
                one.value = encode(value)  # never of one with a coding
            values[place] = value
        arguments = tuple(value for value in values if value is not None)
        if len(arguments) != len(values):
            missing = self.parameters[values.index(None)][1]
            raise invalid(f"{self.name}: parameter {missing} is missing")
        return ActionCall(self.name, arguments) if arguments else self._nothing

    def encode(self, arguments: Sequence[int]) -> p4r.Action:
        """P4Runtime's action, canonical."""
        action = p4r.Action(action_id=self.id)
        for (number, _, _), value in zip(self.parameters, arguments, strict=True):
            coding = self.codings.get(number)
            action.params.add(
                param_id=number, value=encode(value) if coding is None else coding.encode(value)
            )
        return action


@dataclass(frozen=True, slots=True)
class ActionSet:
    """The actions of one table, and where each may stand (P4Info's scopes)."""

    table: str
    codecs: dict[int, ActionCodec]
    default_only: frozenset[int]
    table_only: frozenset[int]

    def decode(self, given: p4r.Action, *, default: bool = False) -> ActionCall:
        """The engine's call; `Refusal` for an action that is not the table's, or not in this place."""
        number = given.action_id
        codec = self.codecs.get(number)
        if codec is None:
            raise invalid(f"{self.table} has no action {number}")
        if number in (self.table_only if default else self.default_only):
            where = "an entry only" if default else "the default action only"
            raise denied(f"{self.table}: {codec.name} may be {where}")
        return codec.decode(given)

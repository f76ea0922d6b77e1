"""Records of the runtime (runtime/trace.h) as events: numbers get their names, words their fields.

Knows the layout of records. Must not know which packets they belong to, except to compare a copy's fields
with what they were.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum

from p4fabric.softswitch.engine.encode_table import TARGET_GROUP, TARGET_MEMBER
from p4fabric.softswitch.engine.generate.actions import words
from p4fabric.softswitch.engine.generate.tables import KeyPlace, layout
from p4fabric.softswitch.engine.generate.tracing import (
    TracedField,
    numbered_conditionals,
    numbered_messages,
    numbered_states,
    traced_fields,
)
from p4fabric.softswitch.engine.model import ElementField, FieldRef, Key, Pipeline, Primitive, Source, Text
from p4fabric.softswitch.engine.model import Table as TableModel
from p4fabric.softswitch.engine.native import DROP_REASONS
from p4fabric.softswitch.engine.trace import events as e
from p4fabric.softswitch.engine.trace.expressions import assertion_text, condition_text, is_temporary

VALID = "$valid$"
_PRIORITY_BIAS = 1 << 31
_RESUBMITTED, _RECIRCULATED = 6, 4
HEAD = struct.Struct("=IIQQ")
"""Copy, value, time in nanoseconds, place in the sequence of all records."""


class Kind(IntEnum):
    """enum trace_kind."""

    RECEIVED = 0
    STATE = 1
    PARSED = 2
    CONDITION = 3
    TABLE = 4
    ACTION = 5
    FIELDS = 6
    CLONED = 7
    MULTICAST = 8
    COPIED = 9
    DIGEST = 10
    QUEUED = 11
    EGRESS = 12
    DEPARSED = 13
    AGAIN = 14
    SENT = 15
    DROPPED = 16
    END = 17
    LOG = 18
    ASSERT = 19


class Malformed(Exception):
    """A record that is shorter than what it should hold: there was no room for all of it."""


Snapshot = tuple[int, ...]
"""The values of all traced fields."""


class Decoder:
    """Decodes the records of one pipeline."""

    def __init__(self, pipeline: Pipeline, places: Sequence[int]) -> None:
        """`places`: offset and size of each traced field, as generated code lays them out."""
        self._pipeline = pipeline
        self._states = numbered_states(pipeline)
        self._conditionals = numbered_conditionals(pipeline)
        self._messages = numbered_messages(pipeline)
        self._errors = {number: name for name, number in pipeline.errors.items()}
        self._actions = {one.index: one for one in pipeline.actions}
        self._hidden = _hidden_actions(pipeline)
        self._tables = {one.index: one for one in pipeline.tables}
        self._fields = traced_fields(pipeline)
        self._places = [tuple(places[2 * at : 2 * at + 2]) for at in range(len(self._fields))]
        self.blank: Snapshot = (0,) * len(self._fields)
        """What fields are before anything is parsed."""

    def decode(self, kind: Kind, value: int, content: bytes) -> e.Step | None:
        """One step; None for what is none, or is not known. `Malformed` when something is missing."""
        match kind:
            case Kind.RECEIVED:
                return e.Received(value, content)
            case Kind.STATE:
                return e.State(self._states[value])
            case Kind.PARSED:
                return e.Parsed(self._errors.get(value, str(value)))
            case Kind.CONDITION:
                node = self._conditionals[value >> 1]
                return e.Condition(condition_text(node), place(node.source), bool(value & 1))
            case Kind.TABLE:
                return self._table(self._tables[value], _words(content))
            case Kind.ACTION:
                return self._action(value, _words(content))
            case Kind.LOG:
                step = self._messages[value]
                return e.Logged(_message(step, _words(content)), place(step.source))
            case Kind.ASSERT:
                step = self._messages[value]
                return e.AssertFailed(assertion_text(step), place(step.source))
            case Kind.CLONED:
                return e.Cloned(value)
            case Kind.MULTICAST:
                return e.Multicast(value)
            case Kind.COPIED:
                return e.Copied(value)
            case Kind.DIGEST:
                digest = self._pipeline.info.digests.get(value)
                return e.Digested(digest.name if digest is not None else str(value))
            case Kind.QUEUED:
                priority, depth = _words(content, 2)
                return e.Queued(value, priority, depth)
            case Kind.EGRESS:
                depth, microseconds = _words(content, 2)
                return e.Dequeued(value, depth, microseconds)
            case Kind.DEPARSED:
                return e.Deparsed(content)
            case Kind.AGAIN:
                how = {_RESUBMITTED: "resubmitted", _RECIRCULATED: "recirculated"}
                return e.Again(how.get(value, str(value)))
            case Kind.SENT:
                return e.Sent(value)
            case Kind.DROPPED:
                return e.Dropped(DROP_REASONS[value])
        return None

    # --- tables ---------------------------------------------------------------------------------

    def _table(self, table: TableModel, content: Sequence[int]) -> e.Table:
        sizes, info = layout(table), self._pipeline.info.tables[table.name]
        if len(content) < 4:
            raise Malformed
        hit, target, ref, biased = content[:4]
        given = content[4:]
        size = sizes.key_words + sizes.range_words
        if len(given) < size + (sizes.data_offset if hit else 0):
            raise Malformed
        key = tuple(
            e.Value(one.name, one.bitwidth, _met(given, sizes.key_words, one, where))
            for one, where in zip(table.key, sizes.places, strict=True)
        )
        entry = None
        if hit:
            there = given[size:]
            entry = tuple(
                _matched(there, sizes.key_words, sizes.key_words + 2 * sizes.range_words, one, where)
                for one, where in zip(table.key, sizes.places, strict=True)
            )
        return e.Table(
            table.name,
            info.hidden,
            place(table.source),
            key,
            entry,
            biased - _PRIORITY_BIAS if hit and info.needs_priority else None,
            ref if hit and target == TARGET_MEMBER else None,
            ref if hit and target == TARGET_GROUP else None,
        )

    def _action(self, index: int, content: Sequence[int]) -> e.Action:
        action = self._actions[index]
        parameters, at = [], 0
        for one, width in zip(
            self._pipeline.info.actions[action.name].parameters, action.widths, strict=True
        ):
            count = words(width)
            if len(content) < at + count:
                raise Malformed
            value = _joined(content[at : at + count])
            parameters.append(e.Value(one.name, width, _number(value, width, one.signed)))
            at += count
        return e.Action(action.name, tuple(parameters), action.index in self._hidden)

    # --- fields ---------------------------------------------------------------------------------

    def snapshot(self, content: bytes) -> Snapshot:
        """The fields' values in a FIELDS record."""
        values = []
        for one, (at, size) in zip(self._fields, self._places, strict=True):
            if at + size > len(content):
                raise Malformed
            # Wide fields are as on the wire, others are numbers of the machine.
            wide = one.field is not None and one.field.bitwidth > 128
            values.append(int.from_bytes(content[at : at + size], "big" if wide else "little"))
        return tuple(values)

    def changes(self, before: Snapshot, after: Snapshot) -> e.Fields | None:
        """What differs, but for what invalid headers hold; None: nothing."""
        valid = {
            one.header.name: (bool(old), bool(new))
            for one, old, new in zip(self._fields, before, after, strict=True)
            if one.field is None
        }
        found = []
        for one, old, new in zip(self._fields, before, after, strict=True):
            was, is_ = valid.get(one.header.name, (True, True))
            if one.field is None:
                if old != new:
                    found.append(e.Change(one.header.name, VALID, 1, int(was), int(is_)))
            elif is_ and _shown(one) and (old != new or not was):
                width, signed, name = one.field.bitwidth, one.field.signed, one.field.name
                known = _number(old, width, signed) if was else None
                now, temporary = _number(new, width, signed), is_temporary(one.header, name)
                found.append(e.Change(one.header.name, name, width, known, now, temporary))
        return e.Fields(tuple(found)) if found else None


def _shown(one: TracedField) -> bool:
    return one.field is not None and not one.field.name.startswith("_padding")


def _hidden_actions(pipeline: Pipeline) -> set[int]:
    """Those that only the compiler's own tables run, by index."""
    own: set[int] = set()
    others: set[int] = set()
    for table in pipeline.tables:
        into = own if pipeline.info.tables[table.name].hidden else others
        into |= {action.index for action in table.actions}
    return own - others


def _message(step: Primitive, given: Sequence[int]) -> str:
    """A message with its values in the places of {}."""
    first, *operands = step.operands
    text = first.value if isinstance(first, Text) else ""
    if len(given) < 2 * len(operands):
        raise Malformed
    for at, one in enumerate(operands):
        value = _joined(given[2 * at : 2 * at + 2])
        text = text.replace("{}", str(_narrowed(one, value)), 1)
    return text


def _narrowed(one: object, value: int) -> int:
    """A value of 128 bits as its expression's type has it."""
    field = one.field if isinstance(one, FieldRef | ElementField) else None
    if field is None or field.bitwidth > 128:
        return value
    return _number(value & (1 << field.bitwidth) - 1, field.bitwidth, field.signed)


def _number(value: int, width: int, signed: bool) -> int:
    """What so many bits are, in two's complement where they are `signed`."""
    return value - (1 << width) if signed and value >> width - 1 else value


def place(source: Source | None) -> str:
    """Where in the program: file:line."""
    return f"{source.filename}:{source.line}" if source is not None else ""


def _words(content: bytes, count: int | None = None) -> tuple[int, ...]:
    if len(content) % 8 or (count is not None and len(content) != 8 * count):
        raise Malformed
    return struct.unpack(f"={len(content) // 8}Q", content)


def _joined(content: Sequence[int]) -> int:
    return sum(word << 64 * at for at, word in enumerate(content))


def _value(content: Sequence[int], begin: int, key: Key, where: KeyPlace) -> int:
    """A field of a key that begins at a word."""
    at = begin + where.word
    count = 1 if where.ranged else words(key.bitwidth)
    return _joined(content[at : at + count]) >> where.shift & (1 << key.bitwidth) - 1


def _met(content: Sequence[int], ranges: int, key: Key, where: KeyPlace) -> int:
    """What the packet has for a field: of its words, those of ranges begin at this one."""
    value = _value(content, ranges if where.ranged else 0, key, where)
    return _number(value ^ key.bias if where.ranged else value, key.bitwidth, key.signed)


def _matched(content: Sequence[int], ranges: int, masks: int, key: Key, where: KeyPlace) -> e.Matched:
    """What an entry has for a field: of its words, ranges and masks begin at these."""
    whole = (1 << key.bitwidth) - 1
    if where.ranged:
        ends = content[ranges + 2 * where.word : ranges + 2 * where.word + 2]
        low, high = (_number(one ^ key.bias, key.bitwidth, key.signed) for one in ends)
        return e.Matched(key.name, key.bitwidth, low, whole, high)
    mask, value = _value(content, masks, key, where), _value(content, 0, key, where)
    # Of a part of the bits there is no sign.
    return e.Matched(key.name, key.bitwidth, _number(value, key.bitwidth, key.signed and mask == whole), mask)

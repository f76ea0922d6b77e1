"""The native reader of plain updates (native/plain_writes.h): its structs, and a pipeline laid out for it.

What the reader takes is what `MatchCodec`, `ActionSet` and the engine's encoder would take without a word,
and it makes of it what they make. Must not know the state of tables.
"""

from __future__ import annotations

import ctypes as c
import struct
import weakref
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from p4fabric.softswitch.engine import EntryLayout
from p4fabric.softswitch.engine.api import EncodedBatch, EngineOptions, MatchKind
from p4fabric.softswitch.engine.build import Builder
from p4fabric.softswitch.server.entries import ActionSet, MatchCodec
from p4fabric.softswitch.server.keys import PRIORITY_BYTES, packed_size
from p4fabric.softswitch.server.objects import TableSchema
from p4fabric.softswitch.server.received import check_count
from p4fabric.softswitch.server.schema import Schema

NATIVE = Path(__file__).parent / "native"
MOST_FIELDS, MOST_FIELD_BITS = 64, 16 * 64
MOST_KEPT_WORDS = 1 << 18
"""Larger batches' memory is given back."""
_KINDS = {  # p4.v1.FieldMatch's field numbers
    MatchKind.EXACT: 2,
    MatchKind.TERNARY: 3,
    MatchKind.LPM: 4,
    MatchKind.RANGE: 6,
    MatchKind.OPTIONAL: 7,
}


def _numbers(*names: str) -> tuple[tuple[str, Any], ...]:
    return tuple((name, c.c_uint32) for name in names)


class _Field(c.Structure):
    _fields_ = _numbers("id", "kind", "width", "word", "shift", "key_at")


class _Parameter(c.Structure):
    _fields_ = _numbers("id", "width", "word")


class _Action(c.Structure):
    _fields_ = _numbers("id", "index", "first_parameter", "parameter_count")


class _Table(c.Structure):
    _fields_ = _numbers(
        *("id", "index", "first_field", "field_count", "first_action", "action_count"),
        *("key_words", "range_words", "data_words", "key_size", "has_priority"),
    )


class _Schema(c.Structure):
    _fields_ = (
        ("tables", c.POINTER(_Table)),
        ("fields", c.POINTER(_Field)),
        ("actions", c.POINTER(_Action)),
        ("parameters", c.POINTER(_Parameter)),
        ("table_count", c.c_uint64),
    )


class _Batch(c.Structure):
    _fields_ = (
        ("words", c.POINTER(c.c_uint64)),
        ("keys", c.c_void_p),
        ("updates", c.c_void_p),
        *((f"{one}_count", c.c_uint64) for one in ("word", "key", "update")),
        *((f"{one}_room", c.c_uint64) for one in ("word", "key", "update")),
    )


_UPDATE = struct.Struct("=6I")
_NUMBER = c.POINTER(c.c_uint64)


@cache
def load(options: EngineOptions) -> Any:
    """The library with its signatures declared, compiled when the cache has not got it; `BuildError`."""
    library = c.CDLL(str(Builder(options.cache_directory, options.sanitize).library("plain", NATIVE)))
    library.plain_updates.restype = library.plain_read.restype = c.c_int
    library.plain_updates.argtypes = (c.c_char_p, c.c_size_t, _NUMBER, _NUMBER)
    library.plain_read.argtypes = (
        *(c.POINTER(_Schema), c.c_char_p, c.c_size_t, c.c_uint64, c.c_uint64, c.POINTER(_Batch)),
    )
    library.plain_free.argtypes, library.plain_free.restype = (c.POINTER(_Batch),), None
    return library


PlainUpdate = tuple[int, int, int, int, int, int]
"""Its table's place in `PlainReader.tables`, P4Runtime's Update.Type, where the store's key begins and ends
in the batch's `keys`, where the entry's canonical bytes do in the request. A tuple, as there are so many."""


class PlainBatch(NamedTuple):
    """What was read: for the engine, valid until the next is read; and for the store."""

    encoded: EncodedBatch
    updates: list[PlainUpdate]
    keys: bytes


def find_updates(library: Any, request: bytes) -> slice | None:
    """Where in a serialised WriteRequest the updates are; None if that is not one place."""
    begin, end = c.c_uint64(), c.c_uint64()
    found = library.plain_updates(request, len(request), c.byref(begin), c.byref(end))
    return slice(begin.value, end.value) if found else None


class PlainReader:
    """Reads one pipeline's plain updates."""

    def __init__(self, library: Any, schema: Schema, layouts: dict[str, EntryLayout]) -> None:
        self._library = library
        flat = _Flat(schema, layouts)
        self.tables: list[int] = [one.id for one in flat.tables]
        """P4Info's ids of the tables that it knows."""
        self._kept = flat.arrays()
        self._schema = _Schema(*self._kept, len(flat.tables))
        self._batch = _Batch()
        weakref.finalize(self, library.plain_free, c.byref(self._batch))

    def read(self, request: bytes, updates: slice) -> PlainBatch | None:
        """The updates of a request at the place that `find_updates` has found; None: not all are plain.
        `Refusal` if there are too many."""
        batch = self._batch
        if batch.word_room > MOST_KEPT_WORDS:
            self._library.plain_free(c.byref(batch))
        if not self._library.plain_read(
            c.byref(self._schema), request, len(request), updates.start, updates.stop, c.byref(batch)
        ):
            return None
        check_count(batch.update_count)
        found = c.string_at(batch.updates, _UPDATE.size * batch.update_count)
        return PlainBatch(
            EncodedBatch(batch.words, batch.word_count, batch.update_count),
            list(_UPDATE.iter_unpack(found)),
            c.string_at(batch.keys, batch.key_count),
        )


class _Flat:
    """A pipeline's tables as lists of structs."""

    def __init__(self, schema: Schema, layouts: dict[str, EntryLayout]) -> None:
        self.tables: list[_Table] = []
        self._fields: list[_Field] = []
        self._actions: list[_Action] = []
        self._parameters: list[_Parameter] = []
        for number in sorted(schema.tables):
            table = schema.tables[number]
            if _is_plain(table):
                self._table(table, layouts[table.name])

    def arrays(self) -> tuple[Any, ...]:
        """For C. Whoever points there must keep them."""
        lists: tuple[Any, ...] = (self.tables, self._fields, self._actions, self._parameters)
        kinds: tuple[Any, ...] = (_Table, _Field, _Action, _Parameter)
        return tuple((kind * max(len(one), 1))(*one) for kind, one in zip(kinds, lists, strict=True))

    def _table(self, table: TableSchema, layout: EntryLayout) -> None:
        first_field, first_action = len(self._fields), len(self._actions)
        self._fields += _fields(table.match, layout)
        self._add_actions(table.actions, layout)
        self.tables.append(
            _Table(
                *(table.id, layout.index, first_field, len(self._fields) - first_field),
                *(first_action, len(self._actions) - first_action),
                *(layout.key_words, layout.range_words, layout.data_words),
                *(_key_size(table.match), table.match.has_priority),
            )
        )

    def _add_actions(self, actions: ActionSet, layout: EntryLayout) -> None:
        for number, codec in actions.codecs.items():
            if number in actions.default_only or codec.codings or len(codec.parameters) > MOST_FIELDS:
                continue
            call, word = layout.actions[codec.name], 0
            first = len(self._parameters)
            for (id_, _, _), width in zip(codec.parameters, call.widths, strict=True):
                self._parameters.append(_Parameter(id_, width, word))
                word += (width + 63) // 64
            self._actions.append(_Action(number, call.index, first, len(call.widths)))


def _is_plain(table: TableSchema) -> bool:
    """Whether its entries can be: they have actions of their own, no meters, which a MODIFY without a
    configuration would reset, and sizes and codings that the reader knows."""
    fields = table.match.fields
    widest = max((one.bitwidth for one in fields), default=0)
    ranges = [one.bitwidth for one in fields if one.match is MatchKind.RANGE]
    return (
        table.profile is None
        and table.engine.direct_meter is None
        and not table.const_entries
        and 0 < len(fields) <= MOST_FIELDS
        and all(one.coding is None for one in fields)
        and widest <= MOST_FIELD_BITS
        and max(ranges, default=0) <= 64
    )


def _fields(codec: MatchCodec, layout: EntryLayout) -> Iterable[_Field]:
    at = 0
    for field, place in zip(codec.fields, layout.places, strict=True):
        yield _Field(field.id, _KINDS[field.match], field.bitwidth, place.word, place.shift, at)
        at += packed_size(field.match, field.bitwidth)


def _key_size(codec: MatchCodec) -> int:
    fields = sum(packed_size(one.match, one.bitwidth) for one in codec.fields)
    return fields + (PRIORITY_BYTES if codec.has_priority else 0)

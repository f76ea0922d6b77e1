"""Reads of table entries and of what counts, meters and ages with them (sections 9.1 to 9.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import DEFAULT_HANDLE, CounterValue, Engine, MeterConfig
from p4fabric.softswitch.server.errors import invalid, not_found, unimplemented
from p4fabric.softswitch.server.keys import PRIORITY_BYTES, Key
from p4fabric.softswitch.server.meters import encode_rates
from p4fabric.softswitch.server.objects import TableSchema
from p4fabric.softswitch.server.parts import Part, field, tag, wire
from p4fabric.softswitch.server.roles import Scope
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.store import Store

_TABLE_ENTRY = tag(p4r.Entity, "table_entry")
_COUNTER_DATA = tag(p4r.TableEntry, "counter_data")
_METER_CONFIG = tag(p4r.TableEntry, "meter_config")
_TIME_SINCE_LAST_HIT = tag(p4r.TableEntry, "time_since_last_hit")
_VOLATILE = ("counter_data", "meter_config", "meter_counter_data", "time_since_last_hit")


def _counter_field(value: CounterValue) -> bytes:
    return field(_COUNTER_DATA, _counter(value).SerializeToString())


def _meter_field(rates: MeterConfig | None) -> bytes:
    return field(_METER_CONFIG, encode_rates(rates).SerializeToString()) if rates is not None else b""


def _idle_field(elapsed_ns: int) -> bytes:
    since = p4r.TableEntry.IdleTimeout(elapsed_ns=elapsed_ns)
    return field(_TIME_SINCE_LAST_HIT, since.SerializeToString())


class TableReader:
    """Reads one pipeline's tables."""

    def __init__(self, schema: Schema, store: Store, engine: Engine) -> None:
        self._schema = schema
        self._store = store
        self._engine = engine

    # --- entries --------------------------------------------------------------------------------

    def entries(self, request: p4r.TableEntry, scope: Scope) -> list[Part]:
        """Entries by table, key and what they do; the default entry; all entries of all tables."""
        if not request.table_id:
            if any(one.name not in _VOLATILE for one, _ in request.ListFields()):
                raise invalid("a read of all tables takes no other filter")
            tables = scope.among("tables", self._schema.tables)
            return [self._part(one, list(self._store.tables[one.id].entries), request) for one in tables]
        table = self._schema.table(request.table_id)
        if not scope.among("tables", {table.id: table}):
            return []
        _check_volatile(request, table)
        passes = _passes(request, table)
        if request.is_default_action:
            table.match.check_default(request)
            entry = self._default_entry(table)
            if passes is not None and not passes(entry):
                return []
            return [self._filled(table, [entry.SerializeToString()], [DEFAULT_HANDLE], request)]
        keys = self._select(table, request)
        if passes is not None:
            entries = self._store.tables[table.id].entries
            keys = [key for key in keys if passes(p4r.TableEntry.FromString(entries[key]))]
        return [self._part(table, keys, request)]

    def _select(self, table: TableSchema, request: p4r.TableEntry) -> list[Key]:
        """By match and priority."""
        entries = self._store.tables[table.id].entries
        if not request.match:
            if request.priority:
                return [key for key in entries if _priority(table, key) == request.priority]
            return list(entries)
        match = table.match.decode(request.match)
        if table.match.has_priority and not request.priority:
            begin = table.match.match_key(match)
            return [key for key in entries if key[:-PRIORITY_BYTES] == begin]
        key = table.match.key(match, request.priority)
        return [key] if key in entries else []

    def _part(self, table: TableSchema, keys: list[Key], request: p4r.TableEntry) -> Part:
        state = self._store.tables[table.id]
        handles = [state.handles[key] for key in keys] if state.tracked else []
        return self._filled(table, [state.entries[key] for key in keys], handles, request)

    def _filled(
        self, table: TableSchema, wires: list[bytes], handles: list[int], request: p4r.TableEntry
    ) -> Part:
        """Entries, with those of their values that the data plane changes which are asked for and there."""
        if request.HasField("meter_counter_data"):
            raise unimplemented("meters have no counters per color")
        values: list[Sequence[Any]] = []
        encoders: list[Callable[[Any], bytes]] = []
        if request.HasField("counter_data") and table.has_counter:
            values.append(self._engine.read_direct_counters(table.name, handles))
            encoders.append(_counter_field)
        if request.HasField("meter_config") and table.meter is not None:
            values.append(self._engine.read_direct_meters(table.name, handles))
            encoders.append(_meter_field)
        if request.HasField("time_since_last_hit") and table.has_idle_timeout:
            values.append(self._engine.read_idle_times(table.name, handles))
            encoders.append(_idle_field)
        if not encoders:
            return Part(wires, wire(_TABLE_ENTRY))

        def encode(thing: tuple[Any, ...]) -> bytes:
            content = [thing[0], *(one(value) for one, value in zip(encoders, thing[1:], strict=True))]
            return field(_TABLE_ENTRY, b"".join(content))

        return Part(list(zip(wires, *values, strict=True)), encode)

    def _default_entry(self, table: TableSchema) -> p4r.TableEntry:
        entry = p4r.TableEntry(table_id=table.id, is_default_action=True, is_const=table.const_default)
        written = self._store.tables[table.id].default
        if written is not None:
            entry.MergeFromString(written)
            return entry
        initial = table.initial_default
        if initial.action_id:
            entry.action.action.action_id = initial.action_id
            for one in initial.arguments:
                entry.action.action.params.add(param_id=one.param_id, value=one.value)
            codec = table.actions.codecs.get(initial.action_id)
            if codec is not None:
                codec.decode(entry.action.action)  # which leaves it canonical
        elif table.engine.default_action is not None:
            name, arguments = table.engine.default_action.action, table.engine.default_action.arguments
            for codec in table.actions.codecs.values():
                if codec.name == name:
                    entry.action.action.CopyFrom(codec.encode(arguments))
        return entry

    # --- direct resources -----------------------------------------------------------------------

    def direct_counters(self, request: p4r.TableEntry, scope: Scope) -> list[Part]:
        """The counters of entries, chosen by table and key."""
        found = self._direct(request, scope, lambda table: table.has_counter, "direct counter")
        return [
            Part(
                list(zip(wires, self._engine.read_direct_counters(name, handles), strict=True)),
                _direct_counter,
            )
            for name, wires, handles in found
        ]

    def direct_meters(self, request: p4r.DirectMeterEntry, scope: Scope) -> list[Part]:
        """The meters of entries, chosen by table and key."""
        if request.HasField("counter_data"):
            raise unimplemented("meters have no counters per color")
        asked = request.table_entry
        found = self._direct(asked, scope, lambda table: table.meter is not None, "direct meter")
        return [
            Part(list(zip(wires, self._engine.read_direct_meters(name, handles), strict=True)), _direct_meter)
            for name, wires, handles in found
        ]

    def _direct(
        self, request: p4r.TableEntry, scope: Scope, has: Callable[[TableSchema], bool], what: str
    ) -> Iterator[tuple[str, list[bytes], list[int]]]:
        """Of each table that is meant its name, and its entries that are: serialised, and their handles."""
        if not request.table_id:
            asked = {number: one for number, one in self._schema.tables.items() if has(one)}
        else:
            asked = {request.table_id: self._schema.table(request.table_id)}
        for table in scope.among("tables", asked):
            if not has(table):
                raise invalid(f"{table.name} has no {what}")
            if request.is_default_action:
                table.match.check_default(request)
                default = p4r.TableEntry(table_id=table.id, is_default_action=True)
                yield table.name, [default.SerializeToString()], [DEFAULT_HANDLE]
                continue
            keys, state = self._select(table, request), self._store.tables[table.id]
            if request.match and not keys:
                raise not_found(f"{table.name}: there is no such entry")
            yield table.name, [state.entries[key] for key in keys], [state.handles[key] for key in keys]


def _key_entry(content: bytes) -> p4r.TableEntry:
    """Of a serialised entry what says which one it is."""
    entry = p4r.TableEntry.FromString(content)
    for name in ("action", "metadata", "controller_metadata", "is_const", "idle_timeout_ns"):
        entry.ClearField(name)
    return entry


def _counter(value: CounterValue) -> p4r.CounterData:
    return p4r.CounterData(packet_count=value.packets, byte_count=value.bytes)


def _direct_counter(counted: tuple[bytes, CounterValue]) -> bytes:
    content, value = counted
    one = p4r.DirectCounterEntry(table_entry=_key_entry(content), data=_counter(value))
    return p4r.Entity(direct_counter_entry=one).SerializeToString()


def _direct_meter(metered: tuple[bytes, MeterConfig | None]) -> bytes:
    content, rates = metered
    one = p4r.DirectMeterEntry(table_entry=_key_entry(content))
    if rates is not None:
        one.config.CopyFrom(encode_rates(rates))
    return p4r.Entity(direct_meter_entry=one).SerializeToString()


def _check_volatile(request: p4r.TableEntry, table: TableSchema) -> None:
    if request.HasField("counter_data") and not table.has_counter:
        raise invalid(f"{table.name} has no direct counter")
    if (request.HasField("meter_config") or request.HasField("meter_counter_data")) and table.meter is None:
        raise invalid(f"{table.name} has no direct meter")
    if request.HasField("time_since_last_hit") and (not table.has_idle_timeout or request.is_default_action):
        raise invalid(f"{table.name} has no idle timeouts")


def _priority(table: TableSchema, key: Key) -> int:
    if not table.match.has_priority:
        raise invalid(f"{table.name} has no priorities")
    return int.from_bytes(key[-PRIORITY_BYTES:], "big")


def _passes(request: p4r.TableEntry, table: TableSchema) -> Callable[[p4r.TableEntry], bool] | None:
    """The filters by what an entry does and carries (section 9.1.6); None: there are none."""
    action = 0
    if request.HasField("action"):
        given = request.action
        if given.WhichOneof("type") != "action" or given.action.params or table.profile is not None:
            raise invalid(
                f"{table.name}: entries can be selected by action_id only, in a table without profile"
            )
        action = given.action.action_id
        if action not in table.actions.codecs:
            raise invalid(f"{table.name} has no action {action}")
    metadata, cookie = request.metadata, request.controller_metadata
    if not (action or metadata or cookie):
        return None

    def passes(entry: p4r.TableEntry) -> bool:
        return (
            (not action or entry.action.action.action_id == action)
            and (not metadata or entry.metadata == metadata)
            and (not cookie or entry.controller_metadata == cookie)
        )

    return passes

"""The Read RPC's work (specification, section 13): what requests select, in messages of bounded size.

`Reader.read` runs in the thread that owns the store and takes a snapshot; `messages` cuts it up anywhere.
Must not know clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from finsy.proto import p4r
from google.protobuf.message import Message

from softswitch.engine.api import CounterValue, Engine
from softswitch.server.bytestrings import encode
from softswitch.server.errors import Code, Refusal, Result, invalid, not_found, unimplemented
from softswitch.server.keys import PRIORITY_BYTES, Key
from softswitch.server.schema import CounterSchema, RegisterSchema, Schema, TableSchema
from softswitch.server.store import Store
from softswitch.server.write_others import checked_index

T = TypeVar("T")

MOST_ENTITIES = 1000
MOST_BYTES = 1 << 20
"""Of one message: a client takes 4 MiB by default."""


def _tag(message: type[Message], field: str) -> bytes:
    """The key of a length-delimited field on the wire."""
    return _varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | 2)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


_ENTITY = _tag(p4r.ReadResponse, "entities")
_TABLE_ENTRY = _tag(p4r.Entity, "table_entry")
_DIRECT_COUNTER = _tag(p4r.Entity, "direct_counter_entry")
_MEMBER = _tag(p4r.Entity, "action_profile_member")
_GROUP = _tag(p4r.Entity, "action_profile_group")
_REPLICATION = _tag(p4r.Entity, "packet_replication_engine_entry")
_MULTICAST = _tag(p4r.PacketReplicationEngineEntry, "multicast_group_entry")
_CLONE = _tag(p4r.PacketReplicationEngineEntry, "clone_session_entry")
_COUNTER_DATA = _tag(p4r.TableEntry, "counter_data")
_COUNTED_ENTRY = _tag(p4r.DirectCounterEntry, "table_entry")
_COUNTER_VALUE = _tag(p4r.DirectCounterEntry, "data")


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


@dataclass(frozen=True, slots=True)
class Part:
    """Things of one kind: `encode` makes an Entity's bytes of one of them."""

    things: Sequence[Any]
    encode: Callable[[Any], bytes]


def messages(parts: Sequence[Part]) -> Iterator[p4r.ReadResponse]:
    """Everything, cut into messages of at most 1,000 entities and about 1 MiB."""
    content: list[bytes] = []
    count = size = 0
    for part in parts:
        for thing in part.things:
            entity = part.encode(thing)
            content += (_ENTITY, _varint(len(entity)), entity)
            count += 1
            size += len(entity) + 4
            if count >= MOST_ENTITIES or size >= MOST_BYTES:
                yield p4r.ReadResponse.FromString(b"".join(content))
                content, count, size = [], 0, 0
    if content:
        yield p4r.ReadResponse.FromString(b"".join(content))


def _whole(entity: p4r.Entity) -> bytes:
    """An Entity that is a message already."""
    return entity.SerializeToString()


def _wire(tag: bytes, *outer: bytes) -> Callable[[bytes], bytes]:
    """An Entity around something that is kept serialised."""

    def encode(wire: bytes) -> bytes:
        content = _field(tag, wire)
        for one in outer:
            content = _field(one, content)
        return content

    return encode


def _counted(counted: tuple[bytes, CounterValue]) -> bytes:
    wire, value = counted
    data = p4r.CounterData(packet_count=value.packets, byte_count=value.bytes).SerializeToString()
    return _field(_TABLE_ENTRY, wire + _field(_COUNTER_DATA, data))


class Reader:
    """Answers read requests from one pipeline."""

    def __init__(self, schema: Schema, store: Store, engine: Engine) -> None:
        self._schema = schema
        self._store = store
        self._engine = engine
        self._role = ""

    def read(self, requests: Sequence[p4r.Entity], role: str = "") -> tuple[list[Part], list[Result]]:
        """A snapshot of all that the requests select in a role's scope, and one result for each of them."""
        self._role = role
        parts: list[Part] = []
        results: list[Result] = []
        for request in requests:
            try:
                parts += self._read(request)
                results.append(None)
            except Refusal as refusal:
                results.append(refusal)
        return parts, results

    def _read(self, request: p4r.Entity) -> list[Part]:
        match request.WhichOneof("entity"):
            case "table_entry":
                return self._table_entries(request.table_entry)
            case "direct_counter_entry":
                return self._direct_counters(request.direct_counter_entry.table_entry)
            case "action_profile_member":
                return self._members(request.action_profile_member)
            case "action_profile_group":
                return self._groups(request.action_profile_group)
            case "packet_replication_engine_entry":
                return self._replication(request.packet_replication_engine_entry)
            case "counter_entry":
                return self._counters(request.counter_entry)
            case "register_entry":
                return self._registers(request.register_entry)
            case "digest_entry":
                return self._digests(request.digest_entry)
            case None:
                raise invalid("the request's entity is missing")
            case kind:
                raise unimplemented(f"reads of a {kind} are not implemented")

    def _in_scope(self, kind: str, objects: Mapping[int, T]) -> list[T]:
        """Those of some objects by id that the reading role is to see."""
        roles = self._schema.roles
        return [one for number, one in objects.items() if roles.owns(self._role, kind, number)]

    # --- tables ---------------------------------------------------------------------------------

    def _table_entries(self, request: p4r.TableEntry) -> list[Part]:
        if request.HasField("time_since_last_hit"):
            raise unimplemented("idle timeouts are not implemented")
        counted = request.HasField("counter_data")
        if not request.table_id:
            bare = p4r.TableEntry()
            bare.CopyFrom(request)
            for field in ("counter_data", "meter_config", "meter_counter_data"):
                bare.ClearField(field)
            if bare.ByteSize():
                raise invalid("a read of all tables takes no other filter")
            tables = self._in_scope("tables", self._schema.tables)
            return [self._part(one, list(self._store.tables[one.id].entries), counted) for one in tables]
        table = self._schema.table(request.table_id)
        if not self._in_scope("tables", {table.id: table}):
            return []
        if request.is_default_action:
            if request.match or request.priority:
                raise invalid(f"{table.name}: a default entry has neither match nor priority")
            entry = self._default_entry(table)
            kept = _passes(request, table)
            return [Part([p4r.Entity(table_entry=entry)] if kept is None or kept(entry) else [], _whole)]
        if counted and not table.has_counter:
            raise invalid(f"{table.name} has no direct counter")
        keys = self._select(table, request)
        passes = _passes(request, table)
        if passes is not None:
            entries = self._store.tables[table.id].entries
            keys = [key for key in keys if passes(p4r.TableEntry.FromString(entries[key]))]
        return [self._part(table, keys, counted)]

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

    def _part(self, table: TableSchema, keys: list[Key], counted: bool) -> Part:
        entries = self._store.tables[table.id].entries
        wires = [entries[key] for key in keys]
        if counted and table.has_counter:
            return Part(list(zip(wires, self._values(table, keys), strict=True)), _counted)
        return Part(wires, _wire(_TABLE_ENTRY))

    def _values(self, table: TableSchema, keys: Sequence[Key]) -> list[CounterValue]:
        known = self._store.tables[table.id].handles
        handles = [known[key] for key in keys]
        if -1 in handles:
            raise unimplemented(f"{table.name}: counters of the program's own entries cannot be read")
        return self._engine.read_direct_counters(table.name, handles)

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
                value = encode(int.from_bytes(one.value, "big"))
                entry.action.action.params.add(param_id=one.param_id, value=value)
        elif table.engine.default_action is not None:
            name, arguments = table.engine.default_action.action, table.engine.default_action.arguments
            for codec in table.actions.codecs.values():
                if codec.name == name:
                    entry.action.action.CopyFrom(codec.encode(arguments))
        return entry

    def _direct_counters(self, request: p4r.TableEntry) -> list[Part]:
        if not request.table_id:
            asked = {number: one for number, one in self._schema.tables.items() if one.has_counter}
        else:
            asked = {request.table_id: self._schema.table(request.table_id)}
        parts = []
        for table in self._in_scope("tables", asked):
            if not table.has_counter:
                raise invalid(f"{table.name} has no direct counter")
            if request.is_default_action:
                raise unimplemented(f"{table.name}: counters of default entries are not implemented")
            keys, entries = self._select(table, request), self._store.tables[table.id].entries
            if request.match and not keys:
                raise not_found(f"{table.name}: there is no such entry")
            wires = [entries[key] for key in keys]
            parts.append(Part(list(zip(wires, self._values(table, keys), strict=True)), _direct_counter))
        return parts

    # --- all else -------------------------------------------------------------------------------

    def _members(self, request: p4r.ActionProfileMember) -> list[Part]:
        parts = []
        for number in self._profile_ids(request.action_profile_id):
            kept = self._store.profiles[number].members
            parts.append(Part(_chosen(kept, request.member_id), _wire(_MEMBER)))
        return parts

    def _groups(self, request: p4r.ActionProfileGroup) -> list[Part]:
        parts = []
        for number in self._profile_ids(request.action_profile_id):
            kept = {id_: group.wire for id_, group in self._store.profiles[number].groups.items()}
            parts.append(Part(_chosen(kept, request.group_id), _wire(_GROUP)))
        return parts

    def _profile_ids(self, number: int) -> list[int]:
        profiles = {number: self._schema.profile(number)} if number else self._schema.profiles
        return [one.id for one in self._in_scope("action_profiles", profiles)]

    def _replication(self, request: p4r.PacketReplicationEngineEntry) -> list[Part]:
        if self._schema.roles.is_limited(self._role):
            return []
        groups = Part(
            _chosen(self._store.multicast, request.multicast_group_entry.multicast_group_id),
            _wire(_MULTICAST, _REPLICATION),
        )
        sessions = Part(
            _chosen(self._store.clones, request.clone_session_entry.session_id), _wire(_CLONE, _REPLICATION)
        )
        match request.WhichOneof("type"):
            case "multicast_group_entry":
                return [groups]
            case "clone_session_entry":
                return [sessions]
        raise invalid("packet_replication_engine_entry: a multicast group or a clone session is needed")

    def _counters(self, request: p4r.CounterEntry) -> list[Part]:
        if not request.counter_id:
            return [self._cells(one, None) for one in self._in_scope("counters", self._schema.counters)]
        counter = self._schema.counter(request.counter_id)
        index = request.index if request.HasField("index") else None
        return [self._cells(one, index) for one in self._in_scope("counters", {counter.id: counter})]

    def _cells(self, counter: CounterSchema, index: p4r.Index | None) -> Part:
        start, count = _span(counter, index)
        values = self._engine.read_counters(counter.name, start, count)

        def encode(cell: tuple[int, CounterValue]) -> bytes:
            at, value = cell
            entity = p4r.Entity()
            entity.counter_entry.counter_id = counter.id
            entity.counter_entry.index.index = at
            entity.counter_entry.data.packet_count = value.packets
            entity.counter_entry.data.byte_count = value.bytes
            return entity.SerializeToString()

        return Part(list(enumerate(values, start)), encode)

    def _registers(self, request: p4r.RegisterEntry) -> list[Part]:
        if not request.register_id:
            return [self._register(one, None) for one in self._in_scope("registers", self._schema.registers)]
        register = self._schema.register(request.register_id)
        index = request.index if request.HasField("index") else None
        return [self._register(one, index) for one in self._in_scope("registers", {register.id: register})]

    def _register(self, register: RegisterSchema, index: p4r.Index | None) -> Part:
        type_ = register.type
        if type_ is None:
            raise unimplemented(f"{register.name}: cells of its type are not implemented")
        start, count = _span(register, index)
        values = self._engine.read_registers(register.name, start, count)

        def encode(cell: tuple[int, int]) -> bytes:
            at, value = cell
            entity = p4r.Entity()
            entity.register_entry.register_id = register.id
            entity.register_entry.index.index = at
            entity.register_entry.data.CopyFrom(type_.message((value,)))
            return entity.SerializeToString()

        return Part(list(enumerate(values, start)), encode)

    def _digests(self, request: p4r.DigestEntry) -> list[Part]:
        number = request.digest_id
        asked = {number: self._schema.digest(number)} if number else self._schema.digests
        found = []
        for one in self._in_scope("digests", asked):
            config = self._store.digests.get(one.id)
            if config is not None:
                found.append(p4r.Entity(digest_entry=p4r.DigestEntry(digest_id=one.id, config=config)))
        return [Part(found, _whole)]


def _direct_counter(counted: tuple[bytes, CounterValue]) -> bytes:
    wire, value = counted
    entry = p4r.TableEntry.FromString(wire)
    for field in ("action", "metadata", "controller_metadata", "is_const"):
        entry.ClearField(field)
    data = p4r.CounterData(packet_count=value.packets, byte_count=value.bytes).SerializeToString()
    content = _field(_COUNTED_ENTRY, entry.SerializeToString()) + _field(_COUNTER_VALUE, data)
    return _field(_DIRECT_COUNTER, content)


def _span(array: CounterSchema | RegisterSchema, index: p4r.Index | None) -> tuple[int, int]:
    return (0, array.size) if index is None else (checked_index(index, array.size, array.name), 1)


def _chosen(kept: dict[int, bytes], number: int) -> list[bytes]:
    """All, or the one that is asked for, if it is there."""
    if not number:
        return list(kept.values())
    return [kept[number]] if number in kept else []


def _priority(table: TableSchema, key: Key) -> object:
    if not table.match.has_priority:
        raise Refusal(Code.INVALID_ARGUMENT, f"{table.name} has no priorities")
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

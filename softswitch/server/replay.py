"""A pipeline's state as the updates that would write it again: what another pipeline needs to go on with it.

Must not know why a pipeline is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from finsy.proto import p4r

from p4fabric.softswitch.server.objects import TableSchema
from p4fabric.softswitch.server.parts import messages
from p4fabric.softswitch.server.read import Reader
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.store import Store, initial_entries


class State(Protocol):
    """A pipeline that holds something."""

    @property
    def schema(self) -> Schema:
        """Its objects."""
        ...

    @property
    def store(self) -> Store:
        """What clients have written."""
        ...

    @property
    def reader(self) -> Reader:
        """What the data plane has changed besides."""
        ...


def state_updates(state: State, into: Store) -> list[p4r.Update]:
    """What clients have written, in an order in which nothing is missing when it is needed."""
    insert = p4r.Update.INSERT
    updates = [p4r.Update(type=insert, entity=one) for one in _read(state, _written())]
    updates += _entries(state, into)
    for number, table in state.store.tables.items():
        if table.default is not None:
            entry = p4r.TableEntry.FromString(table.default)
            entry.table_id, entry.is_const = number, False
            updates.append(p4r.Update(type=p4r.Update.MODIFY, entity=p4r.Entity(table_entry=entry)))
    updates += _configured(state)
    return updates


def _configured(state: State) -> Iterator[p4r.Update]:
    """Meters that are not as they were at first, and value sets that are not empty."""
    meters, direct, sets = (p4r.Entity() for _ in range(3))
    meters.meter_entry.SetInParent()
    direct.direct_meter_entry.SetInParent()
    sets.value_set_entry.SetInParent()
    for one in _read(state, [meters, direct, sets, *_defaults(state, "direct_meter_entry")]):
        if (
            one.meter_entry.HasField("config")
            or one.direct_meter_entry.HasField("config")
            or (one.value_set_entry.members)
        ):
            yield p4r.Update(type=p4r.Update.MODIFY, entity=one)


def _entries(state: State, into: Store) -> Iterator[p4r.Update]:
    """Table entries. Those that both programs bring along are modified, or deleted if a client did that."""
    for number, table in state.schema.tables.items():
        if table.const_entries:
            continue
        entries = state.store.tables[number].entries
        there = into.tables[number].entries if number in into.tables else {}
        for _, key, wire in initial_entries(table):
            if key not in entries and key in there:
                yield _update(p4r.Update.DELETE, wire)
        for key, wire in entries.items():
            yield _update(p4r.Update.MODIFY if key in there else p4r.Update.INSERT, wire)


def _update(kind: p4r.Update.Type.ValueType, wire: bytes) -> p4r.Update:
    update = p4r.Update(type=kind)
    update.entity.table_entry.ParseFromString(wire)
    return update


def count_updates(state: State, into: Store) -> list[p4r.Update]:
    """What packets have changed: counters and registers that are not 0."""
    modify, updates = p4r.Update.MODIFY, []
    direct, cells = p4r.Entity(), p4r.Entity()
    direct.direct_counter_entry.SetInParent()
    cells.counter_entry.SetInParent()
    for entity in _read(state, [direct, cells, *_defaults(state, "direct_counter_entry")]):
        if entity.HasField("counter_entry"):
            kept = entity.counter_entry.data.ByteSize()
        else:
            one = entity.direct_counter_entry
            kept = one.data.ByteSize() and _stays(
                state.schema.tables[one.table_entry.table_id], one.table_entry, into
            )
        if kept:
            updates.append(p4r.Update(type=modify, entity=entity))
    for register in state.schema.registers.values():
        if register.type is None:
            continue
        zeros = (0,) * len(register.type.widths)
        request = p4r.Entity(register_entry=p4r.RegisterEntry(register_id=register.id))
        for entity in _read(state, [request]):
            if register.type.values(entity.register_entry.data, register.name) != zeros:
                updates.append(p4r.Update(type=modify, entity=entity))
    return updates


def _defaults(state: State, kind: Literal["direct_counter_entry", "direct_meter_entry"]) -> list[p4r.Entity]:
    """Requests for what default entries count or meter."""
    requests = []
    for table in state.schema.tables.values():
        if table.has_counter if kind == "direct_counter_entry" else table.meter is not None:
            request = p4r.Entity()
            entry = getattr(request, kind).table_entry
            entry.table_id, entry.is_default_action = table.id, True
            requests.append(request)
    return requests


def _stays(table: TableSchema, entry: p4r.TableEntry, into: Store) -> bool:
    """Whether the other program will have this entry: what clients have written it will, constants it has."""
    if not table.const_entries or entry.is_default_action:
        return True
    there = into.tables.get(table.id)
    return (
        there is not None
        and table.match.key(table.match.decode(entry.match), entry.priority) in there.entries
    )


def _written() -> list[p4r.Entity]:
    members, groups, multicast, clones, digests = (p4r.Entity() for _ in range(5))
    members.action_profile_member.SetInParent()
    groups.action_profile_group.SetInParent()
    multicast.packet_replication_engine_entry.multicast_group_entry.SetInParent()
    clones.packet_replication_engine_entry.clone_session_entry.SetInParent()
    digests.digest_entry.SetInParent()
    return [members, groups, multicast, clones, digests]


def _read(state: State, requests: list[p4r.Entity]) -> Iterator[p4r.Entity]:
    parts, results = state.reader.read(requests)
    for result in results:
        if result is not None:
            raise result
    for message in messages(parts):
        yield from message.entities

"""A pipeline's state as the updates that would write it again: what another pipeline needs to go on with it.

Must not know why a pipeline is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from finsy.proto import p4r

from softswitch.server.read import Reader, messages
from softswitch.server.schema import Schema
from softswitch.server.store import Store, initial_entries


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
    return updates


def _entries(state: State, into: Store) -> Iterator[p4r.Update]:
    """Table entries. Those that both programs bring along are modified, or deleted if a client did that."""
    for number, table in state.schema.tables.items():
        if table.const_entries:
            continue
        entries = state.store.tables[number].entries
        there = into.tables[number].entries if number in into.tables else {}
        for key, wire in initial_entries(table):
            if key not in entries and key in there:
                yield _update(p4r.Update.DELETE, wire)
        for key, wire in entries.items():
            yield _update(p4r.Update.MODIFY if key in there else p4r.Update.INSERT, wire)


def _update(kind: p4r.Update.Type.ValueType, wire: bytes) -> p4r.Update:
    update = p4r.Update(type=kind)
    update.entity.table_entry.ParseFromString(wire)
    return update


def count_updates(state: State) -> list[p4r.Update]:
    """What packets have changed: counters and registers that are not 0."""
    modify, updates = p4r.Update.MODIFY, []
    counted = [one for one in state.schema.tables.values() if one.has_counter and not one.const_entries]
    requests = []
    for table in counted:
        if -1 not in state.store.tables[table.id].handles.values():
            requests.append(p4r.Entity())
            requests[-1].direct_counter_entry.table_entry.table_id = table.id
    requests.append(p4r.Entity())
    requests[-1].counter_entry.SetInParent()
    for entity in _read(state, requests):
        counter = entity.counter_entry if entity.HasField("counter_entry") else entity.direct_counter_entry
        if counter.data.ByteSize():
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

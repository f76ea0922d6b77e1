"""The Read RPC's work (specification, section 13): what requests select, in a role's scope.

`Reader.read` runs in the thread that owns the store and takes a snapshot. Must not know clients.
"""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import Engine
from p4fabric.softswitch.server.errors import Refusal, Result, exhausted, invalid, unimplemented
from p4fabric.softswitch.server.parts import Part, chosen, tag, whole, wire
from p4fabric.softswitch.server.read_cells import CellReader
from p4fabric.softswitch.server.read_tables import TableReader
from p4fabric.softswitch.server.roles import Scope
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.store import Store

MOST_REQUESTS = 1 << 18
"""Entities of one ReadRequest."""
MOST_SELECTED = 1 << 21
"""Entities that a read selects, after which its further requests are refused: each may name all there are."""

_MEMBER = tag(p4r.Entity, "action_profile_member")
_GROUP = tag(p4r.Entity, "action_profile_group")
_REPLICATION = tag(p4r.Entity, "packet_replication_engine_entry")
_MULTICAST = tag(p4r.PacketReplicationEngineEntry, "multicast_group_entry")
_CLONE = tag(p4r.PacketReplicationEngineEntry, "clone_session_entry")
_VALUE_SET = tag(p4r.Entity, "value_set_entry")


class Reader:
    """Answers read requests from one pipeline."""

    def __init__(self, schema: Schema, store: Store, engine: Engine) -> None:
        self._schema = schema
        self._store = store
        self._tables = TableReader(schema, store, engine)
        self._cells = CellReader(schema, engine)

    def read(self, requests: Sequence[p4r.Entity], role: str = "") -> tuple[list[Part], list[Result]]:
        """A snapshot of all that the requests select in a role's scope, and one result for each of them.
        `Refusal` if there are too many of them."""
        if len(requests) > MOST_REQUESTS:
            raise exhausted(f"the request has {len(requests)} entities; {MOST_REQUESTS} are the most")
        scope, selected = Scope(self._schema.roles, role), 0
        parts: list[Part] = []
        results: list[Result] = []
        for request in requests:
            try:
                if selected > MOST_SELECTED:
                    raise exhausted(f"what was asked for before is {selected} entities: read it in parts")
                found = self._read(request, scope)
                selected += sum(len(part.things) + 1 for part in found)
                parts += found
                results.append(None)
            except Refusal as refusal:
                results.append(refusal)
        return parts, results

    def _read(self, request: p4r.Entity, scope: Scope) -> list[Part]:
        match request.WhichOneof("entity"):
            case "table_entry":
                return self._tables.entries(request.table_entry, scope)
            case "direct_counter_entry":
                return self._tables.direct_counters(request.direct_counter_entry.table_entry, scope)
            case "direct_meter_entry":
                return self._tables.direct_meters(request.direct_meter_entry, scope)
            case "action_profile_member":
                return self._members(request.action_profile_member, scope)
            case "action_profile_group":
                return self._groups(request.action_profile_group, scope)
            case "packet_replication_engine_entry":
                return self._replication(request.packet_replication_engine_entry, scope)
            case "counter_entry":
                return self._cells.counters(request.counter_entry, scope)
            case "meter_entry":
                return self._cells.meters(request.meter_entry, scope)
            case "register_entry":
                return self._cells.registers(request.register_entry, scope)
            case "digest_entry":
                return self._digests(request.digest_entry, scope)
            case "value_set_entry":
                return self._value_sets(request.value_set_entry, scope)
            case None:
                raise invalid("the request's entity is missing")
            case kind:
                raise unimplemented(f"reads of a {kind} are not implemented")

    def _members(self, request: p4r.ActionProfileMember, scope: Scope) -> list[Part]:
        parts = []
        for number in self._profile_ids(request.action_profile_id, scope):
            kept = self._store.profiles[number].members
            parts.append(Part(chosen(kept, request.member_id), wire(_MEMBER)))
        return parts

    def _groups(self, request: p4r.ActionProfileGroup, scope: Scope) -> list[Part]:
        parts = []
        for number in self._profile_ids(request.action_profile_id, scope):
            kept = {id_: group.wire for id_, group in self._store.profiles[number].groups.items()}
            parts.append(Part(chosen(kept, request.group_id), wire(_GROUP)))
        return parts

    def _profile_ids(self, number: int, scope: Scope) -> list[int]:
        profiles = {number: self._schema.profile(number)} if number else self._schema.profiles
        return [one.id for one in scope.among("action_profiles", profiles)]

    def _replication(self, request: p4r.PacketReplicationEngineEntry, scope: Scope) -> list[Part]:
        if scope.is_limited:
            return []
        groups = Part(
            chosen(self._store.multicast, request.multicast_group_entry.multicast_group_id),
            wire(_MULTICAST, _REPLICATION),
        )
        sessions = Part(
            chosen(self._store.clones, request.clone_session_entry.session_id), wire(_CLONE, _REPLICATION)
        )
        match request.WhichOneof("type"):
            case "multicast_group_entry":
                return [groups]
            case "clone_session_entry":
                return [sessions]
        raise invalid("packet_replication_engine_entry: a multicast group or a clone session is needed")

    def _digests(self, request: p4r.DigestEntry, scope: Scope) -> list[Part]:
        number = request.digest_id
        asked = {number: self._schema.digest(number)} if number else self._schema.digests
        found = []
        for one in scope.among("digests", asked):
            config = self._store.digests.get(one.id)
            if config is not None:
                found.append(p4r.Entity(digest_entry=p4r.DigestEntry(digest_id=one.id, config=config)))
        return [Part(found, whole)]

    def _value_sets(self, request: p4r.ValueSetEntry, scope: Scope) -> list[Part]:
        number = request.value_set_id
        asked = {number: self._schema.value_set(number)} if number else self._schema.value_sets
        return [
            Part([self._store.value_sets[one.id]], wire(_VALUE_SET))
            for one in scope.among("value_sets", asked)
        ]

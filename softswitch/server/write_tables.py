"""Updates of table entries, default entries and direct counters (specification, sections 9.1 and 9.4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4r

from softswitch.engine.api import (
    Change,
    CounterValue,
    EntryAction,
    FieldMatch,
    GroupRef,
    MemberRef,
    Operation,
    Outcome,
    SetDefaultAction,
    WriteDirectCounter,
    WriteEntry,
)
from softswitch.server.errors import denied, invalid, not_found, unimplemented
from softswitch.server.keys import Key
from softswitch.server.one_shots import OneShots, use_profile
from softswitch.server.plan import Plan, Scene
from softswitch.server.schema import TableSchema
from softswitch.server.store import OneShot, TableState


def counter_value(given: p4r.CounterData) -> CounterValue:
    """A counter's value; `Refusal` for a negative one."""
    if given.packet_count < 0 or given.byte_count < 0:
        raise invalid("a counter's value cannot be negative")
    return CounterValue(given.packet_count, given.byte_count)


def check_extras(table: TableSchema, entry: p4r.TableEntry) -> None:
    """`Refusal` for what an entry of this table cannot have."""
    if entry.is_const:
        raise invalid(f"{table.name}: is_const is the program's to say")
    if entry.idle_timeout_ns or entry.HasField("time_since_last_hit"):
        if not table.has_idle_timeout or entry.is_default_action:
            raise invalid(f"{table.name} has no idle timeouts")
        if entry.HasField("time_since_last_hit"):
            raise invalid(f"{table.name}: time_since_last_hit cannot be written")
        raise unimplemented(f"{table.name}: idle timeouts are not implemented")
    if entry.HasField("meter_config") or entry.HasField("meter_counter_data"):
        raise invalid(f"{table.name} has no direct meter")
    if entry.HasField("counter_data") and not table.has_counter:
        raise invalid(f"{table.name} has no direct counter")


class TableUpdates:
    """Plans updates of table entries; `Writer` has a shorter way for the simplest ones."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._one_shots = OneShots(scene)

    def plan(self, change: Change, entry: p4r.TableEntry) -> Plan:
        """An update of a table entry. `Refusal` says what is wrong."""
        table = self._scene.schema.table(entry.table_id)
        if entry.is_default_action:
            return self._default(table, change, entry)
        if not table.match.fields:
            raise invalid(f"{table.name} has no key: it has a default entry only")
        if change is not Change.DELETE:
            check_extras(table, entry)
        match = table.match.decode(entry.match)
        key = table.match.key(match, entry.priority)
        if table.const_entries:
            return self._const(table, change, entry, match)
        if change is Change.DELETE:
            return self._delete(table, match, key, entry.priority)
        if change is Change.MODIFY and not entry.HasField("action"):
            return self._keep_action(table, entry, match, key)
        if entry.action.WhichOneof("type") == "action_profile_action_set":
            return self._one_shot(table, change, entry, match, key)
        action = self._action(table, entry.action)
        operations: list[Operation] = [WriteEntry(change, table.name, match, action, entry.priority)]
        return self._stored(table, key, entry, match, operations)

    def direct_counter(self, change: Change, given: p4r.DirectCounterEntry) -> Plan:
        """An update of a direct counter."""
        if change is not Change.MODIFY:
            raise invalid("a direct counter can only be modified")
        table = self._scene.schema.table(given.table_entry.table_id)
        if not table.has_counter:
            raise invalid(f"{table.name} has no direct counter")
        if given.table_entry.is_default_action:
            raise unimplemented(f"{table.name}: counters of default entries are not implemented")
        match = table.match.decode(given.table_entry.match)
        priority = given.table_entry.priority
        key = table.match.key(match, priority)
        if not given.HasField("data"):
            state = self._scene.store.tables[table.id]
            if key not in state.entries and not self._scene.expected((table.id, key), None):
                raise not_found(f"{table.name}: there is no such entry")
            return Plan(())
        return Plan((WriteDirectCounter(table.name, match, priority, counter_value(given.data)),))

    # --- the kinds of updates -------------------------------------------------------------------

    def _action(self, table: TableSchema, given: p4r.TableAction) -> EntryAction:
        kind = given.WhichOneof("type")
        if kind is None:
            raise invalid(f"{table.name}: an action is needed")
        if table.profile is None:
            if kind != "action":
                raise invalid(f"{table.name} has no action profile: its entries take an action, not {kind}")
            return table.actions.decode(given.action)
        if kind == "action":
            raise invalid(f"{table.name} takes members and groups of {table.profile.name}, not an action")
        use_profile(self._scene, table.profile, one_shot=False)
        if kind == "action_profile_member_id":
            return MemberRef(given.action_profile_member_id)
        if not table.profile.selector:
            raise invalid(f"{table.profile.name} has no selector: {table.name} takes members only")
        return GroupRef(given.action_profile_group_id)

    def _stored(
        self,
        table: TableSchema,
        key: Key,
        entry: p4r.TableEntry,
        match: tuple[FieldMatch, ...],
        operations: list[Operation],
        one_shot: OneShot | None = None,
    ) -> Plan:
        """Keep the entry when the last operation so far has succeeded; its counter is set behind that."""
        place = len(operations) - 1
        if entry.HasField("counter_data"):
            value = counter_value(entry.counter_data)
            operations.append(WriteDirectCounter(table.name, match, entry.priority, value))
            entry.ClearField("counter_data")
        wire = entry.SerializeToString()
        state = self._scene.store.tables[table.id]
        self._scene.expect((table.id, key), one_shot or True)

        def commit(outcomes: Sequence[Outcome]) -> None:
            state.put(key, wire, outcomes[place].handle, one_shot)

        return Plan(operations, commit)

    def _const(
        self, table: TableSchema, change: Change, entry: p4r.TableEntry, match: tuple[FieldMatch, ...]
    ) -> Plan:
        if change is not Change.MODIFY or entry.HasField("action"):
            raise denied(f"{table.name}: the entries are const")
        if not entry.HasField("counter_data"):
            return Plan(())
        value = counter_value(entry.counter_data)
        return Plan((WriteDirectCounter(table.name, match, entry.priority, value),))

    def _known(self, state: TableState, table: TableSchema, key: Key) -> OneShot | bool | None:
        known: OneShot | bool | None = state.one_shots.get(key, True) if key in state.entries else None
        found: OneShot | bool | None = self._scene.expected((table.id, key), known)
        return found

    def _delete(self, table: TableSchema, match: tuple[FieldMatch, ...], key: Key, priority: int) -> Plan:
        state = self._scene.store.tables[table.id]
        known = self._known(state, table, key)
        operations: list[Operation] = [WriteEntry(Change.DELETE, table.name, match, None, priority)]
        self._scene.expect((table.id, key), None)
        if isinstance(known, OneShot) and table.profile is not None:
            operations += self._one_shots.remove(table.profile, known)

        def commit(_: Sequence[Outcome]) -> None:
            state.remove(key)
            if isinstance(known, OneShot) and table.profile is not None:
                self._one_shots.forget(table.profile, known)

        return Plan(operations, commit)

    def _keep_action(
        self, table: TableSchema, entry: p4r.TableEntry, match: tuple[FieldMatch, ...], key: Key
    ) -> Plan:
        """A MODIFY without an action: all else is as the message says (section 9.1.2)."""
        state = self._scene.store.tables[table.id]
        if (table.id, key) in self._scene.pending:
            raise unimplemented(f"{table.name}: an entry is changed twice in one atomic batch")
        stored = state.entries.get(key)
        if stored is None:
            raise not_found(f"{table.name}: there is no such entry")
        entry.action.CopyFrom(p4r.TableEntry.FromString(stored).action)
        operations: list[Operation] = []
        if entry.HasField("counter_data"):
            value = counter_value(entry.counter_data)
            operations.append(WriteDirectCounter(table.name, match, entry.priority, value))
            entry.ClearField("counter_data")
        wire = entry.SerializeToString()

        def commit(_: Sequence[Outcome]) -> None:
            state.entries[key] = wire

        return Plan(operations, commit)

    def _one_shot(
        self,
        table: TableSchema,
        change: Change,
        entry: p4r.TableEntry,
        match: tuple[FieldMatch, ...],
        key: Key,
    ) -> Plan:
        profile = table.profile
        if profile is None or not profile.selector:
            raise invalid(f"{table.name} has no action selector: its entries take no action set")
        if entry.HasField("counter_data"):
            counter_value(entry.counter_data)  # before ids are taken
        actions = self._one_shots.decode(profile, entry.action.action_profile_action_set)
        known = self._known(self._scene.store.tables[table.id], table, key)
        if change is Change.MODIFY and known is None:
            raise not_found(f"{table.name}: there is no such entry")
        use_profile(self._scene, profile, one_shot=True)
        if change is Change.MODIFY and isinstance(known, OneShot):
            before, new, after = self._one_shots.replace(profile, known, actions)
        else:
            before, new, after = self._one_shots.create(profile, actions)
            known = None
        operations = [*before, WriteEntry(change, table.name, match, GroupRef(new.group), entry.priority)]
        plan = self._stored(table, key, entry, match, operations, new)
        plan.operations = [*plan.operations, *after]
        keep = plan.commit

        def commit(outcomes: Sequence[Outcome]) -> None:
            keep(outcomes)
            self._one_shots.keep(profile, known if isinstance(known, OneShot) else None, new)

        def abandon() -> None:
            self._one_shots.abandon(profile, known if isinstance(known, OneShot) else None, new)

        plan.commit, plan.abandon = commit, abandon
        return plan

    def _default(self, table: TableSchema, change: Change, entry: p4r.TableEntry) -> Plan:
        if change is not Change.MODIFY:
            raise invalid(f"{table.name}: a default entry can only be modified")
        check_extras(table, entry)
        if entry.match or entry.priority:
            raise invalid(f"{table.name}: a default entry has neither match nor priority")
        if entry.HasField("counter_data"):
            raise unimplemented(f"{table.name}: counters of default entries are not implemented")
        if table.const_default:
            raise denied(f"{table.name}: the default action is const")
        state = self._scene.store.tables[table.id]
        if not entry.HasField("action"):

            def reset(_: Sequence[Outcome]) -> None:
                state.default = None

            return Plan((SetDefaultAction(table.name, None),), reset)
        if entry.action.WhichOneof("type") != "action":
            raise invalid(f"{table.name}: a default entry takes an action")
        action = table.actions.decode(entry.action.action, default=True)
        wire = entry.SerializeToString()

        def commit(_: Sequence[Outcome]) -> None:
            state.default = wire

        return Plan((SetDefaultAction(table.name, action),), commit)

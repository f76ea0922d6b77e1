"""Updates of table entries, default entries, direct counters and direct meters (specification, sections 9.1,
9.4.1 and 9.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import (
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
    WriteDirectMeter,
    WriteEntry,
)
from p4fabric.softswitch.server.errors import denied, invalid, not_found, unimplemented
from p4fabric.softswitch.server.keys import Key
from p4fabric.softswitch.server.meters import decode_rates
from p4fabric.softswitch.server.objects import TableSchema
from p4fabric.softswitch.server.one_shots import OneShots, use_profile
from p4fabric.softswitch.server.plan import Plan, Scene
from p4fabric.softswitch.server.store import OneShot, TableState


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
        if entry.idle_timeout_ns < 0:
            raise invalid(f"{table.name}: idle_timeout_ns {entry.idle_timeout_ns} is negative")
    if entry.HasField("meter_config") or entry.HasField("meter_counter_data"):
        if table.meter is None:
            raise invalid(f"{table.name} has no direct meter")
        if entry.HasField("meter_counter_data"):
            raise unimplemented(f"{table.name}: its meter has no counters per color")
    if entry.HasField("counter_data") and not table.has_counter:
        raise invalid(f"{table.name} has no direct counter")


def _write(
    table: TableSchema,
    change: Change,
    entry: p4r.TableEntry,
    match: tuple[FieldMatch, ...],
    action: EntryAction,
) -> WriteEntry:
    return WriteEntry(change, table.name, match, action, entry.priority, entry.idle_timeout_ns)


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
        if change is Change.DELETE:
            if table.const_entries:
                raise denied(f"{table.name}: the entries are const")
            return self._delete(table, match, key, entry.priority)
        if table.const_entries and (change is not Change.MODIFY or entry.HasField("action")):
            raise denied(f"{table.name}: the entries are const")
        direct = self._split_off(table, change, entry, match)
        if table.const_entries:
            return self._const(table, entry, direct)
        if change is Change.MODIFY and not entry.HasField("action"):
            return self._keep_action(table, entry, match, key, direct)
        if entry.action.WhichOneof("type") == "action_profile_action_set":
            return self._one_shot(table, change, entry, match, key, direct)
        action = self._action(table, entry.action)
        return self._stored(table, key, entry, [_write(table, change, entry, match, action)], direct)

    def direct_counter(self, change: Change, given: p4r.DirectCounterEntry) -> Plan:
        """An update of a direct counter."""
        table, match = self._counted(change, given.table_entry, "direct counter")
        if not table.has_counter:
            raise invalid(f"{table.name} has no direct counter")
        priority = given.table_entry.priority
        if not given.HasField("data"):
            if match is None:
                return Plan(())
            key = table.match.key(match, priority)
            state = self._scene.store.tables[table.id]
            if key not in state.entries and not self._scene.expected((table.id, key), None):
                raise not_found(f"{table.name}: there is no such entry")
            return Plan(())
        return Plan((WriteDirectCounter(table.name, match, priority, counter_value(given.data)),))

    def direct_meter(self, change: Change, given: p4r.DirectMeterEntry) -> Plan:
        """An update of a direct meter."""
        table, match = self._counted(change, given.table_entry, "direct meter")
        if table.meter is None:
            raise invalid(f"{table.name} has no direct meter")
        if given.HasField("counter_data"):
            raise unimplemented(f"{table.name}: its meter has no counters per color")
        rates = decode_rates(given.config, table.meter, table.name) if given.HasField("config") else None
        return Plan((WriteDirectMeter(table.name, match, given.table_entry.priority, rates),))

    def _counted(
        self, change: Change, entry: p4r.TableEntry, what: str
    ) -> tuple[TableSchema, tuple[FieldMatch, ...] | None]:
        """The entry whose direct resource is meant; None: the default entry."""
        if change is not Change.MODIFY:
            raise invalid(f"a {what} can only be modified")
        table = self._scene.schema.table(entry.table_id)
        if entry.is_default_action:
            table.match.check_default(entry)
            return table, None
        match = table.match.decode(entry.match)
        table.match.key(match, entry.priority)
        return table, match

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
        operations: list[Operation],
        direct: list[Operation],
        one_shot: OneShot | None = None,
    ) -> Plan:
        """Keep the entry, which the last of the operations writes; its direct resources follow."""
        place = len(operations) - 1
        wire = entry.SerializeToString()
        state = self._scene.store.tables[table.id]
        self._scene.expect((table.id, key), one_shot or True)
        self._scene.expect(("entry", table.id, key), wire)

        def commit(outcomes: Sequence[Outcome]) -> None:
            state.put(key, wire, outcomes[place].handle, one_shot)

        return Plan([*operations, *direct], commit)

    @staticmethod
    def _split_off(
        table: TableSchema, change: Change, entry: p4r.TableEntry, match: tuple[FieldMatch, ...] | None
    ) -> list[Operation]:
        """What concerns the entry's counter and meter (section 9.1.3); the message is left without it."""
        direct: list[Operation] = []
        if entry.HasField("counter_data"):
            value = counter_value(entry.counter_data)
            direct.append(WriteDirectCounter(table.name, match, entry.priority, value))
            entry.ClearField("counter_data")
        if table.meter is not None and (change is Change.MODIFY or entry.HasField("meter_config")):
            rates = None
            if entry.HasField("meter_config"):
                rates = decode_rates(entry.meter_config, table.meter, table.name)
            direct.append(WriteDirectMeter(table.name, match, entry.priority, rates))
            entry.ClearField("meter_config")
        return direct

    @staticmethod
    def _const(table: TableSchema, entry: p4r.TableEntry, direct: list[Operation]) -> Plan:
        if entry.idle_timeout_ns:
            raise denied(f"{table.name}: the entries are const")
        return Plan(direct)

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
        self,
        table: TableSchema,
        entry: p4r.TableEntry,
        match: tuple[FieldMatch, ...],
        key: Key,
        direct: list[Operation],
    ) -> Plan:
        """A MODIFY without an action: all else is as the message says (section 9.1.2)."""
        state = self._scene.store.tables[table.id]
        known = self._known(state, table, key)
        stored = self._scene.expected(("entry", table.id, key), state.entries.get(key))
        if known is None or stored is None:
            raise not_found(f"{table.name}: there is no such entry")
        entry.action.CopyFrom(p4r.TableEntry.FromString(stored).action)
        wire = entry.SerializeToString()
        self._scene.expect(("entry", table.id, key), wire)

        def commit(_: Sequence[Outcome]) -> None:
            state.entries[key] = wire

        if not table.has_idle_timeout:
            return Plan(direct, commit)
        action = GroupRef(known.group) if isinstance(known, OneShot) else self._action(table, entry.action)
        return Plan([_write(table, Change.MODIFY, entry, match, action), *direct], commit)

    def _one_shot(
        self,
        table: TableSchema,
        change: Change,
        entry: p4r.TableEntry,
        match: tuple[FieldMatch, ...],
        key: Key,
        direct: list[Operation],
    ) -> Plan:
        profile = table.profile
        if profile is None or not profile.selector:
            raise invalid(f"{table.name} has no action selector: its entries take no action set")
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
        operations = [*before, _write(table, change, entry, match, GroupRef(new.group))]
        plan = self._stored(table, key, entry, operations, direct, new)
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
        table.match.check_default(entry)
        if table.const_default:
            raise denied(f"{table.name}: the default action is const")
        direct = self._split_off(table, change, entry, None)
        state = self._scene.store.tables[table.id]
        if not entry.HasField("action"):

            def reset(_: Sequence[Outcome]) -> None:
                state.default = None

            return Plan((SetDefaultAction(table.name, None), *direct), reset)
        if entry.action.WhichOneof("type") != "action":
            raise invalid(f"{table.name}: a default entry takes an action")
        action = table.actions.decode(entry.action.action, default=True)
        wire = entry.SerializeToString()

        def commit(_: Sequence[Outcome]) -> None:
            state.default = wire

        return Plan((SetDefaultAction(table.name, action), *direct), commit)

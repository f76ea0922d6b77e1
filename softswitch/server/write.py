"""The Write RPC's work (specification, section 12): a batch of updates, validated, carried out, kept.

Runs in the thread that owns the store. Must not know clients or who may write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import Atomicity, Change, Engine, Operation, Outcome, Status, WriteEntry
from p4fabric.softswitch.server.errors import ABORTED, Code, Refusal, Result, invalid, unimplemented
from p4fabric.softswitch.server.keys import Key
from p4fabric.softswitch.server.objects import TableSchema
from p4fabric.softswitch.server.plan import CHANGES, Plan, Scene
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.store import Store, TableState
from p4fabric.softswitch.server.write_others import (
    CellUpdates,
    DigestUpdates,
    ReplicationUpdates,
    ValueSetUpdates,
)
from p4fabric.softswitch.server.write_profiles import ProfileUpdates
from p4fabric.softswitch.server.write_tables import TableUpdates, check_extras


@dataclass(slots=True)
class _Waiting:
    """An update of the short way: which it is, and what to keep (None: nothing) when it has succeeded."""

    index: int
    state: TableState
    key: Key
    wire: bytes | None


class Writer:
    """Carries out batches on one pipeline."""

    def __init__(self, schema: Schema, store: Store, engine: Engine, ports: frozenset[int]) -> None:
        self._engine = engine
        self._schema = schema
        self._store = store
        self._scene = Scene(schema, store, ports)
        self._tables = TableUpdates(self._scene)
        self._profiles = ProfileUpdates(self._scene)
        self._replication = ReplicationUpdates(self._scene)
        self._cells = CellUpdates(self._scene)
        self._digests = DigestUpdates(self._scene)
        self._value_sets = ValueSetUpdates(self._scene)
        self._role, self._limited = "", False

    def write(self, updates: Sequence[p4r.Update], *, atomic: bool, role: str = "") -> list[Result]:
        """One result for each update. `atomic`: all or nothing, and packets see no half of it. What is not in
        the role's scope is refused.

        The messages are taken over: they may be changed.
        """
        self._scene.pending.clear()
        self._role = role
        self._limited = self._schema.roles.is_limited(role)
        return self._write_together(updates) if atomic else self._write_each(updates)

    # --- one after the other --------------------------------------------------------------------

    def _write_each(self, updates: Sequence[p4r.Update]) -> list[Result]:
        """CONTINUE_ON_ERROR. Runs of plain table entries go to the engine together."""
        results: list[Result] = [None] * len(updates)
        waiting: list[_Waiting] = []
        operations: list[Operation] = []
        for index, update in enumerate(updates):
            try:
                if self._limited:
                    self._schema.roles.check_write(self._role, update.entity)
                if not self._is_plain(update):
                    self._flush(waiting, operations, results)
                    self._scene.pending.clear()
                    self._carry_out(self._plan(update))
                    continue
                operation, state, key, wire = self._plain(update)
            except Refusal as refusal:
                results[index] = refusal
                continue
            operations.append(operation)
            waiting.append(_Waiting(index, state, key, wire))
        self._flush(waiting, operations, results)
        return results

    def _is_plain(self, update: p4r.Update) -> bool:
        """Whether it concerns one entry with an action of its own: one operation, nothing else."""
        entity = update.entity
        if not entity.HasField("table_entry"):
            return False
        entry = entity.table_entry
        table = self._schema.tables.get(entry.table_id)
        if table is None or table.profile is not None or table.const_entries or entry.is_default_action:
            return False
        if update.type == p4r.Update.DELETE:
            return True
        return entry.HasField("action") and table.meter is None and not entry.HasField("counter_data")

    def _plain(self, update: p4r.Update) -> tuple[WriteEntry, TableState, Key, bytes | None]:
        change = CHANGES.get(update.type)
        if change is None:
            raise invalid(f"an update of type {update.type}: INSERT, MODIFY or DELETE is needed")
        entry = update.entity.table_entry
        table: TableSchema = self._schema.tables[entry.table_id]
        codec = table.match
        if not codec.fields:
            raise invalid(f"{table.name} has no key: it has a default entry only")
        match, priority = codec.decode(entry.match), entry.priority
        key = codec.key(match, priority)
        state = self._store.tables[table.id]
        if change is Change.DELETE:
            return WriteEntry(change, table.name, match, None, priority), state, key, None
        check_extras(table, entry)
        if entry.action.WhichOneof("type") != "action":
            raise invalid(f"{table.name} has no action profile: its entries take an action")
        call = table.actions.decode(entry.action.action)
        operation = WriteEntry(change, table.name, match, call, priority, entry.idle_timeout_ns)
        return operation, state, key, entry.SerializeToString()

    def _flush(self, waiting: list[_Waiting], operations: list[Operation], results: list[Result]) -> None:
        if not operations:
            return
        outcomes = self._engine.apply(operations)
        for one, operation, outcome in zip(waiting, operations, outcomes, strict=True):
            if outcome.status:
                results[one.index] = _refusal(operation, outcome)
            elif one.wire is None:
                one.state.remove(one.key)
            else:
                one.state.put(one.key, one.wire, outcome.handle)
        waiting.clear()
        operations.clear()

    def _carry_out(self, plan: Plan) -> None:
        """One update whose operations belong together."""
        outcomes: Sequence[Outcome] = ()
        if plan.operations:
            outcomes = self._engine.apply(plan.operations, Atomicity.ALL_OR_NOTHING)
            failure = _failure(plan.operations, outcomes)
            if failure is not None:
                plan.abandon()
                raise failure
        plan.commit(outcomes)

    # --- all or nothing -------------------------------------------------------------------------

    def _write_together(self, updates: Sequence[p4r.Update]) -> list[Result]:
        """ROLLBACK_ON_ERROR and DATAPLANE_ATOMIC."""
        results: list[Result] = [None] * len(updates)
        plans: list[Plan] = []
        for index, update in enumerate(updates):
            try:
                if self._limited:
                    self._schema.roles.check_write(self._role, update.entity)
                plans.append(self._plan(update))
            except Refusal as refusal:
                results[index] = refusal
        self._scene.pending.clear()
        if not any(results):
            results = self._apply(plans)
            if not any(results):
                return results
        for plan in plans:
            plan.abandon()
        return [result or ABORTED for result in results]

    def _apply(self, plans: Sequence[Plan]) -> list[Result]:
        """Carry out all plans, or none of them."""
        operations = [one for plan in plans for one in plan.operations]
        outcomes = self._engine.apply(operations, Atomicity.ALL_OR_NOTHING) if operations else []
        shares, at = [], 0
        for plan in plans:
            shares.append(outcomes[at : at + len(plan.operations)])
            at += len(plan.operations)
        results = [_failure(plan.operations, share) for plan, share in zip(plans, shares, strict=True)]
        if not any(results):
            for plan, share in zip(plans, shares, strict=True):
                plan.commit(share)
        return results

    # --- in two steps ---------------------------------------------------------------------------

    def plan(self, updates: Sequence[p4r.Update]) -> list[Plan]:
        """Think updates through without touching the engine; raises the first `Refusal`."""
        self._scene.pending.clear()
        return [self._plan(update) for update in updates]

    def carry_out(self, plans: Sequence[Plan]) -> None:
        """Do what `plan` has planned; raises the first `Refusal`, and nothing is changed then."""
        self._scene.pending.clear()
        for result in self._apply(plans):
            if result is not None and result.code is not Code.ABORTED:
                raise result

    # --- planning -------------------------------------------------------------------------------

    def _plan(self, update: p4r.Update) -> Plan:
        change = CHANGES.get(update.type)
        if change is None:
            raise invalid(f"an update of type {update.type}: INSERT, MODIFY or DELETE is needed")
        entity = update.entity
        match entity.WhichOneof("entity"):
            case "table_entry":
                return self._tables.plan(change, entity.table_entry)
            case "direct_counter_entry":
                return self._tables.direct_counter(change, entity.direct_counter_entry)
            case "action_profile_member":
                return self._profiles.member(change, entity.action_profile_member)
            case "action_profile_group":
                return self._profiles.group(change, entity.action_profile_group)
            case "packet_replication_engine_entry":
                return self._replication.plan(change, entity.packet_replication_engine_entry)
            case "counter_entry":
                return self._cells.counter(change, entity.counter_entry)
            case "direct_meter_entry":
                return self._tables.direct_meter(change, entity.direct_meter_entry)
            case "meter_entry":
                return self._cells.meter(change, entity.meter_entry)
            case "value_set_entry":
                return self._value_sets.plan(change, entity.value_set_entry)
            case "register_entry":
                return self._cells.register(change, entity.register_entry)
            case "digest_entry":
                return self._digests.plan(change, entity.digest_entry)
            case None:
                raise invalid("the update's entity is missing")
            case kind:
                raise unimplemented(f"updates of a {kind} are not implemented")


def _failure(operations: Sequence[Operation], outcomes: Sequence[Outcome]) -> Result:
    """The first outcome that tells why, if any failed."""
    failed: Result = None
    for operation, outcome in zip(operations, outcomes, strict=True):
        if outcome.status is Status.ABORTED:
            failed = failed or ABORTED
        elif outcome.status:
            return _refusal(operation, outcome)
    return failed


def _refusal(operation: Operation, outcome: Outcome) -> Refusal:
    return refusal(getattr(operation, "table", None) or getattr(operation, "profile", None), outcome)


def refusal(named: str | None, outcome: Outcome) -> Refusal:
    """What an engine's outcome that is no success is to a client; `named` is the object concerned."""
    text = outcome.text
    return Refusal(Code(outcome.status), f"{named}: {text}" if named and named not in text else text)

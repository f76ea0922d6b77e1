"""The state of the fabric and the plans that change it.

A plan takes effect at once: when `plan_…` returns, the state is the new one. Its owner commits it to the
store and then acts upon it, or gives it to `discard`. One plan at a time, all on one thread. This module
knows two kinds of intent: networks state hosts, and firewall policies have places for their rules.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from p4fabric.controller.compiler import Compiled, Compiler
from p4fabric.controller.core.capacity import Capacity
from p4fabric.controller.core.needed import is_needed
from p4fabric.controller.core.plan import IntentConflict, Loaded, Outcome, Plan, UnknownIntent
from p4fabric.controller.core.remedies import ended_remedies
from p4fabric.controller.core.rows import PersistedRow
from p4fabric.controller.core.sessions import changed_sessions, ended_sessions
from p4fabric.controller.core.stated_hosts import changed_hosts
from p4fabric.controller.intents import FieldError, IntentDocument, IntentError, parse_intent
from p4fabric.controller.intents.kinds.firewall import FirewallPolicy
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.metadata import Description, Metadata
from p4fabric.controller.intents.numbers import Number, NumberKey
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Code
from p4fabric.controller.state import Change, Table
from p4fabric.controller.topology.model import Cable

__all__ = ["Core"]

_log = logging.getLogger(__name__)

_RANKS = "policy-rank/"
"""Begins the names of pools in which an older version numbered policies; they have places now."""
_UNREAD = "unread"
"""Whose a number is that nobody can read."""


class Core:
    """The state, its compiler, and the rules by which it changes."""

    def __init__(self, capacity: Capacity, *, clock: Callable[[], float] = time.time) -> None:
        """An empty state; the clock tells seconds since 1970."""
        self._clock = clock
        self.compiler = Compiler()
        self.view = self.compiler.view
        self.capacity = capacity
        self.metadata: Table[IntentKey, Metadata] = self.compiler.database.table("metadata")
        """What is kept of each intent besides its document; nothing on switches follows from it."""
        self.cables: Table[Cable, Cable] = self.compiler.database.table("cables")
        """Links that were seen once, and should be up; nothing on switches follows from them."""
        self.gone: Table[SwitchName, float] = self.compiler.database.table("gone switches")
        """Switches that an operator declared gone, and when, in seconds since 1970."""
        view = self.view
        self.persisted: tuple[Table[Any, Any], ...] = (
            view.catalogue.table,
            self.metadata,
            view.numbers.given,
            view.numbers.resting,
            view.places.table,
            view.heard_hosts,
            view.links,
            self.cables,
            view.drains,
            view.upf_sessions,
            view.remedies,
            view.smfs,
            view.upf_starts,
            self.gone,
        )
        """The tables that a store keeps."""

    # Intents.

    def plan_apply(
        self,
        intents: Sequence[IntentDocument],
        descriptions: Mapping[IntentKey, Description] | None = None,
    ) -> Plan:
        """Add intents, or put them in place of those with their keys; all or none.

        Args:
            intents: as they shall be.
            descriptions: what is said of them; where it is missing, it stays as it was.

        Raises:
            IntentConflict: they do not stand together or with the others, numbers have run out, or tables
                have no room. Where the list has more than one, fields begin with its index, `[1].`.
        """
        metadata, errors = self._metadata_after(intents, descriptions or {})
        if errors:
            raise IntentConflict(errors)
        outcomes = {key: self._outcome(key, after) for key, after in metadata.items()}
        changed = [intent for intent in intents if outcomes[intent.key] is not Outcome.UNCHANGED]
        compiled = self._compile(self._put(changed, metadata))
        errors = [
            problem.inside(f"[{index}]") if len(intents) > 1 else problem
            for index, intent in enumerate(intents)
            for problem in self.compiler.problems_of(intent.key)
        ]
        if not errors:  # A conflict is one of both sides: it is told once, by the side that is applied.
            errors = [
                FieldError("spec", key.name, f"would break {key}: {problem}", Code.IN_USE, key)
                for key, problems in sorted(compiled.problems.items())
                if key not in outcomes
                for problem in problems
            ]
        self._refuse(compiled, errors, intents[0].name if intents else None)
        return self._plan(compiled, outcomes)

    def plan_delete(self, keys: Sequence[IntentKey]) -> Plan:
        """Take intents out; all or none.

        Raises:
            UnknownIntent: one of them is not there.
            IntentConflict: others still need one of them; it names them.
        """
        missing = [key for key in keys if self.view.catalogue.get(key) is None]
        if missing:
            raise UnknownIntent(
                [FieldError("name", key.name, f"{key} does not exist", Code.NOT_FOUND) for key in missing]
            )
        compiled = self._compile(self._take_out(keys))
        needed = ", ".join(str(key) for key in keys)
        errors = [
            FieldError(
                "name", keys[0].name, f"{needed} is still needed by {other}: {problem}", Code.IN_USE, other
            )
            for other, problems in sorted(compiled.problems.items())
            if other not in keys
            for problem in problems
        ]
        self._refuse(compiled, errors, None, Code.IN_USE)
        return self._plan(compiled)

    # What is seen of the fabric, and of its switches.

    def plan(self, changes: Iterable[Change]) -> Plan:
        """Rows of switches, links, hosts and servers that are others now."""
        return self._plan(self.compiler.change(changes))

    def plan_with_room(self, changes: Iterable[Change], subject: str) -> Plan:
        """Rows of drains or remedies that are others now.

        Raises:
            IntentConflict: tables have no room for what the subject (`drain`) needs.
        """
        compiled = self.compiler.change(changes)
        shortages = list(self.capacity.shortages(self.compiler.wanted, compiled.delta))
        if shortages:
            self.compiler.undo(compiled)
            errors = [one.error(subject, None) for one in shortages]
            raise IntentConflict(errors, code=Code.NO_ROOM)
        return self._plan(compiled)

    def plan_no_sessions(self, upf: IntentKey, started: int) -> Plan:
        """A Upf begins again, without SMFs and sessions.

        Args:
            upf: which one; it may be gone meanwhile.
            started: its recovery time stamp.
        """

        def made() -> Iterator[Change]:
            yield from ended_sessions(self.view, upf)
            if self.view.catalogue.get(upf) is not None:
                yield Change(self.view.upf_starts, upf, started)

        return self._plan(self._compile(made()))

    def plan_sessions(self, upf: IntentKey, changes: Sequence[Change], *, must: bool = False) -> Plan:
        """Rows of sessions of a Upf, and of its SMFs, that are others now.

        Args:
            upf: whose they are.
            changes: of its rows.
            must: they are as they were a moment ago: there is room for them.

        Raises:
            IntentConflict: tables have no room, there is no number left for a gNB, or the Upf is gone.
        """
        view = self.view
        if any(change.value is not None for change in changes) and view.catalogue.get(upf) is None:
            raise IntentConflict([FieldError("name", upf.name, f"{upf} does not exist", Code.NOT_FOUND)])

        compiled = self._compile(changed_sessions(view, changes, upf.name))
        if not must:
            self._refuse(compiled, [], upf.name)
        return self._plan(compiled)

    def plan_forget(self, key: IntentKey, *, is_last: bool) -> Plan:
        """Forget an intent that this version refuses, and give back its numbers.

        Args:
            key: which one.
            is_last: there is no other, so that all numbers that nobody needs go back.
        """
        numbers = self.view.numbers

        def changes() -> Iterator[Change]:
            yield Change(self.metadata, key, None)
            yield from self.view.places.remove(key)
            for given, number in list(numbers.given.rows()):
                concerned = is_last or given.key == str(key)
                if concerned and not is_needed(self.view, given.pool, given.key):
                    yield Change(numbers.given, given, None)
                    yield Change(numbers.resting, Number(given.pool, number), given.key)

        return self._plan(self.compiler.change(changes()))

    def plan_rest(self, pool: str, number: int) -> Plan:
        """Let a number rest of which nobody can read whose it is; it is not given before the next start."""
        return self.plan([Change(self.view.numbers.resting, Number(pool, number), _UNREAD)])

    def discard(self, plan: Plan) -> None:
        """Take the last plan back."""
        self.compiler.undo(plan.compiled)

    def load(
        self,
        rows: Iterable[PersistedRow],
        documents: Mapping[IntentKey, object],
        reserved: Iterable[tuple[str, int]] = (),
    ) -> Loaded:
        """Take up what a store kept.

        Args:
            rows: of all tables but intents.
            documents: the intents as they were written.
            reserved: pools and numbers that are somebody's, though nobody can read whose.
        """
        self.view.numbers.reserve(Number(pool, number) for pool, number in reserved)
        tables = {table.name: table for table in self.persisted}
        unreadable: dict[IntentKey, IntentError] = {}
        intents: list[IntentDocument] = []
        for key, document in documents.items():
            try:
                intents.append(parse_intent(document))
            except IntentError as error:
                unreadable[key] = error
        kept = [Change(tables[row.table], row.key, row.value) for row in rows]

        def changes() -> Iterator[Change]:
            yield from kept
            for intent in sorted(intents, key=self._as_they_came):
                try:
                    yield from self.view.numbers.give(intent)
                except IntentError as error:
                    unreadable[intent.key] = error
                    continue
                yield self.view.catalogue.put(intent)
                yield from changed_hosts(self.view, None, intent)
                if isinstance(intent, FirewallPolicy) and self.view.places.table.get(intent.key) is None:
                    yield from self.view.places.place(intent)
            for key, _ in list(self.view.numbers.given.rows()):
                if key.pool.startswith(_RANKS):
                    yield Change(self.view.numbers.given, key, None)

        plan = self._plan(self.compiler.change(changes()))
        known = {(change.table.name, change.key): change.value for change in kept}
        new = tuple(
            row._replace(before=known.get((row.table, row.key)))
            for row in plan.rows
            if row.table != self.view.catalogue.table.name and known.get((row.table, row.key)) != row.value
        )
        return Loaded(replace(plan, rows=new), unreadable)

    def _as_they_came(self, intent: IntentDocument) -> tuple[int, IntentKey]:
        """Policies of one priority in their order, which an older version kept as numbers."""
        if not isinstance(intent, FirewallPolicy):
            return 0, intent.key
        pool = f"{_RANKS}{intent.tenant}/{intent.spec.priority}"
        return self.view.numbers.given.get(NumberKey(pool, intent.name)) or 0, intent.key

    def _metadata_after(
        self, intents: Sequence[IntentDocument], descriptions: Mapping[IntentKey, Description]
    ) -> tuple[dict[IntentKey, Metadata], list[FieldError]]:
        after: dict[IntentKey, Metadata] = {}
        errors: list[FieldError] = []
        for index, intent in enumerate(intents):
            key = intent.key
            if key in after:
                message = f"{key} is in this list already"
                errors.append(FieldError(f"[{index}].name", intent.name, message, Code.GIVEN_TWICE))
            before, document = self.metadata.get(key), self.view.catalogue.get(key)
            if before is None:
                before = Metadata(0, self._clock())
            description = descriptions.get(key, before.description)
            generation = before.generation + (document != intent)
            after[key] = Metadata(generation, before.created, description)
        return after, errors

    def _outcome(self, key: IntentKey, after: Metadata) -> Outcome:
        before = self.metadata.get(key)
        if self.view.catalogue.get(key) is None:
            return Outcome.CREATED
        return Outcome.UNCHANGED if before == after else Outcome.CHANGED

    def _put(
        self, intents: Iterable[IntentDocument], metadata: Mapping[IntentKey, Metadata]
    ) -> Iterator[Change]:
        view = self.view
        for intent in intents:
            before = view.catalogue.get(intent.key)
            yield Change(self.metadata, intent.key, metadata[intent.key])
            if before == intent:
                continue
            yield view.catalogue.put(intent)
            yield from view.numbers.give(intent)
            if before is not None:
                yield from self._take_back(before)
            yield from changed_hosts(self.view, before, intent)
            if isinstance(intent, FirewallPolicy):
                yield from view.places.place(intent)

    def _take_out(self, keys: Iterable[IntentKey]) -> Iterator[Change]:
        for key in keys:
            before = self.view.catalogue.table[key]
            yield from changed_hosts(self.view, before, None)
            yield self.view.catalogue.remove(key)
            yield Change(self.metadata, key, None)
            yield from self.view.places.remove(key)
            yield from ended_sessions(self.view, key)
            yield from ended_remedies(self.view, key)
            yield from self._take_back(before)

    def _take_back(self, before: IntentDocument) -> Iterator[Change]:
        needs = [need for need in before.needed if not is_needed(self.view, need.pool, need.key)]
        return self.view.numbers.take_back(needs)

    def _compile(self, changes: Iterable[Change]) -> Compiled:
        try:
            return self.compiler.change(changes)
        except IntentError as error:
            raise IntentConflict(error.errors, error.more, Code.NO_ROOM) from None

    def _refuse(
        self,
        compiled: Compiled,
        errors: Sequence[FieldError],
        name: str | None,
        code: Code = Code.CONFLICT,
    ) -> None:
        """Take a change back where there are errors, or no room.

        Raises:
            IntentConflict: there are.
        """
        if not errors and compiled.disagreement is not None:
            _log.error("admission accepted conflicting intents: %s", compiled.disagreement)
            errors = [FieldError("spec", name, f"cannot be compiled: {compiled.disagreement}")]
        if not errors:
            shortages = self.capacity.shortages(self.compiler.wanted, compiled.delta)
            errors = [one.error("spec", name) for one in shortages]
            code = Code.NO_ROOM
        if errors:
            self.compiler.undo(compiled)
            raise IntentConflict(errors, code=code)

    def _plan(self, compiled: Compiled, outcomes: Mapping[IntentKey, Outcome] | None = None) -> Plan:
        # Undo goes backwards, so the last value seen of a row is the one that it had first.
        changed = {(change.table, change.key): change.value for change in compiled.undo}
        rows = tuple(
            PersistedRow(table.name, key, table.get(key), before)
            for (table, key), before in changed.items()
            if table in self.persisted
        )
        catalogue = self.view.catalogue.table
        intents = {key: table.get(key) for table, key in changed if table is catalogue}
        # They are kept in one record: where only what is said of an intent changed, it is written as well.
        described = (
            key for table, key in changed if table is self.metadata and (catalogue, key) not in changed
        )
        whole = ((key, catalogue.get(key)) for key in described)
        rows += tuple(PersistedRow(catalogue.name, key, now, now) for key, now in whole if now is not None)
        networks = (key for key, intent in intents.items() if isinstance(intent, Network))
        parts = {change.owner for change in compiled.delta.slots if change.owner is not None}
        resting = self.view.numbers.resting
        rest = {key: resting.get(key) is not None for table, key in changed if table is resting}
        return Plan(
            compiled,
            outcomes or {},
            rows,
            intents,
            {key: self.metadata.get(key) for table, key in changed if table is self.metadata},
            {key: self.view.vlan(key) for key in networks},
            {key: self.compiler.counters(key) for key in parts},
            tuple(number for number, rests in rest.items() if rests),
            tuple(number for number, rests in rest.items() if not rests),
            tuple(key for table, key in changed if table is self.gone and self.gone.get(key) is not None),
            {key: self.view.drains.get(key) for table, key in changed if table is self.view.drains},
        )

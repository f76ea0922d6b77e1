"""The short way of the Write RPC: requests of nothing but plain updates go from their bytes to the engine and
the store without becoming messages.

What `Writer` does with such a request is what counts: the same results, the same state. Runs in the thread
that owns the store. Must not know clients or who may write.
"""

from __future__ import annotations

from typing import Any

from p4fabric.softswitch.engine import EntryLayout
from p4fabric.softswitch.engine.api import Atomicity, Engine, Outcome, Status
from p4fabric.softswitch.server.errors import ABORTED, Result
from p4fabric.softswitch.server.plain_reader import PlainReader, find_updates
from p4fabric.softswitch.server.received import Received
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.store import Store
from p4fabric.softswitch.server.write import refusal

_DELETE = 3  # p4.v1.Update.Type


class PlainWriter:
    """Carries out requests of plain updates on one pipeline."""

    def __init__(
        self, library: Any, schema: Schema, layouts: dict[str, EntryLayout], store: Store, engine: Engine
    ) -> None:
        self._library = library
        self._reader = PlainReader(library, schema, layouts)
        self._roles = schema.roles
        self._engine = engine
        self._tables = [schema.tables[number] for number in self._reader.tables]
        self._states = [store.tables[number] for number in self._reader.tables]

    def find_updates(self, request: bytes) -> slice | None:
        """Where in a serialised WriteRequest the updates are; None: not in one place. For any thread."""
        return find_updates(self._library, request)

    def write(self, received: Received) -> list[Result] | None:
        """One result for each update; None, and nothing is changed, if `Writer` has to look at it."""
        request, place = received.request, received.place
        batch = self._reader.read(request, place) if place is not None else None
        if batch is None or not self._is_in_scope(received.role, {update[0] for update in batch.updates}):
            return None
        atomicity = Atomicity.ALL_OR_NOTHING if received.atomic else Atomicity.CONTINUE_ON_ERROR
        handles, failed = self._engine.apply_encoded(batch.encoded, atomicity)
        results: list[Result] = [None] * len(handles)
        for index, outcome in failed.items():
            results[index] = self._result(batch.updates[index][0], outcome)
        keys, states = batch.keys, self._states
        for result, handle, (table, type_, key, key_end, wire, wire_end) in zip(
            results, handles, batch.updates, strict=True
        ):
            if result is not None:
                continue
            if type_ == _DELETE:
                states[table].remove(keys[key:key_end])
            else:
                states[table].put(keys[key:key_end], request[wire:wire_end], handle)
        return results

    def _is_in_scope(self, role: str, tables: set[int]) -> bool:
        return all(self._roles.owns(role, "tables", self._tables[one].id) for one in tables)

    def _result(self, table: int, outcome: Outcome) -> Result:
        return ABORTED if outcome.status is Status.ABORTED else refusal(self._tables[table].name, outcome)

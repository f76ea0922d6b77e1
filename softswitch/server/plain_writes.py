"""The short way of the Write RPC: requests of nothing but plain updates go from their bytes to the engine and
the store without becoming messages.

What `Writer` does with such a request is what counts: the same results, the same state. Runs in the thread
that owns the store. Must not know clients or who may write.
"""

from __future__ import annotations

from typing import Any

from softswitch.engine import EntryLayout
from softswitch.engine.api import Atomicity, Engine, Outcome, Status
from softswitch.server.errors import ABORTED, Result
from softswitch.server.plain_reader import PlainReader, PlainUpdate, find_updates
from softswitch.server.schema import Schema
from softswitch.server.store import Store
from softswitch.server.write import refusal

_DELETE = 3  # p4.v1.Update.Type


class PlainWriter:
    """Carries out requests of plain updates on one pipeline."""

    def __init__(
        self, library: Any, schema: Schema, layouts: dict[str, EntryLayout], store: Store, engine: Engine
    ) -> None:
        self._library = library
        self._reader = PlainReader(library, schema, layouts)
        self._schema = schema
        self._store = store
        self._engine = engine

    def find_updates(self, request: bytes) -> slice | None:
        """Where in a serialised WriteRequest the updates are; None if that is not one place. For any thread."""
        return find_updates(self._library, request)

    def write(self, request: bytes, updates: slice, *, atomic: bool, role: str = "") -> list[Result] | None:
        """One result for each update that `find_updates` has found in a serialised request; None, and nothing
        has changed, if `Writer` has to look at it."""
        batch = self._reader.read(request, updates)
        if batch is None or not all(self._schema.roles.owns(role, "tables", one) for one in batch.tables):
            return None
        atomicity = Atomicity.ALL_OR_NOTHING if atomic else Atomicity.CONTINUE_ON_ERROR
        handles, failed = self._engine.apply_encoded(batch.encoded, atomicity)
        results: list[Result] = [None] * len(handles)
        tables = self._store.tables
        for index, (update, handle) in enumerate(zip(batch.updates, handles, strict=True)):
            if index in failed:
                results[index] = self._result(update, failed[index])
            elif update.type == _DELETE:
                tables[update.table].remove(update.key)
            else:
                tables[update.table].put(update.key, request[update.begin : update.end], handle)
        return results

    def _result(self, update: PlainUpdate, outcome: Outcome) -> Result:
        if outcome.status is Status.ABORTED:
            return ABORTED
        return refusal(self._schema.tables[update.table].name, outcome)

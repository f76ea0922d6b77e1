"""Changes the fabric's state, one change at a time: planned, committed, and only then acted upon.

If a change cannot be committed, the state stays as it was. A caller that is cancelled waits until its
change is completed or taken back. This module does not know what a change is about.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import TypeVar

from p4fabric.controller.cancellation import to_completion
from p4fabric.controller.core import Core, PersistedRow, Plan, Preview, preview_of
from p4fabric.controller.fabric.core_thread import CoreThread
from p4fabric.controller.fabric.kept import written
from p4fabric.controller.fabric.unsettled import UnsettledSwitches
from p4fabric.controller.names import SwitchName
from p4fabric.controller.state import Change
from p4fabric.controller.store.errors import OutcomeUnknown, StoreError
from p4fabric.controller.store.known import KnownRevisions
from p4fabric.controller.store.revisions import Store, Transaction
from p4fabric.controller.topology.model import Host

__all__ = ["StateChanges"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


class StateChanges:
    """The only way to change the state of the core."""

    def __init__(
        self,
        core: Core,
        thread: CoreThread,
        store: Store,
        known: KnownRevisions,
        unsettled: UnsettledSwitches,
        settled: Callable[[], Collection[SwitchName]],
        adopt: Callable[[Plan, int | None], Awaitable[None]],
        planned: Callable[[float], None],
    ) -> None:
        """Make it.

        Args:
            core: the state.
            thread: that it is changed on.
            store: that keeps it.
            known: the revisions of its records.
            unsettled: what it says of changes that switches may not have followed.
            settled: asked for the switches that hold all that is desired.
            adopt: told of each change that was committed, and the store's revision after it, before the
                next one is planned; None where nothing was written.
            planned: told the seconds that a plan took.
        """
        self._core, self._thread = core, thread
        self._store, self._known = store, known
        self._unsettled, self._settled = unsettled, settled
        self._adopt, self._planned = adopt, planned
        self._lock = asyncio.Lock()
        self.store_failure: str | None = None
        """Why the last change was not kept, in words; None: it was."""
        self.failing_since = 0.0
        """When the first of the changes that failed in a row was made, in seconds since 1970."""
        self._unkept: dict[tuple[str, object], PersistedRow] = {}
        """What was seen and could not be kept; it is tried again with the next change."""

    async def make(self, plan: Callable[[], Plan], *, unread: Collection[str] = ()) -> Plan:
        """Change the state.

        Args:
            plan: changes the core; called on its thread.
            unread: keys of records in the store that cannot be read, to be deleted with the change.

        Raises:
            StoreError: the change cannot be kept; it was not made.
            Exception: what `plan` raised; nothing has changed.
        """
        async with self._lock:
            return await to_completion(self._make(plan, observed=False, unread=unread))

    async def observe(self, plan: Callable[[], Plan]) -> Plan:
        """Take in what was seen of the fabric: it is so, whether it can be kept or not.

        Raises:
            Exception: what `plan` raised; nothing has changed.
        """
        async with self._lock:
            return await to_completion(self._make(plan, observed=True))

    async def preview(
        self, plan: Callable[[], Plan], most_entries: int, judge: Callable[[Preview], Awaitable[T]]
    ) -> tuple[Preview, T]:
        """Make a change, take it back at once, and tell what it was.

        Args:
            plan: changes the core; called on its thread.
            most_entries: to list.
            judge: looks at it, before any other change is made.

        Raises:
            Exception: what `plan` raised.
        """

        def look() -> Preview:
            found = preview_of(self._core, plan, most_entries)
            self._thread.let_go_with(found.plan, found.plan.pieces())
            return found

        async with self._lock:
            found = await self._thread.run(look)
            return found, await judge(found)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Nothing changes while the body runs."""
        async with self._lock:
            yield

    async def take_up(self, loaded: Plan, seen: Collection[Change], forgotten: Collection[Host]) -> None:
        """Keep what a new version adds to a state that was loaded, and take in what was seen before.

        Nobody is told.

        Args:
            loaded: the state.
            seen: switches, links and hosts.
            forgotten: hosts that were kept, and are not believed any more.
        """

        def plan() -> Transaction | None:
            gone = [PersistedRow(self._core.view.heard_hosts.name, h.key, None, h) for h in forgotten]
            self._unkept = {(row.table, row.key): row for row in (*loaded.rows, *gone)}
            values = written(self._with_unkept(self._core.plan(seen)))
            return self._known.transaction(values.put, values.remove) if values else None

        async with self._lock:
            transaction = await self._thread.run(plan)
            if transaction is not None:
                self._known.committed(transaction, await self._store.commit(transaction))
            self._unkept = {}

    async def _make(self, plan: Callable[[], Plan], *, observed: bool, unread: Collection[str] = ()) -> Plan:
        started = time.monotonic()
        settled = frozenset(self._settled())
        made, unsettled, transaction = await self._thread.run(lambda: self._plan(plan, settled, unread))
        self._planned(time.monotonic() - started)
        revision: int | None = None
        if transaction is not None:
            try:
                revision = await self._commit(transaction)
            except Exception as error:
                if self.store_failure is None:
                    self.failing_since = time.time()
                self.store_failure = str(error)
                if not observed or not isinstance(error, StoreError):
                    await self._thread.run(lambda: self._core.discard(made))
                    raise
                _log.error("cannot store what was observed; acting on it all the same: %s", error)
                self._unkept = {(row.table, row.key): row for row in self._with_unkept(made)}
            else:
                self.store_failure = None
                self._unkept = {}
                self._known.committed(transaction, revision)
                unsettled = unsettled.written()
        self._unsettled = unsettled
        await self._adopt(made, revision)
        return made

    async def _commit(self, transaction: Transaction) -> int:
        """Commit, and find out what became of it where the store cannot say."""
        try:
            return await self._store.commit(transaction)
        except OutcomeUnknown:
            key = next(iter((*transaction.puts, *transaction.deletes)))
            record = await self._store.get(key)
            before = transaction.conditions.get(key, 0)
            if (record is None and before) or (record is not None and record.modified > before):
                return record.modified if record is not None else (await self._store.list(key)).revision
            raise

    def _plan(
        self, plan: Callable[[], Plan], settled: Collection[SwitchName], unread: Collection[str]
    ) -> tuple[Plan, UnsettledSwitches, Transaction | None]:
        made = plan()
        self._thread.let_go_with(made, made.pieces())
        try:
            values = written(self._with_unkept(made))
            unsettled = self._unsettled.after(made.delta.switches, settled)
            if not values and not unread:
                return made, unsettled, None
            put, remove = (*values.put, *unsettled.put()), (*values.remove, *unsettled.remove())
            return made, unsettled, self._known.transaction(put, remove, unread=unread)
        except BaseException:
            self._core.discard(made)
            raise

    def _with_unkept(self, made: Plan) -> list[PersistedRow]:
        """The rows to keep: each as it was when it was kept last, and as it is now."""
        rows = dict(self._unkept)
        for row in made.rows:
            earlier = rows.get((row.table, row.key))
            rows[row.table, row.key] = row if earlier is None else row._replace(before=earlier.before)
        return list(rows.values())

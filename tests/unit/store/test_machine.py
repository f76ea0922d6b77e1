"""The store against a model that is a dict: random transactions, watches, leases, kills and cancellations."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from p4fabric.controller.store.errors import Compacted, LeaseNotFound, StoreConflict
from p4fabric.controller.store.history import HistoryLimits
from p4fabric.controller.store.revisions import Event, Listing, Record, Transaction, WatchResponse
from p4fabric.controller.store.sqlite_store import SqliteStore
from tests.unit.store.conftest import HeldClock

T = TypeVar("T")

KEYS = st.sampled_from(["a", "a/1", "a/2", "b", "b/é"])
PREFIXES = st.sampled_from(["", "a", "a/", "b", "c"])
VALUES = st.binary(max_size=3)
HISTORY = 6
"""Events that are kept for watches."""


class Watching:
    """A watch with what it should tell and what it has told."""

    def __init__(self, prefix: str, after: int, watch: AsyncIterator[WatchResponse]) -> None:
        self.prefix, self.after = prefix, after
        self.told: list[WatchResponse] = []
        self.compacted = False
        self._watch = watch
        self._task: asyncio.Task[WatchResponse] | None = None

    async def read(self) -> None:
        """Take all that there is."""
        while not self.compacted:
            if self._task is None:
                self._task = asyncio.ensure_future(anext(self._watch))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if not self._task.done():
                return
            task, self._task = self._task, None
            try:
                self.told.append(task.result())
            except Compacted:
                self.compacted = True

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


class StoreMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="store-"))
        self.lives = 0
        self.path = self.folder / "0.db"
        self.runner = asyncio.Runner()
        self.clock = HeldClock()
        self.revision = self.opened_at = 1
        self.records: dict[str, Record] = {}
        self.history: dict[int, tuple[Event, ...]] = {}
        self.leases: dict[int, tuple[int, float]] = {}
        self.watches: list[Watching] = []
        self.store = self.run(self.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def open(self) -> SqliteStore:
        limits = HistoryLimits(events=HISTORY)
        return await SqliteStore.open(self.path, patience=0.1, clock=self.clock, history=limits)

    # What the model does.

    def expire(self) -> None:
        for lease, (_, end) in [*self.leases.items()]:
            if end <= self.clock.now:
                self.end(lease)

    def end(self, lease: int) -> None:
        del self.leases[lease]
        self.change({}, {key for key, record in self.records.items() if record.lease == lease}, 0)

    def change(self, puts: dict[str, bytes], deletes: set[str], lease: int) -> None:
        deletes = deletes & self.records.keys()
        if not puts and not deletes:
            return
        self.revision += 1
        events = [Event(key, None) for key in sorted(deletes)]
        for key in deletes:
            del self.records[key]
        for key, value in puts.items():
            created = self.records[key].created if key in self.records else self.revision
            self.records[key] = Record(key, value, created, self.revision, lease)
            events.append(Event(key, self.records[key]))
        self.history[self.revision] = tuple(events)

    @property
    def oldest(self) -> int:
        """The oldest revision after which a watch is possible."""
        oldest = self.opened_at
        while oldest + 1 < self.revision:
            if sum(len(self.history[r]) for r in range(oldest + 1, self.revision + 1)) <= HISTORY:
                break
            oldest += 1
        return oldest

    def expected(self, transaction: Transaction) -> bool:
        """Perform a transaction on the model; False if it is refused."""
        for key, modified in transaction.conditions.items():
            if (self.records[key].modified if key in self.records else 0) != modified:
                return False
        if transaction.puts and transaction.lease and transaction.lease not in self.leases:
            return False
        self.change(dict(transaction.puts), set(transaction.deletes), transaction.lease)
        return True

    # What both do.

    @rule(
        puts=st.dictionaries(KEYS, VALUES, max_size=3),
        deletes=st.sets(KEYS, max_size=2),
        right=st.sets(KEYS, max_size=3),
        wrong=st.dictionaries(KEYS, st.integers(0, 20), max_size=1),
        leased=st.integers(0, 4),
        cancelled=st.sampled_from([None, 0, 1, 2]),
    )
    def commit(
        self,
        puts: dict[str, bytes],
        deletes: set[str],
        right: set[str],
        wrong: dict[str, int],
        leased: int,
        cancelled: int | None,
    ) -> None:
        self.expire()
        conditions = {key: self.records[key].modified if key in self.records else 0 for key in right}
        transaction = Transaction(puts, deletes - puts.keys(), {**conditions, **wrong}, leased)
        accepted = self.expected(transaction)
        answer = self.run(self.committed(transaction, cancelled))
        assert answer == (self.revision if accepted else None)

    async def committed(self, transaction: Transaction, cancelled: int | None) -> int | None:
        """Commit, and cancel whoever does it after some turns of the loop; the outcome is known."""
        outcomes: list[int | None] = []

        async def write() -> None:
            try:
                outcomes.append(await self.store.commit(transaction))
            except (StoreConflict, LeaseNotFound):
                outcomes.append(None)

        task = asyncio.create_task(write())
        if cancelled is not None:
            for _ in range(cancelled + 1):  # the task has begun by then
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait([task])
        (outcome,) = outcomes
        return outcome

    @rule(prefix=PREFIXES)
    def list(self, prefix: str) -> None:
        self.expire()
        records = tuple(record for key, record in sorted(self.records.items()) if key.startswith(prefix))
        assert self.run(self.store.list(prefix)) == Listing(self.revision, records)

    @rule(prefix=PREFIXES, back=st.integers(-1, HISTORY + 2))
    def watch(self, prefix: str, back: int) -> None:
        after = max(0, self.revision - back)
        watching = Watching(prefix, after, self.store.watch(prefix, after))
        self.run(watching.read())
        assert watching.compacted == (after < self.oldest)
        if not watching.compacted:
            self.watches.append(watching)

    @rule(ttl=st.integers(1, 5))
    def grant(self, ttl: int) -> None:
        self.expire()
        lease = self.run(self.store.grant(ttl))
        assert lease not in self.leases
        self.leases[lease] = (ttl, self.clock.now + ttl)

    @rule(seconds=st.integers(0, 5))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(lease=st.integers(1, 4), revoke=st.booleans())
    def renew_or_revoke(self, lease: int, revoke: bool) -> None:
        there = lease in self.leases and self.leases[lease][1] > self.clock.now
        try:
            self.run(self.store.revoke(lease) if revoke else self.store.keep_alive(lease))
            assert there
        except LeaseNotFound:
            assert not there
        if revoke:
            self.expire()
        if there and revoke:
            self.end(lease)
        elif there:
            ttl, _ = self.leases[lease]
            self.leases[lease] = (ttl, self.clock.now + ttl)

    @rule(killed=st.booleans())
    @precondition(lambda self: self.revision > 3)
    def restart(self, killed: bool) -> None:
        """A store that was killed leaves its files as they are at that moment."""
        self.expire()
        self.run(self.stop_watches())
        self.run(self.store.get("a"))  # what has expired is deleted by now
        if killed:
            self.lives += 1
            path = self.folder / f"{self.lives}.db"
            for end in ("", "-wal"):
                shutil.copy(f"{self.path}{end}", f"{path}{end}")
            self.path, store = path, self.store
            self.run(store.close())
        else:
            self.run(self.store.close())
        self.opened_at = self.revision
        self.leases = {lease: (ttl, self.clock.now + ttl) for lease, (ttl, _) in self.leases.items()}
        self.store = self.run(self.open())

    async def stop_watches(self) -> None:
        for watching in self.watches:
            await watching.stop()
        self.watches.clear()

    @invariant()
    def watches_have_told_everything_once_and_in_order(self) -> None:
        if not hasattr(self, "store"):
            return
        self.expire()
        self.run(self.store.get("a"))
        for watching in self.watches:
            self.run(watching.read())
            if watching.compacted:
                continue
            expected = [
                WatchResponse(revision, events)
                for revision in range(watching.after + 1, self.revision + 1)
                if (events := tuple(e for e in self.history[revision] if e.key.startswith(watching.prefix)))
            ]
            assert watching.told == expected

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.stop_watches())
            self.run(self.store.close())
            self.runner.close()
            shutil.rmtree(self.folder)


StoreMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_the_store_and_a_dict_do_the_same = StoreMachine.TestCase

"""The store in one SQLite file, in WAL mode; one thread of its own, so the loop never waits for a disk.

The file is locked while it is open: two controllers on one file would fight over the fabric. This
module knows records and SQL; it does not know what a record means.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from p4fabric.controller.cancellation import to_completion
from p4fabric.controller.store.errors import LeaseNotFound, StoreConflict, StoreError, TransactionTooLarge
from p4fabric.controller.store.history import History, HistoryLimits
from p4fabric.controller.store.leases import Deadlines
from p4fabric.controller.store.records import SECRETS
from p4fabric.controller.store.revisions import (
    NO_LEASE,
    Event,
    Limits,
    Listing,
    Record,
    Transaction,
    WatchResponse,
    prefix_end,
)
from p4fabric.controller.store.sqlite_file import in_words, open_file, transaction

__all__ = ["SqliteStore"]

T = TypeVar("T")

_LIMITS = Limits(operations=200_000, size=128 << 20)
_WAITING = 1024
"""Requests that may wait for the disk; more are refused."""
_RETRY = 1.0
"""Seconds until an expired lease is revoked again, after a failure."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Committed:
    """What a transaction did; without events, the revision is the one before."""

    revision: int
    events: tuple[Event, ...] = ()


class SqliteStore:
    """Open it with `open`; one process at a time."""

    def __init__(
        self,
        path: Path,
        thread: ThreadPoolExecutor,
        connection: sqlite3.Connection,
        history: History,
        leases: Deadlines,
    ) -> None:
        """Take what `open` made."""
        self._path, self._thread, self._connection = path, thread, connection
        self._history, self._leases = history, leases
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._set_timer()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        new: bool = False,
        patience: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        history: HistoryLimits | None = None,
    ) -> SqliteStore:
        """Open a file, and make it if it is not there; only its owner may read it.

        A file of an older version is brought up to this one; a copy of it stays beside it.

        Args:
            path: the file; its folder must exist.
            new: start with no intents, also where the file is there and empty. Without, an empty file is
                taken for one that lost what it held.
            patience: seconds to wait for another process that has it.
            clock: seconds, for leases.
            history: how many events are kept for watches.

        Raises:
            StoreBusy: another process has it.
            StoreUnusable: it is no store, is empty, is damaged, cannot be written, or is a newer version's;
                with `new`, it holds intents.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="store")

        def begin() -> tuple[sqlite3.Connection, int, dict[int, int]]:
            connection = open_file(path, new=new, patience=patience)
            leases = connection.execute("SELECT id, ttl FROM leases").fetchall()
            return connection, _revision(connection), dict(leases)

        try:
            begun = asyncio.get_running_loop().run_in_executor(thread, begin)
            connection, revision, leases = await to_completion(begun)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        events = History(revision, history or HistoryLimits())
        return cls(path, thread, connection, events, Deadlines(clock, leases))

    @property
    def limits(self) -> Limits:
        """What one transaction may hold."""
        return _LIMITS

    async def list(self, prefix: str = "") -> Listing:
        """Read all records under a prefix."""
        return await asyncio.shield(self._submit(partial(_list, prefix=prefix)))

    async def get(self, key: str) -> Record | None:
        """Read one record."""
        return await asyncio.shield(self._submit(partial(_get, key=key)))

    async def commit(self, transaction: Transaction) -> int:
        """Perform a transaction, synced to disk."""
        operations, size = transaction.operations, transaction.size
        if operations > _LIMITS.operations or size > _LIMITS.size:
            raise TransactionTooLarge(
                f"a transaction of {operations:,} operations and {size:,} bytes is too large; "
                f"{_LIMITS.operations:,} and {_LIMITS.size:,} are possible"
            )
        done = await self._write(partial(_commit, change=transaction))
        return done.revision

    def watch(self, prefix: str, after: int) -> AsyncIterator[WatchResponse]:
        """Read what happened, and happens, after a revision."""
        return self._history.watch(prefix, after)

    async def grant(self, ttl: int) -> int:
        """Make a lease."""
        if ttl < 1:
            raise ValueError(f"a lease lasts at least a second, not {ttl}")
        lease = await to_completion(self._submit(partial(_grant, ttl=ttl)))
        self._leases.add(lease, ttl)
        self._set_timer()
        return lease

    async def keep_alive(self, lease: int) -> int:
        """Let a lease's time begin anew."""
        ttl = self._leases.renew(lease)
        if ttl is None:
            raise LeaseNotFound(lease)
        self._set_timer()
        return ttl

    async def revoke(self, lease: int) -> None:
        """End a lease and delete its records."""
        await self._write(partial(_revoke, lease=lease))
        self._leases.end(lease)

    async def secret(self, name: str) -> bytes:
        """Read a secret, or make it."""
        found = await self.get(SECRETS + name)
        if found is not None:
            return found.value
        made = secrets.token_bytes(32)
        try:
            await self.commit(Transaction({SECRETS + name: made}, conditions={SECRETS + name: 0}))
        except StoreConflict:
            return await self.secret(name)
        return made

    async def close(self) -> None:
        """Finish what was begun and let the file go."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        try:
            await to_completion(self._in_thread(sqlite3.Connection.close))
        finally:
            self._history.close(f"store {self._path} is closed")
            self._thread.shutdown(wait=False)

    async def _write(self, work: Callable[[sqlite3.Connection], _Committed]) -> _Committed:
        done = self._submit(work)
        # Runs before whoever waits for the commit is woken, and also if nobody does any more.
        done.add_done_callback(self._publish)
        return await to_completion(done)

    def _publish(self, done: asyncio.Future[_Committed]) -> None:
        if done.exception() is None and (committed := done.result()).events:
            self._history.append(committed.revision, committed.events)

    def _submit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Do something after what was asked before; what has expired by now is deleted first."""
        if self._closed:
            raise StoreError(f"store {self._path} is closed")
        if self._waiting >= _WAITING:
            raise StoreError(f"store {self._path} is too slow: {self._waiting} requests wait for the disk")
        self._expire()
        return self._in_thread(work)

    def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        def perform() -> T:
            with in_words(self._path):
                return work(self._connection)

        self._waiting += 1
        done = self._loop.run_in_executor(self._thread, perform)
        done.add_done_callback(self._one_less_waits)
        return done

    def _one_less_waits(self, done: object) -> None:
        self._waiting -= 1

    def _expire(self) -> None:
        """Revoke the leases whose time is over."""
        for lease in self._leases.expired():
            self._leases.end(lease)
            done = self._in_thread(partial(_revoke, lease=lease))
            done.add_done_callback(partial(self._expired, lease))
        self._set_timer()

    def _expired(self, lease: int, done: asyncio.Future[_Committed]) -> None:
        error = done.exception()
        if error is None:
            self._publish(done)
        elif not isinstance(error, LeaseNotFound) and not self._closed:
            _log.warning("lease %d has expired, but its records stay for now: %s", lease, error)
            self._leases.add(lease, 0)
            self._set_timer(at_least=_RETRY)

    def _set_timer(self, at_least: float = 0.0) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._leases.next()
        self._timer = None if due is None else self._loop.call_later(max(due, at_least), self._expire)


def _revision(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT revision FROM store").fetchone()[0])


def _list(connection: sqlite3.Connection, prefix: str) -> Listing:
    statement = "SELECT key, value, created, modified, lease FROM records WHERE key >= ?"
    end = prefix_end(prefix)
    if end is None:
        rows = connection.execute(f"{statement} ORDER BY key", (prefix,))
    else:
        rows = connection.execute(f"{statement} AND key < ? ORDER BY key", (prefix, end))
    records = tuple(Record(*row) for row in rows)
    return Listing(_revision(connection), records)


def _get(connection: sqlite3.Connection, key: str) -> Record | None:
    statement = "SELECT key, value, created, modified, lease FROM records WHERE key = ?"
    row = connection.execute(statement, (key,)).fetchone()
    return None if row is None else Record(*row)


def _commit(connection: sqlite3.Connection, change: Transaction) -> _Committed:
    with transaction(connection):
        found = _found(connection, {*change.conditions, *change.puts, *change.deletes})
        modified = {key: found[key][1] if key in found else 0 for key in change.conditions}
        failed = {key: is_now for key, is_now in modified.items() if is_now != change.conditions[key]}
        if failed:
            raise StoreConflict({key: change.conditions[key] for key in failed}, failed)
        if change.puts and change.lease != NO_LEASE:
            _check_lease(connection, change.lease)
        before = _revision(connection)
        revision = before + 1
        records = [
            Record(key, value, found[key][0] if key in found else revision, revision, change.lease)
            for key, value in change.puts.items()
        ]
        connection.executemany(
            "REPLACE INTO records (key, value, created, modified, lease) VALUES (?, ?, ?, ?, ?)",
            ((record.key, record.value, record.created, revision, record.lease) for record in records),
        )
        deleted = _delete(connection, found.keys() & change.deletes)
        return _ended(connection, before, (*deleted, *(Event(record.key, record) for record in records)))


def _found(connection: sqlite3.Connection, keys: Collection[str]) -> dict[str, tuple[int, int]]:
    """The keys that there are, with the revisions at which they were created and modified."""
    rows = connection.execute(
        "SELECT records.key, created, modified "
        "FROM json_each(?) AS wanted CROSS JOIN records ON records.key = wanted.value",
        (json.dumps(list(keys), ensure_ascii=False),),
    )
    return {key: (created, modified) for key, created, modified in rows}


def _check_lease(connection: sqlite3.Connection, lease: int) -> None:
    if connection.execute("SELECT 1 FROM leases WHERE id = ?", (lease,)).fetchone() is None:
        raise LeaseNotFound(lease)


def _delete(connection: sqlite3.Connection, keys: Iterable[str]) -> list[Event]:
    events = [Event(key, None) for key in sorted(keys)]
    connection.executemany("DELETE FROM records WHERE key = ?", ((event.key,) for event in events))
    return events


def _ended(connection: sqlite3.Connection, before: int, events: tuple[Event, ...]) -> _Committed:
    """Count a revision if anything was changed."""
    if not events:
        return _Committed(before)
    connection.execute("UPDATE store SET revision = ?", (before + 1,))
    return _Committed(before + 1, events)


def _grant(connection: sqlite3.Connection, ttl: int) -> int:
    with transaction(connection):
        row = connection.execute("INSERT INTO leases (ttl) VALUES (?) RETURNING id", (ttl,)).fetchone()
    return int(row[0])


def _revoke(connection: sqlite3.Connection, lease: int) -> _Committed:
    with transaction(connection):
        _check_lease(connection, lease)
        connection.execute("DELETE FROM leases WHERE id = ?", (lease,))
        rows = connection.execute("SELECT key FROM records WHERE lease = ?", (lease,)).fetchall()
        deleted = _delete(connection, (key for (key,) in rows))
        return _ended(connection, _revision(connection), tuple(deleted))

"""The store in one SQLite file, in WAL mode; one thread of its own, so the loop never waits for a disk.

The file is locked while it is open: two controllers on one file would fight over the fabric. This
module knows tables and SQLite's failures; it must never know what an intent means.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from controller.names import IntentKey, PortRef, SwitchName, TenantName
from controller.store.interface import Change, Snapshot, StoreBusy, StoredIntent, StoreError, StoreUnusable
from controller.topology.model import Host, HostKey, Link
from pipelines.values import MacAddress, Port

__all__ = ["SqliteStore"]

T = TypeVar("T")

_APPLICATION_ID = 0x70344642  # "p4FB"
_MIGRATIONS = (
    """
    CREATE TABLE intents (
        kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL,
        generation INTEGER NOT NULL, document TEXT NOT NULL,
        PRIMARY KEY (kind, tenant, name)
    ) WITHOUT ROWID;
    CREATE TABLE numbers (
        pool TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL,
        PRIMARY KEY (pool, key), UNIQUE (pool, number)
    ) WITHOUT ROWID;
    CREATE TABLE hosts (
        kind TEXT NOT NULL, tenant TEXT NOT NULL, network TEXT NOT NULL, mac TEXT NOT NULL,
        switch TEXT NOT NULL, port INTEGER NOT NULL, addresses TEXT NOT NULL,
        PRIMARY KEY (kind, tenant, network, mac)
    ) WITHOUT ROWID;
    CREATE TABLE links (
        from_switch TEXT NOT NULL, from_port INTEGER NOT NULL,
        to_switch TEXT NOT NULL, to_port INTEGER NOT NULL,
        PRIMARY KEY (from_switch, from_port, to_switch, to_port)
    ) WITHOUT ROWID;
    CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    """,
)
"""What turns version n into n + 1; `PRAGMA user_version` says how many were performed."""
_IS_EMPTY = (
    "store {path} is empty, as if it had lost what it held: put a backup in its place, or start with "
    "--new-store to begin with no intents"
)


class SqliteStore:
    """Open it with `open`; one process at a time."""

    def __init__(self, path: Path, thread: ThreadPoolExecutor, connection: sqlite3.Connection) -> None:
        """Take what `open` made."""
        self._path, self._thread, self._connection = path, thread, connection

    @classmethod
    async def open(cls, path: Path, *, new: bool = False, patience: float = 5.0) -> SqliteStore:
        """Open a file, and make it if it is not there; only its owner may read it.

        Args:
            path: the file; its folder must exist.
            new: start with no intents, also where the file is there and empty. Without, an empty file is
                taken for one that lost what it held.
            patience: seconds to wait for another process that has it.

        Raises:
            StoreBusy: another process has it.
            StoreUnusable: it is no store, is empty, is damaged, cannot be written, or is a newer version's;
                with `new`, it holds intents.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(thread, _open, path, new, patience)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(path, thread, connection)

    async def load(self) -> Snapshot:
        """Read everything."""
        return await self._do(_load)

    async def commit(self, change: Change) -> None:
        """Perform a change in one transaction, synced to disk."""
        await self._do(lambda connection: _commit(connection, change))

    async def secret(self, name: str) -> bytes:
        """Read a secret, or make it."""
        return await self._do(lambda connection: _secret(connection, name))

    async def close(self) -> None:
        """Finish what was begun and let the file go."""
        try:
            await self._do(sqlite3.Connection.close)
        finally:
            self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something in the store's thread. What was begun is finished even if nobody waits any more."""

        def perform() -> T:
            with _in_our_words(self._path):
                return work(self._connection)

        done = asyncio.get_running_loop().run_in_executor(self._thread, perform)
        return await asyncio.shield(done)


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    """SQLite's failures as the interface has them."""
    try:
        yield
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise StoreBusy(f"store {path} is in use by another process; is a controller running?") from None
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
            raise StoreUnusable(f"store {path} cannot be written: {error}") from None
        raise StoreError(f"store {path}: {error}") from None
    except (sqlite3.DatabaseError, ValueError, KeyError) as error:
        # What was read back makes no sense, or is no database at all.
        reason = " ".join(str(error).split())
        raise StoreUnusable(
            f"store {path} is damaged ({reason}); put a backup in its place, or move it away to start anew"
        ) from None
    except OSError as error:
        raise StoreUnusable(f"store {path} cannot be opened: {error.strerror}") from None


def _open(path: Path, new: bool, patience: float) -> sqlite3.Connection:
    with _in_our_words(path):
        if not path.exists():
            _create(path)
        elif path.is_file() and path.stat().st_size == 0 and not new:
            # Seen before SQLite sees it, which would throw away the write-ahead log of an empty file.
            raise StoreUnusable(_IS_EMPTY.format(path=path))
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        try:
            # Exclusive: from the first access on nobody else gets in, and no shared memory is needed.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            _check(connection, path, new)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection)
            if new and connection.execute("SELECT EXISTS (SELECT 1 FROM intents)").fetchone()[0]:
                raise StoreUnusable(
                    f"store {path} holds intents, so it is not new: start without --new-store, or move it "
                    "away"
                )
        except BaseException:
            connection.close()
            raise
        return connection


def _create(path: Path) -> None:
    """Make an empty store under another name and link it there: no crash leaves a file without tables.

    Raises:
        StoreUnusable: there is a write-ahead log, so the file was taken away from it.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreUnusable(
            f"store {path} is missing, but its log {log.name} is there: put the file back beside it, or move "
            "the log away to start anew"
        )
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    os.close(handle)
    fresh = Path(name)
    try:
        with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            _migrate(connection)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # Another controller was quicker; the lock decides between the two.
        except OSError:
            fresh.rename(path)  # A file system without hard links.
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check(connection: sqlite3.Connection, path: Path, new: bool) -> None:
    """Refuse what is not ours, or not whole."""
    version = _pragma(connection, "user_version")
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if not empty and _pragma(connection, "application_id") != _APPLICATION_ID:
        raise StoreUnusable(f"store {path} is a database of another application")
    if empty and not new:
        raise StoreUnusable(_IS_EMPTY.format(path=path))
    if version > len(_MIGRATIONS):
        raise StoreUnusable(
            f"store {path} was written by a newer p4fabric (version {version} of the file; this one "
            f"knows {len(_MIGRATIONS)})"
        )
    problems = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise sqlite3.DatabaseError(problems[0])


def _migrate(connection: sqlite3.Connection) -> None:
    with _transaction(connection):
        for version in range(_pragma(connection, "user_version"), len(_MIGRATIONS)):
            for statement in _MIGRATIONS[version].split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _load(connection: sqlite3.Connection) -> Snapshot:
    def rows(columns: str, table: str) -> Iterable[tuple[Any, ...]]:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3")

    return Snapshot(
        intents=tuple(
            StoredIntent(IntentKey(kind, TenantName(tenant), name), json.loads(document), generation)
            for kind, tenant, name, document, generation in rows(
                "kind, tenant, name, document, generation", "intents"
            )
        ),
        numbers=tuple(rows("pool, key, number", "numbers")),
        hosts=tuple(
            Host(
                MacAddress.parse(mac),
                IntentKey(kind, TenantName(tenant), network),
                PortRef(SwitchName(switch), Port(port)),
                frozenset(ip_address(address) for address in json.loads(addresses)),
            )
            for kind, tenant, network, mac, switch, port, addresses in rows(
                "kind, tenant, network, mac, switch, port, addresses", "hosts"
            )
        ),
        links=tuple(
            Link(PortRef(SwitchName(a), Port(a_port)), PortRef(SwitchName(b), Port(b_port)))
            for a, a_port, b, b_port in rows("from_switch, from_port, to_switch, to_port", "links")
        ),
    )


def _commit(connection: sqlite3.Connection, change: Change) -> None:
    with _transaction(connection):
        for statement, rows in _statements(change):
            connection.executemany(statement, rows)


def _statements(change: Change) -> Iterator[tuple[str, Iterable[tuple[object, ...]]]]:
    yield (
        "DELETE FROM intents WHERE kind = ? AND tenant = ? AND name = ?",
        ((key.kind, key.tenant, key.name) for key in change.intents_removed),
    )
    yield "DELETE FROM numbers WHERE pool = ? AND key = ? AND number = ?", change.numbers_removed
    yield (
        "DELETE FROM hosts WHERE kind = ? AND tenant = ? AND network = ? AND mac = ?",
        map(_host_key, change.hosts_removed),
    )
    yield (
        "DELETE FROM links WHERE from_switch = ? AND from_port = ? AND to_switch = ? AND to_port = ?",
        map(_link, change.links_removed),
    )
    yield (
        "REPLACE INTO intents (kind, tenant, name, generation, document) VALUES (?, ?, ?, ?, ?)",
        (
            (
                intent.key.kind,
                intent.key.tenant,
                intent.key.name,
                intent.generation,
                json.dumps(intent.document),
            )
            for intent in change.intents
        ),
    )
    yield "INSERT INTO numbers (pool, key, number) VALUES (?, ?, ?)", change.numbers
    yield "REPLACE INTO hosts VALUES (?, ?, ?, ?, ?, ?, ?)", map(_host, change.hosts)
    yield "REPLACE INTO links VALUES (?, ?, ?, ?)", map(_link, change.links)


def _host_key(key: HostKey) -> tuple[object, ...]:
    network, mac = key
    return network.kind, network.tenant, network.name, str(mac)


def _host(host: Host) -> tuple[object, ...]:
    addresses = json.dumps(sorted(str(address) for address in host.addresses))
    return *_host_key(host.key), host.attachment.switch, int(host.attachment.port), addresses


def _link(link: Link) -> tuple[object, ...]:
    here, there = link.source, link.destination
    return here.switch, int(here.port), there.switch, int(there.port)


def _secret(connection: sqlite3.Connection, name: str) -> bytes:
    with _transaction(connection):
        row = (name, secrets.token_bytes(32))
        connection.execute("INSERT OR IGNORE INTO secrets (name, value) VALUES (?, ?)", row)
    return bytes(connection.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()[0])

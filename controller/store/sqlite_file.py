"""Creates, locks, checks and migrates the store's file.

It knows SQLite, its failures and the layout of the file; it does not know what happens to the store
once it is open.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from p4fabric.controller.store.errors import OutcomeUnknown, StoreBusy, StoreError, StoreUnusable
from p4fabric.controller.store.migration import migrate_version_1, migrate_version_2
from p4fabric.controller.store.records import INTENTS
from p4fabric.controller.store.revisions import prefix_end

__all__ = ["VERSION", "in_words", "open_file", "transaction"]

_APPLICATION_ID = 0x70344642  # "p4FB"
VERSION = 3
"""Of the layout, kept as `PRAGMA user_version`; 0 is an empty file."""
_SCHEMA = (
    """
    CREATE TABLE records (
        key TEXT PRIMARY KEY, value BLOB NOT NULL,
        created INTEGER NOT NULL, modified INTEGER NOT NULL, lease INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX records_by_lease ON records (lease) WHERE lease != 0",
    "CREATE TABLE leases (id INTEGER PRIMARY KEY AUTOINCREMENT, ttl INTEGER NOT NULL)",
    "CREATE TABLE store (revision INTEGER NOT NULL)",
    "INSERT INTO store VALUES (1)",
)
_IS_EMPTY = (
    "store {path} is empty, as if it had lost what it held: put a backup in its place, or start with "
    "--new-store to begin with no intents"
)
_IS_DAMAGED = "store {path} is damaged ({reason}); put a backup in its place, or move it away to start anew"


def open_file(path: Path, *, new: bool, patience: float) -> sqlite3.Connection:
    """Open a store's file, and make it if it is not there; only its owner may read it.

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
    with in_words(path):
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
            if new and _holds_intents(connection):
                raise StoreUnusable(
                    f"store {path} holds intents, so it is not new: start without --new-store, or move it "
                    "away"
                )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _bring_up(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """SQLite's failures as the interface has them. A mistake of this program stays what it is."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError):
        raise
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        reason = " ".join(str(error).split())
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise StoreBusy(f"store {path} is in use by another process; is a controller running?") from None
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
            raise StoreUnusable(f"store {path} cannot be written: {reason}") from None
        if not name or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_SCHEMA")):
            raise StoreUnusable(_IS_DAMAGED.format(path=path, reason=reason)) from None
        raise StoreError(f"store {path}: {reason}") from None
    except OSError as error:
        raise StoreUnusable(f"store {path} cannot be opened: {error.strerror}") from None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing.

    Raises:
        OutcomeUnknown: it failed, and so did taking it back.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:  # SQLite has not taken it back by itself
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error as second:
                raise OutcomeUnknown(f"{error}; rolling it back failed, too: {second}") from error
        raise


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
    with _fresh_file(path) as fresh:
        with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            _bring_up(connection, fresh)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # Another controller was quicker; the lock decides between the two.
        except OSError:
            fresh.rename(path)  # A file system without hard links.
    _sync(path.parent)


def _check(connection: sqlite3.Connection, path: Path, new: bool) -> None:
    """Refuse what is not ours, or not whole."""
    version = _pragma(connection, "user_version")
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if not empty and _pragma(connection, "application_id") != _APPLICATION_ID:
        raise StoreUnusable(f"store {path} is a database of another application")
    if empty and not new:
        raise StoreUnusable(_IS_EMPTY.format(path=path))
    if version > VERSION:
        raise StoreUnusable(
            f"store {path} was written by a newer p4fabric (version {version} of the file; this one "
            f"knows {VERSION})"
        )
    problems = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise sqlite3.DatabaseError(problems[0])


def _bring_up(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of this version, of nothing or of an older version's, in one transaction."""
    version = _pragma(connection, "user_version")
    if version == VERSION:
        return
    copy = _keep_copy(connection, path, version) if version else None
    try:
        with transaction(connection):
            if version < 2:
                for statement in _SCHEMA:
                    connection.execute(statement)
            try:
                if version == 1:
                    migrate_version_1(connection)
                elif version == 2:
                    migrate_version_2(connection)
            except (ValueError, TypeError) as error:
                raise StoreUnusable(_IS_DAMAGED.format(path=path, reason=error)) from None
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        if copy is not None:
            copy.unlink()  # the file is still what the copy is
        raise


def _keep_copy(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy the store beside itself, under a name that is free."""
    with _fresh_file(path) as fresh:
        connection.execute("VACUUM INTO ?", (str(fresh),))
        _sync(fresh)
        number = 0
        while True:
            number += 1
            copy = path.with_name(f"{path.name}.version-{version}" + (f".{number}" if number > 1 else ""))
            if copy.exists():
                continue
            try:
                os.link(fresh, copy)
            except FileExistsError:
                continue
            except OSError:
                fresh.rename(copy)  # A file system without hard links.
            break
    _sync(path.parent)
    return copy


@contextmanager
def _fresh_file(path: Path) -> Iterator[Path]:
    """A file beside `path` that only its owner may read; it is gone afterwards, unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _holds_intents(connection: sqlite3.Connection) -> bool:
    version = _pragma(connection, "user_version")
    if version == 0:
        return False
    if version == 1:
        return connection.execute("SELECT 1 FROM intents LIMIT 1").fetchone() is not None
    statement = "SELECT 1 FROM records WHERE key >= ? AND key < ? LIMIT 1"
    return connection.execute(statement, (INTENTS, prefix_end(INTENTS))).fetchone() is not None


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])

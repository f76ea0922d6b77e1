"""The file of incidents: SQLite, bounded by bytes and age, the oldest first to go. Blocking; for a thread.

It is a file of its own, so that a storm of incidents never delays an intent, and losing it loses no intent.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from p4fabric.controller.telemetry.archive.record import from_json, to_json
from p4fabric.controller.telemetry.incidents import Incident
from p4fabric.controller.telemetry.series.film import Film, films_from_bytes, films_to_bytes

__all__ = ["ArchiveError", "IncidentDatabase", "Query"]

_APPLICATION_ID = 0x70344649  # "p4FI"
_VERSION = 1
_SCHEMA = """
    CREATE TABLE incidents (
        number INTEGER PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER NOT NULL, active INTEGER NOT NULL,
        size INTEGER NOT NULL, document TEXT NOT NULL, films BLOB NOT NULL
    );
    CREATE INDEX incidents_by_time ON incidents (began, number);
    CREATE TABLE switches (
        number INTEGER NOT NULL REFERENCES incidents ON DELETE CASCADE, name TEXT NOT NULL,
        PRIMARY KEY (name, number)
    ) WITHOUT ROWID;
    CREATE INDEX switches_by_number ON switches (number);
    CREATE TABLE tenants (
        number INTEGER NOT NULL REFERENCES incidents ON DELETE CASCADE, name TEXT NOT NULL,
        PRIMARY KEY (name, number)
    ) WITHOUT ROWID;
    CREATE INDEX tenants_by_number ON tenants (number);
"""
_NUMBERS_AT_ONCE = 64
_OVERHEAD = 512
"""Bytes of an incident beyond its document and films, for the indexes."""


class ArchiveError(Exception):
    """The file of incidents cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which incidents are asked for; what is None does not matter."""

    switch: str | None = None
    tenant: str | None = None
    since: int | None = None
    """Those that ended at it or later (nanoseconds since 1970)."""
    until: int | None = None
    """Those that began before it."""


class IncidentDatabase:
    """One connection; one thread at a time."""

    def __init__(self, path: Path, *, most_bytes: int, most_age_ns: int) -> None:
        """Open the file, and make it if it is not there; only its owner may read it.

        Args:
            path: the file; its folder must exist.
            most_bytes: that all incidents may take together.
            most_age_ns: after which an incident is removed.

        Raises:
            ArchiveError: it cannot be used.
        """
        self._path, self._most_bytes, self._most_age = path, most_bytes, most_age_ns
        with self._in_words():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def last_number(self) -> int:
        """The greatest number ever given; 0: none."""
        (number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM incidents").fetchone()
        return int(number)

    def put(self, incidents: list[tuple[Incident, tuple[Film, ...]]], now: int) -> None:
        """Keep incidents, and remove what is too much or too old.

        Args:
            incidents: each replaces what was known of it before.
            now: nanoseconds since 1970.

        Raises:
            ArchiveError: nothing of it was kept.
        """
        with self._in_words(), self._transaction():
            for incident, films in incidents:
                self._put(incident, films)
            self._trim(now)
        with self._in_words():
            self._connection.execute("PRAGMA incremental_vacuum(64)")

    def remove(self, number: int) -> None:
        """Remove an incident, which has become a part of another."""
        with self._in_words():
            self._connection.execute("DELETE FROM incidents WHERE number = ?", (number,))

    def get(self, number: int) -> Incident | None:
        """One incident."""
        row = self._connection.execute(
            "SELECT document, active FROM incidents WHERE number = ?", (number,)
        ).fetchone()
        return None if row is None else _incident(*row)

    def films(self, number: int) -> tuple[Film, ...]:
        """The films of an incident; none if it is not there."""
        row = self._connection.execute("SELECT films FROM incidents WHERE number = ?", (number,)).fetchone()
        return () if row is None or not row[0] else films_from_bytes(row[0])

    def page(self, query: Query, after: tuple[int, int] | None, most: int) -> list[Incident]:
        """Incidents that are asked for, the newest first.

        Args:
            query: which ones.
            after: onset and number of the last one of the page before.
            most: at most so many.
        """
        conditions, values = ["1"], list[object]()
        if after is not None:
            conditions.append("(began, number) < (?, ?)")
            values += after
        if query.since is not None:
            conditions.append("ended >= ?")
            values.append(query.since)
        if query.until is not None:
            conditions.append("began < ?")
            values.append(query.until)
        for table, name in (("switches", query.switch), ("tenants", query.tenant)):
            if name is not None:
                conditions.append(f"number IN (SELECT number FROM {table} WHERE name = ?)")
                values.append(name)
        where = " AND ".join(conditions)
        order = "ORDER BY began DESC, number DESC LIMIT ?"
        found = self._connection.execute(
            f"SELECT document, active FROM incidents WHERE {where} {order}", (*values, most)
        )
        return [_incident(*row) for row in found]

    def _prepare(self) -> None:
        connection = self._connection
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != _APPLICATION_ID:
            raise ArchiveError(f"{self._path} is no file of incidents; name another one")
        if version > _VERSION:
            raise ArchiveError(f"{self._path} is of a newer version ({version}; this one has {_VERSION})")
        if not tables:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("PRAGMA journal_mode = WAL")
        # What is lost with the power are the last incidents, not the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        if not tables:
            connection.executescript(_SCHEMA)
        # What was going on when the controller stopped is not followed any more.
        connection.execute("UPDATE incidents SET active = 0")

    def _put(self, incident: Incident, films: tuple[Film, ...]) -> None:
        document, packed = to_json(incident), films_to_bytes(films) if films else b""
        number = incident.number
        self._connection.execute("DELETE FROM incidents WHERE number = ?", (number,))
        self._connection.execute(
            "INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                incident.began,
                incident.ended,
                incident.active,
                len(document) + len(packed) + _OVERHEAD,
                document,
                packed,
            ),
        )
        switches = {queue.queue.port.switch for queue in incident.queues}
        tenants = {
            flow.names.tenant
            for queue in incident.queues
            for flow in (*queue.culprits, *queue.victims, *queue.participants)
            if flow.names.tenant is not None
        }
        for table, names in (("switches", switches), ("tenants", tenants)):
            self._connection.executemany(
                f"INSERT INTO {table} VALUES (?, ?)", [(number, name) for name in sorted(names)]
            )

    def _trim(self, now: int) -> None:
        connection = self._connection
        connection.execute("DELETE FROM incidents WHERE ended < ?", (now - self._most_age,))
        (size,) = connection.execute("SELECT coalesce(sum(size), 0) FROM incidents").fetchone()
        while size > self._most_bytes:
            oldest = connection.execute(
                "SELECT number, size FROM incidents ORDER BY began, number LIMIT ?", (_NUMBERS_AT_ONCE,)
            ).fetchall()
            for number, bytes_of_it in oldest:
                if size <= self._most_bytes:
                    break
                connection.execute("DELETE FROM incidents WHERE number = ?", (number,))
                size -= bytes_of_it

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            raise ArchiveError(f"incidents in {self._path} cannot be kept or read: {error}") from None


def _incident(document: str, active: int) -> Incident:
    """Of a row; whether it goes on is in a column of its own, which a restart changes."""
    return replace(from_json(document), active=active != 0)

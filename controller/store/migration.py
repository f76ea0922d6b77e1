"""Migrates older versions of the store's file.

Version 1 had a table for each kind of thing. Version 2 has records, and of an intent only its document and
generation. This module knows what they wrote; it does not know how a file is opened or kept.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from ipaddress import ip_address

from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.store.records import INTENTS, SECRETS, encode, key_of
from p4fabric.controller.store.revisions import prefix_end
from p4fabric.controller.store.values import GivenNumber, StoredHost, StoredIntent, Value
from p4fabric.controller.topology.model import Host, Link
from p4fabric.pipelines.values import MacAddress, Port

__all__ = ["migrate_version_1", "migrate_version_2"]

_TABLES = ("intents", "numbers", "hosts", "links", "secrets")


def migrate_version_1(connection: sqlite3.Connection) -> None:
    """Move everything into the table of records, as one more revision, and drop the old tables.

    For use in a transaction, with the new tables made.

    Raises:
        ValueError, TypeError: a row is not what version 1 wrote.
    """
    rows = [(key_of(value), encode(value)) for value in _values(connection)]
    rows += ((SECRETS + name, value) for name, value in connection.execute("SELECT name, value FROM secrets"))
    revision = _next_revision(connection)
    connection.executemany(
        "INSERT INTO records (key, value, created, modified, lease) VALUES (?, ?, ?, ?, 0)",
        ((key, value, revision, revision) for key, value in rows),
    )
    for table in _TABLES:
        connection.execute(f"DROP TABLE {table}")


def migrate_version_2(connection: sqlite3.Connection) -> None:
    """Add to each intent when it was created, as far as is known: now. It has no labels and no owner.

    For use in a transaction. Records that version 2 did not understand either stay as they are.

    """
    now, revision = time.time(), _next_revision(connection)
    bounds = (INTENTS, prefix_end(INTENTS))
    statement = "SELECT key, value FROM records WHERE key >= ? AND key < ?"
    for key, value in connection.execute(statement, bounds).fetchall():
        try:
            content = json.loads(value)
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict) and content.keys() == {"document", "generation"}:
            described = {"created": now, "labels": {}, "annotations": {}, "owners": {}}
            written = json.dumps({**content, **described}, separators=(",", ":")).encode()
            statement_of_one = "UPDATE records SET value = ?, modified = ? WHERE key = ?"
            connection.execute(statement_of_one, (written, revision, key))


def _next_revision(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE store SET revision = revision + 1")
    return int(connection.execute("SELECT revision FROM store").fetchone()[0])


def _values(connection: sqlite3.Connection) -> Iterator[Value]:
    now = time.time()
    for kind, tenant, name, document, generation in connection.execute(
        "SELECT kind, tenant, name, document, generation FROM intents"
    ):
        key = IntentKey(kind, TenantName(tenant), name)
        yield StoredIntent(key, json.loads(document), Metadata(generation, now))
    for pool, owner, number in connection.execute("SELECT pool, key, number FROM numbers"):
        yield GivenNumber(pool, number, owner)
    # When hosts were last heard was not kept: they have all their time from now on.
    for kind, tenant, network, mac, switch, port, addresses in connection.execute(
        "SELECT kind, tenant, network, mac, switch, port, addresses FROM hosts"
    ):
        host = Host(
            MacAddress.parse(mac),
            IntentKey(kind, TenantName(tenant), network),
            PortRef(SwitchName(switch), Port(port)),
            frozenset(ip_address(address) for address in json.loads(addresses)),
        )
        yield StoredHost(host, now, stated=False)
    for here, here_port, there, there_port in connection.execute(
        "SELECT from_switch, from_port, to_switch, to_port FROM links"
    ):
        source = PortRef(SwitchName(here), Port(here_port))
        yield Link(source, PortRef(SwitchName(there), Port(there_port)))

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from p4fabric.controller.intents.metadata import Description
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.store import sqlite_file
from p4fabric.controller.store.errors import StoreUnusable
from p4fabric.controller.store.records import Contents, read
from p4fabric.controller.store.revisions import Transaction
from p4fabric.controller.store.sqlite_store import SqliteStore
from p4fabric.controller.topology.model import Host, Link
from p4fabric.pipelines.values import MacAddress, Port
from tests.unit.store.conftest import opened

VERSION_1 = Path(__file__).with_name("version_1.sql")
"""The examples' intents, their numbers, two hosts, a link and a secret, as version 1 wrote them."""
CLIENTS = IntentKey("Network", TenantName("acme"), "clients")
HERE, THERE = PortRef(SwitchName("leaf1"), Port(9)), PortRef(SwitchName("spine1"), Port(1))


@pytest.fixture
def old(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1.read_text())
    return path


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        return {table: sorted(connection.execute(f"SELECT * FROM {table}")) for table in sorted(tables)}


def copies(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir() if file != path)


async def contents_of(path: Path) -> tuple[Contents, bytes]:
    async with opened(path) as store:
        return read(await store.list()), await store.secret("link probes")


async def test_a_file_of_version_1_becomes_records_and_a_copy_of_it_stays(old: Path) -> None:
    before = rows(old)
    contents, secret = await contents_of(old)
    assert contents.not_understood == () and secret == before["secrets"][0][1]
    assert [
        (
            *(i.value.key.kind, i.value.key.tenant, i.value.key.name),
            i.value.metadata.generation,
            i.value.document,
        )
        for i in contents.intents
    ] == [(*row[:4], json.loads(row[4])) for row in before["intents"]]
    numbers = sorted((n.value.pool, n.value.owner, n.value.number) for n in contents.numbers)
    assert numbers == before["numbers"] and len(numbers) == 8
    hosts = {stored.value.host for stored in contents.hosts}
    assert hosts == {
        Host(MacAddress(2), CLIENTS, HERE, frozenset({ip_address("10.0.1.2"), ip_address("2001:db8::2")})),
        Host(MacAddress(3), CLIENTS, HERE),
    }
    assert all(abs(h.value.seen - time.time()) < 60 and not h.value.stated for h in contents.hosts)
    assert {stored.value for stored in contents.links} == {Link(HERE, THERE), Link(THERE, HERE)}
    assert {stored.modified for stored in contents.understood()} == {contents.revision}, "one transaction"
    assert copies(old) == ["fabric.db.version-1"]
    copy = old.with_name("fabric.db.version-1")
    assert rows(copy) == before and copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,), "version 1 can open it"


async def test_it_is_migrated_once(old: Path) -> None:
    first = await contents_of(old)
    async with opened(old) as store:
        await store.commit(Transaction({"intents/Network/acme/more": b"{}"}))
    contents, secret = await contents_of(old)
    assert secret == first[1] and contents.revision == first[0].revision + 1
    assert copies(old) == ["fabric.db.version-1"]


async def test_a_copy_that_is_there_is_never_overwritten(old: Path) -> None:
    first = old.with_name("fabric.db.version-1")
    first.write_bytes(b"an older copy")
    await contents_of(old)
    assert copies(old) == ["fabric.db.version-1", "fabric.db.version-1.2"]
    assert first.read_bytes() == b"an older copy"


async def test_what_version_1_had_only_in_its_log_when_it_was_killed_is_migrated_too(
    old: Path, tmp_path: Path
) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("DELETE FROM intents")
        connection.execute("DELETE FROM numbers WHERE pool != 'vrf'")
        for name in (old.name, f"{old.name}-wal"):
            (killed / name).write_bytes((tmp_path / name).read_bytes())
    contents, _ = await contents_of(killed / old.name)
    assert contents.intents == () and [number.value.pool for number in contents.numbers] == ["vrf"]
    copied = rows(killed / "fabric.db.version-1")
    assert copied["intents"] == [] and len(copied["numbers"]) == 1


def spoiled(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE intents SET document = '{' WHERE name = 'ue1'",
        "UPDATE hosts SET mac = 'none' WHERE addresses = '[]'",
        "UPDATE hosts SET addresses = '[\"10.0.0\"]'",
        "UPDATE links SET to_port = 4711",
        "UPDATE numbers SET key = zeroblob(9) WHERE pool = 'vrf'",
    ],
)
def test_a_row_that_makes_no_sense_leaves_the_file_as_it_is(old: Path, statement: str) -> None:
    spoiled(old, statement)
    before = rows(old)
    for _ in range(2):
        with pytest.raises(StoreUnusable, match=r"fabric\.db is damaged .*backup"):
            asyncio.run(SqliteStore.open(old))
    assert rows(old) == before and copies(old) == []


@pytest.mark.parametrize("step", ["_keep_copy", "migrate_version_1"])
async def test_a_controller_killed_while_it_migrates_starts_again_from_the_old_file(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = rows(old)
    perform = getattr(sqlite_file, step)
    snapshots = iter_names()

    def watched(*arguments: Any) -> Any:
        result = perform(*arguments)
        folder = tmp_path / next(snapshots)
        folder.mkdir()
        for file in [*tmp_path.glob("fabric.db*")]:
            (folder / file.name).write_bytes(file.read_bytes())
        return result

    monkeypatch.setattr(sqlite_file, step, watched)
    expected = await contents_of(old)
    monkeypatch.undo()
    killed = tmp_path / "killed-1" / old.name
    assert rows(killed.with_name("fabric.db.version-1")) == before
    contents, secret = await contents_of(killed)
    assert secret == expected[1]
    # Each time, intents are taken for created when they are migrated.
    assert [stored.value.document for stored in contents.intents] == [
        stored.value.document for stored in expected[0].intents
    ]


async def test_intents_of_version_2_are_created_when_they_are_migrated(path: Path) -> None:
    async with opened(path) as store:
        old = {"document": {"kind": "Network"}, "generation": 7}
        puts = {"intents/Network/acme/clients": json.dumps(old).encode(), "intents/Odd/acme/x": b"{"}
        revision = await store.commit(Transaction(puts))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    began = time.time()
    contents, _ = await contents_of(path)
    (stored,) = contents.intents
    metadata = stored.value.metadata
    assert stored.value.document == old["document"] and metadata.generation == 7
    assert began <= metadata.created <= time.time() and metadata.description == Description()
    assert stored.modified == revision + 1
    assert [unread.key for unread in contents.not_understood] == ["intents/Odd/acme/x"]
    assert copies(path) == ["fabric.db.version-2"]
    again, _ = await contents_of(path)
    assert again.intents == contents.intents


def iter_names() -> Iterator[str]:
    return (f"killed-{number}" for number in range(1, 10))


async def test_a_new_store_is_not_one_that_holds_intents(old: Path) -> None:
    before = rows(old)
    with pytest.raises(StoreUnusable, match=r"holds intents.*without --new-store"):
        await SqliteStore.open(old, new=True)
    assert rows(old) == before and copies(old) == []

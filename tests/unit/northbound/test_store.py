from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from controller.names import IntentKey, PortRef, SwitchName, TenantName
from controller.store import Change, Snapshot, SqliteStore, StoreBusy, StoredIntent, StoreError, StoreUnusable
from controller.topology.model import Host, Link
from pipelines.values import MacAddress, Port

NETWORK = IntentKey("Network", TenantName("acme"), "clients")
HERE, THERE = PortRef(SwitchName("leaf1"), Port(9)), PortRef(SwitchName("spine1"), Port(1))
HOST = Host(MacAddress(2), NETWORK, HERE, frozenset({ip_address("10.0.0.2"), ip_address("2001:db8::2")}))


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(path, patience=0.1)
    try:
        yield store
    finally:
        await store.close()


def intent(number: int, generation: int = 1) -> StoredIntent:
    key = IntentKey("Network", TenantName("acme"), f"n{number}")
    document = {"kind": "Network", "name": f"n{number}", "tenant": "acme", "spec": {"subnets": ["é"]}}
    return StoredIntent(key, document, generation)


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "fabric.db"
    async with opened(path) as store:
        assert await store.load() == Snapshot()
        await store.commit(
            Change(
                intents=[intent(1), intent(2)],
                numbers=[("vlan", "n1", 100), ("vlan", "n2", 101)],
                hosts=[HOST],
                links=[Link(HERE, THERE), Link(THERE, HERE)],
            )
        )
        secret = await store.secret("probes")
    async with opened(path) as store:
        # A number that is taken back is free for another in the same change.
        change = Change([intent(2, 2)], [intent(1).key], [("vlan", "n3", 100)], [("vlan", "n1", 100)])
        await store.commit(change)
    async with opened(path) as store:
        kept = await store.load()
        assert await store.secret("probes") == secret and len(secret) == 32
    assert kept.intents == (intent(2, 2),)
    assert kept.numbers == (("vlan", "n2", 101), ("vlan", "n3", 100))
    assert kept.hosts == (HOST,) and set(kept.links) == {Link(HERE, THERE), Link(THERE, HERE)}
    async with opened(path) as store:
        await store.commit(Change(hosts_removed=[HOST.key], links_removed=kept.links))
        kept = await store.load()
    assert not kept.hosts and not kept.links


async def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "fabric.db") as store:
        await store.commit(Change(numbers=[("vlan", "n1", 100)]))
        with pytest.raises(StoreError):
            await store.commit(Change(intents=[intent(1)], numbers=[("vlan", "n2", 100)]))
        assert await store.load() == Snapshot(numbers=(("vlan", "n1", 100),))


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    store = asyncio.run(SqliteStore.open(tmp_path / "fabric.db"))
    asyncio.run(store.secret("probes"))
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    asyncio.run(store.close())


async def test_a_second_controller_is_kept_out_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "fabric.db"
    async with opened(path):
        with pytest.raises(StoreBusy, match="is a controller running"):
            await SqliteStore.open(path, patience=0.1)
    async with opened(path):
        pass


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to look at" * 100)


def torn(path: Path) -> None:
    _make(path)
    content = bytearray(path.read_bytes())
    content[4096:8192] = os.urandom(4096)
    path.write_bytes(content)


def newer(path: Path) -> None:
    _make(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def somebody_elses(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()


def folder(path: Path) -> None:
    path.mkdir()


def emptied(path: Path) -> None:
    _make(path)
    path.write_bytes(b"")


def without_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 0")
        connection.execute("VACUUM")
    connection.close()
    assert path.stat().st_size > 0


def _make(path: Path) -> None:
    async def make() -> None:
        async with opened(path) as store:
            await store.commit(Change(intents=[intent(number) for number in range(200)]))

    asyncio.run(make())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (garbage, "damaged.*backup"),
        (torn, "damaged.*backup"),
        (newer, "newer p4fabric"),
        (somebody_elses, "another application"),
        (folder, "cannot be opened"),
        (emptied, "is empty.*--new-store"),
        (without_tables, "is empty.*--new-store"),
    ],
)
def test_what_is_no_store_is_refused_in_words_and_left_as_it_is(
    tmp_path: Path, spoil: object, message: str
) -> None:
    path = tmp_path / "fabric.db"
    assert callable(spoil)
    spoil(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(StoreUnusable, match=message):
        asyncio.run(SqliteStore.open(path))
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("spoil", [emptied, without_tables])
async def test_an_empty_file_is_begun_anew_where_the_operator_says_so(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "fabric.db"
    await asyncio.to_thread(spoil, path)
    for _ in range(2):  # a start that failed for another reason is repeated as it was
        store = await SqliteStore.open(path, new=True)
        assert await store.load() == Snapshot()
        await store.close()
    async with opened(path) as store:
        await store.commit(Change(intents=[intent(1)]))
    with pytest.raises(StoreUnusable, match=r"holds intents.*without --new-store"):
        await SqliteStore.open(path, new=True)


async def test_a_log_whose_file_is_gone_is_left_alone(tmp_path: Path) -> None:
    """SQLite would play it back into any file of that name."""
    path, taken_away = tmp_path / "fabric.db", tmp_path / "elsewhere.db"
    async with opened(path) as store:
        await store.commit(Change(intents=[intent(1)]))
        crashed = {name: (tmp_path / name).read_bytes() for name in (path.name, f"{path.name}-wal")}
    for name, content in crashed.items():
        (tmp_path / name).write_bytes(content)
    path.rename(taken_away)
    with pytest.raises(StoreUnusable, match=r"missing, but its log fabric\.db-wal is there"):
        await SqliteStore.open(path)
    taken_away.rename(path)
    async with opened(path) as store:
        assert (await store.load()).intents == (intent(1),)


def test_a_controller_killed_while_it_makes_its_store_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fabric.db"

    def killed(source: object, destination: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "link", killed)
        asyncio.run(SqliteStore.open(path))
    assert list(tmp_path.iterdir()) == []
    asyncio.run(asyncio.run(SqliteStore.open(path)).close())


@pytest.mark.root
def test_a_file_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    """Root may write anything but a file system that is mounted read-only."""
    folder = tmp_path / "ro"
    folder.mkdir()
    _make(folder / "fabric.db")
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        with pytest.raises(StoreUnusable, match="Read-only file system"):
            asyncio.run(SqliteStore.open(folder / "fabric.db"))
    finally:
        subprocess.run(["umount", folder], check=True)


WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from controller.store import Change, SqliteStore
    from tests.unit.northbound.test_store import intent

    async def main() -> None:
        store = await SqliteStore.open(Path(sys.argv[1]))
        start = len((await store.load()).numbers)
        for number in range(start, start + 100_000):
            numbers = [("vlan", f"n{number}", number)]
            await store.commit(Change([intent(number), intent(0, number)], numbers=numbers))
            print(number, flush=True)

    asyncio.run(main())
    """
)


def test_a_writer_killed_at_any_moment_leaves_whole_changes_and_all_that_it_acknowledged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "fabric.db"
    for life in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        last = -1
        for _ in range(20 + 7 * life):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        acknowledged = [last, *(int(line) for line in writer.stdout if line.endswith("\n"))][-1]
        writer.wait()

        async def load() -> Snapshot:
            async with opened(path) as store:
                return await store.load()

        kept = asyncio.run(load())
        numbers = sorted(number for _, _, number in kept.numbers)
        assert numbers == list(range(len(numbers))) and len(numbers) in (acknowledged + 1, acknowledged + 2)
        generations = {stored.key.name: stored.generation for stored in kept.intents}
        assert len(generations) == len(numbers) and generations["n0"] == numbers[-1]

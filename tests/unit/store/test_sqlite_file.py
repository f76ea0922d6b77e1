from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from p4fabric.controller.store.errors import StoreBusy, StoreUnusable
from p4fabric.controller.store.revisions import Listing, Transaction
from p4fabric.controller.store.sqlite_store import SqliteStore
from tests.unit.store.conftest import opened

INTENT = Transaction({"intents/Network/acme/n1": b"{}"})


async def test_everything_is_there_after_a_restart(path: Path) -> None:
    async with opened(path) as store:
        await store.commit(INTENT)
        await store.commit(Transaction({"numbers/vlan/1": b"\0\xff"}))
        before = await store.list()
    async with opened(path) as store:
        assert await store.list() == before
    assert not list(path.parent.glob("fabric.db-*")), "a store that was closed is one file"


async def test_only_the_owner_can_read_the_file(path: Path) -> None:
    async with opened(path) as store:
        await store.secret("probes")
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


async def test_a_second_controller_is_kept_out_until_the_first_is_gone(path: Path) -> None:
    async with opened(path):
        with pytest.raises(StoreBusy, match="is a controller running"):
            await SqliteStore.open(path, patience=0.1)
    async with opened(path):
        pass


async def test_who_is_cancelled_while_it_opens_a_store_has_it_to_close(path: Path) -> None:
    """Otherwise the file would stay locked."""

    async def use() -> None:
        async with opened(path):
            await asyncio.Event().wait()

    user = asyncio.create_task(use())
    await asyncio.sleep(0)
    user.cancel()
    with pytest.raises(asyncio.CancelledError):
        await user
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
            await store.commit(
                Transaction({f"intents/Network/acme/n{number}": bytes(100) for number in range(200)})
            )

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
        assert (await store.list()).records == ()
        await store.close()
    async with opened(path) as store:
        await store.commit(INTENT)
    with pytest.raises(StoreUnusable, match=r"holds intents.*without --new-store"):
        await SqliteStore.open(path, new=True)


async def test_a_log_whose_file_is_gone_is_left_alone(tmp_path: Path) -> None:
    """SQLite would play it back into any file of that name."""
    path, taken_away = tmp_path / "fabric.db", tmp_path / "elsewhere.db"
    async with opened(path) as store:
        await store.commit(INTENT)
        crashed = {name: (tmp_path / name).read_bytes() for name in (path.name, f"{path.name}-wal")}
    for name, content in crashed.items():
        (tmp_path / name).write_bytes(content)
    path.rename(taken_away)
    with pytest.raises(StoreUnusable, match=r"missing, but its log fabric\.db-wal is there"):
        await SqliteStore.open(path)
    taken_away.rename(path)
    async with opened(path) as store:
        assert len((await store.list()).records) == 1


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
    asyncio.run(open_and_close(path))


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


async def open_and_close(path: Path) -> None:
    async with opened(path):
        pass


WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from p4fabric.controller.store.revisions import Transaction
    from p4fabric.controller.store.sqlite_store import SqliteStore

    async def main() -> None:
        store = await SqliteStore.open(Path(sys.argv[1]))
        start = len((await store.list("numbers/")).records)
        for number in range(start, start + 100_000):
            puts = {f"numbers/vlan/{number}": b"", f"intents/n{number}": b"", "last": str(number).encode()}
            await store.commit(Transaction(puts))
            print(number, flush=True)

    asyncio.run(main())
    """
)


def test_a_writer_killed_at_any_moment_leaves_whole_transactions_and_all_that_it_acknowledged(
    path: Path,
) -> None:
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

        async def load() -> Listing:
            async with opened(path) as store:
                return await store.list()

        kept = asyncio.run(load())
        values = {record.key: record for record in kept.records}
        count = sum(key.startswith("numbers/") for key in values)
        assert count in (acknowledged + 1, acknowledged + 2) and len(values) == 2 * count + 1
        assert values["last"].value == str(count - 1).encode() and values["last"].modified == kept.revision
        assert kept.revision == count + 1

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from p4fabric.controller.store.errors import (
    OutcomeUnknown,
    StoreConflict,
    StoreError,
    StoreUnusable,
    TransactionTooLarge,
)
from p4fabric.controller.store.revisions import LONGEST_KEY, Listing, Record, Transaction, prefix_end
from p4fabric.controller.store.sqlite_file import transaction
from p4fabric.controller.store.sqlite_store import SqliteStore
from tests.unit.store.conftest import opened


async def test_a_record_knows_when_its_key_came_to_be_and_was_last_written(store: SqliteStore) -> None:
    first = await store.commit(Transaction({"a": b"1", "b": b"1"}))
    second = await store.commit(Transaction({"a": b"2"}))
    assert second == first + 1
    records = (Record("a", b"2", first, second), Record("b", b"1", first, first))
    assert await store.list() == Listing(second, records)
    third = await store.commit(Transaction(deletes=["a"]))
    fourth = await store.commit(Transaction({"a": b"3"}))
    assert await store.get("a") == Record("a", b"3", fourth, fourth) and fourth == third + 1
    assert await store.get("c") is None


async def test_a_transaction_that_changes_nothing_has_no_revision_of_its_own(store: SqliteStore) -> None:
    revision = await store.commit(Transaction({"a": b"1"}))
    assert await store.commit(Transaction(deletes=["b"], conditions={"a": revision})) == revision
    assert (await store.list()).revision == revision


async def test_a_prefix_is_taken_by_the_letter(store: SqliteStore) -> None:
    keys = ["a", "a/", "a/b", "a/é", "a/\U0010ffff", "a0", "b", "\ud7ff", "\ud7ffa", "\ue000", "\U0010ffff"]
    await store.commit(Transaction(dict.fromkeys(keys, b"")))
    for prefix in ["", "a", "a/", "a/\U0010ffff", "\ud7ff", "\ue000", "\U0010ffff", "c"]:
        found = [record.key for record in (await store.list(prefix)).records]
        assert found == sorted(key for key in keys if key.startswith(prefix)), prefix
    assert prefix_end("a\U0010ffff") == "b" and prefix_end("\U0010ffff") is None


async def test_a_transaction_is_performed_only_if_all_is_as_it_was_when_its_maker_looked(
    store: SqliteStore,
) -> None:
    revision = await store.commit(Transaction({"a": b"1", "b": b"1"}))
    await store.commit(Transaction({"b": b"2"}, conditions={"b": revision, "new": 0}))
    before = await store.list()
    with pytest.raises(
        StoreConflict, match=r"^b was written by somebody else: revision 3, expected"
    ) as refused:
        change = Transaction({"c": b"", "a": b"2"}, ["b"], {"a": revision, "b": revision, "d": 0})
        await store.commit(change)
    assert (refused.value.expected, refused.value.found) == ({"b": revision}, {"b": revision + 1})
    with pytest.raises(StoreConflict, match=r"revision 2, expected no record, and 1 more"):
        await store.commit(Transaction({"a": b"2"}, conditions={"a": 0, "c": 1}))
    assert await store.list() == before
    assert not isinstance(refused.value, StoreUnusable), "nothing is damaged"


@pytest.mark.parametrize("key", ["", "x" * (LONGEST_KEY + 1), "é" * (LONGEST_KEY // 2 + 1), "\ud800", "a\0b"])
def test_a_key_that_no_store_could_hold_is_refused_where_it_is_made(key: str) -> None:
    for change in ({"puts": {key: b""}}, {"deletes": [key]}, {"conditions": {key: 0}}):
        with pytest.raises(ValueError):
            Transaction(**change)


def test_a_key_is_changed_once_by_a_transaction() -> None:
    with pytest.raises(ValueError, match="both put and deleted"):
        Transaction({"a": b""}, ["a"])


async def test_what_is_too_much_at_once_is_refused_in_words(store: SqliteStore) -> None:
    keys = [f"k{number}" for number in range(store.limits.operations + 1)]
    for change in (Transaction(deletes=keys), Transaction(conditions=dict.fromkeys(keys, 0))):
        with pytest.raises(TransactionTooLarge, match=r"200,001 operations .* 200,000 .* possible"):
            await store.commit(change)
    large = bytes(store.limits.size // 2 + 1)
    with pytest.raises(TransactionTooLarge, match="134,217,730 bytes"):
        await store.commit(Transaction({"a": large, "b": large}))


async def test_a_disk_that_is_full_changes_nothing_and_is_not_called_damage(store: SqliteStore) -> None:
    await store.commit(Transaction({"a": b"1"}))
    before = await store.list()
    with full_disk(store), pytest.raises(StoreError, match="full") as refused:
        await store.commit(Transaction({"a": b"2", "b": bytes(1 << 20)}))
    assert type(refused.value) is StoreError and await store.list() == before
    assert await store.commit(Transaction({"b": bytes(1 << 20)})) == before.revision + 1


async def test_a_mistake_of_the_program_is_not_called_damage(store: SqliteStore) -> None:
    with pytest.raises(sqlite3.Error):
        await store.commit(Transaction({"a": []}))  # type: ignore[dict-item]
    assert (await store.list()).records == ()


def test_a_transaction_that_can_neither_be_ended_nor_taken_back_has_an_unknown_outcome() -> None:
    class Broken:
        in_transaction = True

        def execute(self, statement: str) -> None:
            if statement in ("COMMIT", "ROLLBACK"):
                raise sqlite3.OperationalError(f"{statement} failed")

    unknown = pytest.raises(OutcomeUnknown, match=r"COMMIT failed; .* ROLLBACK failed")
    with unknown, transaction(Broken()):  # type: ignore[arg-type]
        pass


async def test_a_cancelled_commit_is_over_before_its_caller_hears_of_it(store: SqliteStore) -> None:
    """Memory takes over what the store has, whenever the caller is cancelled."""
    memory: dict[str, int] = {}
    reached: list[str] = []

    async def write() -> None:
        memory["a"] = await store.commit(Transaction({"a": b"1"}))
        reached.append("memory")
        await asyncio.sleep(0)
        await asyncio.Event().wait()
        reached.append("never")

    with held_disk(store) as release:
        task = asyncio.create_task(write())
        await asyncio.sleep(0)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    kept = await store.get("a")
    assert kept is not None and memory == {"a": kept.modified} and reached == ["memory"]


async def test_a_cancelled_commit_that_is_refused_says_so(store: SqliteStore) -> None:
    await store.commit(Transaction({"a": b"1"}))
    told: list[Exception] = []

    async def write() -> None:
        try:
            await store.commit(Transaction({"a": b"2"}, conditions={"a": 0}))
        except StoreConflict as conflict:
            told.append(conflict)

    with held_disk(store) as release:
        task = asyncio.create_task(write())
        await asyncio.sleep(0)
        task.cancel()
        release.set()
        await task  # it did not wait any more, so there was nothing to cancel
    assert len(told) == 1


async def test_a_commit_that_takes_too_long_is_over_before_the_timeout_is_told(store: SqliteStore) -> None:
    with held_disk(store) as release:
        asyncio.get_running_loop().call_later(0.02, release.set)
        async with asyncio.timeout(0.001) as limit:
            revision = await store.commit(Transaction({"a": b"1"}))
        assert limit.expired() and revision == (await store.list()).revision
    await asyncio.sleep(0.001)  # the timeout took its cancellation back; none is left over
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await store.commit(Transaction({"a": b"2"}))
            await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_requests_that_wait_for_the_disk_are_bounded(store: SqliteStore) -> None:
    with held_disk(store) as release:
        reads = [asyncio.create_task(store.get("a")) for _ in range(1100)]
        await asyncio.sleep(0)
        done = [read for read in reads if read.done()]
        assert 0 < len(done) < 100
        for read in done:
            with pytest.raises(StoreError, match="requests wait for the disk"):
                await read
        release.set()
        await asyncio.gather(*(read for read in reads if read not in done))


async def test_a_closed_store_says_so(path: Path) -> None:
    async with opened(path) as store:
        pass
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.commit(Transaction({"a": b"1"}))


async def test_a_secret_is_made_once_also_when_two_ask_at_once(path: Path) -> None:
    async with opened(path) as store:
        first, second = await asyncio.gather(store.secret("probes"), store.secret("probes"))
        assert first == second and len(first) == 32 and await store.secret("tokens") != first
    async with opened(path) as store:
        assert await store.secret("probes") == first


@contextmanager
def held_disk(store: SqliteStore) -> Iterator[threading.Event]:
    """The store's thread waits until the event is set."""
    release = threading.Event()
    waiting = store._thread.submit(release.wait)
    try:
        yield release
    finally:
        release.set()
        waiting.result()


@contextmanager
def full_disk(store: SqliteStore) -> Iterator[None]:
    """The file cannot grow."""

    def limit(pages: int) -> int:
        return int(store._connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()[0])

    before = store._thread.submit(limit, 0).result()
    store._thread.submit(limit, 1).result()
    try:
        yield
    finally:
        store._thread.submit(limit, before).result()

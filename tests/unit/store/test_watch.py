from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from p4fabric.controller.store.errors import Compacted, StoreError
from p4fabric.controller.store.history import History, HistoryLimits
from p4fabric.controller.store.revisions import Event, Record, Transaction, WatchResponse
from p4fabric.controller.store.sqlite_store import SqliteStore
from tests.unit.store.conftest import opened


async def test_a_listing_and_a_watch_from_its_revision_miss_nothing_and_tell_nothing_twice(
    store: SqliteStore,
) -> None:
    await store.commit(Transaction({"a/1": b"1", "b/1": b"1"}))
    listing = await store.list("a/")
    second = await store.commit(Transaction({"a/2": b"2", "b/2": b"2"}, ["a/1"]))
    await store.commit(Transaction({"b/1": b"2"}))
    watch = store.watch("a/", listing.revision)
    created = Event("a/2", Record("a/2", b"2", second, second))
    assert await anext(watch) == WatchResponse(second, (Event("a/1", None), created))
    following = asyncio.create_task(next_of(watch))
    await asyncio.sleep(0)
    assert not following.done()
    last = await store.commit(Transaction({"a/2": b"3"}))
    assert await following == WatchResponse(last, (Event("a/2", Record("a/2", b"3", second, last)),))


async def test_who_watches_hears_of_a_commit_no_later_than_who_made_it(store: SqliteStore) -> None:
    watch = store.watch("", (await store.list()).revision)
    for _ in range(20):
        following = asyncio.create_task(next_of(watch))
        revision = await store.commit(Transaction({"a": b"1"}))
        assert following.done() and following.result().revision == revision


async def test_a_watch_may_start_in_the_future(store: SqliteStore) -> None:
    now = (await store.list()).revision
    later = asyncio.create_task(next_of(store.watch("", now + 2)))
    for _ in range(3):
        await store.commit(Transaction({"a": b"1"}))
    assert (await later).revision == now + 3


async def test_a_slow_watch_is_told_that_it_has_missed_something(path: Path) -> None:
    async with opened(path, history=HistoryLimits(events=4)) as store:
        start = (await store.list()).revision
        slow, slower = store.watch("", start), store.watch("", start)
        await store.commit(Transaction({"a": b"1"}))
        await anext(slow)
        for _ in range(4):
            await store.commit(Transaction({"b": b"1"}))
        for _ in range(4):
            await anext(slow)
        with pytest.raises(Compacted, match=f"after revision {start} are gone; .* after {start + 1}") as told:
            await anext(slower)
        assert [response.revision async for response in read(store.watch("", told.value.oldest), 4)] == [
            start + 2 + number for number in range(4)
        ]


async def test_what_the_history_holds_is_bounded_by_events_and_by_bytes_but_for_the_newest() -> None:
    history = History(1, HistoryLimits(events=10, size=1000))

    def append(revision: int, events: int, size: int) -> None:
        record = Record("a", bytes(size), 1, revision)
        history.append(revision, tuple(Event("a", record) for _ in range(events)))

    async def oldest() -> int:
        with pytest.raises(Compacted) as told:
            await anext(history.watch("", 0))
        return told.value.oldest

    append(2, 5, 1)
    append(3, 5, 1)
    assert await oldest() == 1
    append(4, 1, 1)
    assert await oldest() == 2
    append(5, 1, 999)
    assert await oldest() == 3
    append(6, 20, 500)
    assert await oldest() == 5 and (await anext(history.watch("", 5))).revision == 6
    append(7, 0, 0)
    assert await oldest() == 6


async def test_a_watch_never_passes_over_a_transaction_that_nobody_knew_of() -> None:
    history = History(1, HistoryLimits())
    history.append(2, (Event("a", None),))
    waiting = asyncio.create_task(next_of(history.watch("", 2)))
    await asyncio.sleep(0)
    history.append(4, (Event("a", None),))
    with pytest.raises(Compacted) as told:
        await waiting
    assert told.value.oldest == 3 and (await anext(history.watch("", 3))).revision == 4


async def test_a_store_that_was_opened_again_has_no_history(path: Path) -> None:
    async with opened(path) as store:
        first = await store.commit(Transaction({"a": b"1"}))
        last = await store.commit(Transaction({"a": b"2"}))
    async with opened(path) as store:
        with pytest.raises(Compacted):
            await anext(store.watch("", first))
        following = asyncio.create_task(next_of(store.watch("", last)))
        assert await store.commit(Transaction({"a": b"3"})) == last + 1
        assert (await following).revision == last + 1


async def test_watches_end_with_the_store(path: Path) -> None:
    async with opened(path) as store:
        waiting = asyncio.create_task(next_of(store.watch("", (await store.list()).revision)))
        await asyncio.sleep(0)
    with pytest.raises(StoreError, match="is closed"):
        await waiting


async def next_of(watch: AsyncIterator[WatchResponse]) -> WatchResponse:
    return await anext(watch)


async def read(watch: AsyncIterator[WatchResponse], count: int) -> AsyncIterator[WatchResponse]:
    for _ in range(count):
        yield await anext(watch)

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from p4fabric.controller.store.errors import LeaseNotFound
from p4fabric.controller.store.revisions import Event, Transaction, WatchResponse
from p4fabric.controller.store.sqlite_store import SqliteStore
from tests.unit.store.conftest import HeldClock, opened


async def test_records_go_with_their_lease_all_at_once(path: Path) -> None:
    clock = HeldClock()
    async with opened(path, clock=clock) as store:
        lease = await store.grant(5)
        await store.commit(Transaction({"leader": b"a", "switches/leaf1": b"a"}, lease=lease))
        revision = await store.commit(Transaction({"other": b""}))
        clock.now += 4.999
        assert len((await store.list()).records) == 3
        clock.now += 0.001
        assert [record.key for record in (await store.list()).records] == ["other"]
        watch = store.watch("", revision)
        gone = (Event("leader", None), Event("switches/leaf1", None))
        assert await anext(watch) == WatchResponse(revision + 1, gone)


async def test_a_lease_lives_as_long_as_it_is_kept_alive(path: Path) -> None:
    clock = HeldClock()
    async with opened(path, clock=clock) as store:
        lease = await store.grant(5)
        await store.commit(Transaction({"leader": b"a"}, lease=lease))
        for _ in range(10):
            clock.now += 4
            assert await store.keep_alive(lease) == 5
        assert await store.get("leader") is not None
        clock.now += 5
        with pytest.raises(LeaseNotFound, match=f"lease {lease} has expired"):
            await store.keep_alive(lease)
        with pytest.raises(LeaseNotFound):
            await store.commit(Transaction({"leader": b"a"}, lease=lease))
        assert await store.get("leader") is None


async def test_a_lease_expires_also_when_nobody_asks_the_store_for_anything(path: Path) -> None:
    async with opened(path, clock=time.monotonic) as store:
        begun = time.monotonic()
        lease = await store.grant(1)
        revision = await store.commit(Transaction({"leader": b"a"}, lease=lease))
        response = await asyncio.wait_for(anext(store.watch("", revision)), 60)
        assert response.events == (Event("leader", None),) and time.monotonic() - begun > 0.9


async def test_a_put_without_the_lease_takes_the_record_out_of_it(path: Path) -> None:
    async with opened(path) as store:
        lease, other = await store.grant(5), await store.grant(5)
        await store.commit(Transaction({"a": b"", "b": b"", "c": b""}, lease=lease))
        await store.commit(Transaction({"a": b""}))
        await store.commit(Transaction({"b": b""}, lease=other))
        await store.revoke(lease)
        assert [(r.key, r.lease) for r in (await store.list()).records] == [("a", 0), ("b", other)]


async def test_a_lease_is_revoked_once_and_its_id_never_used_again(path: Path) -> None:
    async with opened(path) as store:
        lease = await store.grant(5)
        revision = (await store.list()).revision
        await store.revoke(lease)
        assert (await store.list()).revision == revision, "it had no records"
        with pytest.raises(LeaseNotFound):
            await store.revoke(lease)
        with pytest.raises(LeaseNotFound):
            await store.keep_alive(lease)
    async with opened(path) as store:
        assert await store.grant(5) != lease


async def test_after_a_restart_a_lease_has_its_whole_time_again(path: Path) -> None:
    clock = HeldClock()
    async with opened(path, clock=clock) as store:
        lease = await store.grant(5)
        await store.commit(Transaction({"leader": b"a"}, lease=lease))
        clock.now += 4
    clock = HeldClock(0.0)
    async with opened(path, clock=clock) as store:
        clock.now += 4
        assert await store.get("leader") is not None
        clock.now += 1
        assert await store.get("leader") is None


async def test_a_lease_that_cannot_be_ended_on_disk_is_over_and_ended_later(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HeldClock()
    async with opened(path, clock=clock) as store:
        lease = await store.grant(5)
        await store.commit(Transaction({"leader": b"a"}, lease=lease))
        clock.now += 5
        with read_only(store), caplog.at_level(logging.WARNING):
            await store.get("leader")
            with pytest.raises(LeaseNotFound):
                await store.keep_alive(lease)
        assert await store.get("leader") is None
    assert any("its records stay for now" in record.message for record in caplog.records)


@contextmanager
def read_only(store: SqliteStore) -> Iterator[None]:
    """Every write fails."""
    store._thread.submit(store._connection.execute, "PRAGMA query_only = 1").result()
    try:
        yield
    finally:
        store._thread.submit(store._connection.execute, "PRAGMA query_only = 0").result()


@pytest.mark.parametrize("ttl", [0, -1])
async def test_a_lease_lasts_some_time(store: SqliteStore, ttl: int) -> None:
    with pytest.raises(ValueError):
        await store.grant(ttl)

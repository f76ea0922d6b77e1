"""What is acted upon was committed before; whatever becomes of a call, memory and store are equal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from p4fabric.controller.core import Capacity, Core, IntentConflict, Plan, Preview
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.core_thread import CoreThread
from p4fabric.controller.fabric.kept import documents_of, rows_of
from p4fabric.controller.fabric.unsettled import UnsettledSwitches
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.names import IntentKey
from p4fabric.controller.state import Change
from p4fabric.controller.store import SqliteStore, StoreError
from p4fabric.controller.store.errors import OutcomeUnknown
from p4fabric.controller.store.known import KnownRevisions
from p4fabric.controller.store.records import Contents, read
from p4fabric.controller.store.revisions import Transaction
from tests.unit.compiler.world import CLIENTS, HOSTS, SERVERS, WEB, key


class StoreWithFaults(SqliteStore):
    """Its commits can be made to wait, or to fail."""

    before_commit: Callable[[], Awaitable[None]] | None = None

    asked: Transaction

    async def commit(self, transaction: Transaction) -> int:
        self.asked = transaction
        if self.before_commit is not None:
            await self.before_commit()
        return await super().commit(transaction)


class Bench:
    def __init__(self, store: StoreWithFaults, contents: Contents) -> None:
        self.store = store
        self.core = Core(Capacity({}))
        self.thread = CoreThread()
        self.adopted: list[Plan] = []
        self.changes = StateChanges(
            self.core,
            self.thread,
            store,
            KnownRevisions(contents),
            UnsettledSwitches.of(()),
            settled=tuple,
            adopt=self._adopt,
            planned=lambda seconds: None,
        )

    async def _adopt(self, plan: Plan, revision: int | None) -> None:
        self.adopted.append(plan)

    async def apply(self, *documents: Any) -> Plan:
        intents = [parse_intent(document) for document in documents]
        return await self.changes.make(lambda: self.core.plan_apply(intents))

    async def preview(self, *documents: Any, judge: Callable[[Preview], Awaitable[str]]) -> Preview:
        intents = [parse_intent(document) for document in documents]
        found, judged = await self.changes.preview(lambda: self.core.plan_apply(intents), 100, judge)
        assert judged == "seen"
        return found

    @property
    def in_memory(self) -> set[IntentKey]:
        return {known for known, _ in self.core.view.catalogue.table.rows()}

    async def is_as_stored(self) -> bool:
        """Whether a core that takes up the store is the very same."""
        contents = read(await self.store.list())
        fresh = Core(Capacity({}))
        fresh.load(rows_of(contents), documents_of(contents))
        tables = [table for table in self.core.persisted if table.name not in ("heard hosts", "links")]
        loaded = {table.name: dict(table.rows()) for table in fresh.persisted}
        kept = {stored.value.host.key: stored.value.host for stored in contents.hosts}
        hosts = dict(self.core.view.heard_hosts.rows())
        return kept == hosts and all(dict(table.rows()) == loaded[table.name] for table in tables)


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    store = await StoreWithFaults.open(folder / "fabric.db")
    assert isinstance(store, StoreWithFaults)
    found = Bench(store, read(await store.list()))
    try:
        yield found
    finally:
        found.thread.close()
        await store.close()


async def test_a_change_is_stored_before_anybody_hears_of_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as found:
        heard: list[int] = []

        async def look() -> None:
            heard.append(len(found.adopted))

        found.store.before_commit = look
        await found.apply(CLIENTS, SERVERS, WEB)
        assert heard == [0] and len(found.adopted) == 1 and await found.is_as_stored()


async def test_a_preview_changes_nothing_and_is_judged_before_anything_changes(tmp_path: Path) -> None:
    async with bench(tmp_path) as found, asyncio.TaskGroup() as tasks:

        async def judge(preview: Preview) -> str:
            tasks.create_task(found.apply(SERVERS))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not found.in_memory
            return "seen"

        preview = await found.preview(CLIENTS, judge=judge)
        assert list(preview.outcomes) == [key(CLIENTS)] and preview.switches == {}
        assert not found.adopted and key(CLIENTS) not in found.in_memory
        await found.changes.make(lambda: found.core.plan([]))
        assert found.in_memory == {key(SERVERS)} and await found.is_as_stored()


@pytest.mark.parametrize("when", ["planning", "judging"])
async def test_a_preview_that_is_cancelled_leaves_all_as_it_was(tmp_path: Path, when: str) -> None:
    async with bench(tmp_path) as found:
        judging = asyncio.Event()

        async def judge(preview: Preview) -> str:
            judging.set()
            await asyncio.Event().wait()
            raise AssertionError

        asking = asyncio.create_task(found.preview(CLIENTS, SERVERS, judge=judge))
        await (judging.wait() if when == "judging" else asyncio.sleep(0))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert not found.in_memory and await found.is_as_stored()
        await found.apply(CLIENTS)
        assert found.in_memory == {key(CLIENTS)} and await found.is_as_stored()


@pytest.mark.parametrize("performed", [True, False])
async def test_where_the_store_cannot_say_what_became_of_a_change_it_is_looked_up(
    tmp_path: Path, performed: bool
) -> None:
    async with bench(tmp_path) as found:

        async def lose_the_answer() -> None:
            found.store.before_commit = None
            if performed:
                await found.store.commit(found.store.asked)
            raise OutcomeUnknown("the connection broke")

        found.store.before_commit = lose_the_answer
        if performed:
            await found.apply(CLIENTS)
        else:
            with pytest.raises(OutcomeUnknown):
                await found.apply(CLIENTS)
        assert len(found.in_memory) == len(found.adopted) == performed and await found.is_as_stored()
        await found.apply(CLIENTS, SERVERS)
        assert len(found.in_memory) == 2 and await found.is_as_stored()


@pytest.mark.parametrize("fault", [StoreError("disk is full"), RuntimeError("a bug")], ids=["store", "bug"])
async def test_what_cannot_be_kept_is_not_accepted_and_can_be_asked_for_again(
    tmp_path: Path, fault: Exception
) -> None:
    async with bench(tmp_path) as found:

        async def fail() -> None:
            raise fault

        await found.apply(CLIENTS)
        found.store.before_commit = fail
        with pytest.raises(type(fault)):
            await found.apply(SERVERS, WEB)
        found.store.before_commit = None
        assert found.in_memory == {key(CLIENTS)} and len(found.adopted) == 1 and await found.is_as_stored()
        await found.apply(SERVERS, WEB)
        assert len(found.in_memory) == 3 and await found.is_as_stored()


async def test_a_call_that_is_cancelled_while_it_commits_is_done_wholly(tmp_path: Path) -> None:
    async with bench(tmp_path) as found:
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            reached.set()
            await go_on.wait()

        found.store.before_commit = wait
        call = asyncio.create_task(found.apply(CLIENTS))
        await reached.wait()
        call.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.wait([call])
        assert found.in_memory == {key(CLIENTS)} and len(found.adopted) == 1 and await found.is_as_stored()


async def test_a_call_that_is_cancelled_while_it_waits_for_another_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as found:
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            reached.set()
            await go_on.wait()

        found.store.before_commit = wait
        first = asyncio.create_task(found.apply(CLIENTS))
        await reached.wait()
        second = asyncio.create_task(found.apply(SERVERS))
        await asyncio.sleep(0)
        second.cancel()
        go_on.set()
        await asyncio.wait([first, second])
        assert second.cancelled() and found.in_memory == {key(CLIENTS)} and await found.is_as_stored()


async def test_calls_at_once_are_made_one_after_the_other(tmp_path: Path) -> None:
    async with bench(tmp_path) as found:
        twins = [{**CLIENTS, "name": f"n{number}"} for number in range(8)]
        done = await asyncio.gather(*(found.apply(twin) for twin in twins), return_exceptions=True)
        assert sum(isinstance(one, Plan) for one in done) == 1
        assert sum(isinstance(one, IntentConflict) for one in done) == 7
        assert len(found.in_memory) == 1 and await found.is_as_stored()


async def test_what_is_seen_is_acted_upon_though_it_cannot_be_kept_and_is_kept_later(tmp_path: Path) -> None:
    async with bench(tmp_path) as found:

        async def fail() -> None:
            raise StoreError("disk is full")

        await found.apply(CLIENTS)
        hosts, host = found.core.view.heard_hosts, HOSTS[0]
        found.store.before_commit = fail
        await found.changes.observe(lambda: found.core.plan([Change(hosts, host.key, host)]))
        assert len(found.adopted) == 2 and found.changes.store_failure == "disk is full"
        assert not await found.is_as_stored()
        found.store.before_commit = None
        await found.apply(SERVERS)
        assert await found.is_as_stored()

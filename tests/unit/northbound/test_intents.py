"""Requests about intents that are cancelled: what is made then, and what callers hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from p4fabric.controller.core import Outcome
from p4fabric.controller.fabric import Applied, UnknownIntent
from p4fabric.controller.resources import Write
from p4fabric.controller.store.records import read
from p4fabric.controller.store.revisions import Transaction
from tests.unit.northbound.test_fabric import Running, fake_switch, running
from tests.unit.northbound.test_fabric_state import key, network

MOMENTS = (*range(30), *range(30, 600, 30))
"""Rounds of the event loop after which a call is cancelled: most are over before the last."""


async def is_as_stored(found: Running) -> bool:
    """Whether the intents are those that a controller would find that starts now."""
    stored = read(await found.fabric.store.list()).intents
    standing = (view.resource for view in found.fabric.intents.all())
    return {one.value.key: (one.value.document, one.value.metadata) for one in stored} == {
        one.key: (one.intent.document(), one.metadata) for one in standing if not one.is_deleted
    }


@pytest.mark.parametrize("what", ["write", "delete", "preview of a write", "preview of a deletion"])
async def test_a_call_that_is_cancelled_at_any_moment_is_made_wholly_or_not_and_can_be_made_again(
    tmp_path: Path, what: str
) -> None:
    async with fake_switch() as fake, running(tmp_path, fake) as found:
        intents = found.fabric.intents

        def ask() -> Coroutine[Any, Any, object]:
            match what:
                case "write":
                    return intents.apply([network("one", 1)])
                case "delete":
                    return intents.delete(key("one"))
                case "preview of a write":
                    return intents.preview_write([Write(network("one", 1), "operator")], 100)
            return intents.preview_delete(key("one"), 100)

        for moment in MOMENTS:
            if "delet" in what:
                await intents.apply([network("one", 1)])
            was_there = intents.get(key("one")) is not None
            call = asyncio.create_task(ask())
            for _ in range(moment):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            assert await is_as_stored(found), moment
            if what.startswith("preview"):
                assert (intents.get(key("one")) is not None) == was_there
            try:
                await ask()
            except UnknownIntent:
                assert what == "delete"
            assert await is_as_stored(found), moment
            if what == "write":
                await intents.delete(key("one"))
        await found.until_in_sync()


async def test_a_caller_that_is_cancelled_hears_of_what_was_made_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have their turn after each document, so that the cancellation comes in between."""
    monkeypatch.setattr("p4fabric.controller.turns._TURN", 0.0)
    async with fake_switch() as fake, running(tmp_path, fake) as found:
        heard: list[Applied] = []
        committing, store = asyncio.Event(), found.fabric.store
        commit = store.commit

        async def tell_and_commit(transaction: Transaction) -> int:
            committing.set()
            return await commit(transaction)

        async def ask() -> None:
            documents = [network(f"n{number}", number) for number in range(1, 9)]
            heard.extend(await found.fabric.intents.apply(documents))
            await asyncio.Event().wait()

        await found.until_in_sync()
        monkeypatch.setattr(store, "commit", tell_and_commit)
        call = asyncio.create_task(ask())
        await committing.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled() and [one.outcome for one in heard] == [Outcome.CREATED] * 8

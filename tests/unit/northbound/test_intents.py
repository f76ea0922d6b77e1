"""What callers hear of their requests about intents, whatever becomes of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from p4fabric.controller.core import Outcome
from p4fabric.controller.fabric import Applied
from p4fabric.controller.store.revisions import Transaction
from tests.unit.northbound.test_fabric import fake_switch, running
from tests.unit.northbound.test_fabric_state import network


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

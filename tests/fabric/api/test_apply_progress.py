"""Applying as a stream: admitted, then how far each intent is, until nothing more comes by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from p4fabric.client import ApplyAdmitted, ApplyDone, ApplyProgress, Client, Conflict, Settings
from tests.fabric.api.conftest import PATIENCE, Served, configured, controller, network
from tests.fabric.api.test_resources import problem
from tests.fabric.api.watching import WatchStream

INTENTS = "/api/v1/intents"
STREAM = {"Accept": "text/event-stream"}


@asynccontextmanager
async def applying(served: Served, documents: Any, **headers: str) -> AsyncIterator[WatchStream]:
    """Apply, and hear of it while the body runs."""
    headers = {**STREAM, "Authorization": served.http.headers["Authorization"], **headers}
    async with (
        httpx.AsyncClient(base_url=served.url, timeout=PATIENCE, headers=headers) as http,
        http.stream("POST", INTENTS, json=documents) as answer,
    ):
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        yield WatchStream(answer.aiter_lines())


def settings(served: Served) -> Settings:
    return Settings(served.url, served.token_file.read_text().strip())


async def test_each_intent_is_followed_until_all_are_active(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        await served.until(lambda: served.fabric.switches[0].in_sync)
        documents = [
            network(f"n{port}", subnets=[], attachments=[{"switch": "leaf1", "port": port}])
            for port in (1, 2)
        ]
        async with applying(served, documents) as stream:
            admitted = await stream.next()
            assert admitted.name == "admitted"
            assert [admitted.data[name] for name in ("created", "changed", "unchanged")] == [2, 0, 0]
            progress = await stream.until("done")
        schema = {"$ref": "#/components/schemas/ApplyEvent", "components": served.description["components"]}
        for event in (admitted, *progress):
            Draft202012Validator(schema).validate(event.data)
        for name in ("n1", "n2"):
            states = [e.data["status"]["state"] for e in progress if e.data["name"] == name]
            assert states[-1] == "active" and states[:-1] == sorted(set(states[:-1])), states
        assert {event.data["outcome"] for event in progress} == {"created"}
        # It is told again what there is, where nothing changes.
        async with applying(served, documents) as stream:
            events = await stream.until("done")
            assert [e.data.get("outcome") for e in events] == [None, "unchanged", "unchanged"]


async def test_what_cannot_become_active_ends_the_stream_degraded(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, "127.0.0.1:1")) as served:
        document = network("n", subnets=[], attachments=[{"switch": "leaf1", "port": 1}])
        async with applying(served, document) as stream:
            *_, last = await stream.until("done")
            assert last.data["status"]["reasons"][0]["code"] == "switch-disconnected"


async def test_what_is_refused_is_answered_as_ever(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        refused = await served.http.post(INTENTS, json=network("n", subnets=["x"]), headers=STREAM)
        problem(refused, 422, "invalid")
        preview = await served.http.post(f"{INTENTS}?dryRun=true", json=network("n"), headers=STREAM)
        assert preview.headers["content-type"] == "application/json" and not served.fabric.intents.all()


async def test_the_client_tells_what_becomes_of_what_it_applies(tmp_path: Path, switch_address: str) -> None:
    async with controller(configured(tmp_path, switch_address)) as served, Client(settings(served)) as client:
        documents = [network(f"n{number}", subnets=[]) for number in range(3)]
        first, *progress, last = [event async for event in client.apply_progress(documents)]
        assert isinstance(first, ApplyAdmitted) and first.created == 3
        assert all(isinstance(event, ApplyProgress) for event in progress)
        assert last == ApplyDone(type="done", active=3, degraded=0, gone=0)
        with pytest.raises(Conflict):
            await anext(client.apply_progress([network("n0", subnets=["10.0.0.0/24"])], owner="ci"))

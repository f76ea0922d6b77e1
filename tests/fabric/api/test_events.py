"""The event stream over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fabric.api.conftest import Served, configured, controller, network


@dataclass
class Message:
    id: str | None
    name: str
    data: dict[str, Any]


class Stream:
    """A client of server-sent events, as plain as a browser's."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.comments = 0

    async def next(self) -> Message:
        async with asyncio.timeout(5):
            fields: dict[str, str] = {}
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    return Message(fields.get("id"), fields["event"], json.loads(fields["data"]))
        raise EOFError

    async def rest(self) -> list[Message]:
        found = []
        while True:
            try:
                found.append(await self.next())
            except EOFError:
                return found


@asynccontextmanager
async def following(served: Served, last_id: str | None = None, **query: str) -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with served.http.stream("GET", "/api/v1/events", params=query, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response.aiter_lines())


async def put(served: Served, name: str) -> None:
    answer = await served.http.put(f"/api/v1/Network/acme/{name}", json={"spec": {}})
    assert answer.status_code == 201


async def test_a_follower_sees_an_intent_come_and_go(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served, following(served) as stream:
        await served.http.post("/api/v1/intents", json=network("n1", subnets=[]))
        await served.http.delete("/api/v1/Network/acme/n1")
        states = []
        while (message := await stream.next()).name != "IntentDeleted":
            states.append(message.data["state"])
        assert states == ["accepted", "active"]
        assert message.data["type"] == "IntentDeleted" and message.data["name"] == "n1"
        assert message.data["time"].endswith("Z")


async def test_one_that_comes_back_misses_nothing_and_gets_nothing_twice(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        async with following(served) as stream:
            await put(served, "n1")
            first = await stream.next()
        await put(served, "n2")
        async with following(served, first.id) as stream:
            await put(served, "n3")
            names = [(await stream.next()).data["name"] for _ in range(5)]
        # Each is accepted, then active; the first of n1 was seen.
        assert names == ["n1", "n2", "n2", "n3", "n3"]


async def test_what_was_missed_too_long_ago_is_counted(tmp_path: Path) -> None:
    config = configured(tmp_path, telemetry={"eventHistory": 16})
    async with controller(config) as served:
        async with following(served) as stream:
            await put(served, "n0")
            first = await stream.next()
        for number in range(1, 15):
            await put(served, f"n{number}")
        async with following(served, first.id) as stream:
            message = await stream.next()
            assert message.name == "EventsLost" and message.data["count"] == 29 - 16
            assert (await stream.next()).data["name"] == "n7"
    # Ids of a former life mean nothing in the next.
    async with controller(config) as served, following(served, first.id) as stream:
        message = await stream.next()
        assert message.name == "EventsLost" and message.data["count"] is None


async def test_types_are_filtered_and_silence_is_filled_with_heartbeats(tmp_path: Path) -> None:
    config, types = configured(tmp_path), "IntentDeleted,LinkUp"
    async with controller(config, heartbeat=0.05) as served, following(served, types=types) as stream:
        await put(served, "n1")
        await asyncio.sleep(0.3)
        await served.http.delete("/api/v1/Network/acme/n1")
        assert (await stream.next()).name == "IntentDeleted"
        assert stream.comments >= 2


async def test_a_controller_that_stops_ends_its_streams_at_once(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with controller(configured(tmp_path)) as served, following(served) as stream:
        await put(served, "n1")
        started = loop.time()
        served.stop.set()
        assert [message.data["state"] for message in await stream.rest()] == ["accepted", "active"]
    assert loop.time() - started < 2

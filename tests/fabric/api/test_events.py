"""The event stream over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.telemetry.events import EventClass, IntentDeleted, LinkDown
from p4fabric.controller.topology.model import Link
from p4fabric.pipelines.values import Port
from tests.fabric.api.conftest import Served, configured, controller, network

LINK = Link(PortRef(SwitchName("leaf1"), Port(1)), PortRef(SwitchName("spine1"), Port(1)))


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
        async with asyncio.timeout(60):
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
    answer = await served.http.put(f"/api/v1/intents/Network/acme/{name}", json={"spec": {}})
    assert answer.status_code == 201


async def test_a_follower_sees_an_intent_come_and_go(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served, following(served) as stream:
        await served.http.post("/api/v1/intents", json=network("n1", subnets=[]))
        await served.http.delete("/api/v1/intents/Network/acme/n1")
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


def gone(number: int) -> IntentDeleted:
    return IntentDeleted(IntentKey("Network", TenantName("acme"), f"n{number}"))


async def test_what_was_missed_too_long_ago_is_counted_by_class(tmp_path: Path) -> None:
    config = configured(tmp_path, telemetry={"eventHistory": 16})
    async with controller(config) as served:
        bus = served.fabric.bus
        async with following(served) as stream:
            bus.publish(gone(0))
            first = await stream.next()
        bus.publish(LinkDown(LINK, "no probe came through"))
        for number in range(1, 30):
            bus.publish(gone(number))
        async with following(served, first.id) as stream:
            message = await stream.next()
            assert message.name == "EventsLost"
            assert (message.data["class"], message.data["count"]) == ("intents", 29 - 16)
            # A burst of one class pushes out no event of another.
            assert (await stream.next()).name == "LinkDown"
            assert (await stream.next()).data["name"] == "n14"
        # Who does not want that class is not told what it lost of it.
        async with following(served, first.id, types="LinkDown") as stream:
            assert (await stream.next()).name == "LinkDown"
    # Ids of a former life mean nothing in the next.
    async with controller(config) as served, following(served, first.id) as stream:
        message = await stream.next()
        assert message.name == "EventsLost"
        assert (message.data["class"], message.data["count"]) == (None, None)


async def test_a_file_of_many_intents_is_few_events(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served, following(served) as stream:
        documents = [network(f"n{number}", subnets=[]) for number in range(50)]
        await served.http.post("/api/v1/intents", json=documents)
        message = await stream.next()
        assert message.name == "IntentsStatusChanged"
        assert (message.data["state"], message.data["count"]) == ("active", 50)
        assert message.data["kinds"] == {"Network": 50} and len(message.data["intents"]) == 5


async def test_types_are_filtered_and_silence_is_filled_with_heartbeats(tmp_path: Path) -> None:
    config, types = configured(tmp_path), "IntentDeleted,LinkUp"
    async with controller(config, heartbeat=0.05) as served, following(served, types=types) as stream:
        await put(served, "n1")
        await asyncio.sleep(0.3)
        await served.http.delete("/api/v1/intents/Network/acme/n1")
        assert (await stream.next()).name == "IntentDeleted"
        assert stream.comments >= 2


async def test_a_controller_that_stops_ends_its_streams_at_once(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served, following(served) as stream:
        await put(served, "n1")
        assert [(await stream.next()).data["state"] for _ in range(2)] == ["accepted", "active"]
        served.fabric.bus.publish(gone(1))
        served.stop.set()
        assert [message.name for message in await stream.rest()] == ["IntentDeleted"]


async def test_a_follower_that_leaves_during_the_replay_is_no_news_for_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes after the first bytes, with much more on the way to it."""
    async with controller(configured(tmp_path)) as served:
        for number in range(4096):
            served.fabric.bus.publish(gone(number))
        for _ in range(5):
            await asyncio.to_thread(_leave_after_the_first_bytes, served)
        await served.until(lambda: served.fabric.bus.subscribers == 0)
        # Control: who stays gets all of it.
        async with following(served, "a.former.life") as stream:
            assert (await stream.next()).name == "EventsLost"
            assert [(await stream.next()).data["name"] for _ in range(4096)][-1] == "n4095"
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def _leave_after_the_first_bytes(served: Served) -> None:
    url, token = httpx.URL(served.url), served.token_file.read_text().strip()
    request = (
        f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nLast-Event-ID: 0\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port)) as connection:
        connection.sendall(request.encode())
        # Closed with a reset, so that the next write fails.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert connection.recv(1)


async def page(served: Served, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = await served.get("/api/v1/events", follow="false", **query)
    return found


def states(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["name"], event["state"]) for event in found]


async def test_the_past_comes_in_pages_that_lead_on_to_what_follows(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        for name in ("n1", "n2", "n3"):
            await put(served, name)
        await served.until(lambda: served.fabric.bus.published[EventClass.INTENTS] == 6)
        first = await page(served, limit="4", since="1h")
        second = await page(served, limit="4", since="1h", **{"continue": first["continue"]})
        assert states(first["items"] + second["items"]) == [
            (name, state) for name in ("n1", "n2", "n3") for state in ("accepted", "active")
        ]
        assert (len(first["items"]), second["continue"]) == (4, None)
        other = {"follow": "false", "types": "LinkUp", "continue": first["continue"]}
        assert (await served.http.get("/api/v1/events", params=other)).status_code == 422
        async with following(served, second["lastEventId"]) as stream:
            await put(served, "n4")
            assert (await stream.next()).data["name"] == "n4"
        async with following(served, since="1h", limit="2", tenant="acme") as stream:
            assert [message.data["name"] for message in await stream.rest()] == ["n1", "n1"]


async def test_what_happened_is_found_by_when_and_by_whom(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, telemetry={"eventHistory": 16})) as served:
        await put(served, "n1")
        await served.http.put("/api/v1/intents/Network/other/x1", json={"spec": {}})
        bus = served.fabric.bus
        await served.until(lambda: bus.published[EventClass.INTENTS] == 4)
        bus.publish(LinkDown(LINK, "no probe came through"))
        types = [event["type"] for event in (await page(served))["items"]]
        assert types == ["IntentStatusChanged"] * 4 + ["LinkDown"]
        acme = await page(served, tenant="acme")
        assert states(acme["items"]) == [("n1", "accepted"), ("n1", "active")]
        assert await page(served, intent="network/acme/n1") == acme
        (down,) = (await page(served, switch="spine1"))["items"]
        assert down["type"] == "LinkDown" and await page(served, switch="spine9", types="LinkDown") != acme
        now = down["time"]
        assert (await page(served, since=now))["items"] == [down]
        assert (await page(served, since="0s"))["items"] == []
        for number in range(20):
            bus.publish(gone(number))
        # What has left its history is told, of its class, to those who asked for so much of the past.
        lost, *_ = (await page(served, since="1h"))["items"]
        assert lost == {"type": "EventsLost", "class": "intents", "count": None}
        assert (await page(served, since="1h", types="LinkDown"))["items"] == [down]


async def test_parameters_that_mean_nothing_are_refused_with_what_there_is(tmp_path: Path) -> None:
    async with controller(configured(tmp_path)) as served:
        for query, field, said in (
            ({"types": "LinkUp,LinkDwn,Foo"}, "types", "LinkDwn"),
            ({"types": "EventsLost"}, "types", "IntentStatusChanged"),
            ({"since": "yesterday"}, "since", "10m"),
            ({"since": "2026-03-01T12:00:00"}, "since", "10m"),
            ({"intent": "Network/acme"}, "intent", "kind/tenant/name"),
            ({"intent": "Netwrk/acme/a"}, "intent", "Network"),
            ({"continue": "x"}, "continue", "follow=false"),
            ({"tenants": "acme"}, "tenants", "tenant"),
        ):
            answer = await served.http.get("/api/v1/events", params=query)
            assert answer.status_code == 422, query
            error = answer.json()["errors"][0]
            assert error["field"] == field and said in error["message"], error

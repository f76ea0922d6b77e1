"""Clients that follow intents: one that reads a stream, and one that keeps a picture of what there is."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.fabric.api.conftest import PATIENCE, Served

__all__ = ["INTENTS", "Event", "Picture", "WatchStream", "key_of", "watching"]

INTENTS = "/api/v1/intents"


@dataclass(frozen=True)
class Event:
    """One event of a watch."""

    id: str | None
    name: str
    data: dict[str, Any]

    @property
    def intent(self) -> str:
        """The name of the intent."""
        return str(self.data["intent"]["name"])

    @property
    def state(self) -> str:
        """How far the intent is."""
        return str(self.data["intent"]["status"]["state"])


class WatchStream:
    """Events as they come."""

    def __init__(self, chunks: AsyncIterator[str]) -> None:
        self._lines = chunks

    async def next(self, seconds: float = 60) -> Event:
        """The next one; EOFError where the server ends the stream."""
        async with asyncio.timeout(seconds):
            fields: dict[str, str] = {}
            async for line in self._lines:
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    event = Event(fields.get("id"), fields["event"], json.loads(fields["data"]))
                    assert event.data["type"] == event.name
                    assert event.id in (None, event.data.get("resourceVersion"))
                    return event
        raise EOFError

    async def until(self, name: str) -> list[Event]:
        """All up to one of a name, without it."""
        found: list[Event] = []
        while (event := await self.next()).name != name:
            found.append(event)
        return found


@asynccontextmanager
async def watching(
    served: Served, version: str | None = None, last_id: str | None = None, **query: str
) -> AsyncIterator[WatchStream]:
    """Follow intents while the body runs. The kernel keeps little that was not read yet."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    params = {"watch": "true", **({"resourceVersion": version} if version else {}), **query}
    transport = httpx.AsyncHTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)])
    headers |= {"Authorization": served.http.headers["Authorization"]}
    async with (
        httpx.AsyncClient(base_url=served.http.base_url, timeout=PATIENCE, transport=transport) as client,
        client.stream("GET", INTENTS, params=params, headers=headers) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream"), await response.aread()
        yield WatchStream(response.aiter_lines())


def key_of(intent: dict[str, Any]) -> tuple[str, str, str]:
    """Which one it is."""
    return intent["kind"], intent["tenant"], intent["name"]


@dataclass
class Picture:
    """What a client knows; each event must fit what it knew before."""

    intents: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    version: str = ""

    def list(self, page: dict[str, Any]) -> None:
        """Take a whole list."""
        self.intents = {key_of(intent): intent for intent in page["items"]}
        self.version = page["resourceVersion"]

    def take(self, event: Event) -> None:
        """Take an event."""
        assert event.id is not None and int(event.id) >= int(self.version), "out of order"
        before, self.version = self.version, event.id
        if event.name == "bookmark":
            return
        assert event.id != before, "told twice"
        intent = event.data["intent"]
        key = key_of(intent)
        match event.name:
            case "added":
                assert key not in self.intents
                self.intents[key] = intent
            case "modified":
                assert self.intents[key] != intent
                self.intents[key] = intent
            case "deleted":
                del self.intents[key]
            case _:
                raise AssertionError(event)

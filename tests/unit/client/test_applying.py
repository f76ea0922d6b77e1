"""What a client makes of an apply that is told while it happens, and of one that is answered at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from p4fabric.client import (
    ApplyAdmitted,
    ApplyProgress,
    Client,
    Retries,
    Settings,
    UnexpectedAnswer,
    WaitTimeout,
)

SETTINGS = Settings("http://127.0.0.1:1", "token")
DOCUMENT = {"kind": "Network", "tenant": "acme", "name": "n", "spec": {}}
INSTALLING: dict[str, Any] = {"state": "installing", "reasons": [], "since": None}
ADMITTED = {"type": "admitted", "created": 1, "changed": 0, "unchanged": 0, "resourceVersion": "7"}
PROGRESS = {
    "type": "progress", "kind": "Network", "tenant": "acme", "name": "n", "outcome": "created",
    "generation": 1, "status": INSTALLING,
}  # fmt: skip


class Silent(httpx.AsyncByteStream):
    """Some events, and then nothing for ever."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self._events = events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for event in self._events:
            yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
        await asyncio.Event().wait()


def client(*answers: httpx.Response) -> Client:
    left = list(answers)
    return Client(
        SETTINGS,
        retries=Retries(first=0.001),
        transport=httpx.MockTransport(lambda request: left.pop(0)),
    )


def stream(*events: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Silent(*events))


async def test_it_ends_in_time_and_says_what_was_waited_for() -> None:
    async with client(stream(ADMITTED, PROGRESS)) as one:
        found = []
        with pytest.raises(WaitTimeout) as late:
            async for event in one.apply_progress([DOCUMENT], timeout=0.2):
                found.append(event.type)
    assert found == ["admitted", "progress"]
    assert list(late.value.waiting_for) == ["Network/acme/n is installing"]


async def test_an_answer_at_once_is_told_as_events() -> None:
    metadata = {"generation": 3, "resourceVersion": "5", "created": "2026-03-01T12:00:00Z", "owners": []}
    intent = {**DOCUMENT, "labels": {}, "annotations": {}, "metadata": metadata, "status": INSTALLING}
    body = {"items": [{"outcome": "changed", "intent": intent}], "resourceVersion": "9"}
    async with client(httpx.Response(200, json=body)) as one:
        admitted, progress = [event async for event in one.apply_progress([DOCUMENT])]
    assert isinstance(admitted, ApplyAdmitted) and (admitted.changed, admitted.resource_version) == (1, "9")
    assert isinstance(progress, ApplyProgress) and (progress.generation, progress.outcome) == (3, "changed")


async def test_a_controller_that_is_too_busy_is_asked_again() -> None:
    problem = {
        "type": "x", "title": "busy", "status": 503, "detail": "", "code": "busy", "errors": [],
    }  # fmt: skip
    async with client(httpx.Response(503, json=problem), stream(ADMITTED)) as one:
        assert (await anext(one.apply_progress([DOCUMENT]))).type == "admitted"


async def test_what_is_not_understood_is_no_silence() -> None:
    async with client(httpx.Response(200, json={"items": 1})) as one:
        with pytest.raises(UnexpectedAnswer):
            await anext(one.apply_progress([DOCUMENT]))

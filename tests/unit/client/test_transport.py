"""What a client makes of answers, of none, and of streams that break; the controller is a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import pytest

from p4fabric.client import (
    Busy,
    ChangeType,
    Client,
    Conflict,
    Network,
    Retries,
    Settings,
    UnexpectedAnswer,
)

SETTINGS = Settings("http://127.0.0.1:1", "token")
QUICK = Retries(seconds=1.0, first=0.001, longest=0.002)


def network(name: str, version: str = "1", state: str = "active") -> dict[str, Any]:
    return {
        "kind": "Network", "tenant": "acme", "name": name, "labels": {}, "annotations": {},
        "spec": {"subnets": ["10.0.1.0/24"]},
        "metadata": {
            "resourceVersion": version, "generation": 1, "created": "2026-03-01T12:00:00.000Z", "owners": [],
        },
        "status": {"state": state, "reasons": [], "since": None},
    }  # fmt: skip


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"type": "", "title": "", "status": status, "detail": code, "code": code, "errors": []}
    return httpx.Response(status, json=body, headers=headers)


def page(*items: Any, version: str = "1") -> httpx.Response:
    return httpx.Response(200, json={"items": list(items), "resourceVersion": version, "continue": None})


def stream(*events: tuple[str, Any]) -> httpx.Response:
    text = "".join(
        f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
        for number, (name, data) in enumerate(events, 10)
    )
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


class Script:
    """Answers one after the other, and what was asked."""

    def __init__(self, answers: Iterable[httpx.Response | Exception]) -> None:
        self.answers, self.asked = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(script: Callable[[httpx.Request], httpx.Response], retries: Retries = QUICK) -> Client:
    return Client(SETTINGS, retries=retries, transport=httpx.MockTransport(script))


async def test_only_what_may_be_repeated_is_tried_again_and_not_for_ever() -> None:
    busy = problem(503, "busy")
    script = Script([busy, problem(429, "too-many-requests"), httpx.Response(200, json=network("a"))])
    async with client(script) as api:
        assert (await api.get(Network, "acme", "a")).key.name == "a"
    script = Script([busy, busy, httpx.Response(200)])
    async with client(script) as api:
        with pytest.raises(Busy):
            await api.patch(("Network", "acme", "a"), {"labels": {}})
        with pytest.raises(Busy):
            await api.create(network("a"))
    assert [request.method for request in script.asked] == ["PATCH", "PUT"]
    script = Script([problem(503, "busy", **{"Retry-After": "2"})])
    async with client(script) as api:
        with pytest.raises(Busy):  # it would have to wait for longer than it may
            await api.get(Network, "acme", "a")


async def test_refusals_are_exceptions_with_codes_and_strangers_are_told_apart() -> None:
    async with client(Script([problem(409, "owned-by-others")])) as api:
        with pytest.raises(Conflict) as refused:
            await api.apply([network("a")])
    assert (refused.value.status, refused.value.code) == (409, "owned-by-others")
    for answer in (httpx.Response(502, text="<html>"), httpx.Response(200, text="hello")):
        async with client(Script([answer])) as api:
            with pytest.raises(UnexpectedAnswer, match="is it the controller"):
                await api.get(Network, "acme", "a")


async def test_a_watch_misses_nothing_over_broken_connections_and_gaps() -> None:
    a, b = network("a"), network("b")
    script = Script([
        page(a, version="5"),
        stream(("added", {"intent": b})),  # and the connection ends
        httpx.ConnectError("refused"),
        problem(410, "expired"),
        page(network("b", "9"), network("c"), version="20"),  # a has gone meanwhile
        stream(("bookmark", {}), ("error", {"code": "expired"})),
        page(network("c"), version="30"),
        stream(("deleted", {"intent": network("c")})),
    ])  # fmt: skip
    told: list[tuple[ChangeType, str]] = []
    async with client(script) as api:
        async for change in api.watch(Network):
            told.append((change.type, change.resource.key.name))
            if len(told) == 7:
                break
    assert [f"{kind} {name}" for kind, name in told] == [
        "added a", "added b", "deleted a", "modified b", "added c", "deleted b", "deleted c",
    ]  # fmt: skip
    watched = [one.url.params["resourceVersion"] for one in script.asked if "watch" in one.url.params]
    assert watched == ["5", "10", "10", "20", "30"]


EVENT = {"type": "SwitchConnected", "time": "2026-03-01T12:00:00.000Z", "switch": "leaf1"}


async def test_events_go_on_after_the_last_one() -> None:
    script = Script([
        stream(("SwitchConnected", EVENT), ("FromTheFuture", {"type": "FromTheFuture"})),
        httpx.ConnectError("refused"),
        stream(("SwitchConnected", {**EVENT, "switch": "leaf2"})),
    ])  # fmt: skip
    async with client(script) as api:
        events = api.events(types=["SwitchConnected"])
        told = [await anext(events) for _ in range(2)]
    assert [event.switch for event in told if event.type == "SwitchConnected"] == ["leaf1", "leaf2"]
    assert [one.headers.get("Last-Event-ID") for one in script.asked] == [None, "11", "11"]

"""The history of intents, and how those who follow it are told; moments are chosen."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from p4fabric.controller.api.protocol import ChunkWriter
from p4fabric.controller.api.watch_hub import Follower, WatchFilter, WatchHub
from p4fabric.controller.fabric import Change, Expired, IntentLog, IntentState, IntentStatus, IntentView
from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.resources import Filter, Resource

EVERYTHING = WatchFilter(Filter())


class Written:
    """A document of some intent."""

    def __init__(self, key: IntentKey) -> None:
        self.key = key

    def document(self) -> dict[str, Any]:
        return {"spec": {}}

    def spec_json(self) -> str:
        return "{}"


def key(name: str, tenant: str = "acme") -> IntentKey:
    return IntentKey("Network", TenantName(tenant), name)


class World:
    """Intents, and their history."""

    def __init__(self, **limits: int) -> None:
        self.intents: dict[IntentKey, IntentView] = {}
        self.log = IntentLog(self.intents.get, **limits)
        self.hub = WatchHub(self.log)

    def write(self, one: IntentKey, state: IntentState = IntentState.ACTIVE) -> None:
        resource = Resource(Written(one), Metadata(1, 0.0), 1)
        self.intents[one] = IntentView(resource, IntentStatus(state, 1))
        self.log.touch(one)

    def become(self, one: IntentKey, state: IntentState) -> None:
        """In another state, and nobody touches it."""
        self.intents[one] = IntentView(self.intents[one].resource, IntentStatus(state, 1))

    def delete(self, one: IntentKey) -> None:
        del self.intents[one]
        self.log.touch(one)

    def since(self, number: int) -> list[tuple[str, str | None, str | None]]:
        return [
            (change.key.name, _state(change.before), _state(change.after))
            for change in self.log.after(number, 99)
        ]


def _state(view: IntentView | None) -> str | None:
    return None if view is None else view.status.state.value


async def world(**limits: int) -> World:
    found = World(**limits)
    await found.log.begin(())
    return found


class Client:
    """A connection that reads, or does not."""

    def __init__(self, there: World, wanted: WatchFilter = EVERYTHING) -> None:
        self.reads, self.got = True, b""
        self.writer = ChunkWriter(self._write, lambda: self.reads)
        self.follower = Follower(wanted, self.writer, there.log.number)

    def _write(self, chunk: bytes) -> None:
        assert self.reads
        size, _, rest = chunk.partition(b"\r\n")
        piece = rest[: int(size, 16)]
        assert rest == piece + b"\r\n"
        self.got += piece

    def stall(self) -> None:
        self.reads = False
        self.writer.stalled()

    @property
    def told(self) -> list[tuple[str, str]]:
        return re.findall(r'event: (\w+)\ndata: .*?(?:"name": "(\w+)"|"bookmark")', self.got.decode())


async def test_what_comes_and_goes_within_a_turn_is_no_change() -> None:
    there = await world()
    begin = there.log.number
    there.write(key("a"), IntentState.ACCEPTED)
    there.become(key("a"), IntentState.ACTIVE)
    there.write(key("b"))
    there.delete(key("b"))
    await asyncio.sleep(0)
    assert there.since(begin) == [("a", None, "active")]
    there.log.touch(key("a"))
    there.log.settle()
    assert there.log.number == begin + 1


async def test_what_a_list_shows_is_told_from_there_on_though_nobody_touched_it() -> None:
    """Otherwise, if it became as before again, who listed meanwhile would never be told."""
    there = await world()
    there.write(key("a"))
    there.log.settle()
    there.become(key("a"), IntentState.DEGRADED)
    there.log.show(there.intents[key("a")])
    listed = there.log.number
    there.become(key("a"), IntentState.ACTIVE)
    there.log.touch_all()
    client = Client(there)
    there.hub.go_live(client.follower)
    looking, told = asyncio.create_task(there.log.run()), asyncio.Event()
    there.log.follow(lambda changes: told.set())
    async with asyncio.timeout(60):
        await told.wait()
    looking.cancel()
    await asyncio.sleep(0)
    assert there.since(listed) == [("a", "degraded", "active")]
    assert client.told == [("modified", "a")]


async def test_the_history_is_bounded_by_number_and_by_size() -> None:
    there = await world(most_changes=3)
    begin = there.log.number
    for name in "abcde":
        there.write(key(name))
    there.log.settle()
    assert [name for name, _, _ in there.since(begin + 2)] == ["c", "d", "e"]
    for number in (begin + 1, begin, begin + 6):
        with pytest.raises(Expired):
            there.log.after(number, 1)
    small = await world(most_bytes=5000)
    for name in "abcdefgh":
        small.write(key(name))
    small.log.settle()
    assert 1 < len(small.log.after(small.log.oldest, 99)) < 5
    for change in small.log.after(small.log.oldest, 99):
        small.log.keep(change, "added", b"x" * 10_000)
    assert small.log.oldest >= small.log.number - 1


async def test_those_who_follow_are_told_once_wherever_they_come_in() -> None:
    there = await world()
    early, late, tenant = Client(there), Client(there), Client(there, WatchFilter(Filter(tenant="b")))
    for one in (early, tenant):
        there.hub.go_live(one.follower)
    there.write(key("one"))
    there.write(key("two", "b"))
    there.log.settle()
    # Its list has these; they wait to be written to others.
    late.follower.number = there.log.number
    there.hub.go_live(late.follower)
    there.write(key("three"))
    there.log.settle()
    await asyncio.sleep(0.01)
    assert early.told == [("added", "one"), ("added", "two"), ("added", "three")]
    assert late.told == [("added", "three")] and tenant.told == [("added", "two")]
    assert there.hub.bookmark(tenant.follower) and tenant.told[-1] == ("bookmark", "")
    assert tenant.follower.number == there.log.number


async def test_who_does_not_read_is_left_alone_where_it_was() -> None:
    there = await world()
    reading, stuck = Client(there), Client(there)
    for one in (stuck, reading):
        there.hub.go_live(one.follower)
    there.write(key("one"))
    await asyncio.sleep(0.01)
    seen = there.log.number
    stuck.stall()
    for name in ("two", "three"):
        there.write(key(name))
        await asyncio.sleep(0.01)
    assert len(reading.told) == 3 and stuck.told == [("added", "one")]
    assert stuck.follower.needs_care.is_set() and stuck.follower.number == seen
    assert [name for name, _, _ in there.since(seen)] == ["two", "three"]
    there.hub.leave(reading.follower)
    assert not there.log.is_followed


async def test_a_change_is_judged_and_written_once_for_all_who_want_the_same() -> None:
    there = await world()
    clients = [Client(there) for _ in range(50)]
    for client in clients:
        there.hub.go_live(client.follower)
    there.write(key("one"))
    there.log.settle()
    (change,) = there.log.after(there.log.number - 1, 1)
    await asyncio.sleep(0.01)
    assert list(change.texts) == ["added"]
    assert {client.got for client in clients} == {change.texts["added"]}
    assert isinstance(change, Change)

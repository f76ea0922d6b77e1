"""Counters of many entries, from servers that answer in every way that the specification leaves them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from finsy.proto import p4r, p4r_grpc

from p4fabric.controller.p4runtime import counter_reads as module
from p4fabric.controller.p4runtime.counter_reads import MOST_BY_KEY, WantedCounters, read_counters
from p4fabric.controller.p4runtime.errors import P4RuntimeError
from p4fabric.pipelines.entities import EntityKey, TableEntry
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, Port, Teid, VrfId

HOST = IPv4Address("10.0.0.1")
Answer = Callable[[p4r.ReadRequest, Any], AsyncIterator[p4r.ReadResponse]]


def entry(number: int) -> TableEntry:
    return b.UpfUplinkSessions(HOST, HOST, Teid(number), HOST, b.Decapsulate(VrfId(1)))


def counter(number: int, *, reverse: bool = False) -> p4r.Entity:
    """An entry that has counted its number of packets."""
    found = p4r.Entity()
    key = entry(number).encode_key()
    direct = found.direct_counter_entry
    direct.table_entry.CopyFrom(key)
    if reverse:
        del direct.table_entry.match[:]
        direct.table_entry.match.extend(reversed(key.match))
    direct.data.packet_count, direct.data.byte_count = number, 100 * number
    return found


class Server(p4r_grpc.P4RuntimeServicer):
    """Answers a read of the whole table, and reads by key, as a test says."""

    def __init__(self, table: Answer, by_key: Answer) -> None:
        self._table, self._by_key = table, by_key
        self.wildcards, self.keys = 0, 0

    async def Read(self, request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
        whole = not request.entities[0].direct_counter_entry.table_entry.match
        self.wildcards += whole
        self.keys += 0 if whole else len(request.entities)
        async for response in (self._table if whole else self._by_key)(request, context):
            yield response


@asynccontextmanager
async def serving(table: Answer, by_key: Answer) -> AsyncIterator[tuple[Server, p4r_grpc.P4RuntimeStub]]:
    service, server = Server(table, by_key), grpc.aio.server()  # type: ignore[abstract]
    p4r_grpc.add_P4RuntimeServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield service, p4r_grpc.P4RuntimeStub(channel)
    await server.stop(None)


def answering(entities: Sequence[p4r.Entity], a_message: int = 100) -> Answer:
    async def answer(request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
        for start in range(0, len(entities), a_message):
            yield p4r.ReadResponse(entities=entities[start : start + a_message])

    return answer


def refusing(code: grpc.StatusCode, after: Sequence[p4r.Entity] = ()) -> Answer:
    async def answer(request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
        if after:
            yield p4r.ReadResponse(entities=after)
        await context.abort(code, "refused")

    return answer


async def echo(request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
    """Every entry has counted the number that it has for a TEID, but for those above a million."""
    numbers = [
        int.from_bytes(one.direct_counter_entry.table_entry.match[2].exact.value, "big")
        for one in request.entities
    ]
    if any(number > 1_000_000 for number in numbers):
        await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such entry")
    yield p4r.ReadResponse(entities=[counter(number) for number in numbers])


async def read(stub: p4r_grpc.P4RuntimeStub, wanted: WantedCounters) -> dict[EntityKey, int]:
    found: dict[EntityKey, int] = {}

    def take(key: EntityKey, packets: int, octets: int) -> None:
        assert octets == 100 * packets
        found[key] = packets

    missing = (grpc.StatusCode.NOT_FOUND,)
    busy = await read_counters(stub, 1, wanted, take, missing=missing, timeout=5)
    assert busy > 0
    return found


MANY = range(1, MOST_BY_KEY + 200)


@pytest.mark.parametrize("a_message", [100, 10_000])
@pytest.mark.parametrize("reverse", [False, True])
async def test_of_many_entries_the_table_is_read_and_others_are_passed_over(
    a_message: int, reverse: bool
) -> None:
    """In one huge message, as some servers answer, or in many; with the fields of a key in any order."""
    table = answering([counter(number, reverse=reverse) for number in range(1, 2000)], a_message)
    async with serving(table, echo) as (server, stub):
        wanted = WantedCounters(map(entry, MANY))
        assert await read(stub, wanted) == {entry(number).key: number for number in MANY}
        assert (server.wildcards, server.keys) == (1, 0)


async def test_few_entries_are_asked_for_by_key_and_those_missing_are_left_out() -> None:
    async with serving(answering([]), echo) as (server, stub):
        wanted = WantedCounters(map(entry, (1, 2, 2_000_000, 3)))
        assert await read(stub, wanted) == {entry(number).key: number for number in (1, 2, 3)}
        assert server.wildcards == 0


async def test_a_switch_that_cannot_read_a_whole_table_is_asked_by_key() -> None:
    async with serving(refusing(grpc.StatusCode.UNIMPLEMENTED), echo) as (server, stub):
        wanted = WantedCounters(map(entry, MANY))
        assert await read(stub, wanted) == {entry(number).key: number for number in MANY}
        assert server.keys == len(MANY)


async def test_what_came_before_a_failure_is_taken() -> None:
    found: list[EntityKey] = []
    table = refusing(grpc.StatusCode.UNAVAILABLE, after=[counter(1), counter(2)])
    async with serving(table, echo) as (_, stub):
        wanted = WantedCounters(map(entry, MANY))
        with pytest.raises(P4RuntimeError):
            await read_counters(
                stub, 1, wanted, lambda key, packets, octets: found.append(key), missing=(), timeout=5
            )
    assert found == [entry(1).key, entry(2).key]


async def test_entries_that_are_wanted_no_more_are_passed_over() -> None:
    table = answering([counter(number) for number in MANY])
    async with serving(table, echo) as (_, stub):
        wanted = WantedCounters(map(entry, MANY))
        await read(stub, wanted)
        gone, new = entry(MANY[0]), entry(MANY[-1] + 1)
        wanted.discard(gone)
        wanted.add(new)
        assert (await read(stub, wanted)).keys() == {entry(number).key for number in MANY[1:]}
        for one in list(MANY):
            wanted.discard(entry(one))
        wanted.discard(gone)
        assert list(wanted) == [new.key] and len(wanted) == 1


async def test_the_loop_has_its_turn_between_slices_of_one_huge_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_A_SLICE", 10)

    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    table = answering([counter(number) for number in MANY], 10_000)
    async with serving(table, echo) as (_, stub):
        wanted = WantedCounters(map(entry, MANY))
        other = asyncio.create_task(others())
        seen: list[int] = []
        await read_counters(
            stub, 1, wanted, lambda key, packets, octets: seen.append(turns), missing=(), timeout=5
        )
        other.cancel()
    assert max(seen.count(turn) for turn in set(seen)) <= 10


def test_a_table_without_counters_is_refused() -> None:
    with pytest.raises(ValueError, match="has no counters"):
        WantedCounters([b.LinkPorts(Port(1), b.Link())])

"""Which ports a switch has, from a gNMI server that answers as we want, fails, or is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from finsy.proto import gnmi, gnmi_grpc

from controller.names import SwitchName
from controller.p4runtime import ports as module
from controller.p4runtime.ports import follow_ports
from pipelines.values import Port

Script = Callable[[Any], Awaitable[None]]


class FakeGnmi(gnmi_grpc.gNMIServicer):
    """Does what a script says with each subscriber."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.subscriptions = 0
        self.mode = gnmi.SubscriptionList.STREAM

    async def Subscribe(self, _: object, context: Any) -> None:  # type: ignore[override]
        self.subscriptions += 1
        request = await context.read()
        self.mode = request.subscribe.mode
        assert request.subscribe.subscription[0].path.elem[-1].name == "id"
        await self.script(context)


@pytest.fixture
async def served() -> AsyncIterator[Callable[[Script], Awaitable[tuple[FakeGnmi, grpc.aio.Channel]]]]:
    server = grpc.aio.server()
    channels: list[grpc.aio.Channel] = []

    async def serve(script: Script) -> tuple[FakeGnmi, grpc.aio.Channel]:
        fake = FakeGnmi(script)  # type: ignore[abstract]
        gnmi_grpc.add_gNMIServicer_to_server(fake, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        channels.append(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        return fake, channels[0]

    yield serve
    for channel in channels:
        await channel.close()
    await server.stop(None)


def interfaces(*numbers: int, value: str = "uint_val") -> gnmi.SubscribeResponse:
    response = gnmi.SubscribeResponse()
    for number in numbers:
        update = response.update.update.add()
        update.path.elem.add(name="interfaces")
        update.path.elem.add(name="interface", key={"name": f"eth{number}"})
        update.path.elem.add(name="state")
        update.path.elem.add(name="id")
        if value == "json_ietf_val":
            update.val.json_ietf_val = str(number).encode()
        else:
            setattr(update.val, value, str(number) if value == "string_val" else number)
    return response


def gone(number: int) -> gnmi.SubscribeResponse:
    response = gnmi.SubscribeResponse()
    path = response.update.delete.add()
    path.elem.add(name="interfaces")
    path.elem.add(name="interface", key={"name": f"eth{number}"})
    return response


SYNC = gnmi.SubscribeResponse(sync_response=True)


async def followed(channel: grpc.aio.Channel, times: int) -> list[set[int]]:
    """The first few reports."""
    told: list[set[int]] = []
    enough = asyncio.Event()

    def on_ports(ports: frozenset[Port]) -> None:
        told.append({int(port) for port in ports})
        if len(told) == times:
            enough.set()

    task = asyncio.create_task(follow_ports(channel, SwitchName("leaf1"), "id", on_ports, timeout=2.0))
    async with asyncio.timeout(10):
        await asyncio.wait((task, asyncio.create_task(enough.wait())), return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled() or task.exception() is None
    return told


@pytest.mark.parametrize("value", ["uint_val", "int_val", "string_val", "json_ietf_val"])
async def test_ports_that_come_and_go_are_followed(served: Any, value: str) -> None:
    async def script(context: Any) -> None:
        await context.write(interfaces(1, 2, value=value))
        await context.write(interfaces(3, 510, 70000, value=value))  # no ports that an intent can name
        await context.write(SYNC)
        await context.write(interfaces(9, value=value))
        await context.write(gone(2))
        await context.read()

    _, channel = await served(script)
    assert await followed(channel, 3) == [{1, 2, 3}, {1, 2, 3, 9}, {1, 3, 9}]


async def test_a_switch_without_interfaces_is_one_that_does_not_say(served: Any) -> None:
    async def script(context: Any) -> None:
        await context.write(SYNC)
        await context.write(interfaces(4))
        await context.read()

    _, channel = await served(script)
    assert await followed(channel, 1) == [{4}]


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED]
)
async def test_a_switch_that_cannot_say_is_asked_in_both_ways_and_no_more(
    served: Any, code: grpc.StatusCode
) -> None:
    async def script(context: Any) -> None:
        await context.abort(code, "no")

    fake, channel = await served(script)
    assert await followed(channel, 1) == [] and fake.subscriptions == 2


async def test_a_switch_that_sends_no_changes_is_asked_for_what_there_is(served: Any) -> None:
    async def script(context: Any) -> None:
        if fake.mode == gnmi.SubscriptionList.STREAM:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no changes of this")
        await context.write(interfaces(1, 2))
        await context.write(SYNC)

    fake, channel = await served(script)
    assert await followed(channel, 1) == [{1, 2}] and fake.subscriptions == 2


async def test_a_server_that_is_not_there_ends_it_quietly() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert await followed(channel, 1) == []
    await server.stop(None)


async def silent(context: Any) -> None:
    await context.read()


async def many(context: Any) -> None:
    for start in range(0, 2000, 100):
        await context.write(interfaces(*range(start, start + 100)))
    await context.write(SYNC)
    await context.read()


async def nonsense(context: Any) -> None:
    response = interfaces(1)
    response.update.update[0].val.bool_val = True
    await context.write(response)
    await context.write(SYNC)
    await context.read()


async def broken(context: Any) -> None:
    await context.abort(grpc.StatusCode.INTERNAL, "not today")


@pytest.mark.parametrize("script", [silent, many, nonsense, broken])
async def test_failures_are_tried_again_a_few_times_only(
    served: Any, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_RETRY", 0.01)
    monkeypatch.setattr(module, "_LONGEST_RETRY", 0.02)
    fake, channel = await served(script)
    told: list[frozenset[Port]] = []
    async with asyncio.timeout(20):
        await follow_ports(channel, SwitchName("leaf1"), "id", told.append, timeout=0.2)
    assert told == [] and fake.subscriptions == 5

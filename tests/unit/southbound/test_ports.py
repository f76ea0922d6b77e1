"""Which ports a switch has, from a gNMI server that answers as we want, fails, or is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import grpc
import pytest
from finsy.proto import gnmi, gnmi_grpc

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import gnmi_follow as module
from p4fabric.controller.p4runtime.ports import follow_ports
from p4fabric.pipelines.values import Port

Script = Callable[[Any], Awaitable[None]]


class Told:
    """Remembers what it was told, and waits for so many lists of ports."""

    def __init__(self, times: int = 0) -> None:
        self.ports: list[set[int]] = []
        self.statuses: list[tuple[int, bool | None]] = []
        self.enough = asyncio.Event()
        self._times = times

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        self.ports.append({int(port) for port in ports})
        if len(self.ports) == self._times:
            self.enough.set()

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        self.statuses.append((int(port), up))


def follow(channel: grpc.aio.Channel, told: Told, timeout: float = 2.0) -> Coroutine[Any, Any, None]:
    return follow_ports(channel, SwitchName("leaf1"), "id", range(1, 510), told, timeout=timeout)


class FakeGnmi(gnmi_grpc.gNMIServicer):
    """Does what a script says with each subscriber."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.subscriptions = 0
        self.mode = gnmi.SubscriptionList.STREAM
        self.leaves: list[str] = []

    async def Subscribe(self, _: object, context: Any) -> None:  # type: ignore[override]
        self.subscriptions += 1
        request = await context.read()
        self.mode = request.subscribe.mode
        self.leaves = [one.path.elem[-1].name for one in request.subscribe.subscription]
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
    told = Told(times)
    task = asyncio.create_task(follow(channel, told))
    enough = asyncio.create_task(told.enough.wait())
    async with asyncio.timeout(60):
        await asyncio.wait((task, enough), return_when=asyncio.FIRST_COMPLETED)
    enough.cancel()
    if not task.done():
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled() or task.exception() is None
    return told.ports


async def follow_until(channel: grpc.aio.Channel, told: Told, enough: Callable[[], bool]) -> None:
    task = asyncio.create_task(follow(channel, told))
    async with asyncio.timeout(60):
        while not enough() and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


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
async def test_a_switch_that_cannot_say_is_asked_in_all_ways_and_no_more(
    served: Any, code: grpc.StatusCode
) -> None:
    async def script(context: Any) -> None:
        await context.abort(code, "no")

    fake, channel = await served(script)
    assert await followed(channel, 1) == [] and fake.subscriptions == 3


async def test_a_switch_that_sends_no_changes_is_asked_for_what_there_is(served: Any) -> None:
    async def script(context: Any) -> None:
        if fake.mode == gnmi.SubscriptionList.STREAM:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no changes of this")
        await context.write(interfaces(1, 2))
        await context.write(SYNC)

    fake, channel = await served(script)
    assert await followed(channel, 1) == [{1, 2}] and fake.subscriptions == 3


def status(number: int, up: str) -> gnmi.SubscribeResponse:
    response = interfaces(number)
    (update,) = response.update.update
    update.path.elem[-1].name = "oper-status"
    update.val.string_val = up
    return response


async def test_ports_that_go_up_and_down_are_told_as_soon_as_the_switch_says_so(served: Any) -> None:
    async def script(context: Any) -> None:
        await context.write(status(1, "UP"))  # before its number is known
        await context.write(interfaces(1, 2, 600))
        await context.write(status(2, "openconfig-interfaces:DOWN"))
        await context.write(status(600, "UP"))  # no port that an intent can name
        await context.write(SYNC)
        await context.write(status(2, "UP"))
        await context.write(status(1, "LOWER_LAYER_DOWN"))
        await context.write(status(1, "LOWER_LAYER_DOWN"))
        await context.write(status(2, "UNKNOWN"))
        await context.write(gone(1))

    _, channel = await served(script)
    told = Told()
    await follow_until(channel, told, lambda: (1, None) in told.statuses)
    assert told.statuses == [(1, True), (2, False), (2, True), (1, False), (2, None), (1, None)]


async def test_what_was_said_of_ports_counts_only_as_long_as_the_switch_can_say_otherwise(
    served: Any,
) -> None:
    async def script(context: Any) -> None:
        await context.write(interfaces(1, 2))
        await context.write(status(1, "UP"))
        await context.write(SYNC)
        if fake.subscriptions > 1:
            await context.read()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "in a moment")

    fake, channel = await served(script)
    told = Told()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_FIRST_RETRY", 0.01)
        await follow_until(channel, told, lambda: len(told.statuses) == 3)
    assert told.statuses == [(1, True), (1, None), (1, True), (1, None)] and told.ports == [{1, 2}]


async def test_statuses_are_followed_where_numbers_come_once_only(served: Any) -> None:
    async def script(context: Any) -> None:
        if fake.leaves == ["oper-status"]:
            await context.write(status(1, "DOWN"))
            await context.write(SYNC)
            await context.write(status(1, "UP"))
            await context.read()
        if fake.mode == gnmi.SubscriptionList.STREAM:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no changes of numbers")
        await context.write(interfaces(1))
        await context.write(SYNC)

    fake, channel = await served(script)
    told = Told()
    await follow_until(channel, told, lambda: (1, True) in told.statuses)
    assert told.statuses == [(1, False), (1, True), (1, None)] and told.ports == [{1}]


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
    told = Told()
    async with asyncio.timeout(60):
        await follow(channel, told, timeout=0.2)
    assert told.ports == [] and fake.subscriptions == 5

"""Subscribe: once, by polls, and as a stream of samples and changes."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from finsy.proto import gnmi as messages

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.gnmi.client import ONCE, POLL, Gnmi
from tests.switch.server.kinds import frame

MAC = 0x800000000001
ONE = "/interfaces/interface[name=port1]"
ENABLED, PACKETS = f"{ONE}/state/enabled", f"{ONE}/state/counters/in-pkts"
CHANGE, SAMPLE, TARGET = messages.ON_CHANGE, messages.SAMPLE, messages.TARGET_DEFINED
SECOND = 10**9
CLOCK = "/queues/state/clock"


async def test_once_sends_everything_and_ends(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    subscriber = gnmi.subscribe("/interfaces", "/qos", "/system", "/queues", mode=ONCE)
    await subscriber.send()
    found, there = await subscriber.until_sync(), await gnmi.get("/")
    assert found.pop(CLOCK) < there.pop(CLOCK)
    assert found == there
    assert await subscriber.code() is grpc.StatusCode.OK


async def test_a_poll_sends_what_is_there_now(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    subscriber = gnmi.subscribe(PACKETS, mode=POLL)
    await subscriber.send()
    assert await subscriber.until_sync() == {PACKETS: 0}
    switch.inject(1, frame(MAC))
    await switch.collect()
    assert await subscriber.poll() == {PACKETS: 1}
    assert await subscriber.poll() == {PACKETS: 1}
    await subscriber.stream.done_writing()
    assert await subscriber.code() is grpc.StatusCode.OK


async def test_a_change_is_sent_when_it_happens_and_once(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    subscriber = gnmi.subscribe(ENABLED, PACKETS)
    for one in subscriber.request.subscribe.subscription:
        one.mode = CHANGE
    await subscriber.send()
    assert await subscriber.until_sync() == {ENABLED: True, PACKETS: 0}
    await gnmi.set(update={f"{ONE}/config/enabled": False})
    assert await subscriber.next() == {ENABLED: False}
    await gnmi.set(update={f"{ONE}/config/enabled": True})
    assert await subscriber.next() == {ENABLED: True}
    switch.inject(1, frame(MAC))
    assert await subscriber.next() == {PACKETS: 1}
    with pytest.raises(TimeoutError):
        await subscriber.next(0.4)


async def test_samples_come_in_their_interval_changed_or_not(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    subscriber = gnmi.subscribe(PACKETS, sample_interval=SECOND // 5)
    subscriber.request.subscribe.subscription[0].mode = SAMPLE
    begin = asyncio.get_running_loop().time()
    await subscriber.send()
    await subscriber.until_sync()
    assert [await subscriber.next() for _ in range(4)] == [{PACKETS: 0}] * 4
    assert asyncio.get_running_loop().time() - begin > 0.7


@pytest.mark.parametrize("heartbeat", [1, 600])
async def test_redundant_samples_are_suppressed_until_the_heartbeat(
    switch: AsyncSoftSwitch, gnmi: Gnmi, heartbeat: int
) -> None:
    subscriber = gnmi.subscribe(
        PACKETS, sample_interval=SECOND // 10, suppress_redundant=True, heartbeat_interval=heartbeat * SECOND
    )
    subscriber.request.subscribe.subscription[0].mode = SAMPLE
    begin = asyncio.get_running_loop().time()
    await subscriber.send()
    await subscriber.until_sync()
    if heartbeat == 1:
        assert await subscriber.next() == {PACKETS: 0}
        assert asyncio.get_running_loop().time() - begin > 0.8
    else:
        switch.inject(1, frame(MAC))
        assert await subscriber.next() == {PACKETS: 1}
        with pytest.raises(TimeoutError):
            await subscriber.next(0.4)


async def test_updates_only_leaves_out_what_is_there(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    subscriber = gnmi.subscribe("/interfaces", updates_only=True)
    assert subscriber.request.subscribe.subscription[0].mode == TARGET
    await subscriber.send()
    assert await subscriber.until_sync() == {}
    await gnmi.set(update={f"{ONE}/config/enabled": False})
    found = await subscriber.next()
    assert found[ENABLED] is False and PACKETS not in found


async def test_the_boot_time_comes_at_the_beginning_of_a_stream(gnmi: Gnmi) -> None:
    path = "/system/state/boot-time"
    subscriber = gnmi.subscribe(path)
    await subscriber.send()
    assert await subscriber.until_sync() == await gnmi.get(path)


@pytest.mark.parametrize(
    ("path", "fields", "code"),
    [
        ("/components", {}, grpc.StatusCode.INVALID_ARGUMENT),
        (ENABLED, {"sample_interval": 1000, "mode": SAMPLE}, grpc.StatusCode.INVALID_ARGUMENT),
        (ENABLED, {"mode": 9}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_what_cannot_be_subscribed_to_is_refused(
    gnmi: Gnmi, path: str, fields: dict[str, int], code: grpc.StatusCode
) -> None:
    subscriber = gnmi.subscribe(path)
    for name, given in fields.items():
        setattr(subscriber.request.subscribe.subscription[0], name, given)
    await subscriber.send()
    assert await subscriber.code() is code


async def test_a_stream_is_begun_once_and_with_a_list(gnmi: Gnmi) -> None:
    twice = gnmi.subscribe(ENABLED)
    await twice.send()
    await twice.until_sync()
    await twice.send()
    assert await twice.code() is grpc.StatusCode.INVALID_ARGUMENT
    poll = messages.SubscribeRequest()
    poll.poll.SetInParent()
    early = gnmi.subscribe(ENABLED)
    await early.send(poll)
    assert await early.code() is grpc.StatusCode.INVALID_ARGUMENT
    nothing = gnmi.subscribe()
    await nothing.send()
    assert await nothing.code() is grpc.StatusCode.INVALID_ARGUMENT
    gone = gnmi.subscribe("/interfaces/interface[name=port9]", mode=ONCE)
    await gone.send()
    assert await gone.code() is grpc.StatusCode.NOT_FOUND

"""Every action of SetForwardingPipelineConfig, and what is got back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from finsy.proto import p4r

from p4fabric.softswitch import AsyncSoftSwitch
from p4fabric.softswitch.server.pipeline import Pipelines
from tests.switch.server.client import (
    INSERT,
    MODIFY,
    Client,
    Push,
    as_set,
    entity,
    everything,
    fabric_config,
    kinds_config,
    refused,
)
from tests.switch.server.kinds import everywhere, frame, indirect, rule

MAC = 0x800000000001
Get = p4r.GetForwardingPipelineConfigRequest


def with_cookie(config: p4r.ForwardingPipelineConfig, cookie: int) -> p4r.ForwardingPipelineConfig:
    copy = p4r.ForwardingPipelineConfig()
    copy.CopyFrom(config)
    copy.cookie.cookie = cookie
    return copy


def rebuilt(cookie: int) -> p4r.ForwardingPipelineConfig:
    """kinds.p4 as another device config: the same program, but the switch must replace its pipeline."""
    config = with_cookie(kinds_config(), cookie)
    config.p4_device_config += b" " * cookie
    return config


async def test_verify_looks_and_changes_nothing(switch: AsyncSoftSwitch, kinds: Client) -> None:
    assert await kinds.write((INSERT, everywhere(2))) == []
    await kinds.push(with_cookie(fabric_config(), 5), Push.VERIFY)
    assert await kinds.read(entity("table_entry {}", kinds_config())) != []
    assert (await kinds.config()).config == kinds_config()
    switch.inject(1, frame(MAC))
    assert [port for port, _ in await switch.collect()] == [2]


async def test_save_and_commit_replay_what_was_written_in_between(
    switch: AsyncSoftSwitch, kinds: Client
) -> None:
    assert await kinds.write((INSERT, everywhere(2))) == []
    await kinds.push(with_cookie(kinds_config(), 9), Push.VERIFY_AND_SAVE)
    assert (await kinds.config()).config.cookie.cookie == 9
    assert await kinds.read(*everything()[:2]) == await kinds.read(
        entity("table_entry { table_id: $fixed }", kinds_config())
    )
    assert await kinds.write((INSERT, everywhere(3)), *((INSERT, one) for one in indirect(2, 1))) == []
    written = as_set(await kinds.read(*everything()[:6]))
    switch.inject(1, frame(MAC))
    assert [port for port, _ in await switch.collect()] == [2]  # the old pipeline forwards until the commit
    await kinds.push(None, Push.COMMIT)
    assert as_set(await kinds.read(*everything()[:6])) == written
    switch.inject(1, frame(MAC))
    switch.inject(2, frame(MAC))
    assert [port for port, _ in await switch.collect()] == [3, 1]
    assert (await refused(kinds.push(None, Push.COMMIT)))[0] is grpc.StatusCode.NOT_FOUND


async def test_verify_and_commit_begins_with_empty_tables(switch: AsyncSoftSwitch, kinds: Client) -> None:
    assert await kinds.write((INSERT, everywhere(2))) == []
    await kinds.push(kinds_config(), Push.VERIFY_AND_COMMIT)
    assert await kinds.read(entity("table_entry { table_id: $prefixes }", kinds_config())) == []
    switch.inject(1, frame(MAC))
    assert await switch.collect() == []


async def test_reconcile_keeps_all_kinds_of_state(switch: AsyncSoftSwitch, kinds: Client) -> None:
    default = entity(
        "table_entry { table_id: $keyless is_default_action: true"
        ' action { action { action_id: $set_value params { param_id: 1 value: "\\11" } } } }',
        kinds_config(),
    )
    group = entity(
        "packet_replication_engine_entry { multicast_group_entry { multicast_group_id: 5"
        ' replicas { port: "\\1" instance: 2 } } }',
        kinds_config(),
    )
    clone = entity(
        'packet_replication_engine_entry { clone_session_entry { session_id: 3 replicas { port: "\\2" } } }',
        kinds_config(),
    )
    changes = [everywhere(2), rule(MAC, 3), group, clone, *indirect(2, 1)]
    assert await kinds.write(*((INSERT, one) for one in changes), (MODIFY, default)) == []
    for _ in range(4):
        switch.inject(1, frame(MAC))
    assert len(await switch.collect()) == 4
    requests = [
        *everything(),
        entity("table_entry { table_id: $keyless is_default_action: true }", kinds_config()),
    ]
    requests.append(entity("direct_counter_entry { table_entry { table_id: $mixed } }", kinds_config()))
    before = as_set(await kinds.read(*requests))
    for config in (rebuilt(2), with_cookie(rebuilt(2), 3)):  # another device config, then only another cookie
        await kinds.push(config, Push.RECONCILE_AND_COMMIT)
        assert as_set(await kinds.read(*requests)) == before
        assert (await kinds.config()).config == config
    switch.inject(1, frame(MAC))
    switch.inject(2, frame(MAC))
    assert [port for port, _ in await switch.collect()] == [2, 1]


async def test_reconcile_refuses_what_cannot_hold_the_state_and_changes_nothing(
    switch: AsyncSoftSwitch, kinds: Client
) -> None:
    await kinds.push(fabric_config(), Push.RECONCILE_AND_COMMIT)  # there is nothing to keep yet
    await kinds.push(kinds_config(), Push.RECONCILE_AND_COMMIT)
    assert await kinds.write((INSERT, everywhere(2))) == []
    before = as_set(await kinds.read(*everything()))
    code, text = await refused(kinds.push(fabric_config(), Push.RECONCILE_AND_COMMIT))
    assert code is grpc.StatusCode.INVALID_ARGUMENT and "cannot hold" in text
    assert as_set(await kinds.read(*everything())) == before
    switch.inject(1, frame(MAC))
    assert [port for port, _ in await switch.collect()] == [2]


@pytest.mark.parametrize(
    "action", [Push.VERIFY, Push.VERIFY_AND_SAVE, Push.VERIFY_AND_COMMIT, Push.RECONCILE_AND_COMMIT]
)
async def test_a_config_that_is_missing_or_wrong_is_refused_and_the_old_one_stays(
    kinds: Client, action: int
) -> None:
    broken, mixed, short = (p4r.ForwardingPipelineConfig() for _ in range(3))
    broken.CopyFrom(kinds_config())
    broken.p4_device_config = b'{"program": 5'
    mixed.CopyFrom(kinds_config())
    mixed.p4_device_config = fabric_config().p4_device_config
    short.CopyFrom(kinds_config())
    del short.p4info.tables[0]
    for config in (None, p4r.ForwardingPipelineConfig(), broken, mixed, short):
        assert (await refused(kinds.push(config, action)))[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert (await kinds.config()).config == kinds_config()


async def test_actions_that_make_no_sense_are_refused(kinds: Client) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert (await refused(kinds.push(kinds_config(), Push.COMMIT)))[0] is invalid
    assert (await refused(kinds.push(kinds_config(), Push.UNSPECIFIED)))[0] is invalid
    assert (await refused(kinds.push(kinds_config(), 77)))[0] is invalid


async def test_each_response_type_fills_its_fields(primary: Client) -> None:
    assert not (await primary.config()).HasField("config")
    config = with_cookie(kinds_config(), 42)
    await primary.push(config)
    assert (await primary.config(Get.ALL)).config == config
    wanted = p4r.ForwardingPipelineConfig(cookie=config.cookie)
    assert (await primary.config(Get.COOKIE_ONLY)).config == wanted
    wanted.p4info.CopyFrom(config.p4info)
    assert (await primary.config(Get.P4INFO_AND_COOKIE)).config == wanted
    wanted.ClearField("p4info")
    wanted.p4_device_config = config.p4_device_config
    assert (await primary.config(Get.DEVICE_CONFIG_AND_COOKIE)).config == wanted
    assert (await refused(primary.config(9)))[0] is grpc.StatusCode.INVALID_ARGUMENT


class Held:
    """A step of every push, which waits, when it has been done, until the test lets it go on."""

    def __init__(self, patch: pytest.MonkeyPatch, step: str) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        work: Callable[..., Any] = getattr(Pipelines, step)

        def held(*args: Any) -> Any:
            self.begun.set()
            assert self.go_on.wait(20)
            return work(*args)

        patch.setattr(Pipelines, step, held)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - descriptors have no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("action", [Push.VERIFY, Push.VERIFY_AND_SAVE, Push.VERIFY_AND_COMMIT])
async def test_a_push_that_is_cancelled_while_it_is_prepared_leaves_nothing_behind(
    switch: AsyncSoftSwitch, kinds: Client, monkeypatch: pytest.MonkeyPatch, action: int
) -> None:
    before = descriptors()
    for _ in range(3):
        with monkeypatch.context() as patch:
            preparing = Held(patch, "prepare")
            push = asyncio.ensure_future(kinds.push(with_cookie(fabric_config(), 5), action))
            await asyncio.to_thread(preparing.begun.wait)
            push.cancel()
            await asyncio.wait((push,))
            await asyncio.sleep(0.1)  # the switch has heard of it
            preparing.go_on.set()
        # The next push waits for its turn, so what was cancelled has ended by then.
        await kinds.push(kinds_config(), Push.VERIFY)
        assert (await kinds.config()).config == kinds_config()
    await until(lambda: descriptors() <= before)


@pytest.mark.parametrize(
    ("action", "step"),
    [
        (Push.VERIFY_AND_SAVE, "save"),
        (Push.VERIFY_AND_COMMIT, "commit"),
        (Push.RECONCILE_AND_COMMIT, "reconcile"),
    ],
)
async def test_a_push_that_is_cancelled_while_it_takes_effect_takes_effect_as_a_whole(
    switch: AsyncSoftSwitch, kinds: Client, monkeypatch: pytest.MonkeyPatch, action: int, step: str
) -> None:
    before = descriptors()
    with monkeypatch.context() as patch:
        changing = Held(patch, step)
        push = asyncio.ensure_future(kinds.push(rebuilt(9), action))
        await asyncio.to_thread(changing.begun.wait)
        push.cancel()
        await asyncio.wait((push,))
        await asyncio.sleep(0.1)  # the switch has heard of it
        changing.go_on.set()
        await kinds.push(kinds_config(), Push.VERIFY)
    assert (await kinds.config()).config == rebuilt(9)
    if action == Push.VERIFY_AND_SAVE:
        await kinds.push(None, Push.COMMIT)
    # It is whole: it takes entries, forwards, and tells its primary of packets.
    to_cpu = everywhere(2)
    to_cpu.table_entry.action.action.params[0].value = b"\x01\xfe"
    assert await kinds.write((INSERT, to_cpu)) == []
    switch.inject(1, frame(MAC))
    assert (await kinds.receive("packet")).packet.payload == frame(MAC)
    await until(lambda: descriptors() <= before)


async def test_a_switch_that_stops_while_a_push_is_prepared_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with AsyncSoftSwitch() as switch, Client(switch.address) as client:
        assert await client.arbitrate() == 0  # what gRPC opens once has been opened by then
    before = descriptors()
    for _ in range(3):
        with monkeypatch.context() as patch:
            preparing = Held(patch, "prepare")
            async with AsyncSoftSwitch() as switch, Client(switch.address) as client:
                assert await client.arbitrate() == 0
                push = asyncio.ensure_future(refused(client.push(kinds_config())))
                await asyncio.to_thread(preparing.begun.wait)
                stopping = asyncio.ensure_future(switch.__aexit__(None, None, None))
                await push
                preparing.go_on.set()
                await stopping
    await until(lambda: descriptors() <= before + 4)

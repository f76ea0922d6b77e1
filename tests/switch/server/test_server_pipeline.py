"""Every action of SetForwardingPipelineConfig, and what is got back."""

from __future__ import annotations

import grpc
import pytest
from finsy.proto import p4r

from softswitch import AsyncSoftSwitch
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

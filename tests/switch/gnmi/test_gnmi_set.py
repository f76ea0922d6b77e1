"""Set: what becomes of ports, that it is all or nothing, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import grpc
import pytest
from finsy.proto import gnmi as messages

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.gnmi.client import Gnmi, path
from tests.switch.server.client import INSERT, Client, kinds_config, refused
from tests.switch.server.kinds import everywhere, frame

MAC = 0x800000000001
ONE, THREE = "/interfaces/interface[name=port1]", "/interfaces/interface[name=port3]"
QUEUE = "/qos/interfaces/interface[interface-id=port3]/output/queues/queue[name=egress]"
QUEUE_2 = QUEUE.replace("port3", "port2")


async def through(switch: AsyncSoftSwitch) -> int:
    """How many of three frames get from port 1 to port 3."""
    for _ in range(3):
        switch.inject(1, frame(MAC))
    return len(await switch.collect())


@pytest.mark.parametrize("port", [ONE, THREE])
async def test_a_port_that_is_switched_off_neither_receives_nor_sends(
    switch: AsyncSoftSwitch, gnmi: Gnmi, port: str
) -> None:
    assert await through(switch) == 3
    counters = await gnmi.get(f"{port}/state/counters")
    answer = await gnmi.set(update={f"{port}/config/enabled": False})
    assert [one.op for one in answer.response] == [messages.UpdateResult.UPDATE]
    assert await through(switch) == 0
    found = await gnmi.get(f"{port}/state")
    assert {found[f"{port}/state/{one}"] for one in ("admin-status", "oper-status")} == {"DOWN"}
    assert await gnmi.get(f"{port}/state/counters") == counters
    await gnmi.set(update={f"{port}/config/enabled": True})
    assert await through(switch) == 3
    after = await gnmi.get(f"{port}/state/counters")
    grown = {leaf: count - counters[leaf] for leaf, count in after.items()}
    assert grown == {**counters, f"{port}/state/counters/last-clear": 0}


async def test_limits_outlast_off_and_on_and_a_new_pipeline(
    switch: AsyncSoftSwitch, gnmi: Gnmi, controller: Client
) -> None:
    await gnmi.set(update={f"{QUEUE}/config/rate-pps": 50, f"{QUEUE}/config/depth-limit": 5})
    await gnmi.set(update={f"{THREE}/config/enabled": False})
    await controller.push(kinds_config())
    await gnmi.set(update={f"{THREE}/config/enabled": True})
    assert await controller.write((INSERT, everywhere(3))) == []
    for _ in range(30):
        switch.inject(1, frame(MAC))
    assert len(await switch.collect(2)) in (5, 6)


async def test_a_speed_is_a_rate_and_the_lower_one_counts(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    await gnmi.set(
        update={f"{THREE}/ethernet/config/port-speed": "SPEED_10MB", f"{QUEUE}/config/rate-bps": 10**9}
    )
    speed = await gnmi.get(f"{THREE}/ethernet/state/port-speed")
    assert list(speed.values()) == ["SPEED_10MB"]
    assert list((await gnmi.get(f"{QUEUE}/state/rate-bps")).values()) == [10**7]
    before = time.monotonic()
    for _ in range(100):
        switch.inject(1, frame(MAC, payload=bytes(1236)))
    assert len(await switch.collect(5)) == 100
    assert time.monotonic() - before > 0.09  # 1 Mbit at 10 Mbit/s


async def test_settings_made_before_there_is_a_pipeline_hold_when_it_comes(
    bare: AsyncSoftSwitch, gnmi: Gnmi
) -> None:
    await gnmi.set(update={f"{ONE}/config/enabled": False})
    async with Client(bare.address, 1) as client:
        await client.arbitrate()
        await client.push(kinds_config())
        assert await client.write((INSERT, everywhere(3))) == []
    assert await through(bare) == 0
    await gnmi.set(delete=(f"{ONE}/config/enabled",))
    assert await through(bare) == 3


async def test_a_delete_sets_what_the_switch_was_started_with(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    before = await gnmi.get("/", type=messages.GetRequest.CONFIG)
    await gnmi.set(
        update={
            f"{QUEUE_2}/config/rate-bps": 0,
            f"{QUEUE_2}/config/depth-limit": 9,
            f"{ONE}/config/enabled": False,
        }
    )
    assert await gnmi.get("/", type=messages.GetRequest.CONFIG) != before
    await gnmi.set(delete=("/qos/interfaces/interface[interface-id=*]", "/interfaces"))
    assert await gnmi.get("/", type=messages.GetRequest.CONFIG) == before


async def test_a_replacement_resets_what_it_does_not_name_and_an_update_does_not(
    switch: AsyncSoftSwitch, gnmi: Gnmi
) -> None:
    async def limits() -> list[Any]:
        return list((await gnmi.get(f"{QUEUE_2}/config")).values())[1:4]

    await gnmi.set(update={f"{QUEUE_2}/config": {"name": "egress", "p4fabric-qos:rate-pps": "7"}})
    assert await limits() == [10**6, 7, 64]
    await gnmi.set(replace={f"{QUEUE_2}/config": {"depth-limit": 8}})
    assert await limits() == [10**6, 500, 8]


async def test_a_tree_of_json_sets_several_ports(switch: AsyncSoftSwitch, gnmi: Gnmi) -> None:
    tree = {
        "openconfig-interfaces:interface": [
            {
                "name": "port1",
                "config": {"name": "port1", "enabled": False, "type": "iana-if-type:ethernetCsmacd"},
            },
            {"name": "port3", "openconfig-if-ethernet:ethernet": {"config": {"port-speed": "SPEED_1GB"}}},
        ]
    }
    await gnmi.set(update={"/interfaces": tree})
    assert list((await gnmi.get(f"{ONE}/state/enabled")).values()) == [False]
    assert list((await gnmi.get(f"{THREE}/ethernet/config/port-speed")).values()) == ["SPEED_1GB"]


@pytest.mark.parametrize(
    ("at", "given", "code"),
    [
        (f"{ONE}/config/enabled", "false", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{ONE}/config/id", 5, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{ONE}/state/enabled", False, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{ONE}/config/mtu", 1500, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{ONE}/config", True, grpc.StatusCode.NOT_FOUND),
        (f"{ONE}/config", b"{", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{ONE}/config", b"[" * 100_000, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{ONE}/config", b'{"config":' * 900 + b"1" + b"}" * 900, grpc.StatusCode.INVALID_ARGUMENT),
        ("/interfaces", {"interface": [{"config": {"enabled": False}}]}, grpc.StatusCode.INVALID_ARGUMENT),
        ("/interfaces", {"interface": {"name": "port1"}}, grpc.StatusCode.INVALID_ARGUMENT),
        ("/interfaces/interface[name=port9]/config/enabled", False, grpc.StatusCode.NOT_FOUND),
        ("/interfaces/interface/config/enabled", False, grpc.StatusCode.INVALID_ARGUMENT),
        ("/interfaces/interface[name=*]/config/enabled", False, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{ONE}/ethernet/config/port-speed", "SPEED_7GB", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{QUEUE}/config/depth-limit", 0, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{QUEUE}/config/rate-bps", -1, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{QUEUE}/config/rate-bps", "9" * 5000, grpc.StatusCode.INVALID_ARGUMENT),
        (QUEUE.replace("egress", "low") + "/config/rate-bps", 5, grpc.StatusCode.NOT_FOUND),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_of_the_request_is_done(
    bare: AsyncSoftSwitch, gnmi: Gnmi, at: str, given: Any, code: grpc.StatusCode
) -> None:
    before = await gnmi.get("/")
    right = {f"{THREE}/config/enabled": False}
    assert (await refused(gnmi.set(update=right | {at: given})))[0] is code
    assert await gnmi.get("/") == before


async def test_what_cannot_be_deleted_is_refused(gnmi: Gnmi) -> None:
    for at in (f"{ONE}/state", "/system", f"{ONE}/config/id"):
        assert (await refused(gnmi.set(delete=(at,))))[0] is grpc.StatusCode.INVALID_ARGUMENT
    await gnmi.set(delete=("/interfaces/interface[name=port9]",))  # what is not there is gone already
    request = messages.SetRequest()
    request.union_replace.add(path=path("/interfaces"))
    assert (await refused(gnmi.stub.Set(request)))[0] is grpc.StatusCode.UNIMPLEMENTED

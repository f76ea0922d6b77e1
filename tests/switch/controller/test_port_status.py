"""Ports that go up and down on a real switch, as its gNMI server says to a session."""

from __future__ import annotations

import asyncio
import json

import grpc
from finsy.proto import gnmi, gnmi_grpc

from p4fabric.pipelines.fabric.bindings import BINDINGS
from p4fabric.pipelines.values import Port
from tests.switch.bindings.samples import Listener, session_with
from tests.switch.bindings.test_groups import FABRIC


async def test_a_session_hears_that_a_port_went_down_and_up_and_that_nobody_can_say_any_more() -> None:
    listener = Listener()
    async with session_with(FABRIC, BINDINGS, listener) as (_, switch), asyncio.timeout(60):
        assert await listener.ports.get() == {1, 2}
        up: dict[Port, bool | None] = {}
        while up != {1: True, 2: True}:  # they are down until the switch has its pipeline
            port, status = await listener.statuses.get()
            up[port] = status
        async with grpc.aio.insecure_channel(switch.address) as channel:
            for enabled in (False, True):
                await set_enabled(channel, "port2", enabled)
                assert await listener.statuses.get() == (Port(2), enabled)
    assert {await listener.statuses.get() for _ in range(2)} == {(Port(1), None), (Port(2), None)}


async def set_enabled(channel: grpc.aio.Channel, interface: str, enabled: bool) -> None:
    request = gnmi.SetRequest()
    update = request.update.add()
    update.path.elem.add(name="interfaces")
    update.path.elem.add(name="interface", key={"name": interface})
    for name in ("config", "enabled"):
        update.path.elem.add(name=name)
    update.val.json_ietf_val = json.dumps(enabled).encode()
    await gnmi_grpc.gNMIStub(channel).Set(request)

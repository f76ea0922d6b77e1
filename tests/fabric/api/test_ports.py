"""Ports that real switches have, and say so by gNMI: intents, the API and link discovery keep to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from p4fabric.softswitch import AsyncSoftSwitch
from tests.fabric.api.conftest import TARGET, configured, controller, network
from tests.fabric.api.test_switches import apply, until_in_sync
from tests.fabric.api.wiretap import Wiretap

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="bmv2 does not say which ports it has")

CLIENTS = network(attachments=[{"switch": "leaf1", "port": 1}, {"switch": "leaf1", "port": 77}])
WATCH = {"kind": "TelemetryWatch", "name": "queues", "tenant": "acme",
         "spec": {"switches": ["leaf1"], "ports": [2, 78]}}  # fmt: skip


def port_missing(port: int) -> dict[str, Any]:
    text = f"leaf1 has no port {port}; it has 1-8"
    return {"code": "port-missing", "message": text, "switch": "leaf1", "port": port}


@pytest.fixture
async def switch() -> AsyncIterator[AsyncSoftSwitch]:
    """A switch with memory ports 1 to 8."""
    async with AsyncSoftSwitch(interfaces=dict.fromkeys(range(1, 9))) as switch:
        yield switch


async def test_a_port_that_the_switch_does_not_have_degrades_what_names_it(
    tmp_path: Path, switch: AsyncSoftSwitch
) -> None:
    async with controller(configured(tmp_path, switch.address)) as served:
        await apply(served, [CLIENTS, WATCH])
        await served.until(lambda: served.fabric.switches[0].ports is not None)
        await until_in_sync(served)
        await served.until_all("degraded")
        network = await served.get("/api/v1/intents/Network/acme/clients")
        assert network["status"]["reasons"] == [port_missing(77)]
        watch = await served.get("/api/v1/intents/TelemetryWatch/acme/queues")
        assert watch["status"]["reasons"] == [port_missing(78)]
        (leaf,) = (await served.get("/api/v1/switches"))["items"]
        assert leaf["ports"] == [1, 2, 3, 4, 5, 6, 7, 8]
        await until_in_sync(served)
        # The rest of it works, and all of it once it names ports that are there.
        good = [CLIENTS["spec"]["attachments"][0], {"switch": "leaf1", "port": 8}]
        await apply(served, [network_at(good), {**WATCH, "spec": {"switches": ["leaf1"], "ports": [2]}}])
        await served.until_all("active")


def network_at(attachments: list[dict[str, object]]) -> dict[str, object]:
    return network(attachments=attachments)


async def test_ports_stay_known_while_the_switch_is_away(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    async with (
        Wiretap(switch.address, gnmi=True) as wire,
        controller(configured(tmp_path, wire.address)) as served,
    ):
        await apply(served, [CLIENTS])
        await served.until(lambda: served.fabric.switches[0].ports is not None)
        await until_in_sync(served)
        await wire.stop()
        await served.until(lambda: not served.fabric.switches[0].connected)
        assert served.fabric.switches[0].ports == tuple(range(1, 9))
        reasons = served.fabric.intents.all()[0].status.reasons
        assert "leaf1 has no port 77; it has 1-8" in reasons
        wire.updates.clear()
        await wire.start()
        await until_in_sync(served)
        assert wire.updates == []


async def test_a_switch_that_does_not_say_is_taken_to_have_every_port(
    tmp_path: Path, switch: AsyncSoftSwitch
) -> None:
    """The wiretap passes P4Runtime on, and no gNMI."""
    async with Wiretap(switch.address) as wire, controller(configured(tmp_path, wire.address)) as served:
        await apply(served, [CLIENTS])
        await served.until_all("active")
        (leaf,) = (await served.get("/api/v1/switches"))["items"]
        assert leaf["ports"] is None and leaf["connected"]


async def test_a_restart_takes_no_port_away_while_the_switch_has_not_said_yet(
    tmp_path: Path, switch: AsyncSoftSwitch
) -> None:
    async with Wiretap(switch.address, gnmi=True) as wire:
        config = configured(tmp_path, wire.address)
        async with controller(config) as served:
            await apply(served, [network_at([{"switch": "leaf1", "port": 8}])])
            await served.until_all("active")
            await until_in_sync(served)
        wire.updates.clear()
        async with controller(config) as served:
            await served.until(lambda: served.fabric.switches[0].ports is not None)
            await served.until_all("active")
            await until_in_sync(served)
            await asyncio.sleep(0.3)
        assert wire.updates == []

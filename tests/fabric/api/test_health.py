"""Servers that do not answer are left out of their Service, on a real switch, and are back when they do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from p4fabric.softswitch import AsyncSoftSwitch
from tests.fabric.api.conftest import TARGET, configured, controller
from tests.fabric.api.servers import GATEWAY, PORT, ROUTER, checked_service, serving

pytestmark = pytest.mark.skipif(TARGET != "softswitch", reason="frames are put into memory ports")

REFUSES = f"failed 1 checks: port {PORT} refuses connections"
SILENT = "failed 1 checks: did not answer"


@pytest.fixture
async def switch() -> AsyncIterator[AsyncSoftSwitch]:
    async with AsyncSoftSwitch(interfaces=dict.fromkeys((3, 4, 5))) as switch:
        yield switch


async def test_a_server_whose_port_is_closed_gets_no_connections_until_it_listens_again(
    tmp_path: Path, switch: AsyncSoftSwitch
) -> None:
    async with (
        controller(configured(tmp_path, switch.address)) as served,
        serving(switch, served, checked_service("tcp")) as servers,
    ):
        first, second = servers.all.values()
        assert all(await servers.connect())
        await served.until(lambda: first.asked and second.asked and first.resets and second.resets)
        syn = first.asked[0]
        assert (syn.src, syn["IP"].src, syn["TCP"].dport) == (ROUTER, GATEWAY, PORT)

        second.listens = False
        await servers.until_down(second.ip, why=REFUSES)
        assert await servers.connect() == (32, 0)

        second.listens, asked = True, len(second.asked)
        await servers.until_down()
        assert len(second.asked) - asked >= 2
        assert all(await servers.connect())


@pytest.mark.parametrize("check", ["tcp", "arp"])
async def test_a_silent_host_is_left_out(tmp_path: Path, switch: AsyncSoftSwitch, check: str) -> None:
    async with (
        controller(configured(tmp_path, switch.address)) as served,
        serving(switch, served, checked_service(check)) as servers,
    ):
        first = servers.all[4]
        first.is_there = False
        await servers.until_down(first.ip, why=SILENT)
        assert await servers.connect() == (0, 32)
        first.is_there = True
        await servers.until_down()
        assert all(await servers.connect())


async def test_where_no_server_listens_all_are_tried(tmp_path: Path, switch: AsyncSoftSwitch) -> None:
    async with (
        controller(configured(tmp_path, switch.address)) as served,
        serving(switch, served, checked_service("tcp")) as servers,
    ):
        first, second = servers.all.values()
        first.listens = second.listens = False
        await servers.until_down(first.ip, second.ip, why=REFUSES)
        assert all(await servers.connect())

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.server.client import Client, fabric_config, kinds_config

MEMORY_PORTS = {1: None, 2: None, 3: None}


@pytest.fixture
async def switch() -> AsyncIterator[AsyncSoftSwitch]:
    """A switch with memory ports 1 to 3 and no pipeline."""
    async with AsyncSoftSwitch(interfaces=MEMORY_PORTS) as switch:
        yield switch


@pytest.fixture
async def primary(switch: AsyncSoftSwitch) -> AsyncIterator[Client]:
    """The primary, which has pushed nothing yet."""
    async with Client(switch.address, 100) as client:
        assert await client.arbitrate() == 0
        yield client


@pytest.fixture
async def fabric(primary: Client) -> Client:
    """The primary of a switch that runs fabric.p4."""
    await primary.push(fabric_config())
    return primary


@pytest.fixture
async def kinds(primary: Client) -> Client:
    """The primary of a switch that runs kinds.p4."""
    await primary.push(kinds_config())
    return primary

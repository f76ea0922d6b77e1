from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from p4fabric.softswitch import AsyncSoftSwitch
from p4fabric.softswitch.server.ports import QueueLimits
from tests.switch.gnmi.client import Gnmi
from tests.switch.server.client import INSERT, Client, kinds_config
from tests.switch.server.kinds import everywhere

QUEUES = {2: QueueLimits(rate_bps=10**6, rate_pps=500, depth=64)}


@pytest.fixture
async def bare() -> AsyncIterator[AsyncSoftSwitch]:
    """A switch with memory ports 1 to 3, port 2 limited, and no pipeline."""
    async with AsyncSoftSwitch(interfaces={1: None, 2: None, 3: None}, queues=QUEUES) as switch:
        yield switch


@pytest.fixture
async def controller(bare: AsyncSoftSwitch) -> AsyncIterator[Client]:
    """The P4Runtime primary of kinds.p4 on that switch; half of all addresses are sent out of port 3."""
    async with Client(bare.address, 1) as client:
        assert await client.arbitrate() == 0
        await client.push(kinds_config())
        assert await client.write((INSERT, everywhere(3))) == []
        yield client


@pytest.fixture
async def switch(bare: AsyncSoftSwitch, controller: Client) -> AsyncSoftSwitch:
    """The switch that forwards."""
    return bare


@pytest.fixture
async def gnmi(bare: AsyncSoftSwitch) -> AsyncIterator[Gnmi]:
    """A gNMI client, on the P4Runtime port."""
    async with Gnmi(bare.address) as client:
        yield client

"""A session has the program given copies of packets that find their queue full, where the switch can."""

from __future__ import annotations

import asyncio

from p4fabric.pipelines.fabric.bindings import BINDINGS
from tests.switch.bindings.samples import session_with
from tests.switch.bindings.test_groups import FABRIC
from tests.switch.gnmi.client import Gnmi

PATH = "/queues/state/drop-session"


async def test_the_switch_is_told_the_programs_clone_session() -> None:
    async with (
        session_with(FABRIC, BINDINGS, drop_session=77) as (_, switch),
        Gnmi(switch.address) as client,
        asyncio.timeout(10),
    ):
        while (await client.get(PATH))[PATH] != 77:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)

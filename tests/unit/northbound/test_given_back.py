"""What sessions had is others' once no switch has it, whichever other switches are away."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.fabric.given_back import GivenBack
from tests.unit.northbound.test_acknowledged import LEAF, SPINE, Bed, settle


async def test_a_switch_that_is_away_holds_up_its_own_sessions_only() -> None:
    bed, released = Bed(), list[int]()
    given_back = GivenBack(bed.acks)

    def end(seid: int, **switches: Any) -> None:
        delta = FabricDelta(1, {name: bed.delta.switches[name] for name in switches.values()}, ())
        given_back.after(delta, partial(released.append, seid))

    end(1, at=LEAF)
    running = asyncio.create_task(given_back.run())
    await settle()
    end(2, at=SPINE)
    end(3, at=SPINE)
    end(4)
    await settle()
    assert released == [4], "no switch had anything of it"
    bed.follow(SPINE)
    await settle()
    assert released == [4, 2, 3]
    bed.follow(LEAF)
    await settle()
    assert released[3:] == [1]
    running.cancel()
    await asyncio.wait({running})

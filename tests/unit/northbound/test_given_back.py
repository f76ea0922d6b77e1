"""What sessions had is others' once no switch has it, whichever other switches are away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.fabric.given_back import GivenBack
from p4fabric.controller.n4.node import Node, Prepared
from tests.unit.northbound.test_acknowledged import LEAF, SPINE, Bed, settle


@dataclass
class Noted:
    """A node that notes what it may give to others."""

    done_of: list[Prepared] = field(default_factory=list)

    def done(self, prepared: Prepared) -> None:
        self.done_of.append(prepared)


def named(seid: int) -> Prepared:
    return Prepared(None, seid)


async def test_a_switch_that_is_away_holds_up_its_own_sessions_only() -> None:
    bed, noted = Bed(), Noted()
    given_back = GivenBack(bed.acks)

    def end(seid: int, **switches: Any) -> None:
        delta = FabricDelta(1, {name: bed.delta.switches[name] for name in switches.values()}, ())
        given_back.ended(cast(Node, noted), [named(seid)], delta)

    end(1, at=LEAF)
    running = asyncio.create_task(given_back.run())
    await settle()
    end(2, at=SPINE)
    end(3, at=SPINE)
    end(4)
    await settle()
    assert noted.done_of == [named(4)], "no switch had anything of it"
    bed.follow(SPINE)
    await settle()
    assert noted.done_of == [named(4), named(2), named(3)]
    bed.follow(LEAF)
    await settle()
    assert noted.done_of[3:] == [named(1)]
    running.cancel()
    await asyncio.wait({running})

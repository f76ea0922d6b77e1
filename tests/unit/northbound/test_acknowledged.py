"""Waiting until switches hold what a change asks of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from p4fabric.controller.compiler import FabricDelta, SwitchDelta
from p4fabric.controller.fabric.acknowledged import Acknowledgements
from p4fabric.controller.names import SwitchName
from p4fabric.pipelines.entities import Entity, EntityKey

LEAF, SPINE = SwitchName("leaf1"), SwitchName("spine1")
NEW, OLD = cast(EntityKey, (1, "new")), cast(EntityKey, (1, "old"))
ENTRY, OTHER = cast(Entity, "entry"), cast(Entity, "other")


@dataclass
class Held:
    """A switch that holds what a test says."""

    epoch: int | None = 1
    held: str | None = None
    desired: dict[EntityKey, Entity] = field(default_factory=dict)
    holds: dict[EntityKey, Entity] = field(default_factory=dict)

    def wanted(self, key: EntityKey) -> Entity | None:
        return self.desired.get(key)

    def known_to_hold(self, key: EntityKey, entity: Entity | None) -> bool:
        return self.holds.get(key) == entity


class Bed:
    def __init__(self) -> None:
        self.switches = {name: Held(desired={NEW: ENTRY}, holds={OLD: OTHER}) for name in (LEAF, SPINE)}
        self.gone: set[SwitchName] = set()
        self.acks = Acknowledgements(self.switches.get, self.gone.__contains__)
        delta = SwitchDelta(1, {NEW: ENTRY}, {OLD: None})
        self.delta = FabricDelta(1, {LEAF: delta, SPINE: delta}, ())

    def follow(self, name: SwitchName) -> None:
        self.switches[name].holds = dict(self.switches[name].desired)
        self.acks.progressed(name)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_keys_of_all_switches_are_waited_for() -> None:
    bed = Bed()
    waiting = asyncio.ensure_future(bed.acks.wait(bed.delta))
    bed.switches[LEAF].holds[NEW] = ENTRY
    bed.acks.progressed(LEAF)
    await settle()
    bed.follow(SPINE)
    await settle()
    assert not waiting.done(), "an entry is there that should be gone"
    bed.follow(LEAF)
    await asyncio.wait_for(waiting, 60)


async def test_what_is_wanted_by_then_counts() -> None:
    bed = Bed()
    waiting = asyncio.ensure_future(bed.acks.wait(bed.delta, but=[SPINE]))
    await settle()
    bed.switches[LEAF].desired[NEW] = OTHER
    bed.follow(LEAF)
    await asyncio.wait_for(waiting, 60)


async def test_who_is_away_is_named_and_who_is_gone_is_not_waited_for() -> None:
    bed = Bed()
    bed.switches[SPINE].epoch = None
    assert bed.acks.away(bed.delta) == [SPINE]
    waiting = asyncio.ensure_future(bed.acks.wait(bed.delta))
    bed.follow(LEAF)
    await settle()
    assert not waiting.done()
    bed.gone.add(SPINE)
    bed.acks.progressed(SPINE)
    await asyncio.wait_for(waiting, 60)
    assert bed.acks.away(bed.delta) == []


async def test_who_stops_waiting_keeps_nobody_else_from_it() -> None:
    bed = Bed()
    one, other = (asyncio.ensure_future(bed.acks.wait(bed.delta)) for _ in range(2))
    await settle()
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    bed.follow(LEAF)
    bed.follow(SPINE)
    await asyncio.wait_for(other, 60)


async def test_a_switch_that_an_operator_holds_is_away() -> None:
    bed = Bed()
    bed.switches[LEAF].held = "it would lose most of what it holds"
    assert bed.acks.away(bed.delta) == [LEAF]
    bed.switches[LEAF].held = None
    assert bed.acks.away(bed.delta) == []


async def test_a_switch_that_was_waited_for_in_vain_is_away_until_it_has_caught_up() -> None:
    bed = Bed()
    bed.follow(SPINE)
    assert await bed.acks.within(bed.delta, 0.01) == [LEAF] == bed.acks.away(bed.delta)
    # Nothing waits for it any more: neither this change nor those that come.
    assert await asyncio.wait_for(bed.acks.within(bed.delta, 60), 60) == [LEAF]
    bed.switches[LEAF].holds[NEW] = ENTRY
    bed.acks.progressed(LEAF)
    assert bed.acks.away(bed.delta) == [LEAF], "it holds what should be gone"
    bed.follow(LEAF)
    assert bed.acks.away(bed.delta) == [] == await bed.acks.within(bed.delta, 60)

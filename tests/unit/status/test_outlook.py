"""What intents would be is told without a change, and is what they are after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from p4fabric.controller.compiler.output import Output, Slot
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status import Expected, IntentState, Outlook
from p4fabric.pipelines.entities import Entity, EntityKey
from tests.unit.status.fabric import LEAF1, LEAF2, ONE, TWO, World, entry, key

AWAY = "leaf2 is not connected since 2027-01-15 08:00:00 UTC"
ACTIVE = Expected(IntentState.ACTIVE)


def _reason(text: str) -> Reason:
    return Reason(Code.SWITCH_DISCONNECTED, text)


def degraded(*reasons: str) -> Expected:
    return Expected(IntentState.DEGRADED, tuple(map(_reason, reasons)))


async def outlook(
    world: World,
    owner: IntentKey,
    entries: Mapping[SwitchName, tuple[Entity, ...]],
    *notes: str,
    asked: Mapping[IntentKey, bool] | None = None,
    held: Mapping[EntityKey, Entity] | None = None,
) -> dict[IntentKey, Outlook]:
    """What a part's coming to something else would do; nothing of it is done."""
    slot = Slot(owner, "itself", owner)
    before = world.outputs.get(slot)
    output = Output(entries, tuple(Reason(Code.SERVER_UNSEEN, note) for note in notes))
    delta, _ = world.wanted.change(world.revision + 1, [(slot, before, output)])
    world.wanted.change(world.revision + 2, [(slot, output, before)])
    states = {intent: world.statuses.status_of(intent) for intent in world.statuses}
    working = asyncio.create_task(world.statuses.run())
    try:
        return await world.statuses.outlook(
            delta,
            {owner: False} if asked is None else asked,
            lambda name, at, wish: held is not None and held.get(at) == wish,
        )
    finally:
        working.cancel()
        assert {intent: world.statuses.status_of(intent) for intent in world.statuses} == states


async def test_an_intent_will_be_active_once_all_is_acknowledged_or_degraded_for_what_it_lacks() -> None:
    world = World(LEAF1)
    assert await outlook(world, ONE, {LEAF1: (entry(1),)}) == {ONE: Outlook(None, ACTIVE)}
    assert await outlook(world, ONE, {}, "server 10.0.0.1 not seen yet") == {
        ONE: Outlook(None, degraded("server 10.0.0.1 not seen yet"))
    }
    both = await outlook(world, ONE, {LEAF1: (entry(1),), LEAF2: (entry(1), entry(2))})
    assert both == {ONE: Outlook(None, degraded(f"{AWAY}; 2 entries wait"))}


async def test_what_a_switch_that_is_away_holds_already_does_not_wait() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF2: (entry(1),)})
    world.installed(LEAF2, 1)
    world.disconnect(LEAF2)
    without = degraded(AWAY)
    changed = {LEAF2: (entry(1, 2), entry(3))}
    assert await outlook(world, ONE, changed) == {ONE: Outlook(without, degraded(f"{AWAY}; 2 entries wait"))}
    known = {key(1): entry(1, 2), key(3): entry(3)}
    assert await outlook(world, ONE, changed, held=known) == {ONE: Outlook(without, without)}


async def test_a_deleted_intent_is_gone_but_for_switches_that_cannot_let_go_of_it() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.apply(TWO, {LEAF2: (entry(2),)})
    world.installed(LEAF1, 1)
    world.installed(LEAF2, 2)
    assert await outlook(world, ONE, {}, asked={ONE: True}) == {ONE: Outlook(ACTIVE, None)}
    world.disconnect(LEAF2)
    left = Expected(IntentState.DELETING, (_reason(f"{AWAY}; 1 old entry could not be removed"),))
    assert await outlook(world, TWO, {}, asked={TWO: True}) == {TWO: Outlook(degraded(AWAY), left)}
    assert await outlook(world, TWO, {}, asked={TWO: True}, held={}) == {TWO: Outlook(degraded(AWAY), None)}


async def test_others_that_want_the_same_entry_are_told_of_where_something_is_another_for_them() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.apply(TWO, {LEAF1: (entry(1),)})
    world.failed(LEAF1, {1: "leaf1 refuses it"})
    refused = degraded("leaf1 refuses it")
    joined = await outlook(world, ONE, {LEAF1: (entry(1), entry(2))})
    assert joined == {ONE: Outlook(refused, refused)}, "it is as it was, and nothing of it was written"
    changed = await outlook(world, ONE, {LEAF1: (entry(1, 2),)})
    assert changed == {ONE: Outlook(refused, ACTIVE), TWO: Outlook(refused, ACTIVE)}


async def test_an_intent_that_was_deleted_before_is_none_without_the_change() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.want(ONE, {}, part="host")
    world.installed(LEAF1, 1)
    world.delete(ONE)
    world.gone(LEAF1, 1)
    assert ONE not in world.statuses
    # A part that has come to nothing goes after the intent, as a host is forgotten after its network.
    world.want(ONE, {}, part="another host")
    assert await outlook(world, ONE, {LEAF1: (entry(1),)}) == {ONE: Outlook(None, ACTIVE)}
    # One that still wants something says nothing of an intent either.
    world.want(ONE, {LEAF1: (entry(2),)}, part="host")
    assert await outlook(world, ONE, {LEAF1: (entry(1),)}) == {ONE: Outlook(None, ACTIVE)}


async def test_an_intent_that_changes_nothing_is_told_of_when_it_is_asked_for() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    assert world.state() == "installing"
    assert await outlook(world, ONE, {LEAF1: (entry(1),)}) == {ONE: Outlook(ACTIVE, ACTIVE)}


async def test_many_entries_are_counted_in_turns_with_others() -> None:
    world = World()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    many = {LEAF1: tuple(entry(vlan) for vlan in range(1, 4000))}
    found = await outlook(world, ONE, many)
    beside.cancel()
    expected = found[ONE].expected
    assert expected is not None and expected.reasons[0].endswith("; 3999 entries wait")
    assert turns > 8


async def test_who_is_cancelled_leaves_nothing_behind() -> None:
    world = World(LEAF1)
    many = {LEAF2: tuple(entry(vlan) for vlan in range(1, 4000))}
    asking = asyncio.create_task(outlook(world, ONE, many))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await outlook(world, ONE, {LEAF1: (entry(1),)}) == {ONE: Outlook(None, ACTIVE)}
    assert world.statuses.is_settled

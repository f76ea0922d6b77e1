"""Which numbers intents are given: the smallest that is free, and none that a switch may still hold."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.controller.core import Core, IntentConflict
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.document import Need
from p4fabric.controller.intents.errors import IntentError
from p4fabric.controller.intents.numbers import Number, NumberKey, Numbers
from p4fabric.controller.names import TenantName
from p4fabric.controller.state import Change, Database
from tests.unit.compiler.world import key, network, new_core

FIRST, LAST = 10, 14


class Wanting:
    """Somebody who needs a number of one pool; only what `Numbers` asks of an intent."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def needed(self) -> tuple[Need, ...]:
        return (Need("pool", self.name, FIRST, LAST, "numbers"),)


class World:
    def __init__(self) -> None:
        self.database = Database()
        self.numbers = Numbers(self.database)

    def give(self, name: str) -> int:
        self.database.apply(self.numbers.give(wanting(name)))
        number = self.numbers.given.get(NumberKey("pool", name))
        assert number is not None
        return number

    def take_back(self, name: str) -> None:
        self.database.apply(self.numbers.take_back(wanting(name).needed))

    def free(self, number: int) -> None:
        """No switch holds it any more."""
        self.database.apply([Change(self.numbers.resting, Number("pool", number), None)])

    @property
    def resting(self) -> dict[int, str]:
        return {number: owner for (_, number), owner in self.numbers.resting.rows()}


def wanting(name: str) -> Any:
    return Wanting(name)


def test_everybody_is_given_the_smallest_free_number_once() -> None:
    world = World()
    assert [world.give(name) for name in "abc"] == [10, 11, 12]
    assert world.give("b") == 11


def test_a_number_that_is_given_back_rests_until_no_switch_holds_it() -> None:
    world = World()
    for name in "abc":
        world.give(name)
    world.take_back("a")
    assert world.resting == {10: "a"}
    assert world.give("d") == 13
    assert world.give("a") == 14, "its own old number is not given either: its entries are on their way out"
    world.free(10)
    assert world.resting == {}
    assert world.give("e") == 10


def test_after_a_restart_the_smallest_free_number_is_given_whatever_was_kept() -> None:
    world = World()
    kept = [Change(world.numbers.given, NumberKey("pool", "old"), 13)]
    kept += [Change(world.numbers.resting, Number("pool", 10), "gone")]
    world.database.apply(kept)
    world.take_back("old")
    world.free(13)
    assert [world.give(name) for name in "abc"] == [11, 12, 13]


@pytest.mark.parametrize(
    ("resting", "message"),
    [
        (0, "cannot be accepted: all 5 numbers are in use"),
        (
            2,
            "cannot be accepted: all 5 numbers are in use, "
            "2 of them by entries that switches still have to remove",
        ),
    ],
)
def test_whoever_comes_too_late_is_told_how_many_numbers_rest(resting: int, message: str) -> None:
    world = World()
    for name in "abcde":
        world.give(name)
    for name in "abcde"[:resting]:
        world.take_back(name)
    with pytest.raises(IntentError) as refused:
        world.give("f")
    assert [(error.field, error.value, error.message) for error in refused.value.errors] == [
        ("name", "f", message)
    ]


def test_taking_a_plan_back_takes_its_numbers_back_and_none_rests() -> None:
    core = new_core()
    core.plan_apply([parse_intent(network("one", 1))])
    plan = core.plan_apply([parse_intent(network("two", 2))])
    assert numbers_of(core) == {"acme/one": 100, "acme/two": 101}
    core.discard(plan)
    assert numbers_of(core) == {"acme/one": 100}
    assert list(core.view.numbers.resting.rows()) == []
    core.plan_apply([parse_intent(network("three", 3))])
    assert numbers_of(core) == {"acme/one": 100, "acme/three": 101}


def test_a_deletion_that_is_taken_back_gives_the_same_number_back() -> None:
    core = new_core()
    core.plan_apply([parse_intent(network("one", 1)), parse_intent(network("two", 2))])
    plan = core.plan_delete([key(network("one", 1))])
    assert plan.resting == (Number("vlan", 100),)
    core.discard(plan)
    assert numbers_of(core) == {"acme/one": 100, "acme/two": 101}
    assert list(core.view.numbers.resting.rows()) == []


def test_a_refused_apply_gives_no_number() -> None:
    core = new_core()
    with pytest.raises(IntentConflict):
        core.plan_apply([parse_intent(network("one", 1)), parse_intent(network("overlaps", 1))])
    assert list(core.view.numbers.given.rows()) == []
    core.plan_apply([parse_intent(network("two", 2))])
    assert numbers_of(core) == {"acme/two": 100}


def test_a_tenants_vrf_rests_with_its_last_network_only() -> None:
    core = new_core()
    core.plan_apply([parse_intent(network("one", 1)), parse_intent(network("two", 2))])
    vrf = core.view.vrf(TenantName("acme"))
    assert core.plan_delete([key(network("one", 1))]).resting == (Number("vlan", 100),)
    last = core.plan_delete([key(network("two", 2))]).resting
    assert set(last) == {Number("vlan", 101), Number("vrf", int(vrf))}


def numbers_of(core: Core) -> dict[str, int]:
    return {
        given.key.removeprefix("Network/"): number
        for given, number in core.view.numbers.given.rows()
        if given.pool == "vlan"
    }


Step = tuple[Literal["give", "back", "free"], int]
STEPS = st.lists(st.tuples(st.sampled_from(["give", "back", "free"]), st.integers(0, 6)), max_size=40)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.lists(st.booleans(), min_size=40, max_size=40))
def test_whatever_comes_and_is_taken_back_the_smallest_free_number_is_given(
    steps: list[Step], undone: list[bool]
) -> None:
    world = World()
    holders: dict[str, int] = {}
    resting: set[int] = set()
    for (what, number), undo in zip(steps, undone, strict=False):
        name = str(number)
        before = dict(holders), set(resting)
        match what:
            case "give":
                free = [n for n in range(FIRST, LAST + 1) if n not in {*holders.values(), *resting}]
                if name not in holders and not free:
                    with pytest.raises(IntentError):
                        world.give(name)
                    continue
                holders.setdefault(name, min(free, default=0))
                changes = world.numbers.give(wanting(name))
            case "back":
                if name in holders:
                    resting.add(holders.pop(name))
                changes = world.numbers.take_back(wanting(name).needed)
            case "free":
                resting.discard(FIRST + number)
                changes = iter([Change(world.numbers.resting, Number("pool", FIRST + number), None)])
        settled = world.database.apply(changes)
        if undo:
            world.database.apply(settled.undo)
            holders, resting = before
        assert {given.key: number for given, number in world.numbers.given.rows()} == holders
        assert world.resting.keys() == resting

"""Where the rules of a tenant's policies stand: in the order in which they are looked at, and with room."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.controller.intents import parse_intent, rule_places
from p4fabric.controller.intents.kinds.firewall import FirewallPolicy
from p4fabric.controller.intents.rule_places import HIGHEST, RulePlaces
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.state import Database

RULES = "abcdef"


def policy(name: str, rules: Any, priority: int = 1000, tenant: str = "acme") -> FirewallPolicy:
    spec = {"priority": priority, "rules": [{"name": rule, "action": "deny"} for rule in rules]}
    parsed = parse_intent({"kind": "FirewallPolicy", "name": name, "tenant": tenant, "spec": spec})
    assert isinstance(parsed, FirewallPolicy)
    return parsed


def key(name: str) -> IntentKey:
    return IntentKey("FirewallPolicy", TenantName("acme"), name)


class World:
    """Places, and what they should be in order of: policies by priority, then as they came to it."""

    def __init__(self) -> None:
        self.database = Database()
        self.places = RulePlaces(self.database)
        self._policies: dict[str, tuple[int, tuple[str, ...]]] = {}

    def place(self, name: str, rules: Any, priority: int = 1000) -> None:
        self.database.apply(self.places.place(policy(name, rules, priority)))
        before = self._policies.get(name)
        if before is not None and before[0] != priority:
            del self._policies[name]  # at its new priority it is the last one
        self._policies[name] = (priority, tuple(rules))

    def remove(self, name: str) -> None:
        self.database.apply(self.places.remove(key(name)))
        self._policies.pop(name, None)

    def of(self, name: str) -> dict[str, int]:
        return dict(self.places.table[key(name)].places)

    @property
    def all(self) -> dict[tuple[str, str], int]:
        return {
            (policy.name, rule): place
            for policy, row in self.places.table.rows()
            for rule, place in row.places.items()
        }

    def check(self) -> None:
        """All rules have places of their own that P4Runtime has as priorities, in order."""
        wanted = [
            (name, rule)
            for name, (_, rules) in sorted(self._policies.items(), key=lambda one: -one[1][0])
            for rule in rules
        ]
        found = self.all
        assert sorted(found, key=lambda rule: -found[rule]) == wanted
        assert len(set(found.values())) == len(found)
        assert all(0 < place <= HIGHEST for place in found.values())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["one", "two", "three", "four"]),
        st.integers(1, 3),
        st.permutations(RULES).flatmap(lambda rules: st.integers(0, 6).map(lambda n: tuple(rules[:n]))),
    ),
    max_size=7,
)
"""A policy, its priority, and its rules; without rules it is removed."""


def do(world: World, step: tuple[str, int, tuple[str, ...]]) -> None:
    name, priority, rules = step
    if rules:
        world.place(name, rules, priority)
    else:
        world.remove(name)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_rules_stand_as_they_are_looked_at_and_no_other_policy_moves(steps: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_places, "STRIDE", 1 << 20)  # seven times room for six rules in one gap
        world = World()
        for step in steps:
            before = world.all
            do(world, step)
            world.check()
            others = {rule: place for rule, place in world.all.items() if rule[0] != step[0]}
            assert others == {rule: place for rule, place in before.items() if rule[0] != step[0]}


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_rules_stand_as_they_are_looked_at_where_room_runs_out(steps: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_places, "STRIDE", 2)
        patch.setattr(rule_places, "HIGHEST", 40)
        world = World()
        for step in steps:
            do(world, step)
            world.check()


@given(st.permutations(RULES), st.sets(st.sampled_from(RULES), min_size=1))
def test_a_rule_that_is_inserted_or_removed_moves_no_other(rules: list[str], fewer: set[str]) -> None:
    world = World()
    kept = [rule for rule in rules if rule in fewer]
    world.place("one", kept)
    few = world.of("one")
    world.place("one", rules)
    world.check()
    assert few.items() <= world.of("one").items()
    world.place("one", kept)
    assert world.of("one") == few


def test_a_rule_that_changes_its_place_moves_no_other() -> None:
    world = World()
    world.place("one", "abcdef")
    before = world.of("one")
    world.place("one", "bcdaef")
    after = world.of("one")
    assert [rule for rule in RULES if after[rule] != before[rule]] == ["a"]
    world.check()


def test_policies_of_one_priority_are_looked_at_as_they_came() -> None:
    world = World()
    world.place("one", "ab")
    world.place("two", "ab")
    world.place("one", "cab")
    world.check()
    world.place("one", "ab", priority=999)
    world.place("one", "ab")
    world.check()
    assert min(world.of("two").values()) > max(world.of("one").values())


def test_a_policy_that_changes_its_priority_does_not_use_up_room() -> None:
    world = World()
    world.place("one", "abc", priority=1)
    world.place("two", "abc", priority=1000)
    before = world.of("one"), world.of("two")
    for priority in range(999, 900, -1):
        world.place("three", "abc", priority)
        world.check()
    assert (world.of("one"), world.of("two")) == before


def test_tenants_have_places_of_their_own() -> None:
    world = World()
    world.place("one", "ab")
    before = world.of("one")
    world.database.apply(world.places.place(policy("one", "ab", tenant="other")))
    assert world.of("one") == before
    assert world.places.table[IntentKey("FirewallPolicy", TenantName("other"), "one")].places == before


def test_where_there_is_no_room_all_are_spread_evenly_and_there_is_room_again() -> None:
    """Each rule is inserted just before the last one, which halves the room that is left."""
    world = World()
    world.place("one", ["r0", "last"])
    names, renumbered = ["r0"], 0
    for number in range(1, 60):
        names.append(f"r{number}")
        before = world.of("one")
        world.place("one", [*names, "last"])
        world.check()
        renumbered += not before.items() <= world.of("one").items()
    assert 1 <= renumbered <= 6


def test_a_change_that_is_undone_leaves_places_as_they_were() -> None:
    world = World()
    world.place("one", "abc")
    world.place("two", "abc", priority=5)
    before = world.all
    settled = world.database.apply(world.places.place(policy("one", "cab", priority=3)))
    world.database.apply(settled.undo)
    assert world.all == before
    world.place("three", "ab", priority=500)
    world.check()

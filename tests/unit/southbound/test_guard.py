"""When a switch may be written to after a start, by what it holds and what the store knows."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from p4fabric.controller.names import SwitchName
from p4fabric.controller.reconcile.guard import FEWEST_REMOVALS, PATIENCE, Hold, RemovalGuard
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import VlanId, VrfId
from tests.entries import plain_network

LEAF, SPINE = SwitchName("leaf1"), SwitchName("spine1")
State = Mapping[EntityKey, Entity]


def networks(*vlans: int, vrf: int = 1) -> State:
    entries = (b.Networks(VlanId(vlan), plain_network(VrfId(vrf))) for vlan in vlans)
    return {entry.key: entry for entry in entries}


class Guard(RemovalGuard):
    """Asked with whole states."""

    stored: State

    def judge_states(self, switch: SwitchName, held: State, desired: State) -> Hold | None:
        known = (self.stored, desired)
        lost = sum(all(state.get(key) != entity for state in known) for key, entity in held.items())
        return self.judge(switch, len(held), lost)


def guard_of(*switches: SwitchName, stored: State, confirmed: bool = False, unsettled: int = 0) -> Guard:
    guard = Guard(switches, confirmed=confirmed, clock=lambda: 0.0)
    guard.begin(dict.fromkeys(switches, len(stored)), dict.fromkeys(switches, unsettled))
    guard.stored = stored
    return guard


@pytest.mark.parametrize(
    ("held", "stored", "is_held"),
    [
        (networks(*range(1, 101)), networks(*range(1, 101)), False),
        (networks(*range(1, 101)), networks(*range(1, 51)), False),
        (networks(*range(1, 101)), networks(*range(1, 50)), True),
        (networks(*range(1, 101)), networks(*range(1, 101), vrf=2), True),
        (networks(*range(1, 101)), {}, True),
        (networks(*range(1, FEWEST_REMOVALS)), {}, False),
        (networks(*range(1, FEWEST_REMOVALS + 1)), {}, True),
        ({}, networks(*range(1, 101)), False),
    ],
    ids=["the same", "half goes", "more than half goes", "all is overwritten", "all goes", "few", "enough",
         "an empty switch"],
)  # fmt: skip
def test_more_than_half_of_a_switch_does_not_go_unasked(held: State, stored: State, is_held: bool) -> None:
    guard = guard_of(LEAF, stored=stored)
    assert (guard.judge_states(LEAF, held, stored) is not None) == is_held
    confirmed = guard_of(LEAF, stored=stored, confirmed=True)
    assert confirmed.judge_states(LEAF, held, stored) is None


def test_the_reason_says_what_is_there_and_what_to_do_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guard = guard_of(LEAF, stored={})
    held = networks(*range(1, 101))
    for _ in range(3):
        assert guard.judge_states(LEAF, held, networks(1, 2, 3)) is not None
    reason = guard.reason(LEAF)
    assert reason is not None
    assert reason.startswith("leaf1 holds 100 entries, of which 97 are not in this store; nothing is written")
    assert reason.endswith("start with --confirm-removal, or give the right store")
    assert [record.message for record in caplog.records] == [reason]


def test_what_is_removed_while_the_controller_runs_goes_also_where_the_switch_comes_late() -> None:
    held = networks(*range(1, 101))
    guard = guard_of(LEAF, stored=held)
    assert guard.judge_states(LEAF, held, {}) is None


@pytest.mark.parametrize(("unsettled", "is_held"), [(0, True), (40, True), (50, False), (1000, False)])
def test_what_was_removed_before_the_controller_was_killed_goes(unsettled: int, is_held: bool) -> None:
    guard = guard_of(LEAF, stored={}, unsettled=unsettled)
    assert (guard.judge_states(LEAF, networks(*range(1, 101)), {}) is not None) == is_held


def test_a_switch_that_was_let_through_is_never_held_again() -> None:
    guard = guard_of(LEAF, stored={})
    assert guard.judge_states(LEAF, {}, {}) is None
    assert guard.judge_states(LEAF, networks(*range(1, 101)), {}) is None
    assert guard.judge_push(LEAF, 1000, 0) is None


def test_a_switch_is_let_go_when_what_it_holds_is_wanted_again() -> None:
    held = networks(*range(1, 101))
    guard = guard_of(LEAF, stored={})
    assert guard.judge_states(LEAF, held, {}) is not None
    assert guard.judge_states(LEAF, held, networks(*range(1, 60))) is None
    assert guard.reason(LEAF) is None


def test_where_one_switch_is_held_no_other_loses_anything() -> None:
    guard = guard_of(LEAF, SPINE, stored={})
    few = networks(1, 2, 3)
    # The spine is there first: it waits to see the leaf, and is held with it.
    assert guard.judge_states(SPINE, few, {}) is not None and guard.reason(SPINE) is None
    assert guard.judge_states(LEAF, networks(*range(1, 101)), {}) is not None
    assert guard.judge_states(SPINE, few, {}) is not None
    assert "while leaf1 is held back" in str(guard.reason(SPINE))
    # A switch with nothing to lose is filled.
    assert guard.judge_states(SPINE, {}, few) is None


def test_a_switch_that_is_away_is_not_waited_for_for_long() -> None:
    now = 0.0
    guard = Guard([LEAF, SPINE], clock=lambda: now)
    guard.stored = {}
    few = networks(1, 2, 3)
    waits = guard.judge_states(SPINE, few, {})
    assert isinstance(waits, Hold) and waits.seconds is not None
    now = PATIENCE
    assert guard.judge_states(SPINE, few, {}) is None


@pytest.mark.parametrize(
    ("held", "stored", "is_held"), [(100, 0, True), (100, 49, True), (100, 50, False), (15, 0, False)]
)
def test_another_pipeline_keeps_its_entries_where_the_store_has_less_than_half_as_many(
    held: int, stored: int, is_held: bool
) -> None:
    guard = guard_of(LEAF, stored=networks(*range(1, stored + 1)))
    assert (guard.judge_push(LEAF, held, 0) is not None) == is_held

"""How far an intent is, by what is wanted for it and what switches said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from p4fabric.controller.compiler.output import Output, Slot
from p4fabric.controller.names import SwitchName, TenantName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status import SwitchStatusChanged
from tests.unit.status.fabric import LEAF1, LEAF2, NOON, ONE, THREE, TWO, Report, World, entry, key, refused

REFUSED = "leaf1 refused to insert Networks(vlan 1): RESOURCE_EXHAUSTED"
NOON_TEXT = "2027-01-15 08:00:00 UTC"
AWAY_SINCE_NOON = Reason(Code.SWITCH_DISCONNECTED, f"leaf1 is not connected since {NOON_TEXT}")
UNREAD_SINCE_NOON = Reason(
    Code.SWITCH_UNREAD, f"leaf1 was not read yet since it was connected at {NOON_TEXT}"
)


# From accepted to active.


def test_an_intent_is_active_once_every_switch_concerned_has_all_of_it() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF1: (entry(1), entry(2)), LEAF2: (entry(1),)})
    world.installed(LEAF1, 1, 2)
    assert world.state() == "installing"
    world.installed(LEAF2, 1)
    assert world.history() == ["accepted", "installing", "active"]


def test_an_intent_that_needs_nothing_of_any_switch_is_active() -> None:
    world = World(LEAF1)
    world.apply(ONE, {})
    assert world.history() == ["accepted", "active"]


def test_an_entry_that_another_intent_has_already_installed_is_not_waited_for() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.installed(LEAF1, 1)
    world.apply(TWO, {LEAF1: (entry(1),)})
    assert world.state(TWO) == "active"


def test_an_entry_that_the_fabric_needs_anyway_is_not_waited_for_twice() -> None:
    world = World(LEAF1)
    world.want(None, {LEAF1: (entry(1),)})
    world.installed(LEAF1, 1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    assert world.state() == "active"


def test_a_host_that_is_heard_makes_its_network_install_again() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.installed(LEAF1, 1)
    world.want(ONE, {LEAF1: (entry(1), entry(2))}, part="host")
    assert world.state() == "installing"
    world.installed(LEAF1, 2)
    assert world.state() == "active"
    world.want(ONE, {}, part="host")
    world.gone(LEAF1, 2)
    assert world.state() == "active"


# What was replaced.


def test_a_changed_entry_is_not_taken_for_installed_because_its_key_was() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1, vrf=1),)})
    world.installed(LEAF1, 1)
    world.apply(ONE, {LEAF1: (entry(1, vrf=2),)}, generation=2)
    assert world.state() == "installing"
    world.installed(LEAF1, 1)
    assert world.state() == "active" and world.statuses.status_of(ONE).generation == 2


def test_an_intent_whose_new_entries_stand_is_not_active_while_its_old_ones_do() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1), entry(2))})
    world.installed(LEAF1, 1, 2)
    world.apply(ONE, {LEAF1: (entry(1), entry(3))}, generation=2)
    world.installed(LEAF1, 3)
    assert world.state() == "installing"
    world.failed(LEAF1, {2: "leaf1 refused to delete Networks(vlan 2): INTERNAL"})
    assert world.reasons() == ("leaf1 refused to delete Networks(vlan 2): INTERNAL",)
    world.gone(LEAF1, 2)
    assert world.state() == "active"


def test_an_old_entry_that_another_intent_wants_as_it_is_is_not_waited_for() -> None:
    world = World(LEAF1)
    for intent in (ONE, TWO):
        world.apply(intent, {LEAF1: (entry(1),)})
    world.installed(LEAF1, 1)
    world.apply(ONE, {}, generation=2)
    assert world.state() == "active"


def test_an_old_entry_that_another_intent_changes_is_waited_for_until_it_is_changed() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1, vrf=1),)})
    world.installed(LEAF1, 1)
    world.statuses.accept(ONE, 2)
    world.statuses.accept(TWO, 1)
    slots = {intent: Slot(intent, "itself", intent) for intent in (ONE, TWO)}
    world.want_all({slots[ONE]: Output(), slots[TWO]: Output({LEAF1: (entry(1, vrf=2),)})})
    assert world.state(ONE) == world.state(TWO) == "installing"
    world.installed(LEAF1, 1)
    assert world.state(ONE) == world.state(TWO) == "active"


def test_an_old_entry_is_waited_for_even_if_it_was_wanted_again_in_between() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1, vrf=1),)})
    world.installed(LEAF1, 1)
    world.apply(ONE, {}, generation=2)
    world.apply(TWO, {LEAF1: (entry(1, vrf=2),)})
    world.apply(ONE, {LEAF1: (entry(1, vrf=2),)}, generation=3)
    world.apply(ONE, {}, generation=4)
    assert world.state(ONE) == "installing"
    world.apply(ONE, {LEAF1: (entry(1, vrf=2),)}, generation=5)
    world.apply(TWO, {}, generation=2)
    world.apply(ONE, {}, generation=6)
    world.gone(LEAF1, 1)
    assert world.state(ONE) == world.state(TWO) == "active"


def test_what_one_part_takes_over_from_another_never_left() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1, vrf=1),)})
    world.installed(LEAF1, 1)
    parts = [Slot(ONE, part, ONE) for part in ("itself", "other")]
    world.want_all({parts[0]: Output(), parts[1]: Output({LEAF1: (entry(1, vrf=2),)})})
    world.disconnect(LEAF1)
    assert world.reasons() == (f"leaf1 is not connected since {NOON_TEXT}; 1 entry waits",)


# Refusals.


def test_only_intents_that_a_refusal_touches_are_degraded_and_they_heal() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.apply(TWO, {LEAF1: (entry(2),)})
    world.failed(LEAF1, {1: REFUSED})
    world.installed(LEAF1, 2)
    assert world.reasons() == (REFUSED,) and world.history(TWO) == ["accepted", "installing", "active"]
    world.installed(LEAF1, 1)
    assert world.history() == ["accepted", "installing", "degraded", "active"]


def test_an_entry_that_fails_no_more_is_on_its_way() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.failed(LEAF1, {1: REFUSED})
    world.statuses.progress(Report(LEAF1, recovered=[key(1)]))
    assert world.state() == "installing"


def test_what_was_refused_of_another_wish_is_forgotten() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1, vrf=1),)})
    world.failed(LEAF1, {1: REFUSED})
    world.apply(ONE, {LEAF1: (entry(1, vrf=2),)}, generation=2)
    assert world.state() == "installing"


def test_an_intent_that_comes_to_want_a_refused_entry_is_degraded_too() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.failed(LEAF1, {1: REFUSED})
    world.apply(TWO, {LEAF1: (entry(1),)})
    assert world.reasons(TWO) == (REFUSED,)
    world.apply(TWO, {}, generation=2)
    assert world.state(TWO) == "active"


def test_an_entry_that_somebody_else_removed_is_missed() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.installed(LEAF1, 1)
    world.missing(LEAF1, 1)
    assert world.state() == "installing"
    world.installed(LEAF1, 1)
    assert world.state() == "active"


def test_a_switch_that_refuses_everything_does_not_fill_the_screen() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: tuple(entry(number) for number in range(1, 301))})
    world.failed(LEAF1, {number: f"refusal {number:03}" for number in reversed(range(1, 301))})
    assert world.reasons() == (*(f"refusal {number:03}" for number in range(1, 11)), "and 290 more")


def test_reasons_stand_in_the_same_order_whatever_came_first() -> None:
    first, second = World(LEAF1), World(LEAF1)
    for world, order in ((first, (1, 2, 3)), (second, (3, 1, 2))):
        world.apply(ONE, {LEAF1: (entry(1), entry(2), entry(3))})
        for number in order:
            world.failed(LEAF1, {number: f"refusal {number}"})
    assert first.reasons() == second.reasons() == ("refusal 1", "refusal 2", "refusal 3")


# Notes and problems.


def test_an_intent_is_degraded_while_any_of_its_parts_has_a_note() -> None:
    world = World(LEAF1)
    world.apply(ONE, {})
    for part in ("one", "other"):
        world.want(ONE, {}, "server 10.0.0.9 not seen yet", part=part)
    assert world.reasons() == ("server 10.0.0.9 not seen yet",)
    world.want(ONE, {}, part="one")
    assert world.state() == "degraded"
    world.want(ONE, {}, part="other")
    assert world.state() == "active"


def test_problems_with_other_intents_come_first() -> None:
    world = World()
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.want(ONE, {}, "a note", part="other")
    world.failed(LEAF1, {1: "a refusal"})
    world.statuses.problems({ONE: [Reason(Code.ALREADY_CLAIMED, "spec.subnet overlaps Network/acme/two")]})
    assert world.reasons() == (
        "spec.subnet overlaps Network/acme/two",
        f"leaf1 is not connected since {NOON_TEXT}; 1 entry waits",
        "a note",
        "a refusal",
    )
    world.statuses.problems({ONE: []})
    assert len(world.reasons()) == 3


# Switches that are away.


def test_an_intent_on_a_switch_that_is_away_says_so_and_what_waits() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF1: (entry(1),), LEAF2: (entry(1), entry(2), entry(3))})
    world.installed(LEAF1, 1)
    world.disconnect(LEAF2)
    assert world.reasons() == (f"leaf2 is not connected since {NOON_TEXT}; 3 entries wait",)
    world.now += 60
    world.connect(LEAF2)
    world.read(LEAF2)
    assert world.state() == "installing"
    assert world.statuses.status_of(ONE).since == NOON + 60


def test_what_a_switch_acknowledged_before_it_was_away_counts_once_it_was_read_again() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF1: (entry(1),), LEAF2: (entry(1), entry(2))})
    world.installed(LEAF1, 1)
    world.installed(LEAF2, 1, 2)
    world.disconnect(LEAF2)
    world.connect(LEAF2)
    unread = f"leaf2 was not read yet since it was connected at {NOON_TEXT}"
    assert world.reasons() == (unread,)
    assert world.statuses.by_state() == {("Network", "degraded"): 1}
    world.statuses.progress(Report(LEAF2, installed=[key(1)], epoch=1))
    assert world.reasons() == (unread,), "an answer to what was written over the connection before"
    world.now += 60
    world.missing(LEAF2, 2)
    assert world.state() == "installing"
    world.installed(LEAF2, 2)
    assert world.state() == "active"


def test_a_switch_that_holds_what_it_held_is_active_since_it_was_read() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.installed(LEAF1, 1)
    world.disconnect(LEAF1)
    world.connect(LEAF1)
    world.now += 60
    world.read(LEAF1)
    status = world.statuses.status_of(ONE)
    assert (status.state, status.since) == ("active", NOON + 60)
    assert world.listener.switches[-1] == SwitchStatusChanged(LEAF1, {ONE.tenant: 1}, None)


def test_an_intent_whose_entries_all_stand_on_a_switch_that_is_away_is_degraded_for_it() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.apply(TWO, {LEAF2: (entry(2),)})
    world.installed(LEAF1, 1)
    world.installed(LEAF2, 2)
    world.disconnect(LEAF1)
    assert world.reasons() == (f"leaf1 is not connected since {NOON_TEXT}",)
    assert world.state(TWO) == "active"


def test_a_switch_that_never_connected_is_away_since_it_is_needed() -> None:
    world = World()
    world.apply(ONE, {LEAF1: (entry(1),)})
    assert world.reasons() == (f"leaf1 is not connected since {NOON_TEXT}; 1 entry waits",)


def test_an_intent_that_was_moved_off_a_dead_switch_says_what_could_not_be_removed() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF2: (entry(1), entry(2))})
    world.installed(LEAF2, 1, 2)
    world.disconnect(LEAF2)
    world.apply(ONE, {LEAF1: (entry(1),)}, generation=2)
    world.installed(LEAF1, 1)
    reason = f"leaf2 is not connected since {NOON_TEXT}; 2 old entries could not be removed"
    assert world.listener.told[-1][1].reasons == (reason,)
    world.statuses.gone(LEAF2)
    assert world.state() == "active"


def test_it_is_told_when_more_waits_for_a_switch_that_is_away() -> None:
    world = World()
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.apply(ONE, {LEAF1: (entry(1), entry(2))}, generation=1)
    away = f"leaf1 is not connected since {NOON_TEXT}"
    told = [status.reasons for _, status in world.listener.told if status.reasons]
    assert told == [(f"{away}; 1 entry waits",), (f"{away}; 2 entries wait",)]


def test_a_switch_that_comes_and_goes_is_one_announcement_for_all_intents() -> None:
    world = World(LEAF1, LEAF2)
    for intent in (ONE, TWO):
        world.apply(intent, {LEAF1: (entry(1),)})
    world.apply(THREE, {LEAF2: (entry(1),)})
    told = len(world.listener.told)
    world.disconnect(LEAF1)
    world.disconnect(LEAF1)
    world.connect(LEAF1)
    world.read(LEAF1)
    world.read(LEAF1)
    assert world.listener.switches == [
        SwitchStatusChanged(LEAF1, {ONE.tenant: 2}, AWAY_SINCE_NOON),
        SwitchStatusChanged(LEAF1, {ONE.tenant: 2}, UNREAD_SINCE_NOON),
        SwitchStatusChanged(LEAF1, {ONE.tenant: 2}, None),
    ]
    assert len(world.listener.told) == told


def test_it_is_announced_how_many_intents_of_each_tenant_a_switch_concerns() -> None:
    other = ONE._replace(tenant=TenantName("globex"))
    world = World(LEAF1)
    for intent in (ONE, TWO, other):
        world.apply(intent, {LEAF1: (entry(1),)})
    world.installed(LEAF1, 1)
    world.disconnect(LEAF1)
    assert world.listener.switches[-1].intents_concerned == {ONE.tenant: 2, other.tenant: 1}
    world.connect(LEAF1)
    world.apply(other, {}, generation=2)
    world.read(LEAF1)
    world.disconnect(LEAF1)
    assert world.listener.switches[-1].intents_concerned == {ONE.tenant: 2}


def test_a_switch_that_concerns_no_intent_is_not_announced() -> None:
    world = World(LEAF1)
    world.disconnect(LEAF1)
    assert not world.listener.switches


def test_only_what_waits_for_a_switch_that_is_held_back_is_degraded() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.installed(LEAF1, 1)
    world.apply(TWO, {LEAF1: (entry(2),)})
    world.statuses.hold(LEAF1, "leaf1 holds 900 entries, of which 800 are not in this store")
    assert world.state(ONE) == "active"
    assert world.reasons(TWO) == (
        "leaf1 holds 900 entries, of which 800 are not in this store; 1 entry waits",
    )
    assert world.listener.switches[-1].intents_concerned == {TWO.tenant: 1}
    world.statuses.hold(LEAF1, None)
    assert world.state(TWO) == "installing"


def test_a_switch_that_may_not_be_given_its_pipeline_is_away_and_says_why_it_is_held() -> None:
    world = World()
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.statuses.hold(LEAF1, "leaf1 holds 92 entries of another pipeline")
    (reason,) = world.reasons(ONE)
    assert reason.startswith("leaf1 is not connected since ")
    assert reason.endswith(": leaf1 holds 92 entries of another pipeline; 1 entry waits")


# Deleting.


def test_a_deleted_intent_stays_visible_until_the_last_switch_has_let_go_of_it() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF1: (entry(1),), LEAF2: (entry(1),)})
    world.installed(LEAF1, 1)
    world.installed(LEAF2, 1)
    world.delete(ONE)
    world.gone(LEAF1, 1)
    assert world.state() == "deleting" and not world.listener.deleted
    world.failed(LEAF2, {1: "leaf2 refused to delete Networks(vlan 1): INTERNAL"})
    assert world.reasons() == ("leaf2 refused to delete Networks(vlan 1): INTERNAL",)
    world.gone(LEAF2, 1)
    assert world.listener.deleted == [ONE] and ONE not in world.statuses
    with pytest.raises(KeyError):
        world.statuses.status_of(ONE)


def test_an_intent_without_entries_is_deleted_at_once() -> None:
    world = World()
    world.apply(ONE, {})
    world.delete(ONE)
    assert world.listener.deleted == [ONE]


def test_a_deleted_intent_does_not_wait_for_what_others_still_want() -> None:
    world = World(LEAF1)
    for intent in (ONE, TWO):
        world.apply(intent, {LEAF1: (entry(1),)})
    world.delete(ONE)
    assert world.listener.deleted == [ONE]
    world.installed(LEAF1, 1)
    assert world.state(TWO) == "active"


def test_nothing_waits_for_a_switch_that_was_declared_gone() -> None:
    world = World(LEAF1, LEAF2)
    world.apply(ONE, {LEAF1: (entry(1),), LEAF2: (entry(1),)})
    world.apply(TWO, {LEAF1: (entry(2),), LEAF2: (entry(2),)})
    for switch in (LEAF1, LEAF2):
        world.installed(switch, 1)
    world.installed(LEAF1, 2)
    world.disconnect(LEAF2)
    world.delete(ONE)
    world.gone(LEAF1, 1)
    assert world.reasons(ONE) == (
        f"leaf2 is not connected since {NOON_TEXT}; 1 old entry could not be removed",
    )
    world.statuses.gone(LEAF2)
    assert world.listener.deleted == [ONE] and world.state(TWO) == "active"
    assert world.listener.switches[-1] == SwitchStatusChanged(LEAF2, {ONE.tenant: 2}, None)
    world.delete(TWO)
    world.gone(LEAF1, 2)
    assert world.listener.deleted == [ONE, TWO]


def test_what_a_switch_refused_before_it_was_declared_gone_is_not_told() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.failed(LEAF1, {1: REFUSED})
    world.statuses.gone(LEAF1)
    assert world.state() == "active"


def test_a_switch_that_was_declared_gone_counts_again_once_it_is_connected() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.statuses.gone(LEAF1)
    assert world.state() == "active"
    world.connect(LEAF1)
    world.read(LEAF1)
    assert world.state() == "installing"


def test_an_intent_that_is_created_again_while_it_is_deleted_waits_for_its_old_entries() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.installed(LEAF1, 1)
    world.delete(ONE)
    world.apply(ONE, {LEAF1: (entry(2),)})
    world.installed(LEAF1, 2)
    assert world.state() == "installing"
    world.gone(LEAF1, 1)
    assert world.state() == "active" and not world.listener.deleted


# What is not known, or known already.


def test_an_entry_that_is_acknowledged_twice_counts_once() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1), entry(2))})
    for _ in range(2):
        world.installed(LEAF1, 1)
    assert world.state() == "installing"
    for _ in range(2):
        world.installed(LEAF1, 2)
    assert world.state() == "active"


def test_reports_about_what_nobody_wants_change_nothing() -> None:
    world = World(LEAF1)
    world.apply(ONE, {LEAF1: (entry(1),)})
    told = len(world.listener.told)
    world.statuses.progress(
        Report(LEAF1, [key(7)], [key(7)], [key(7)], {key(7): refused("refused")}, recovered=[key(7)])
    )
    assert len(world.listener.told) == told and world.state() == "installing"


def test_parts_of_an_intent_may_come_before_it_and_go_after_it() -> None:
    world = World(LEAF1)
    world.want(ONE, {LEAF1: (entry(1),)}, part="host")
    assert ONE not in world.statuses and not world.listener.told
    world.statuses.accept(ONE, 1)
    world.want(ONE, {})
    assert world.state() == "installing"


def test_intents_are_counted_by_kind_and_state() -> None:
    world = World(LEAF1, SwitchName("leaf2"))
    world.apply(ONE, {LEAF1: (entry(1),)})
    world.apply(TWO, {LEAF1: (entry(2),)})
    world.apply(THREE, {LEAF2: (entry(3),)})
    world.installed(LEAF1, 1)
    assert world.statuses.by_state() == {("Network", "active"): 1, ("Network", "installing"): 2}
    world.disconnect(LEAF1)
    assert world.statuses.by_state() == {("Network", "degraded"): 2, ("Network", "installing"): 1}


# Large changes and reports.


async def until(is_so: Callable[[], bool]) -> int:
    """Wait for something; returns how many turns of the loop that took."""
    for turns in range(1000):
        if is_so():
            return turns
        await asyncio.sleep(0)
    raise AssertionError("it never came to be so")


async def test_others_have_their_turn_while_a_large_change_is_worked_off() -> None:
    world = World(LEAF1)
    statuses = world.statuses
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(statuses.run())
        statuses.accept(ONE, 1)
        world.want(ONE, {LEAF1: tuple(entry(vlan) for vlan in range(1, 4000))})
        world.installed(LEAF1, *range(1, 4000))
        turns = await until(lambda: world.state() == "active")
        work.cancel()
    assert turns > 5 and world.history() == ["accepted", "installing", "active"]


async def test_what_is_said_while_a_large_change_is_worked_off_comes_after_it() -> None:
    world = World(LEAF1)
    statuses = world.statuses
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(statuses.run())
        world.apply(ONE, {LEAF1: tuple(entry(vlan) for vlan in range(1, 4000))})
        world.apply(TWO, {LEAF1: (entry(1),)})
        world.delete(ONE)
        world.apply(THREE, {LEAF1: (entry(4000),)})
        world.gone(LEAF1, *range(2, 4000))
        world.installed(LEAF1, 1)
        assert world.state(TWO) == world.state(THREE) == "accepted"
        await until(lambda: world.state(TWO) == "active")
        work.cancel()
    assert world.listener.deleted == [ONE] and world.state(THREE) == "installing"
    assert world.history(ONE) == ["accepted", "installing", "deleting"]


async def test_an_intent_that_is_created_again_before_its_removal_was_worked_off_stays() -> None:
    world = World(LEAF1)
    statuses = world.statuses
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(statuses.run())
        world.apply(TWO, {LEAF1: tuple(entry(vlan) for vlan in range(1, 4000))})
        world.apply(ONE, {})
        world.delete(ONE)
        world.apply(ONE, {})
        await until(lambda: world.state() == "active")
        work.cancel()
    assert world.listener.deleted == []

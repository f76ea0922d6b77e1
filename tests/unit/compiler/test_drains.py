"""What a drain means for entries, step by step: ways around are ready first, and let go of last."""

from __future__ import annotations

from typing import Any

import pytest

from p4fabric.controller.core import Core, IntentConflict, asked_changes, step_changes
from p4fabric.controller.core.capacity import Capacity, TableLimit
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.drain import Drained, DrainState, Moment
from p4fabric.controller.topology.model import Cable
from p4fabric.pipelines.entities import MulticastGroup
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import Port

from .world import CLIENTS, HOSTS, SERVERS, Desired, core_with, on, rows_of, topology

SPINE, OTHER = SwitchName("spine1"), SwitchName("spine2")
UPLINK = Cable.of(PortRef(SwitchName("leaf1"), Port(11)), PortRef(SPINE, Port(1)))


def ask(core: Core, drained: Drained, wanted: bool = True) -> None:
    core.plan_with_room(asked_changes(core, drained, wanted, 1.0), "drain")


def step(core: Core) -> None:
    core.plan_with_room(step_changes(core), "drain")


def state(core: Core, drained: Drained) -> DrainState | None:
    drain = core.view.drains.get(drained)
    return None if drain is None else drain.state


def ways(core: Core, leaf: str, other: str) -> set[int]:
    """The ports by which a leaf sends to another one."""
    group = core.view.group(SwitchName(other))
    (found,) = [e for e in on(Desired.of(core), leaf, b.EcmpGroups) if e.group == group]
    return {int(member.action.port) for member in found.action}


def carries(core: Core, switch: str) -> bool:
    """Whether a switch has entries of networks."""
    return bool(on(Desired.of(core), switch, b.Networks, b.Bridging))


def floods(core: Core, switch: str) -> bool:
    return bool(on(Desired.of(core), switch, MulticastGroup))


def test_packets_leave_a_spine_before_it_lets_go_of_its_entries_and_come_back_after_it_has_them() -> None:
    core = core_with(CLIENTS, SERVERS)
    before = Desired.of(core).entities
    seen: list[Any] = []

    def note() -> None:
        to_spine = 11 in ways(core, "leaf1", "leaf2")
        seen.append((state(core, SPINE), to_spine, floods(core, SPINE), carries(core, SPINE)))

    ask(core, SPINE)
    note()
    step(core)
    note()
    step(core)
    note()
    ask(core, SPINE, wanted=False)
    note()
    step(core)
    note()
    step(core)
    assert seen == [
        (DrainState.PREPARING, True, True, True),
        (DrainState.MOVING, False, False, True),
        (DrainState.DRAINED, False, False, False),
        (DrainState.PREPARING_RETURN, False, False, True),
        (DrainState.RETURNING, True, True, True),
    ]
    assert state(core, SPINE) is None
    assert Desired.of(core).entities == before


def test_ports_of_what_is_drained_stay_open_so_that_nothing_on_its_way_is_lost() -> None:
    core = core_with(CLIENTS, SERVERS)
    ports = on(Desired.of(core), SPINE, b.PortVlan, b.EgressVlan)
    for drained in (SPINE, UPLINK):
        ask(core, drained)
        step(core)
        step(core)
    assert on(Desired.of(core), SPINE, b.PortVlan, b.EgressVlan) == ports
    assert len(ports) == 6


def test_a_link_is_left_and_the_others_of_its_switches_are_used_as_before() -> None:
    core = core_with(CLIENTS, SERVERS)
    ask(core, UPLINK)
    step(core)
    assert ways(core, "leaf1", "leaf2") == {12}
    assert ways(core, "leaf2", "leaf1") == {12}
    assert ways(core, "leaf2", "leaf3") == {11, 12}


def test_what_has_no_other_way_stays_in_use() -> None:
    core = core_with(CLIENTS, SERVERS, seen=topology(*HOSTS, without=[("leaf1", "spine2")]))
    for drained in (UPLINK, SwitchName("leaf1")):
        ask(core, drained)
        step(core)
        step(core)
    assert ways(core, "leaf1", "leaf2") == {11}
    assert carries(core, SPINE) and floods(core, SPINE)
    paths = core.view.paths(Moment.NOW)
    assert paths.crossing(SwitchName("leaf1"), SwitchName("leaf2")) == {UPLINK}
    assert paths.crossing(SwitchName("leaf2"), SwitchName("leaf3")) == set()


def test_a_switch_that_comes_back_as_the_only_way_is_used_at_once_though_it_is_drained() -> None:
    core = core_with(CLIENTS, SERVERS)
    ask(core, SPINE)
    step(core)
    step(core)
    core.plan(rows_of(core, topology(*HOSTS, without=[("leaf1", OTHER)])))
    assert ways(core, "leaf1", "leaf2") == {11}
    assert carries(core, SPINE)
    assert core.view.paths(Moment.NOW).crossing(SwitchName("leaf1"), SwitchName("leaf2")) == {SPINE}


def test_a_drain_for_whose_ways_around_there_is_no_room_is_refused_and_changes_nothing() -> None:
    """The one way around leads over leaf2, whose only network is another."""
    seen = topology(*HOSTS, without=[("leaf3", SPINE)])
    uplink = Cable.of(PortRef(SwitchName("leaf1"), Port(12)), PortRef(OTHER, Port(1)))
    core = Core(Capacity({b.Networks.TABLE_ID: TableLimit("networks", 1)}))
    core.plan(rows_of(core, seen))
    for document in (CLIENTS, SERVERS):
        alone = {**document, "spec": {**document["spec"], "gateways": []}}
        core.plan_apply([parse_intent(alone)])
    before = Desired.of(core).entities
    with pytest.raises(IntentConflict, match="leaf2 has no room for 1 of the entries that networks needs"):
        ask(core, uplink)
    assert Desired.of(core).entities == before
    assert state(core, uplink) is None
    core.capacity = Capacity({})
    ask(core, uplink)
    assert len(on(Desired.of(core), "leaf2", b.Networks)) == 2


def test_what_is_asked_again_and_back_again_while_it_is_under_way() -> None:
    core = core_with(CLIENTS, SERVERS)
    ask(core, SPINE)
    ask(core, SPINE)
    assert state(core, SPINE) is DrainState.PREPARING
    ask(core, SPINE, wanted=False)
    assert state(core, SPINE) is None
    ask(core, SPINE)
    step(core)
    ask(core, SPINE, wanted=False)
    assert state(core, SPINE) is DrainState.PREPARING_RETURN and 11 not in ways(core, "leaf1", "leaf2")
    step(core)
    ask(core, SPINE)
    assert state(core, SPINE) is DrainState.PREPARING and 11 in ways(core, "leaf1", "leaf2")
    step(core)
    assert state(core, SPINE) is DrainState.MOVING
    ask(core, OTHER, wanted=False)
    assert state(core, OTHER) is None

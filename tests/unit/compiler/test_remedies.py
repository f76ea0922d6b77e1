"""What remedies come to on switches, and that nothing is left of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p4fabric.controller.compiler.paths import path_hash, path_to
from p4fabric.controller.compiler.remedy import Action, Remedied, Remedy, RemedyKey, Target
from p4fabric.controller.core import Core, PersistedRow, changed_remedy
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.pipelines.entities import MeterConfig
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IpProtocol, IPv4Address, L4Port, Port
from tests.unit.compiler.world import (
    CLIENTS,
    HOSTS,
    SERVERS,
    Desired,
    core_with,
    intent,
    key,
    on,
    rows_of,
    topology,
)

RESPONSE = intent("CongestionResponse", "all", "operations", mode="act", allTenants=True, reroute={})
MARK = intent(
    "CongestionResponse", "mark", "operations", mode="act", allTenants=True, mark={"abovePackets": 9}
)
LEAF1, LEAF2 = SwitchName("leaf1"), SwitchName("leaf2")
FLOW = Remedied(
    key(SERVERS), IPv4Address("10.0.1.11"), IPv4Address("10.0.2.11"), IpProtocol(17), L4Port(1), L4Port(2)
)
OTHER_PATH = Remedy(
    Action.REROUTE, FLOW, Target(LEAF1, LEAF2, Port(12)), PortRef(LEAF1, Port(11)), 0, 7, 1000.0, 1060.0, 9
)
LIMIT = replace(OTHER_PATH, action=Action.POLICE, target=Target(LEAF1, rate=1000, burst=5000))
FIRST = RemedyKey(key(RESPONSE), 1)
TABLES = (b.RemediedIpv4, b.RemediedIpv6)


def core_that(remedy: Remedy) -> Core:
    core = core_with(CLIENTS, SERVERS, RESPONSE)
    core.plan_with_room([changed_remedy(core.view, FIRST, remedy)], "response")
    return core


def entries(core: Core) -> list[tuple[str, b.RemediedIpv4]]:
    desired = Desired.of(core)
    return [(name, one) for name in desired.entities for one in on(desired, name, *TABLES)]


@pytest.mark.parametrize("members", [1, 2, 3, 7, 64])
def test_every_member_of_a_group_can_be_chosen(members: int) -> None:
    for index in range(members):
        assert path_hash(path_to(index, members)) % members == index


def test_a_rerouted_flow_takes_the_other_of_two_paths_at_its_leaf() -> None:
    core = core_that(OTHER_PATH)
    ((name, entry),) = entries(core)
    assert (name, entry.vlan_id) == ("leaf1", core.view.vlan(key(SERVERS)))
    assert isinstance(entry.action, b.TakePath) and path_hash(entry.action.path) % 2 == 1
    assert Desired.of(core).owners(LEAF1, entry.key) == {key(RESPONSE)}


def test_where_the_path_is_gone_the_flow_goes_as_it_would_and_returns_with_it() -> None:
    core = core_that(OTHER_PATH)
    core.plan(rows_of(core, topology(*HOSTS, without=[("leaf1", "spine2")])))
    assert not entries(core)
    core.plan(rows_of(core, topology(*HOSTS)))
    assert len(entries(core)) == 1


def test_a_policed_flow_has_a_meter() -> None:
    ((_, entry),) = entries(core_that(LIMIT))
    assert isinstance(entry.action, b.PoliceIpv4)
    assert entry.meter == MeterConfig(1000, 5000, 1000, 5000)


def test_nothing_is_left_of_a_response_that_is_deleted() -> None:
    core = core_that(OTHER_PATH)
    plan = core.plan_delete([key(RESPONSE)])
    assert not entries(core)
    assert PersistedRow("remedies", FIRST, None, OTHER_PATH) in plan.rows


def test_a_network_that_is_deleted_takes_its_flows_remedies_off_switches() -> None:
    core = core_that(OTHER_PATH)
    core.plan_delete([key(SERVERS)])
    assert not entries(core)


def test_all_ports_in_use_mark_if_a_response_says_so_and_acts() -> None:
    core = core_with(CLIENTS, SERVERS, MARK)
    marking = on(Desired.of(core), "leaf1", b.Marking)
    assert {(int(one.egress_port), one.action.depth) for one in marking} == {(1, 9), (11, 9), (12, 9)}
    core.plan_apply([parse_intent({**MARK, "spec": {**MARK["spec"], "mode": "recommend"}})])
    assert not on(Desired.of(core), "leaf1", b.Marking)

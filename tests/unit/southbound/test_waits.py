"""Changes of rules and routes in one batch: nothing waits for ever, nothing is led where nobody allows it."""

from __future__ import annotations

from itertools import pairwise

from p4fabric.controller.names import SwitchName
from p4fabric.controller.reconcile.blocked import Blocked
from p4fabric.controller.reconcile.operations import Blocker, Cause
from p4fabric.pipelines.entities import Entity, Lpm, MulticastGroup
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, MacAddress, Port, VlanId, VrfId

from .test_switch_reconciler import (
    Bench,
    a_while,
    allow,
    deny,
    in_sync,
    network,
    order,
    running,
    way_in,
    without_waiting,
)

REST = Lpm(IPv4Address("10.0.0.0"), 8)
SUBNET = Lpm(IPv4Address("10.0.0.0"), 24)
HOST = Lpm(IPv4Address("10.0.0.1"), 32)
VLANS = (100, 200)


def route(to: Lpm[IPv4Address], vlan: int = 100) -> b.RoutingIpv4:
    return b.RoutingIpv4(VrfId(1), to, b.RouteTo(VlanId(vlan), MacAddress(1), MacAddress(9)))


def next_hops() -> list[Entity]:
    return [b.Bridging(VlanId(vlan), MacAddress(9), b.ToPort(Port(1))) for vlan in VLANS]


@without_waiting
async def test_a_deny_that_becomes_an_allow_while_routes_change_waits_for_nothing_that_waits_for_it() -> None:
    """The new deny is looked at after the old one, and the routes change behind both."""
    bench = Bench()
    async with running(bench):
        bench.begin(*next_hops(), deny(0, 5), route(HOST))
        await in_sync(bench)
        bench.switch.writes.clear()
        bench.want(allow(0, 5), deny(7, 1), route(SUBNET, 200), without=(route(HOST),))
        await in_sync(bench)
        changes = [entity for _, entity in order(bench)]
        assert changes == [deny(7, 1), route(SUBNET, 200), route(HOST), allow(0, 5)]


@without_waiting
async def test_where_changes_wait_for_each_other_what_closes_goes_first() -> None:
    """The deny waits for the allow before it, that for the old route, that for the new one, that for it."""
    bench = Bench()
    async with running(bench):
        bench.begin(*next_hops(), route(HOST))
        await in_sync(bench)
        bench.switch.writes.clear()
        bench.want(allow(0, 5), deny(0, 1), route(SUBNET, 200), without=(route(HOST),))
        await in_sync(bench)
        changes = [entity for _, entity in order(bench)]
        assert changes == [deny(0, 1), route(SUBNET, 200), route(HOST), allow(0, 5)]
        assert bench.reconciler.circles_broken == 1


@without_waiting
async def test_an_allow_before_a_deny_waits_until_no_old_route_is_left_behind_it() -> None:
    bench = Bench()
    async with running(bench):
        bench.begin(*next_hops(), deny(0, 1), route(HOST))
        await in_sync(bench)
        bench.refuse(route(HOST))
        bench.want(allow(0, 5), without=(route(HOST),))
        await a_while()
        assert allow(0, 5).key not in bench.switch.entities
        assert "which opens the same traffic, is gone" in bench.board.failures[allow(0, 5).key]
        bench.refuse()
        await in_sync(bench)


@without_waiting
async def test_a_route_waits_until_an_old_allow_before_a_deny_is_gone() -> None:
    bench = Bench()
    async with running(bench):
        bench.begin(*next_hops(), allow(0, 5), deny(0, 1), route(HOST))
        await in_sync(bench)
        bench.refuse(allow(0, 5))
        bench.want(route(HOST, 200), without=(allow(0, 5),))
        await a_while()
        assert bench.switch.entities[route(HOST).key] == route(HOST)
        bench.refuse()
        await in_sync(bench)


@without_waiting
async def test_a_route_goes_when_the_rules_about_what_is_behind_it_stand() -> None:
    """Then a shorter prefix leads the same packets elsewhere."""
    bench = Bench()
    async with running(bench):
        bench.begin(*next_hops(), route(HOST), route(REST, 200))
        await in_sync(bench)
        bench.refuse(deny(0, 1))
        bench.want(deny(0, 1), without=(route(HOST),))
        await a_while()
        assert route(HOST).key in bench.switch.entities
        bench.refuse()
        await in_sync(bench)


@without_waiting
async def test_a_new_port_waits_until_old_routes_of_its_tenant_are_gone() -> None:
    """Whoever sends there would be led where no intents lead."""
    flood, opened = MulticastGroup(100, ()), [network(), way_in()]
    bench = Bench()
    async with running(bench):
        bench.begin(*next_hops(), flood, route(HOST))
        await in_sync(bench)
        bench.refuse(route(HOST))
        bench.want(*opened, without=(route(HOST),))
        await a_while()
        assert way_in().key not in bench.switch.entities
        bench.refuse()
        await in_sync(bench)


@without_waiting
async def test_a_route_behind_which_there_is_none_goes_whatever_rules_are_refused() -> None:
    nowhere = b.RoutingIpv4(VrfId(1), SUBNET, b.Unreachable())
    bench = Bench()
    async with running(bench):
        bench.begin(*next_hops(), route(HOST), nowhere, route(REST, 200))
        await in_sync(bench)
        bench.refuse(deny(0, 1))
        bench.want(deny(0, 1), without=(route(HOST),))
        await a_while()
        assert route(HOST).key not in bench.switch.entities
        # That one leads nowhere, and keeps packets from the prefix around it.
        bench.want(without=(nowhere,))
        await a_while()
        assert nowhere.key in bench.switch.entities
        bench.refuse()
        await in_sync(bench)


def test_circles_are_found_once_and_others_get_their_turn_while_much_waits() -> None:
    blocked, keys = Blocked(SwitchName("leaf1")), [("table", number) for number in range(5000)]
    for key, after in pairwise(keys):
        blocked.add(key, Blocker(Cause.PRECEDENCE, after))
    assert list(blocked.circles()) == [None, None] and list(blocked.circles()) == []
    blocked.add(keys[-1], Blocker(Cause.PRECEDENCE, keys[-3]))
    assert list(blocked.circles()) == [[keys[-1], keys[-3], keys[-2]]]
    assert list(blocked.circles()) == []
    blocked.remove(keys[-2])
    blocked.add(keys[-2], Blocker(Cause.OLD_OPENER, keys[0]))
    circles = [circle for circle in blocked.circles() if circle is not None]
    assert [len(circle) for circle in circles] == [4999]

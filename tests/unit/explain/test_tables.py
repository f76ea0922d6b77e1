"""Looking up in what a switch holds gives what comparing with every entry gives, whatever came and went."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.explain.tables import find, instead
from p4fabric.controller.reconcile.held import Held
from p4fabric.pipelines.entities import Lpm, Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.values import IpProtocol, IPv4Address, L4Port, Port, VlanId, VrfId

BITS = 3
"""Of the values that differ, so that entries overlap."""
small = st.integers(0, (1 << BITS) - 1)
vrfs = st.integers(1, 2).map(VrfId)


@st.composite
def rules(draw: st.DrawFn) -> b.FirewallIpv4:
    def masked() -> Ternary[IPv4Address] | None:
        mask = draw(small)
        return Ternary(IPv4Address(draw(small) & mask), mask) if mask else None

    port = draw(st.one_of(st.none(), small.map(lambda one: Ternary(L4Port(one), 0xFFFF))))
    action = b.AllowIpv4() if draw(st.booleans()) else b.DenyIpv4()
    vrf, protocol = draw(vrfs), Ternary.exact(IpProtocol(6), 8) if draw(st.booleans()) else None
    return b.FirewallIpv4(vrf, masked(), masked(), protocol, None, port, None, None, draw(small) + 1, action)


@st.composite
def routes(draw: st.DrawFn) -> b.RoutingIpv4:
    length = draw(st.integers(32 - BITS, 32))
    address = IPv4Address(draw(small) >> (32 - length) << (32 - length))
    return b.RoutingIpv4(draw(vrfs), Lpm(address, length), b.Unreachable())


@given(st.lists(st.tuples(st.booleans(), rules())), vrfs, small, small, small)
def test_of_entries_with_priorities_the_highest_that_matches_is_met(
    steps: list[tuple[bool, b.FirewallIpv4]], vrf: VrfId, source: int, destination: int, port: int
) -> None:
    held, all_of_them = Held(FabricRules()), {}
    for comes, rule in steps:
        held.put(rule.key, rule if comes else None)
        all_of_them[rule.key] = rule if comes else None
    values = (int(vrf), source, destination, 6, 0, port, 0, 0)
    matching = [
        rule
        for rule in all_of_them.values()
        if rule is not None and rule.vrf == vrf and _matches(rule, source, destination, port)
    ]
    found = find(held, b.FirewallIpv4, values)
    assert (found is None) == (not matching)
    if found is not None:
        assert found in matching and found.priority == max(rule.priority for rule in matching)


def _matches(rule: b.FirewallIpv4, source: int, destination: int, port: int) -> bool:
    pairs = ((rule.src_addr, source), (rule.dst_addr, destination), (rule.dst_port, port))
    return all(match is None or value & match.mask == int(match.value) for match, value in pairs)


@given(st.lists(st.tuples(st.booleans(), routes())), vrfs, small)
def test_of_prefixes_the_longest_is_met(
    steps: list[tuple[bool, b.RoutingIpv4]], vrf: VrfId, address: int
) -> None:
    held, all_of_them = Held(FabricRules()), {}
    for comes, route in steps:
        held.put(route.key, route if comes else None)
        all_of_them[route.key] = route if comes else None
    around = [
        route
        for route in all_of_them.values()
        if route is not None
        and route.vrf == vrf
        and address >> (32 - route.dst_addr.prefix_length)
        == int(route.dst_addr.value) >> (32 - route.dst_addr.prefix_length)
    ]
    longest = max(around, key=lambda route: route.dst_addr.prefix_length, default=None)
    assert find(held, b.RoutingIpv4, (int(vrf), address)) == longest


def test_what_is_desired_and_not_held_is_found_where_it_would_be_met_first() -> None:
    held, desired = Held(FabricRules()), Held(FabricRules())
    vrf = VrfId(1)
    subnet = b.RoutingIpv4(vrf, Lpm(IPv4Address("10.0.1.0"), 24), b.Unreachable())
    host = b.RoutingIpv4(vrf, Lpm(IPv4Address("10.0.1.7"), 32), b.Unreachable())
    wide = b.RoutingIpv4(vrf, Lpm(IPv4Address("10.0.0.0"), 8), b.Unreachable())
    held.put(subnet.key, subnet)
    for one in (subnet, host, wide):
        desired.put(one.key, one)
    values = (1, int(IPv4Address("10.0.1.7")))
    met = find(held, b.RoutingIpv4, values)
    assert met is subnet and instead(desired, b.RoutingIpv4, values, met) is host
    other = (1, int(IPv4Address("10.0.1.8")))
    assert instead(desired, b.RoutingIpv4, other, find(held, b.RoutingIpv4, other)) is None
    port = b.PortVlan(Port(1), False, None, 1, b.PermitEdge(VlanId(100), False, False))
    desired.put(port.key, port)
    assert instead(desired, b.PortVlan, (1, False, 0), None) is None

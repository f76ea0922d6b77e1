"""What the pipeline says of its entries: what they refer to, close, open and mention."""

from __future__ import annotations

from typing import Any

import pytest
from finsy.proto import p4i

from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import Entity, Lpm, MulticastGroup, Replica, Ternary, Weighted
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.references import References
from p4fabric.pipelines.values import (
    EcmpGroupId,
    IpProtocol,
    IPv4Address,
    IPv6Address,
    L4Port,
    MacAddress,
    Port,
    Qfi,
    Teid,
    TunnelPeerId,
    VlanId,
    VrfId,
)
from tests.entries import any_host, plain_network
from tests.unit.compiler.world import EVERYTHING, compiled

RULES = FabricRules()
VLAN, VRF, MAC = VlanId(100), VrfId(3), MacAddress(5)
ADDRESS, OTHER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
PREFIX = IPv6Address("2001:db8:45::")
TCP, WEB = IpProtocol(6), L4Port(80)


def route(action: b.RouteTo | b.Unreachable, length: int = 32) -> b.RoutingIpv4:
    return b.RoutingIpv4(VRF, Lpm(ADDRESS, length), action)


@pytest.mark.parametrize(
    ("entity", "keys"),
    [
        (b.Bridging(VLAN, MAC, b.ToEcmpGroup(EcmpGroupId(7))), [(b.EcmpGroups.TABLE_ID, 7, 0)]),
        (b.Bridging(VLAN, MAC, b.ToPort(Port(7))), []),
        (
            b.UpfDownlinkSessions(VRF, ADDRESS, b.Encapsulate(TunnelPeerId(4), Teid(1), Qfi(1))),
            [(b.UpfTunnelPeers.TABLE_ID, 4, 0)],
        ),
        (
            b.UpfDownlinkSessionsIpv6(
                VRF, Lpm(PREFIX, 64), b.EncapsulateIpv6(TunnelPeerId(4), Teid(1), Qfi(1))
            ),
            [(b.UpfTunnelPeers.TABLE_ID, 4, 0)],
        ),
        (route(b.RouteTo(VLAN, MacAddress(1), MAC)), [(b.Bridging.TABLE_ID, 100, 5, 0)]),
        (route(b.Unreachable()), []),
        (b.PortVlan(Port(1), False, None, 1, any_host(VLAN)), [(b.Networks.TABLE_ID, 100, 0)]),
        (b.PortVlan(Port(1), True, None, 1, b.PermitFabric()), []),
        (b.Networks(VLAN, plain_network(VRF)), [("multicast_group", 100)]),
        (
            b.VirtualIps(VRF, ADDRESS, TCP, WEB, (Weighted(b.ToServer(OTHER, L4Port(8080))),)),
            [(b.VirtualIpReplies.TABLE_ID, 3, int(OTHER), 6, 8080, 0)],
        ),
        (b.CongestionWatch(Port(1), b.Watch(1, 1, 1, 1, 0)), [("clone_session", 510)]),
    ],
)
def test_an_entry_refers_to_what_it_names(entity: Entity, keys: list[object]) -> None:
    assert list(RULES.references(entity)) == keys


def test_what_intents_come_to_refers_to_what_is_there() -> None:
    """But for the flood groups, which only switches on a network's flood tree have."""
    for state in compiled(*EVERYTHING).entities.values():
        targets = {target for entity in state.values() for target in RULES.references(entity)}
        assert {target[0] for target in targets - state.keys()} <= {"multicast_group"}


@pytest.mark.parametrize(
    "entity",
    [
        b.FirewallIpv4(VRF, None, None, None, None, None, None, None, 1, b.DenyIpv4()),
        route(b.Unreachable(), 24),
        b.SourceIpv4(VLAN, Lpm(ADDRESS, 32), b.SourceDenied()),
        b.SourceIpv4(VLAN, Lpm(ADDRESS, 32), b.SourceElsewhere()),
        b.SourceIpv4(VLAN, Lpm(ADDRESS, 32), b.SourceBound(Port(1), MAC)),
    ],
)
def test_what_closes_protects_its_scope(entity: Entity) -> None:
    scopes = ([("vrf", 3)], [("vrf", 3), ("judged", 3), ("routed", 3)], [("vlan", 100)])
    assert list(RULES.protects(entity)) in scopes
    assert not list(RULES.opens(entity))


@pytest.mark.parametrize(
    ("old", "new", "scopes"),
    [
        (None, b.SourceOfSubnet(), [("judged", 3)]),
        (None, b.SourceBound(Port(1), MAC), [("judged", 3)]),
        (b.SourceElsewhere(), b.SourceBound(Port(1), MAC), [("judged", 3)]),
        (b.SourceBound(Port(1), MAC), b.SourceElsewhere(), []),
        (None, b.SourceDenied(), []),
        (b.SourceDenied(), None, [("judged", 3)]),
        (b.SourceElsewhere(), None, [("judged", 3)]),
        (b.SourceBound(Port(1), MAC), None, [("judged", 3)]),
        (b.SourceOfSubnet(), None, []),
    ],
)
def test_sources_admit_senders_to_what_the_firewall_judges(old: Any, new: Any, scopes: list[object]) -> None:
    def source(action: Any) -> Entity | None:
        return None if action is None else b.SourceIpv4(VLAN, Lpm(ADDRESS, 32), action)

    network = b.Networks(VLAN, plain_network(VRF))
    assert list(RULES.admits(source(old), source(new), network)) == scopes
    assert not list(RULES.admits(source(old), source(new), b.Networks(VLAN, b.PortFilterDeny())))
    deny = b.FirewallIpv4(VRF, None, None, None, None, None, None, None, 1, b.DenyIpv4())
    allow = b.FirewallIpv4(VRF, None, None, None, None, None, None, None, 1, b.AllowIpv4())
    assert set(scopes) <= {*RULES.protects(deny)} & {*RULES.overrides(allow)}
    assert not list(RULES.overrides(deny))


def test_ports_let_frames_to_the_router_in() -> None:
    network, gateway = b.Networks(VLAN, plain_network(VRF)), b.Gateways(VLAN, MAC, b.Route())
    port = b.PortVlan(Port(1), False, None, 1, any_host(VLAN))
    assert list(RULES.protects(gateway)) == [("routed from", 100)]
    assert list(RULES.admits(None, port, network)) == [("judged", 3), ("routed", 3), ("routed from", 100)]
    assert list(RULES.admits(None, gateway, network)) == [("judged", 3), ("routed", 3)]
    assert not list(RULES.admits(gateway, None, network))


def test_groups_reach_ports_that_links_open() -> None:
    way_in = b.PortVlan(Port(7), True, None, 1, b.PermitFabric())
    way_out = b.EgressVlan(Port(7), None, 1, b.FabricTagged())
    group = b.EcmpGroups(EcmpGroupId(1), (Weighted(b.ToPort(Port(7))),))
    for entity in (group, MulticastGroup(100, (Replica(7),))):
        (port,) = RULES.reaches(entity)
        assert [("link", port)] == list(RULES.protects(way_in)) == list(RULES.protects(way_out))


def test_ports_sources_and_gateways_are_of_a_network() -> None:
    key = b.Networks(VLAN, plain_network(VRF)).key
    for entity in (
        b.PortVlan(Port(1), False, None, 1, any_host(VLAN)),
        b.EgressVlan(Port(1), Ternary.exact(VLAN, 12), 1, b.EdgeUntagged()),
        b.SourceIpv4(VLAN, Lpm(ADDRESS, 32), b.SourceDenied()),
        b.Gateways(VLAN, MAC, b.Route()),
    ):
        assert RULES.network_of(entity) == key
    others: tuple[Entity, ...] = (
        b.PortVlan(Port(1), True, None, 1, b.PermitFabric()),
        b.EgressVlan(Port(1), None, 1, b.FabricTagged()),
        b.Bridging(VLAN, MAC, b.ToPort(Port(1))),
    )
    assert [RULES.network_of(entity) for entity in others] == [None, None, None]


def test_routes_and_tunnels_lead_to_where_rules_were_asked_before() -> None:
    """What protects that is the firewall, and no route that drops: it is asked in the same table."""
    deny = b.FirewallIpv4(VRF, None, None, None, None, None, None, None, 1, b.DenyIpv4())
    to = route(b.RouteTo(VLAN, MAC, MAC), 32)
    tunnel = b.UpfDownlinkSessions(VRF, ADDRESS, b.Encapsulate(TunnelPeerId(4), Teid(1), Qfi(9)))
    tunnel6 = b.UpfDownlinkSessionsIpv6(
        VRF, Lpm(PREFIX, 64), b.EncapsulateIpv6(TunnelPeerId(4), Teid(1), Qfi(9))
    )
    for entity in (to, tunnel, tunnel6):
        assert set(RULES.leads(entity)) & set(RULES.protects(deny)) == {("routed", 3)}
        assert not set(RULES.leads(entity)) & set(RULES.protects(route(b.Unreachable(), 24)))
    assert not RULES.leads(route(b.Unreachable(), 24)) and not RULES.leads(deny)


def test_shorter_prefixes_are_behind_a_route_and_routes_behind_a_tunnel() -> None:
    around = [
        b.RoutingIpv4(VRF, Lpm(IPv4Address(int(ADDRESS) & mask), length), b.Unreachable())
        for mask, length in ((0xFF000000, 8), (0, 0))
    ]
    behind = list(RULES.behind(route(b.Unreachable(), 32)))
    assert len(behind) == len(set(behind)) == 32
    assert [key for key in behind if key in {entry.key for entry in around}] == [one.key for one in around]
    tunnel = b.UpfDownlinkSessions(VRF, ADDRESS, b.Encapsulate(TunnelPeerId(4), Teid(1), Qfi(9)))
    assert list(RULES.behind(tunnel)) == [route(b.Unreachable(), 32).key, *behind]
    tunnel6 = b.UpfDownlinkSessionsIpv6(
        VRF, Lpm(PREFIX, 64), b.EncapsulateIpv6(TunnelPeerId(4), Teid(1), Qfi(9))
    )
    behind6 = list(RULES.behind(tunnel6))
    assert behind6[0] == b.RoutingIpv6(VRF, Lpm(PREFIX, 64), b.Unreachable()).key and len(behind6) == 65
    assert not list(RULES.behind(b.SourceIpv4(VLAN, Lpm(ADDRESS, 32), b.SourceDenied())))


@pytest.mark.parametrize(
    ("entity", "scopes"),
    [
        (b.PortVlan(Port(1), False, None, 1, any_host(VLAN)), {("port", 1), ("vlan", 100)}),
        (b.PortVlan(Port(1), False, None, 1, b.PermitFabric()), {("port", 1)}),
        (b.PortVlan(Port(1), False, None, 1, b.PortFilterDeny()), set()),
        (b.EgressVlan(Port(1), Ternary.exact(VLAN, 12), 1, b.EdgeUntagged()), {("port", 1), ("vlan", 100)}),
        (b.Networks(VLAN, plain_network(VRF)), {("vlan", 100), ("vrf", 3)}),
        (
            b.UpfUplinkSessions(ADDRESS, OTHER, Teid(1), ADDRESS, b.Decapsulate(VRF)),
            {("vrf", 3), ("routed", 3)},
        ),
        (
            b.UpfUplinkSessionsIpv6(ADDRESS, OTHER, Teid(1), Lpm(PREFIX, 64), b.DecapsulateIpv6(VRF)),
            {("vrf", 3), ("routed", 3)},
        ),
        (b.FirewallIpv4(VRF, None, None, None, None, None, None, None, 1, b.AllowIpv4()), set()),
    ],
)
def test_what_lets_traffic_in_or_out_opens_its_scopes(entity: Entity, scopes: set[object]) -> None:
    assert set(RULES.opens(entity)) == scopes
    assert not {kind for kind, _ in RULES.protects(entity)} - {"link"}


@pytest.mark.parametrize(
    ("entity", "numbers"),
    [
        (b.Networks(VLAN, plain_network(VRF)), {("vlan", 100), ("vrf", 3)}),
        (b.EgressVlan(Port(1), Ternary.exact(VLAN, 12), 1, b.EdgeUntagged()), {("vlan", 100)}),
        (b.EgressVlan(Port(1), None, 1, b.FabricTagged()), set()),
        (b.Bridging(VLAN, MAC, b.ToEcmpGroup(EcmpGroupId(7))), {("vlan", 100), ("ecmp-group", 7)}),
        (
            b.UpfTunnelPeers(TunnelPeerId(4), b.TunnelTo(VRF, ADDRESS, OTHER)),
            {("tunnel-peer", 4), ("vrf", 3)},
        ),
        (MulticastGroup(100, ()), {("vlan", 100)}),
    ],
)
def test_all_numbers_that_an_entry_mentions_are_found(entity: Entity, numbers: set[object]) -> None:
    assert set(RULES.numbers(entity)) == numbers


def test_prefixes_cover_ranges_and_priorities_whole_scopes() -> None:
    prefix = RULES.precedence(b.SourceIpv4(VLAN, Lpm(IPv4Address("10.0.0.0"), 24), b.SourceDenied()))
    assert prefix is not None and prefix.rank == 24
    assert (prefix.first, prefix.last) == (0x0A000000, 0x0A0000FF)
    ranked = RULES.precedence(b.FirewallIpv4(VRF, None, None, None, None, None, None, None, 9, b.DenyIpv4()))
    assert ranked is not None and (ranked.rank, ranked.first) == (9, None)
    assert RULES.precedence(b.Networks(VLAN, plain_network(VRF))) is None


def test_an_annotation_that_leads_nowhere_is_an_error() -> None:
    broken = p4i.P4Info.FromString(fabric.p4info().SerializeToString())
    for action in broken.actions:
        for parameter in action.params:
            if parameter.annotations:
                parameter.annotations[:] = ["@refers_to(nowhere, vlan_id)"]
    with pytest.raises(ValueError, match="nowhere, which does not exist"):
        References(broken, b.BINDINGS.tables)


def test_an_annotation_that_names_a_part_of_a_key_is_an_error() -> None:
    broken = p4i.P4Info.FromString(fabric.p4info().SerializeToString())
    for action in broken.actions:
        if action.preamble.alias == "route_to":
            action.params[0].annotations[:] = []
    with pytest.raises(ValueError, match="a reference names the whole key"):
        References(broken, b.BINDINGS.tables)

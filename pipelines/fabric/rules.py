"""The safety rules of fabric.p4: what its entries refer to, close, open, and come before.

References follow from the P4Info, numbers and the order within tables from the tables' fields; guards are
declared here, by kind of entry. This module knows the bindings; it knows nothing of intents.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any

from p4fabric.pipelines.entities import (
    Entity,
    EntityKey,
    Lpm,
    MatchField,
    MulticastGroup,
    Parameter,
    TableEntry,
    Ternary,
    Weighted,
)
from p4fabric.pipelines.fabric import REPORT_CLONE_SESSION, p4info
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.references import References
from p4fabric.pipelines.remembered import Remembered
from p4fabric.pipelines.safety import Number, Precedence, Scope
from p4fabric.pipelines.values import EcmpGroupId, SliceId, TunnelPeerId, UpfFiltersId, VlanId, VrfId

__all__ = ["FabricRules"]

_POOLS: dict[object, str] = {
    VlanId: "vlan",
    VrfId: "vrf",
    TunnelPeerId: "tunnel-peer",
    UpfFiltersId: "upf-filters",
    SliceId: "slice",
    EcmpGroupId: "ecmp-group",
}
"""Types of fields whose values are given to tenants, and taken back."""

_NOT_EVERYBODYS = b.SourceDenied | b.SourceBound | b.SourceElsewhere

Reader = Callable[[Any], Any]


class FabricRules:
    """`SafetyRules` of fabric.p4."""

    def __init__(self) -> None:
        """Read the references from the P4Info."""
        references = References(p4info(), b.BINDINGS.tables)
        self.references = Remembered(partial(_references, references))
        """What an entry names by its match or its action's parameters, or by what its table is for."""
        self.numbers = Remembered(_numbers)
        """All fields and parameters of a type that numbers are given of."""
        self.precedence = Remembered(_precedence)
        """By priority or prefix length."""

    def protects(self, entity: Entity) -> tuple[Scope, ...]:
        """Denies, gateways, addresses not everybody's, destinations that are nobody's; ports of links."""
        match entity:
            case b.FirewallIpv4(vrf=vrf, action=b.DenyIpv4()) | b.FirewallIpv6(vrf=vrf, action=b.DenyIpv6()):
                return (("vrf", int(vrf)), ("judged", int(vrf)), ("routed", int(vrf)))
            case (
                b.RoutingIpv4(vrf=vrf, action=b.Unreachable())
                | b.RoutingIpv6(vrf=vrf, action=b.Unreachable())
            ):
                return (("vrf", int(vrf)),)
            case b.SourceIpv4(vlan_id=vlan, action=action) | b.SourceIpv6(vlan_id=vlan, action=action):
                if isinstance(action, _NOT_EVERYBODYS):
                    return (("vlan", int(vlan)),)
            case b.Gateways(vlan_id=vlan):
                # Without it, what hosts send to their router is flooded to their neighbors.
                return (("routed from", int(vlan)),)
            case b.PortVlan(ingress_port=port, action=b.PermitFabric()):
                return (("link", int(port)),)
            case b.EgressVlan(egress_port=port, action=b.FabricTagged()):
                return (("link", int(port)),)
        return ()

    def overrides(self, entity: Entity) -> tuple[Scope, ...]:
        """Allows: what they match meets no deny behind them."""
        match entity:
            case (
                b.FirewallIpv4(vrf=vrf, action=b.AllowIpv4()) | b.FirewallIpv6(vrf=vrf, action=b.AllowIpv6())
            ):
                return (("vrf", int(vrf)), ("judged", int(vrf)), ("routed", int(vrf)))
        return ()

    def network_of(self, entity: Entity) -> EntityKey | None:
        """By VLAN id. Fabric links are of all networks, so of none."""
        match entity:
            case b.PortVlan(action=b.PermitEdge(vlan_id=vlan) | b.PermitHost(vlan_id=vlan)):
                return (b.Networks.TABLE_ID, int(vlan), 0)
            case b.EgressVlan(vlan_id=Ternary(value=vlan)):
                return (b.Networks.TABLE_ID, int(vlan), 0)
            case b.SourceIpv4(vlan_id=vlan) | b.SourceIpv6(vlan_id=vlan) | b.Gateways(vlan_id=vlan):
                return (b.Networks.TABLE_ID, int(vlan), 0)
        return None

    def admits(self, old: Entity | None, new: Entity | None, network: Entity) -> tuple[Scope, ...]:
        """Ports; sources where another one may send than before; gateways, behind which are other networks.

        The firewall judges what they let in. What comes by a new port or gateway may be routed, too; whoever
        sends from another address could be routed before. A port lets frames to the router in.
        """
        if not isinstance(network, b.Networks) or not isinstance(network.action, b.SetNetwork):
            return ()
        vrf = int(network.action.vrf)
        scopes = (("judged", vrf),)
        match new:
            case b.PortVlan(action=b.PermitEdge() | b.PermitHost()):
                return (*scopes, ("routed", vrf), ("routed from", int(network.vlan_id)))
            case b.Gateways():
                return (*scopes, ("routed", vrf))
            case b.SourceIpv4(action=action) | b.SourceIpv6(action=action):
                return () if isinstance(action, b.SourceDenied | b.SourceElsewhere) else scopes
            case None if isinstance(old, b.SourceIpv4 | b.SourceIpv6):
                # A shorter prefix decides then.
                return scopes if isinstance(old.action, _NOT_EVERYBODYS) else ()
        return ()

    def opens(self, entity: Entity) -> tuple[Scope, ...]:
        """Ports, networks and tunnels. A fabric link is no network's: its frames were judged before."""
        match entity:
            case b.PortVlan(ingress_port=port, action=action):
                if isinstance(action, b.PermitEdge | b.PermitHost):
                    return (("port", int(port)), ("vlan", int(action.vlan_id)))
                if isinstance(action, b.PermitFabric):
                    return (("port", int(port)),)
            case b.EgressVlan(egress_port=port, vlan_id=vlan, action=action):
                if not isinstance(action, b.EgressVlanDeny):
                    return (("port", int(port)), *((("vlan", int(vlan.value)),) if vlan else ()))
            case b.Networks(vlan_id=vlan, action=b.SetNetwork(vrf=vrf)):
                return (("vlan", int(vlan)), ("vrf", int(vrf)))
            case (
                b.UpfUplinkSessions(action=b.Decapsulate(vrf=vrf) | b.UplinkSession(vrf=vrf))
                | b.UpfUplinkSessionsIpv6(action=b.DecapsulateIpv6(vrf=vrf) | b.UplinkSessionIpv6(vrf=vrf))
            ):
                return (("vrf", int(vrf)), ("routed", int(vrf)))
        return ()

    def leads(self, entity: Entity) -> tuple[Scope, ...]:
        """Routes, and tunnels to be put on: they come behind the firewall of their VRF."""
        match entity:
            case (
                b.RoutingIpv4(vrf=vrf, action=b.RouteTo(vlan_id=vlan))
                | b.RoutingIpv6(vrf=vrf, action=b.RouteTo(vlan_id=vlan))
            ):
                return (("routed", int(vrf)), ("routed to", int(vlan)))
            case (
                b.UpfDownlinkSessions(vrf=vrf, action=b.Encapsulate(tunnel_peer=peer))
                | b.UpfDownlinkSessionsIpv6(vrf=vrf, action=b.EncapsulateIpv6(tunnel_peer=peer))
            ):
                return (("routed", int(vrf)), ("tunnelled to", int(peer)))
            case (
                b.UpfDownlinkSessions(vrf=vrf, action=b.DownlinkSession())
                | b.UpfDownlinkSessionsIpv6(vrf=vrf, action=b.DownlinkSessionIpv6())
            ):
                return (("routed", int(vrf)),)
            case b.DownlinkRules(action=b.DownlinkEnter(tunnel_peer=peer)):
                return (("tunnelled to", int(peer)),)
        return ()

    def behind(self, entity: Entity) -> Iterator[EntityKey]:
        """The shorter prefixes around a route; around a UE's address, the routes to it."""
        match entity:
            case b.RoutingIpv4(vrf=vrf, dst_addr=prefix) | b.RoutingIpv6(vrf=vrf, dst_addr=prefix):
                table: type[b.RoutingIpv4 | b.RoutingIpv6] = type(entity)
                first, longest = int(prefix.value), prefix.prefix_length - 1
            case b.UpfDownlinkSessions(vrf=vrf, ue_address=address):
                table, first, longest = b.RoutingIpv4, int(address), address.max_prefixlen
            case b.UpfDownlinkSessionsIpv6(vrf=vrf, ue_prefix=prefix):
                table, first, longest = b.RoutingIpv6, int(prefix.value), prefix.prefix_length
            case _:
                return
        bits = _ORDERS[table.TABLE_ID].bits
        for length in range(longest, -1, -1):
            yield (table.TABLE_ID, int(vrf), (first >> bits - length << bits - length, length), 0)

    def reaches(self, entity: Entity) -> tuple[int, ...]:
        """The members of path groups, and the replicas of flood groups."""
        match entity:
            case b.EcmpGroups(action=members):
                return tuple(int(member.action.port) for member in members)
            case MulticastGroup(replicas=replicas):
                return tuple(replica.port for replica in replicas)
        return ()

    def is_path(self, entity: Entity) -> bool:
        """Equal-cost ports towards one switch: their group has the same number on all others."""
        return isinstance(entity, b.EcmpGroups)

    def part_of_tree(self, entity: Entity, ports: Container[int]) -> Entity | None:
        """A multicast group, whose number is a VLAN id, floods a network."""
        if not isinstance(entity, MulticastGroup):
            return None
        kept = tuple(replica for replica in entity.replicas if replica.port in ports)
        return replace(entity, replicas=kept)

    def directs(self, entity: Entity) -> bool:
        """Groups, what leads into them, and networks: of others, a switch forwards nothing."""
        return isinstance(entity, b.EcmpGroups | MulticastGroup | b.Bridging | b.Networks)


def _references(references: References, entity: Entity) -> tuple[EntityKey, ...]:
    if isinstance(entity, b.Networks):
        return (("multicast_group", int(entity.vlan_id)),)  # what `flood` sends to
    if isinstance(entity, b.CongestionWatch):
        return (("clone_session", REPORT_CLONE_SESSION),)
    if isinstance(entity, b.UplinkRules | b.DownlinkRules):
        return (*references.of(entity), *_named_by_rule(entity))
    match entity:
        case (
            b.UpfUplinkSessions(action=b.UplinkSession(slice=number))
            | b.UpfUplinkSessionsIpv6(action=b.UplinkSessionIpv6(slice=number))
        ) if number:
            return (*references.of(entity), (b.UplinkSliceMeters.TABLE_ID, int(number), 0))
        case (
            b.UpfDownlinkSessions(action=b.DownlinkSession(slice=number))
            | b.UpfDownlinkSessionsIpv6(action=b.DownlinkSessionIpv6(slice=number))
        ) if number:
            return (*references.of(entity), (b.DownlinkSliceMeters.TABLE_ID, int(number), 0))
    return references.of(entity)


def _named_by_rule(rule: b.UplinkRules | b.DownlinkRules) -> Iterator[EntityKey]:
    """The meters and the tunnel peer of a rule. Both directions have one control, so P4 cannot say it."""
    is_uplink, action = isinstance(rule, b.UplinkRules), rule.action
    if isinstance(action, b.UplinkDiscard | b.DownlinkDiscard):
        return
    if isinstance(action, b.UplinkEnter | b.DownlinkEnter):
        yield (b.UpfTunnelPeers.TABLE_ID, int(action.tunnel_peer), 0)
    for table, number in (
        (b.UplinkSessionMeters if is_uplink else b.DownlinkSessionMeters, action.session_meter_id),
        (b.UplinkFlowMeters if is_uplink else b.DownlinkFlowMeters, action.flow_meter_id),
    ):
        if number:
            yield (table.TABLE_ID, int(rule.session), int(number), 0)


def _numbers(entity: Entity) -> tuple[Number, ...]:
    if isinstance(entity, MulticastGroup):
        return (("vlan", entity.group_id),)  # a network's flood group has its VLAN id
    return tuple(_numbers_of(entity)) if isinstance(entity, TableEntry) else ()


def _numbers_of(entry: TableEntry) -> Iterator[Number]:
    for pool, read in _MATCH[entry.TABLE_ID]:
        value = read(entry)
        if isinstance(value, Ternary):
            value = value.value
        if value is not None:
            yield pool, int(value)
    action: Any = entry.action  # type: ignore[attr-defined]
    for one in action if isinstance(action, tuple) else (action,):
        one = one.action if isinstance(one, Weighted) else one
        for pool, read in _PARAMETERS[one.ID]:
            yield pool, int(read(one))


def _precedence(entity: Entity) -> Precedence | None:
    order = _ORDERS.get(entity.TABLE_ID) if isinstance(entity, TableEntry) else None
    if order is None:
        return None
    entry: Any = entity
    scope = (entry.TABLE_ID, *(read(entry) for read in order.exact))
    if order.prefix is None:
        return Precedence(scope, entry.priority, entry.action)
    prefix: Lpm[Any] = order.prefix(entry)
    length, first = prefix.prefix_length, int(prefix.value)
    return Precedence(scope, length, entry.action, first, first + (1 << order.bits - length) - 1)


def _readers_of(fields: Iterable[MatchField | Parameter]) -> list[tuple[str, Reader]]:
    """How to read the values of types that numbers are given of, with their pools."""
    return [(_POOLS[field.make], attrgetter(field.name)) for field in fields if field.make in _POOLS]


_MATCH = {table.TABLE_ID: _readers_of(table.MATCH_FIELDS) for table in b.BINDINGS.tables.values()}
_PARAMETERS = {
    action.ID: _readers_of(action.PARAMETERS)
    for table in b.BINDINGS.tables.values()
    for action in table.ACTIONS.values()
}


@dataclass(frozen=True, slots=True)
class _Order:
    """How a table's entries come one after another."""

    exact: tuple[Reader, ...]
    """Fields that are equal of entries that may match the same packet."""
    prefix: Reader | None
    bits: int = 0


def _order_of(table: type[TableEntry]) -> _Order | None:
    exact = tuple(attrgetter(field.name) for field in table.MATCH_FIELDS if field.kind == "exact")
    for field in table.MATCH_FIELDS:
        if field.kind == "lpm":
            return _Order(exact, attrgetter(field.name), field.bitwidth)
    return _Order(exact, None) if table.HAS_PRIORITY else None


_ORDERS = {
    table.TABLE_ID: order
    for table in b.BINDINGS.tables.values()
    # Ports are closed before they are opened in another way: their entries never meet.
    if table not in (b.PortVlan, b.EgressVlan) and (order := _order_of(table)) is not None
}

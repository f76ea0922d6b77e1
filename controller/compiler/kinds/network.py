"""Networks: the ports where they are open, who may send there, and their gateways.

This module knows nothing of hosts: its entries are right for a network whose hosts are not known yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from p4fabric.controller.compiler.entries import EntityLists, answer_arp, drop_route
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.notes import not_part_of_fabric
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.sources import network_sources, scope_of
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.network import ROUTER_MAC, Attachment, Network, Trust
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.pipelines.entities import Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, IPv6Address, VlanId, VrfId

__all__ = ["NetworkPart", "compile_network", "open_port", "port_notes"]


_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class NetworkPart:
    """A network and where it lives."""

    network: Network
    vlan: VlanId
    vrf: VrfId
    leaves: tuple[SwitchName, ...]
    """Switches of the fabric with ports of the network."""
    span: tuple[SwitchName, ...]
    """Switches that its frames may cross, leaves included."""
    routed: bool
    """Whether frames for the router's MAC address are routed."""
    routing_leaves: tuple[SwitchName, ...]
    """Switches where the tenant's packets are routed."""
    cut_off: tuple[tuple[SwitchName, SwitchName], ...]
    """Leaves that its packets should cross between, and have no path."""
    linked: tuple[PortRef, ...]
    """Ports of the network at which another switch was seen."""
    lacking: Mapping[PortRef, Reason] = field(default_factory=dict)
    """Ports of the network that their switches do not have, in words."""


@meaning(Network)
def network(view: FabricView, intent: Network) -> Output:
    """A network, on the switches that there are now."""
    key, tenant, attachments = intent.key, intent.tenant, intent.spec.attachments
    return compile_network(
        NetworkPart(
            intent,
            view.vlan(key),
            view.vrf(tenant),
            view.leaves(key),
            view.span(key),
            view.is_routed(key),
            view.routing_leaves(tenant) if view.is_routed(key) else (),
            tuple(_cut_off(view, intent)),
            tuple(sorted({a.ref for a in attachments if view.is_linked(a.ref)})),
            {a.ref: lack for a in attachments if (lack := view.lacks(a.ref)) is not None},
        )
    )


def _cut_off(view: FabricView, intent: Network) -> Iterator[tuple[SwitchName, SwitchName]]:
    """Leaves that packets should cross between, within the network or routed, and cannot."""
    here = view.leaves(intent.key)
    elsewhere = set(here)
    if view.is_routed(intent.key):
        elsewhere.update(view.routing_leaves(intent.tenant))
    for one, other in product(here, sorted(elsewhere)):
        twice = other in here and other <= one
        if not twice and view.distance((one, other)) is None:
            yield one, other


def compile_network(part: NetworkPart) -> Output:
    """Open the ports, answer for the gateways."""
    entries = EntityLists()
    entries.add(part.span, b.Networks(part.vlan, _settings(part)))
    for attachment in part.network.spec.attachments:
        if attachment.ref.switch in part.leaves and attachment.ref not in part.lacking:
            entries.add([attachment.ref.switch], *open_port(attachment, part.vlan))
    spec = part.network.spec
    entries.add(part.leaves, *network_sources(part.vlan, spec.subnets, spec.gateways))
    if part.routed:
        entries.add(part.leaves, b.Gateways(part.vlan, ROUTER_MAC, b.Route()))
        # Hosts have routes of their own. What is for nobody known goes to no router behind a shorter prefix.
        entries.add(part.routing_leaves, *(drop_route(part.vrf, subnet) for subnet in spec.subnets))
    for gateway in part.network.spec.gateways:
        if isinstance(gateway, IPv4Address):
            entries.add(part.leaves, answer_arp(part.vlan, gateway))
        else:
            entries.add(part.leaves, b.NdResponder(part.vlan, gateway, b.NeighborAdvertisement(ROUTER_MAC)))
    return Output(entries.frozen(), tuple(_notes(part)))


def _settings(part: NetworkPart) -> b.SetNetwork:
    spec = part.network.spec
    ipv4_scope, ipv6_scope = scope_of(spec.subnets, 4), scope_of(spec.subnets, 6)
    assert isinstance(ipv4_scope, IPv4Address) and isinstance(ipv6_scope, IPv6Address)
    interval = _MICROSECONDS // spec.flood_rate
    return b.SetNetwork(
        part.vrf,
        ROUTER_MAC,
        interval,
        ipv4_scope,
        ipv6_scope,
        not spec.subnets,
        spec.priority,
        spec.trust_dscp,
    )


def open_port(attachment: Attachment, vlan: VlanId) -> tuple[b.PortVlan, b.EgressVlan]:
    """Let frames of a network in and out at a port."""
    return _way_in(attachment, vlan), _way_out(attachment, vlan)


def _way_in(attachment: Attachment, vlan: VlanId) -> b.PortVlan:
    tag = attachment.vlan
    match = None if tag is None else Ternary.exact(tag, VlanId.BITS)
    dhcp_server, ipv6_router = (
        trust in attachment.trusted for trust in (Trust.DHCP_SERVER, Trust.IPV6_ROUTER)
    )
    action: b.PermitEdge | b.PermitHost = b.PermitEdge(vlan, dhcp_server, ipv6_router)
    if attachment.mac is not None:
        stated = bool(attachment.addresses)
        action = b.PermitHost(vlan, attachment.mac, stated, dhcp_server, ipv6_router)
    return b.PortVlan(attachment.port, tag is not None, match, 1, action)


def _way_out(attachment: Attachment, vlan: VlanId) -> b.EgressVlan:
    action = b.EdgeUntagged() if attachment.vlan is None else b.EdgeTagged(attachment.vlan)
    return b.EgressVlan(attachment.port, Ternary.exact(vlan, VlanId.BITS), 1, action)


def _notes(part: NetworkPart) -> list[Reason]:
    asked = dict.fromkeys(attachment.ref.switch for attachment in part.network.spec.attachments)
    notes = [not_part_of_fabric(name) for name in asked if name not in part.leaves]
    notes += [
        Reason(Code.NO_PATH, f"there is no path between {one} and {other}", switch=one)
        for one, other in part.cut_off
    ]
    return notes + port_notes(part.lacking.values(), part.linked)


def port_notes(lacking: Iterable[Reason], linked: Iterable[PortRef]) -> list[Reason]:
    """That ports are not there, or are ends of links.

    Args:
        lacking: ports that their switches do not have, in words.
        linked: ports at which another switch was seen.
    """
    return [
        *lacking,
        *(
            Reason(
                Code.PORT_LINKED,
                f"another switch is linked to {port}; the link is not used",
                switch=port.switch,
                port=int(port.port),
            )
            for port in linked
        ),
    ]

"""Services: the virtual IP becomes a server where clients' packets enter, and comes back where they leave.

This module must never know how servers are reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from controller.compiler.desired import CounterSource, Output
from controller.compiler.entries import TRANSPORTS, EntityLists, answer_arp, drop_route
from controller.compiler.sources import denied_source
from controller.intents.service import Service
from controller.names import SwitchName
from pipelines.entities import Weighted
from pipelines.fabric import bindings as b
from pipelines.values import IPv4Address, L4Port, VlanId, VrfId

__all__ = ["ServicePart", "compile_service"]


@dataclass(frozen=True, slots=True)
class ServicePart:
    """A service and where it is used."""

    service: Service
    vrf: VrfId
    leaves: tuple[SwitchName, ...]
    """Switches that route for the tenant: clients may be at any of them."""
    vlan: VlanId | None
    """The network that has the virtual IP in one of its subnets, if one does."""
    neighbours: tuple[SwitchName, ...]
    """Switches with ports of that network: its hosts resolve the virtual IP."""
    around: tuple[tuple[VlanId, tuple[SwitchName, ...]], ...]
    """Networks of which hosts could otherwise send as the virtual IP, and their switches."""
    unseen: frozenset[IPv4Address]
    """Servers that packets cannot be sent to yet."""


def compile_service(part: ServicePart) -> Output:
    """Spread connections over the servers that were seen, by their shares; turn the answers back."""
    spec = part.service.spec
    protocol = TRANSPORTS[spec.protocol]
    entries = EntityLists()
    counters: list[CounterSource] = []
    pool = tuple(
        Weighted(b.ToServer(member.address, member.port), share)
        for member, share in zip(spec.pool, part.service.shares(), strict=True)
        if member.address not in part.unseen
    )
    if pool:
        front = b.VirtualIps(part.vrf, spec.virtual_ip, protocol, spec.port, pool)
        entries.add(part.leaves, front)
        counters += [CounterSource("virtual-ip", leaf, front) for leaf in part.leaves]
    back = b.FromVirtualIp(spec.virtual_ip, spec.port)
    for member in spec.pool:
        entries.add(part.leaves, b.VirtualIpReplies(part.vrf, member.address, protocol, member.port, back))
    for address in dict.fromkeys(member.address for member in spec.pool):
        fragments = b.VirtualIpReplies(part.vrf, address, protocol, L4Port(0), b.DenyFragment())
        entries.add(part.leaves, fragments)
    # What is for no service of this address goes nowhere, whatever prefix is routed around it.
    entries.add(part.leaves, drop_route(part.vrf, ip_network(spec.virtual_ip)))
    if part.vlan is not None:
        entries.add(part.neighbours, answer_arp(part.vlan, spec.virtual_ip))
    for vlan, leaves in part.around:
        entries.add(leaves, denied_source(vlan, ip_network(spec.virtual_ip)))
    notes = tuple(f"server {address} not seen yet" for address in sorted(part.unseen))
    return Output(entries.frozen(), notes, tuple(counters))

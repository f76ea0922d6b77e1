"""Routed prefixes of a network: sent to the hosts that route them on.

This module does not know how a next hop is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from p4fabric.controller.compiler.entries import EntityLists, route
from p4fabric.controller.compiler.hosts import keep_sources
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.sources import denied_source
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.addresses import within
from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.controller.intents.kinds.network import SUBNET, Network
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.values import VlanId, VrfId

__all__ = ["RouteVia", "RoutesPart", "compile_routes"]


class RouteVia(NamedTuple):
    """A routed prefix and its next hop, if it was seen."""

    prefix: IpPrefix
    via: IpAddress
    host: Host | None


@dataclass(frozen=True, slots=True)
class RoutesPart:
    """A network's routed prefixes, each with its next hop: who it is, and the leaves that reach it."""

    network: IntentKey
    vlan: VlanId
    vrf: VrfId
    routes: tuple[RouteVia, ...]
    leaves: tuple[SwitchName, ...]
    """Switches that route for the tenant."""
    network_leaves: tuple[SwitchName, ...]
    """Switches with ports of the network: the prefixes' packets may come from the next hop only."""
    others: tuple[IpPrefix, ...]
    """Other networks' subnets inside of these prefixes: never behind a next hop of this network."""


@meaning(Network, "routes", is_heard=True)
def network_routes(view: FabricView, intent: Network) -> Output:
    """A network's routes, with the next hops that there are now."""
    key, tenant = intent.key, intent.tenant
    if not intent.spec.routes:
        return Output()
    subnets = view.catalogue.prefixes(SUBNET, tenant)
    inside = {
        subnet
        for route in intent.spec.routes
        for subnet, owner in subnets.inside(route.prefix)
        if owner != key
    }
    return compile_routes(
        RoutesPart(
            key,
            view.vlan(key),
            view.vrf(tenant),
            tuple(
                RouteVia(one.prefix, one.via, view.next_hop(tenant, one.via)) for one in intent.spec.routes
            ),
            view.routing_leaves(tenant),
            view.leaves(key),
            tuple(sorted(inside, key=lambda subnet: (subnet.version, subnet))),
        )
    )


def compile_routes(part: RoutesPart) -> Output:
    """Route prefixes to the hosts that route them on; those not seen yet are left out."""
    entries = EntityLists()
    notes: list[Reason] = []
    for prefix, via, host in part.routes:
        if host is None:
            text = f"next hop {via} of {prefix} not seen yet"
            notes.append(Reason(Code.NEXT_HOP_UNSEEN, text, address=str(via)))
            continue
        entries.add(part.leaves, route(part.vrf, prefix, part.vlan, host.mac))
        if host.network == part.network:
            keep_sources(entries, [prefix], part.vlan, host.mac, host.attachment, part.network_leaves)
            covered = [other for other in part.others if within(other, prefix)]
            entries.add(part.network_leaves, *(denied_source(part.vlan, other) for other in covered))
    return Output(entries.frozen(), tuple(notes))

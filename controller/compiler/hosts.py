"""Hosts: bridged within their network by MAC address, routed to by IP address from the others.

This module must never know which sightings to believe (`sightings` does).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import NamedTuple

from controller.compiler.desired import Output
from controller.compiler.entries import EntityLists, route
from controller.compiler.sources import bound_source, denied_source, elsewhere_source
from controller.intents.addresses import within
from controller.intents.fields import IpAddress, IpPrefix
from controller.names import IntentKey, PortRef, SwitchName
from controller.topology.model import Host
from pipelines.fabric import bindings as b
from pipelines.values import EcmpGroupId, MacAddress, VlanId, VrfId

__all__ = ["HostPart", "RouteVia", "RoutesPart", "compile_host", "compile_routes"]


@dataclass(frozen=True, slots=True)
class HostPart:
    """A host, and the switches that carry frames to it."""

    mac: MacAddress
    vlan: VlanId
    vrf: VrfId
    attachment: PortRef
    group: EcmpGroupId
    """The group of paths towards its switch, on every other switch."""
    span: tuple[SwitchName, ...]
    """Switches that bridge to it; its own is one of them."""
    leaves: tuple[SwitchName, ...]
    """Switches that route to it."""
    network_leaves: tuple[SwitchName, ...]
    """Switches with ports of its network: others there may not send as it."""
    claimed: tuple[IpAddress, ...]
    """The addresses that are its own."""
    addresses: tuple[IpAddress, ...]
    """Those of them that are routed to it."""


def compile_host(part: HostPart) -> Output:
    """Bridge to it along the fabric, route to its addresses where packets come in, keep them its own."""
    entries = EntityLists()
    here = b.Bridging(part.vlan, part.mac, b.ToPort(part.attachment.port))
    elsewhere = b.Bridging(part.vlan, part.mac, b.ToEcmpGroup(part.group))
    for switch in part.span:
        entries.add([switch], here if switch == part.attachment.switch else elsewhere)
    routes = [route(part.vrf, ip_network(address), part.vlan, part.mac) for address in part.addresses]
    entries.add(part.leaves, *routes)
    own = [ip_network(address) for address in part.claimed]
    _keep(entries, own, part.vlan, part.mac, part.attachment, part.network_leaves)
    return Output(entries.frozen())


def _keep(
    entries: EntityLists,
    prefixes: Iterable[IpPrefix],
    vlan: VlanId,
    mac: MacAddress,
    attachment: PortRef,
    leaves: Iterable[SwitchName],
) -> None:
    """Let only one host of a network send from some prefixes."""
    for leaf in leaves:
        if leaf == attachment.switch:
            verdicts = [bound_source(vlan, prefix, attachment.port, mac) for prefix in prefixes]
        else:
            verdicts = [elsewhere_source(vlan, prefix) for prefix in prefixes]
        entries.add([leaf], *verdicts)


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
    """The tenant's subnets outside of this network: never behind a next hop of it."""


def compile_routes(part: RoutesPart) -> Output:
    """Route prefixes to the hosts that route them on; those not seen yet are left out."""
    entries = EntityLists()
    notes: list[str] = []
    for prefix, via, host in part.routes:
        if host is None:
            notes.append(f"next hop {via} of {prefix} not seen yet")
            continue
        entries.add(part.leaves, route(part.vrf, prefix, part.vlan, host.mac))
        if host.network == part.network:
            _keep(entries, [prefix], part.vlan, host.mac, host.attachment, part.network_leaves)
            covered = [other for other in part.others if within(other, prefix)]
            entries.add(part.network_leaves, *(denied_source(part.vlan, other) for other in covered))
    return Output(entries.frozen(), tuple(notes))

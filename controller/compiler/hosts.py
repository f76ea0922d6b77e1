"""Hosts: bridged within their network by MAC address, routed to by IP address from the others.

This module must never know which sightings to believe (`sightings` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from controller.compiler.desired import Output
from controller.compiler.entries import EntityLists, route
from controller.intents.fields import IpAddress, IpPrefix
from controller.names import PortRef, SwitchName
from pipelines.fabric import bindings as b
from pipelines.values import EcmpGroupId, MacAddress, VlanId, VrfId

__all__ = ["HostPart", "RoutesPart", "compile_host", "compile_routes"]


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
    addresses: tuple[IpAddress, ...]
    """The addresses that are routed to it."""


def compile_host(part: HostPart) -> Output:
    """Bridge to it along the fabric, route to its addresses where packets come in."""
    entries = EntityLists()
    here = b.Bridging(part.vlan, part.mac, b.ToPort(part.attachment.port))
    elsewhere = b.Bridging(part.vlan, part.mac, b.ToEcmpGroup(part.group))
    for switch in part.span:
        entries.add([switch], here if switch == part.attachment.switch else elsewhere)
    routes = [route(part.vrf, ip_network(address), part.vlan, part.mac) for address in part.addresses]
    entries.add(part.leaves, *routes)
    return Output(entries.frozen())


@dataclass(frozen=True, slots=True)
class RoutesPart:
    """A network's routed prefixes, each with its next hop: who it is, and the leaves that reach it."""

    vlan: VlanId
    vrf: VrfId
    routes: tuple[tuple[IpPrefix, IpAddress, MacAddress | None, tuple[SwitchName, ...]], ...]


def compile_routes(part: RoutesPart) -> Output:
    """Route prefixes to the hosts that route them on; those not seen yet are left out."""
    entries = EntityLists()
    notes: list[str] = []
    for prefix, via, mac, leaves in part.routes:
        if mac is None:
            notes.append(f"next hop {via} of {prefix} not seen yet")
        else:
            entries.add(leaves, route(part.vrf, prefix, part.vlan, mac))
    return Output(entries.frozen(), tuple(notes))

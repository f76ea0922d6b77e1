"""Hosts: bridged within their network by MAC address, routed to by IP address from the others.

Which hosts count is decided in `view`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from p4fabric.controller.compiler.entries import EntityLists, IpRange, route
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.sources import bound_source, elsewhere_source
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.fields import IpAddress
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import Host, HostKey
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import EcmpGroupId, MacAddress, VlanId, VrfId

__all__ = ["HostPart", "compile_host", "endpoint_host", "heard_host", "keep_sources", "stated_host"]


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


def stated_host(view: FabricView, key: HostKey) -> Output:
    """A host that its network states; one that an Endpoint states is that intent's."""
    return Output() if view.is_endpoint(key) else endpoint_host(view, key)


def endpoint_host(view: FabricView, key: HostKey) -> Output:
    """A host that somebody states."""
    host = view.stated_hosts[key]
    return _compile(view, host, host.addresses)


def heard_host(view: FabricView, key: HostKey) -> Output:
    """A host that was heard, as far as it is believed: of one that is stated, what is not."""
    host = view.believed(key)
    if host is None:
        return Output()
    stated = view.stated_hosts.get(key)
    return _compile(view, host, host.addresses - stated.addresses if stated is not None else host.addresses)


def _compile(view: FabricView, host: Host, addresses: Collection[IpAddress]) -> Output:
    network, here = host.network, host.attachment.switch
    if not view.is_in_fabric(host):
        return Output()
    claimed = tuple(sorted(addresses, key=lambda address: (address.version, int(address))))
    return compile_host(
        HostPart(
            host.mac,
            view.vlan(network),
            view.vrf(network.tenant),
            host.attachment,
            view.group(here),
            tuple(name for name in view.span(network) if view.distance((name, here)) is not None),
            view.routing_leaves(network.tenant),
            view.leaves(network),
            claimed,
            tuple(address for address in claimed if _is_routed_to(view, host, address)),
        )
    )


def _is_routed_to(view: FabricView, host: Host, address: IpAddress) -> bool:
    if not view.is_routed_to(host, address):
        return False
    owner = view.owner_of((host.network.tenant, address))
    return owner is not None and owner.key == host.key


def compile_host(part: HostPart) -> Output:
    """Bridge to it along the fabric, route to its addresses where packets come in, keep them its own."""
    entries = EntityLists()
    here = b.Bridging(part.vlan, part.mac, b.ToPort(part.attachment.port))
    elsewhere = b.Bridging(part.vlan, part.mac, b.ToEcmpGroup(part.group))
    at, others = _apart(part.span, part.attachment.switch)
    entries.add(at, here)
    entries.add(others, elsewhere)
    entries.add(part.leaves, *(route(part.vrf, address, part.vlan, part.mac) for address in part.addresses))
    keep_sources(entries, part.claimed, part.vlan, part.mac, part.attachment, part.network_leaves)
    return Output(entries.frozen())


def keep_sources(
    entries: EntityLists,
    addresses: Collection[IpRange],
    vlan: VlanId,
    mac: MacAddress,
    attachment: PortRef,
    leaves: Iterable[SwitchName],
) -> None:
    """Let only one host of a network send from some addresses."""
    at, others = _apart(leaves, attachment.switch)
    entries.add(at, *(bound_source(vlan, each, attachment.port, mac) for each in addresses))
    entries.add(others, *(elsewhere_source(vlan, each) for each in addresses))


def _apart(
    switches: Iterable[SwitchName], one: SwitchName
) -> tuple[tuple[SwitchName, ...], tuple[SwitchName, ...]]:
    """One of some switches, if it is among them, and the others."""
    names = tuple(switches)
    return tuple(name for name in names if name == one), tuple(name for name in names if name != one)

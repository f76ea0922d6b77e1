"""Entries of fabric.p4 that many tests need and few look at: networks and ports without restrictions."""

from __future__ import annotations

from p4fabric.pipelines.entities import Entity, Lpm
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, IPv6Address, MacAddress, VlanId, VrfId

__all__ = ["any_host", "any_source", "plain_network"]


def plain_network(vrf: VrfId, router: int = 0, flood_interval: int = 0) -> b.SetNetwork:
    """A network of a VRF in which frames of all kinds may be sent, as many as one likes."""
    return b.SetNetwork(
        vrf, MacAddress(router), flood_interval, IPv4Address(0), IPv6Address(0), True, 0, False
    )


def any_host(vlan: VlanId) -> b.PermitEdge:
    """A port whose hosts are not known, and not trusted."""
    return b.PermitEdge(vlan, False, False)


def any_source(vlan: VlanId) -> list[Entity]:
    """Hosts of a network may have any address."""
    return [
        b.SourceIpv4(vlan, Lpm(IPv4Address(0), 0), b.SourceOfSubnet()),
        b.SourceIpv6(vlan, Lpm(IPv6Address(0), 0), b.SourceOfSubnet()),
        b.SourceIpv4(vlan, Lpm(IPv4Address(0), 32), b.SourcePermitted()),
        b.SourceIpv6(vlan, Lpm(IPv6Address(0), 128), b.SourcePermitted()),
    ]

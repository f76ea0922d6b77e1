"""Source guard: which addresses may be sent from the edge ports of a network, and by whom.

The longest prefix decides. Everything here is about one network on one switch; this module must never
know intents or hosts as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from controller.intents.fields import IpAddress, IpPrefix
from pipelines.entities import Lpm
from pipelines.fabric import bindings as b
from pipelines.values import MacAddress, Port, VlanId

__all__ = ["bound_source", "denied_source", "elsewhere_source", "network_sources", "scope_of"]

SourceEntry = b.SourceIpv4 | b.SourceIpv6
Verdict = b.SourceDenied | b.SourcePermitted | b.SourceOfSubnet | b.SourceBound | b.SourceElsewhere

_EVERYTHING: tuple[IpPrefix, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_UNSPECIFIED: dict[int, IpPrefix] = {4: IPv4Network("0.0.0.0/32"), 6: IPv6Network("::/128")}
"""Of probes, duplicate address detection and DHCP; the pipeline knows what these look like."""
_LINK_LOCAL: IpPrefix = IPv6Network("fe80::/10")


def network_sources(
    vlan: VlanId, subnets: Sequence[IpPrefix], owned: Iterable[IpAddress]
) -> list[SourceEntry]:
    """Open the families that a network has, and keep hosts from the addresses that the fabric owns there.

    Args:
        vlan: the network.
        subnets: its subnets; without any, hosts may have any address.
        owned: gateways.
    """
    ranges = tuple(subnets) or _EVERYTHING
    entries = [_entry(vlan, subnet, b.SourceOfSubnet()) for subnet in ranges]
    for subnet in subnets:
        if isinstance(subnet, IPv4Network) and subnet.prefixlen < 31:
            # The network's own address and its broadcast address are no host's.
            ends = (subnet.network_address, subnet.broadcast_address)
            entries += [denied_source(vlan, ip_network(end)) for end in ends]
    for version in sorted({subnet.version for subnet in ranges}):
        entries.append(_entry(vlan, _UNSPECIFIED[version], b.SourcePermitted()))
        if version == 6:
            entries.append(_entry(vlan, _LINK_LOCAL, b.SourcePermitted()))
    return entries + [denied_source(vlan, ip_network(address)) for address in owned]


def denied_source(vlan: VlanId, prefix: IpPrefix) -> SourceEntry:
    """Nobody in the network may send from these addresses."""
    return _entry(vlan, prefix, b.SourceDenied())


def bound_source(vlan: VlanId, prefix: IpPrefix, port: Port, mac: MacAddress) -> SourceEntry:
    """Only one host at one port of this switch may send from these addresses."""
    return _entry(vlan, prefix, b.SourceBound(port, mac))


def elsewhere_source(vlan: VlanId, prefix: IpPrefix) -> SourceEntry:
    """Only a host at another switch may send from these addresses."""
    return _entry(vlan, prefix, b.SourceElsewhere())


def scope_of(subnets: Iterable[IpPrefix], version: int) -> IpAddress:
    """The address that stands for a whole network where rules are judged: of its first subnet of a family."""
    addresses: Iterator[IpAddress] = (
        subnet.network_address for subnet in subnets if subnet.version == version
    )
    return next(addresses, _UNSPECIFIED[version].network_address)


def _entry(vlan: VlanId, prefix: IpPrefix, verdict: Verdict) -> SourceEntry:
    if isinstance(prefix, IPv4Network):
        return b.SourceIpv4(vlan, Lpm(prefix.network_address, prefix.prefixlen), verdict)
    return b.SourceIpv6(vlan, Lpm(prefix.network_address, prefix.prefixlen), verdict)

"""Source guard: which addresses may be sent from the edge ports of a network, and by whom.

The longest prefix decides. Everything here is about one network on one switch; this module knows nothing of
intents or hosts as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from p4fabric.controller.compiler.entries import IpRange, lpm
from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import MacAddress, Port, VlanId

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
            entries += [denied_source(vlan, end) for end in ends]
    for version in sorted({subnet.version for subnet in ranges}):
        entries.append(_entry(vlan, _UNSPECIFIED[version], b.SourcePermitted()))
        if version == 6:
            entries.append(_entry(vlan, _LINK_LOCAL, b.SourcePermitted()))
    return entries + [denied_source(vlan, address) for address in owned]


def denied_source(vlan: VlanId, addresses: IpRange) -> SourceEntry:
    """Nobody in the network may send from these addresses."""
    return _entry(vlan, addresses, b.SourceDenied())


def bound_source(vlan: VlanId, addresses: IpRange, port: Port, mac: MacAddress) -> SourceEntry:
    """Only one host at one port of this switch may send from these addresses."""
    return _entry(vlan, addresses, b.SourceBound(port, mac))


def elsewhere_source(vlan: VlanId, addresses: IpRange) -> SourceEntry:
    """Only a host at another switch may send from these addresses."""
    return _entry(vlan, addresses, b.SourceElsewhere())


def scope_of(subnets: Iterable[IpPrefix], version: int) -> IpAddress:
    """The address that stands for a whole network where rules are judged: of its first subnet of a family."""
    addresses: Iterator[IpAddress] = (
        subnet.network_address for subnet in subnets if subnet.version == version
    )
    return next(addresses, _UNSPECIFIED[version].network_address)


def _entry(vlan: VlanId, addresses: IpRange, verdict: Verdict) -> SourceEntry:
    if isinstance(addresses, IPv4Network | IPv4Address):
        return b.SourceIpv4(vlan, lpm(addresses), verdict)
    return b.SourceIpv6(vlan, lpm(addresses), verdict)

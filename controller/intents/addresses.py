"""Which addresses one host can have, and which ranges subnets, routes and rules can name.

One table for all kinds of intents: gateways, virtual IPs, N3, gNB and UE addresses, servers, next hops
and hosts are all unicast addresses that a packet may come from. This module knows nothing of notations,
nor which field asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

__all__ = ["NO_HOSTS", "edge_of", "not_a_host", "not_a_route", "not_a_rule", "not_a_subnet", "within"]

IpAddress = IPv4Address | IPv6Address
IpPrefix = IPv4Network | IPv6Network

_EMBEDDED = "IPv4 written as IPv6"

NO_HOSTS: tuple[tuple[IpPrefix, str], ...] = tuple(
    (ip_network(prefix), what)
    for prefix, what in (
        ("0.0.0.0/8", "no host's: it means this network (RFC 1122)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved (RFC 1112)"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", f"{_EMBEDDED} (IPv4-compatible, RFC 4291)"),
        ("::ffff:0:0/96", f"{_EMBEDDED} (IPv4-mapped, RFC 4291)"),
        ("::ffff:0:0:0/96", f"{_EMBEDDED} (IPv4-translated, RFC 2765)"),
        ("64:ff9b::/96", f"{_EMBEDDED} (NAT64, RFC 6052)"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
)
"""Ranges in which no host of a network has its address; the first that fits says why.

All else is allowed, the ranges for documentation (192.0.2.0/24, 2001:db8::/32), benchmarks (198.18.0.0/15)
and carriers (100.64.0.0/10) too: labs use them. fec0::/10 is ordinary unicast (RFC 3879)."""

_NO_HOSTS = {
    version: tuple((prefix, what) for prefix, what in NO_HOSTS if prefix.version == version)
    for version in (4, 6)
}

_BEHIND_A_ROUTER = ip_network("64:ff9b::/96")
"""Routed to a translator, though no host of a network has an address there."""


def not_a_host(address: IpAddress) -> str | None:
    """Why no host has an address, or None if one can."""
    for prefix, what in _NO_HOSTS[address.version]:
        if address in prefix:
            return f"{address} is {what}"
    return None


def not_a_subnet(prefix: IpPrefix) -> str | None:
    """Why hosts cannot have the addresses of a prefix, or None: none of them may be in `NO_HOSTS`."""
    for reserved, what in _of_family(prefix):
        if within(prefix, reserved):
            return f"{prefix} is {what}"
        if within(reserved, prefix):
            return f"{prefix} contains {reserved}, which is {what}"
    return None


def not_a_route(prefix: IpPrefix) -> str | None:
    """Why nothing can be behind a router, or None: a default route contains what no host has."""
    for reserved, what in _of_family(prefix):
        if within(prefix, reserved) and not _is_behind_a_router(prefix):
            return f"{prefix} is {what}"
    return None


def not_a_rule(prefix: IpPrefix) -> str | None:
    """Why a rule must not name a prefix, or None.

    Rules may name what never occurs, as lists of bogus sources do; but one for IPv4 written as IPv6 looks
    as if it were about IPv4 packets, and matches none.
    """
    why = next((what for reserved, what in _of_family(prefix) if within(prefix, reserved)), "")
    if not why.startswith(_EMBEDDED) or _is_behind_a_router(prefix):
        return None
    plain = IPv4Network((int(prefix.network_address) & 0xFFFFFFFF, prefix.prefixlen - 96))
    return f"{prefix} is {why} and matches no packet; IPv4 packets are matched by {plain}"


def edge_of(address: IpAddress, subnet: IpPrefix) -> str | None:
    """Which of the two addresses an address is that no host of an IPv4 subnet has, or None."""
    if not isinstance(subnet, IPv4Network) or subnet.prefixlen >= 31:
        return None
    if address == subnet.network_address:
        return f"{address} is the network address of {subnet}"
    if address == subnet.broadcast_address:
        return f"{address} is the broadcast address of {subnet}"
    return None


def _of_family(prefix: IpPrefix) -> Iterator[tuple[IpPrefix, str]]:
    return iter(_NO_HOSTS[prefix.version])


def within(inner: IpPrefix, outer: IpPrefix) -> bool:
    """Whether all of a prefix lies in another."""
    return (
        inner.version == outer.version
        and inner.prefixlen >= outer.prefixlen
        and inner.network_address in outer
    )


def _is_behind_a_router(prefix: IpPrefix) -> bool:
    return prefix.version == 6 and within(prefix, _BEHIND_A_ROUTER)

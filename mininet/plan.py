"""Who is where in the lab: hosts, UEs and bandwidths, as values.

This module knows names, ports and addresses, and nothing that runs. The example intents (`intents/`)
speak of the same places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

__all__ = ["EDGE_DATA_CENTRE", "ONE_SLOW_PORT", "REFERENCE", "TWO_PATHS", "Gnb", "HostPlan", "UePlan", "grid"]

FIRST_UPLINK = 11
"""Port of a leaf towards the first spine; hosts have the ports below."""


@dataclass(frozen=True)
class HostPlan:
    """A host: the leaf port it is plugged into, its addresses, and its link's bandwidth."""

    name: str
    leaf: int
    """Number of the leaf, from 1."""
    port: int
    ipv4: IPv4Interface
    ipv6: IPv6Interface
    bandwidth: float | None = None
    """Mbit/s in each direction; None: as fast as other hosts' links."""

    @property
    def mac(self) -> str:
        """A MAC address that can be read: 02:00 and the IPv4 address."""
        return ":".join(f"{byte:02x}" for byte in b"\x02\x00" + self.ipv4.ip.packed)

    @property
    def gateways(self) -> tuple[str, str]:
        """The first IPv4 and the first IPv6 address of its networks."""
        return str(self.ipv4.network[1]), str(self.ipv6.network[1])


@dataclass(frozen=True)
class UePlan:
    """A UE, known by its address alone: how it is served stands in its UpfSession."""

    name: str
    address: IPv4Address


@dataclass(frozen=True)
class Gnb:
    """A gNB: the host that it runs on, and the UEs in its cell."""

    host: str
    ues: tuple[UePlan, ...]


@dataclass(frozen=True)
class Plan:
    """All of it."""

    hosts: tuple[HostPlan, ...]
    gnb: Gnb | None = None

    def __iter__(self) -> Iterator[HostPlan]:
        """The hosts, in order."""
        return iter(self.hosts)

    def __getitem__(self, name: str) -> HostPlan:
        """One host by its name."""
        return next(host for host in self.hosts if host.name == name)

    def with_bandwidths(self, share: float) -> Plan:
        """The same places, with this part of each bandwidth."""
        slower = (
            host if host.bandwidth is None else replace(host, bandwidth=host.bandwidth * share)
            for host in self.hosts
        )
        return replace(self, hosts=tuple(slower))


def _host(
    name: str, leaf: int, port: int, network: int, number: int, bandwidth: float | None = None
) -> HostPlan:
    ipv4 = IPv4Interface(f"10.0.{network}.{number}/24")
    ipv6 = IPv6Interface(f"2001:db8:{network:x}::{number}/64")
    return HostPlan(name, leaf, port, ipv4, ipv6, bandwidth)


def grid(leaves: int, hosts_per_leaf: int) -> Plan:
    """The same number of hosts on each leaf, one network a leaf."""
    return Plan(
        tuple(
            _host(f"h{(leaf - 1) * hosts_per_leaf + port}", leaf, port, leaf, 10 + port)
            for leaf in range(1, leaves + 1)
            for port in range(1, hosts_per_leaf + 1)
        )
    )


EDGE_DATA_CENTRE = Plan(
    hosts=(
        _host("h1", 1, 1, 1, 11),
        _host("h2", 1, 2, 1, 12),
        _host("h3", 1, 3, 1, 13),
        _host("web1", 2, 1, 2, 11),
        _host("web2", 2, 2, 2, 12),
        _host("web3", 2, 3, 2, 13),
        _host("gnb", 3, 1, 3, 10),
        # Slower than the others, so that one client alone can overload it.
        _host("dn", 3, 2, 4, 10, bandwidth=20),
        _host("h4", 3, 3, 1, 14),
    ),
    gnb=Gnb("gnb", (UePlan("ue1", IPv4Address("10.45.0.2")), UePlan("ue2", IPv4Address("10.45.0.3")))),
)
"""Clients on two leaves, a pool of servers, a gNB with two UEs, and a host in the data network."""

REFERENCE = Plan(hosts=(_host("r1", 11, 1, 8, 11), _host("r2", 12, 1, 9, 11)))
"""Two hosts on leaves of their own: what they exchange, nothing that the lab does can touch."""

ONE_SLOW_PORT = Plan(
    hosts=(
        _host("h1", 1, 1, 1, 11),
        _host("h2", 1, 2, 1, 12),
        _host("h3", 1, 3, 1, 13),
        _host("h4", 2, 1, 1, 14),
        # Half as fast as the others: one client alone can congest it.
        _host("store", 2, 2, 2, 10, bandwidth=20),
    )
)
"""Clients on two leaves, and one server at a slow port."""

TWO_PATHS = Plan(
    hosts=(
        _host("h1", 1, 1, 1, 11),
        _host("h2", 1, 2, 1, 12),
        _host("h3", 1, 3, 1, 13),
        _host("store", 2, 2, 2, 10),
    )
)
"""Clients at one leaf, and a server at another; what is slow lies between."""

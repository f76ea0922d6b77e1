"""What a host says of itself, and what was decided about it, as values.

A claim is one message of a host, or one statement about it: this MAC address, and perhaps this IP address,
is at this port of this network. Which claims are accepted is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from p4fabric.controller.names import IntentKey, PortRef
from p4fabric.controller.topology.model import Host, HostKey
from p4fabric.pipelines.values import MacAddress

__all__ = [
    "AddressConflict",
    "Contest",
    "HostChange",
    "HostClaim",
    "Location",
    "PortFull",
    "Refusal",
    "RefusedClaim",
]

IpAddress = IPv4Address | IPv6Address


class Location(NamedTuple):
    """A MAC address at a port."""

    mac: MacAddress
    port: PortRef


@dataclass(frozen=True, slots=True)
class HostClaim:
    """A MAC address is at a port of a network, perhaps with an IP address."""

    network: IntentKey
    mac: MacAddress
    port: PortRef
    shown: IpAddress | None = None
    """The IP address that the message showed."""

    @property
    def key(self) -> HostKey:
        """Which host this is, if the claim is accepted."""
        return (self.network, self.mac)

    @property
    def address(self) -> IpAddress | None:
        """The address that can be learned: none where it is one that IPv4 hosts make up (RFC 3927)."""
        if isinstance(self.shown, IPv4Address) and self.shown.is_link_local:
            return None
        return self.shown


@dataclass(frozen=True, slots=True)
class Contest:
    """Whose place or IP address is in question."""

    holder: HostKey
    place: PortRef
    """Where the holder is known to be."""
    address: IpAddress | None
    """The IP address in question; None where it is the holder's place."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the rules forbid a claim."""

    reason: str
    spoofed: bool = False
    """It shows an address that is the fabric's own, or stated to be another host's."""
    held_at: PortRef | None = None
    """Where the host with that address is stated to be."""


@dataclass(frozen=True, slots=True)
class RefusedClaim:
    """A host claimed a MAC or IP address that is another's."""

    network: IntentKey
    mac: MacAddress
    address: IpAddress | None
    """The IP address shown; None where the message showed none that can be learned."""
    claimed_at: PortRef
    held_at: PortRef | None
    """Where the holder is; None where it is the fabric."""
    reason: str


@dataclass(frozen=True, slots=True)
class AddressConflict:
    """Two hosts of a network use one IP address: the one that has it answers for it, another claims it."""

    network: IntentKey
    address: IpAddress
    holder: Location
    claimant: Location


@dataclass(frozen=True, slots=True)
class PortFull:
    """A port has as many learned hosts as it may have; another one was not learned."""

    port: PortRef
    limit: int


@dataclass(frozen=True, slots=True)
class HostChange:
    """A host is new, another one, or gone."""

    key: HostKey
    before: Host | None
    after: Host | None
    reason: str
    """Why, in words for an operator."""

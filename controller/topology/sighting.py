"""What one message of a host says, and what became of it, as values.

This module must never know what to believe.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from controller.names import IntentKey, PortRef
from controller.topology.model import HostKey
from pipelines.values import MacAddress

__all__ = ["Contest", "Refusal", "RefusedClaim", "Sighting"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A MAC address was heard at a port of a network, perhaps with an IP address."""

    network: IntentKey
    mac: MacAddress
    port: PortRef
    shown: IPv4Address | IPv6Address | None = None
    """The IP address that the message showed."""

    @property
    def key(self) -> HostKey:
        """Which host this is, if it is believed."""
        return (self.network, self.mac)

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address that can be learned: none where it is one that IPv4 hosts make up (RFC 3927)."""
        if isinstance(self.shown, IPv4Address) and self.shown.is_link_local:
            return None
        return self.shown


@dataclass(frozen=True, slots=True)
class Contest:
    """Whose MAC or IP address a sighting would take."""

    holder: HostKey
    place: PortRef
    """Where the holder is known to be."""
    address: IPv4Address | IPv6Address | None
    """The IP address that would get another host; None where the holder itself would move."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why configuration forbids a sighting."""

    reason: str
    spoofed: bool = False
    """It shows an address that is the fabric's own, or stated to be another host's."""
    held_at: PortRef | None = None
    """Where the host with that address is stated to be."""


@dataclass(frozen=True, slots=True)
class RefusedClaim:
    """Somebody showed an address that is another's."""

    network: IntentKey
    mac: MacAddress
    address: IPv4Address | IPv6Address | None
    """The IP address shown; None where the message showed none that can be learned."""
    claimed_at: PortRef
    held_at: PortRef | None
    """Where the holder is; None where it is the fabric."""
    reason: str

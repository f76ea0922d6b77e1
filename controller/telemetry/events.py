"""What happens in the fabric, as values.

This module must never know who is told, nor what an intent says.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.names import IntentKey, PortRef, SwitchName
from controller.telemetry.congestion import Episode
from controller.telemetry.drops import DropPoint
from controller.topology.model import Host, Link
from controller.topology.sighting import RefusedClaim
from pipelines.values import IPv4Address, IPv6Address, MacAddress

__all__ = [
    "AddressClaimRefused",
    "AddressMoved",
    "CongestionCleared",
    "CongestionOnset",
    "CongestionUpdate",
    "Event",
    "HostForgotten",
    "HostLearned",
    "HostMoved",
    "IntentDeleted",
    "IntentStatusChanged",
    "LinkDown",
    "LinkUp",
    "SwitchConnected",
    "SwitchDisconnected",
    "TrafficDropped",
    "TrafficDropsCleared",
]


@dataclass(frozen=True, slots=True)
class IntentStatusChanged:
    """An intent is in another state now, or in the same one for other reasons."""

    key: IntentKey
    generation: int
    state: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IntentDeleted:
    """An intent is gone; its entries follow."""

    key: IntentKey


@dataclass(frozen=True, slots=True)
class SwitchConnected:
    """The session is primary and the switch runs the pipeline."""

    switch: SwitchName


@dataclass(frozen=True, slots=True)
class SwitchDisconnected:
    """Nothing can be written to the switch; it forwards as it did."""

    switch: SwitchName
    reason: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """One direction of a link was found."""

    link: Link


@dataclass(frozen=True, slots=True)
class LinkDown:
    """One direction of a link is gone."""

    link: Link
    reason: str


@dataclass(frozen=True, slots=True)
class HostLearned:
    """A host was heard for the first time, or with other addresses than before."""

    host: Host


@dataclass(frozen=True, slots=True)
class HostMoved:
    """A host is at another port now."""

    host: Host
    before: PortRef


@dataclass(frozen=True, slots=True)
class AddressMoved:
    """An IP address belongs to another host now: the one that had it did not answer for it."""

    address: IPv4Address | IPv6Address
    host: Host
    mac_before: MacAddress
    before: PortRef


@dataclass(frozen=True, slots=True)
class AddressClaimRefused:
    """Somebody shows an address that is another's: a conflict, or an attack from `claimed_at`.

    Told once a minute for each port and address, however often it is shown.
    """

    claim: RefusedClaim


@dataclass(frozen=True, slots=True)
class HostForgotten:
    """A host is believed no more."""

    host: Host


@dataclass(frozen=True, slots=True)
class CongestionOnset:
    """A queue passed its threshold."""

    episode: Episode


@dataclass(frozen=True, slots=True)
class CongestionUpdate:
    """It goes on."""

    episode: Episode


@dataclass(frozen=True, slots=True)
class CongestionCleared:
    """Nothing was reported for a while."""

    episode: Episode


@dataclass(frozen=True, slots=True)
class TrafficDropped:
    """A port drops more packets for one reason than the threshold allows."""

    point: DropPoint
    packets: int
    """Between the two reads that showed it, `seconds` apart."""
    seconds: float
    rate: float
    """Packets a second."""


@dataclass(frozen=True, slots=True)
class TrafficDropsCleared:
    """It has been below the threshold for a while."""

    point: DropPoint
    packets: int
    """All that were dropped until now."""
    seconds: float
    """From the onset to the last read above the threshold."""
    peak_rate: float


Event = (
    IntentStatusChanged
    | IntentDeleted
    | SwitchConnected
    | SwitchDisconnected
    | LinkUp
    | LinkDown
    | HostLearned
    | HostMoved
    | AddressMoved
    | AddressClaimRefused
    | HostForgotten
    | CongestionOnset
    | CongestionUpdate
    | CongestionCleared
    | TrafficDropped
    | TrafficDropsCleared
)

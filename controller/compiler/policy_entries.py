"""Entries of policies by identity: who is where, which ports differ, and what rules of three tiers say.

Values in, entries out. This module does not know where identities, classes and rules come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network

from p4fabric.controller.compiler.entries import IpRange, lpm
from p4fabric.controller.intents.fields import IpAddress
from p4fabric.pipelines.entities import Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import (
    Identity,
    IpProtocol,
    L4Port,
    MacAddress,
    PolicyRule,
    Port,
    PortClass,
    VlanId,
    VrfId,
)

__all__ = [
    "Place",
    "PolicyEntry",
    "RuleTable",
    "Side",
    "Tier",
    "Verdict",
    "endpoint_source",
    "identified_source",
    "peer",
    "port_class",
    "track",
]

RuleTable = (
    b.EgressAdminRules
    | b.EgressNetworkRules
    | b.EgressBaselineRules
    | b.IngressAdminRules
    | b.IngressNetworkRules
    | b.IngressBaselineRules
)


class Tier(Enum):
    """Who says so; the first that allows or denies decides."""

    ADMIN = "Admin"
    NETWORK = "Network"
    BASELINE = "Baseline"


class Side(Enum):
    """Whose policy it is: that of the connection's originator, or of its responder."""

    EGRESS = "Egress"
    INGRESS = "Ingress"


class Verdict(Enum):
    """What a rule says."""

    ALLOW = "Allow"
    DENY = "Deny"
    PASS = "Pass"
    """The next tier decides."""


class Place(Enum):
    """Where an endpoint is, seen from a switch."""

    ELSEWHERE = 0
    HERE = 1
    """At one of its ports."""
    HOST = 2
    """It is the host of those."""


_TABLES: dict[tuple[Side, Tier], type[RuleTable]] = {
    (side, tier): getattr(b, f"{side.value}{tier.value}Rules") for side in Side for tier in Tier
}


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """What one tier says to connections between two blocks of identities. None matches all."""

    tier: Tier
    side: Side
    vrf: VrfId
    source: Ternary[Identity] | None
    """The originator's."""
    destination: Ternary[Identity] | None
    """The responder's."""
    ports: Ternary[PortClass] | None
    """Of the responder's port."""
    icmp: Ternary[int] | None
    """Type and code, a byte each; 0 for other protocols."""
    priority: int
    """The highest wins."""
    verdict: Verdict
    rule: PolicyRule
    generation: int | None = None
    """Holds only while the tenant's policies are of this generation, 0 or 1."""

    def entry(self) -> RuleTable:
        """As a switch has it."""
        table = _TABLES[self.side, self.tier]
        action = getattr(b, f"{self.side.value}{self.tier.value}{self.verdict.value}")
        match = (self.source, self.destination, self.ports, self.icmp)
        return table(self.vrf, _of(self.generation), *match, self.priority, action(self.rule))


def track(vrf: VrfId, generation: int = 0) -> b.Tracking:
    """Judge a tenant's connections by its policies of a generation."""
    return b.Tracking(vrf, b.Track(bool(generation)))


def peer(
    vrf: VrfId, addresses: IpRange, identity: Identity, place: Place = Place.ELSEWHERE
) -> b.PeersIpv4 | b.PeersIpv6:
    """Who has addresses that packets are for."""
    action = b.Peer(identity, place.value)
    if isinstance(addresses, IPv4Network | IPv4Address):
        return b.PeersIpv4(vrf, lpm(addresses), action)
    return b.PeersIpv6(vrf, lpm(addresses), action)


def endpoint_source(
    vlan: VlanId,
    address: IpAddress,
    port: Port,
    mac: MacAddress,
    identity: Identity,
    *,
    is_host: bool = False,
) -> b.SourceIpv4 | b.SourceIpv6:
    """Only this endpoint at this port may send from an address.

    `is_host`: it is the host of the other endpoints at this switch.
    """
    action = b.SourceEndpoint(port, mac, identity, is_host)
    if isinstance(address, IPv4Address):
        return b.SourceIpv4(vlan, lpm(address), action)
    return b.SourceIpv6(vlan, lpm(address), action)


def identified_source(vlan: VlanId, addresses: IpRange, identity: Identity) -> b.SourceIpv4 | b.SourceIpv6:
    """Anybody in a network may send from these addresses, such as those behind its router."""
    action = b.SourceIdentified(identity)
    if isinstance(addresses, IPv4Network | IPv4Address):
        return b.SourceIpv4(vlan, lpm(addresses), action)
    return b.SourceIpv6(vlan, lpm(addresses), action)


def port_class(
    vrf: VrfId,
    protocol: IpProtocol,
    ports: Ternary[L4Port] | None,
    priority: int,
    number: PortClass,
    generation: int | None = None,
) -> b.PortClasses:
    """A block of a protocol's ports that rules tell apart from others."""
    return b.PortClasses(vrf, _of(generation), protocol, ports, priority, b.Classify(number))


def _of(generation: int | None) -> Ternary[bool] | None:
    return None if generation is None else Ternary(bool(generation), 1)

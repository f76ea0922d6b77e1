"""What tenants ask for and who is where, as the evaluator reads it and as the intents' documents say it.

One leaf is looked at, `leaf1`, with edge ports 1 to 9, a port in no network and one link to a spine; some
hosts are behind that link. Plain values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

__all__ = [
    "CLOSED_PORT",
    "EDGE_PORTS",
    "FABRIC_PORT",
    "FAR_LEAF",
    "LEAF",
    "ROUTER",
    "Host",
    "Net",
    "Place",
    "Policy",
    "Rule",
    "Service",
    "Session",
    "World",
]

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network

LEAF, FAR_LEAF = "leaf1", "leaf2"
EDGE_PORTS = tuple(range(1, 10))
CLOSED_PORT, FABRIC_PORT = 10, 11
ROUTER = 0x02005E000001
FLOOD_RATE = 1_000_000
"""The most there is: a flood is not what is looked for here."""


@dataclass(eq=False)
class Place:
    """One attachment of a network."""

    switch: str
    port: int
    tag: int | None
    mac: int | None = None
    addresses: tuple[Address, ...] = ()
    trusted: tuple[str, ...] = ()


@dataclass(eq=False)
class Host:
    """Somebody who is known: stated in an attachment, or learned there."""

    mac: int
    place: Place
    addresses: tuple[Address, ...]
    stated: bool


@dataclass(eq=False)
class Net:
    """A network."""

    tenant: str
    name: str
    subnets: tuple[Prefix, ...] = ()
    gateways: tuple[Address, ...] = ()
    places: list[Place] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    routes: list[tuple[Prefix, Address]] = field(default_factory=list)

    def subnets_of(self, version: int) -> list[Prefix]:
        """Those of a family."""
        return [subnet for subnet in self.subnets if subnet.version == version]


@dataclass(eq=False)
class Rule:
    """A firewall rule as the documents have it; None and () match everything."""

    action: str
    source: Net | Prefix | None
    destination: Net | Prefix | None
    protocol: str | None
    ports: tuple[tuple[int, int], ...]
    established: bool


@dataclass(eq=False)
class Policy:
    """Rules of a tenant; larger priorities first."""

    tenant: str
    name: str
    priority: int
    rules: list[Rule]


@dataclass(eq=False)
class Service:
    """A virtual IP and port, and its servers."""

    tenant: str
    name: str
    address: IPv4Address
    protocol: str
    port: int
    pool: list[tuple[IPv4Address, int]]


@dataclass(eq=False)
class Session:
    """A UE's tunnel."""

    tenant: str
    name: str
    access: Net
    data: Net
    n3: IPv4Address
    gnb: IPv4Address
    uplink: int
    downlink: int
    ue: IPv4Address


@dataclass(eq=False)
class World:
    """All of it."""

    seed: int
    nets: list[Net]
    policies: list[Policy]
    services: list[Service]
    sessions: list[Session]

    def slots(self) -> dict[tuple[int, int | None], tuple[Net, Place]]:
        """What is open at the leaf, by port and tag."""
        return {
            (place.port, place.tag): (net, place)
            for net in self.nets
            for place in net.places
            if place.switch == LEAF
        }

    def rules_of(self, tenant: str) -> list[Rule]:
        """In the order in which they are tried; policies that are admitted together come by their names."""
        own = [policy for policy in self.policies if policy.tenant == tenant]
        own.sort(key=lambda policy: (-policy.priority, policy.name))
        return [rule for policy in own for rule in policy.rules]

    def documents(self) -> list[dict[str, Any]]:
        """The intents."""
        documents = [_network(net) for net in self.nets]
        for policy in self.policies:
            rules = [_rule(number, rule) for number, rule in enumerate(policy.rules)]
            documents.append(_intent("FirewallPolicy", policy, priority=policy.priority, rules=rules))
        for service in self.services:
            pool = [{"address": str(address), "port": port} for address, port in service.pool]
            given = {"virtualIp": str(service.address), "protocol": service.protocol, "port": service.port}
            documents.append(_intent("Service", service, **given, pool=pool))
        for session in self.sessions:
            spec = {
                "accessNetwork": session.access.name,
                "dataNetwork": session.data.name,
                "n3Address": str(session.n3),
                "gnbAddress": str(session.gnb),
                "uplinkTeid": session.uplink,
                "downlinkTeid": session.downlink,
                "ueAddress": str(session.ue),
                "qfi": 9,
            }
            documents.append(_intent("UpfSession", session, **spec))
        return documents


def _intent(kind: str, one: Net | Policy | Service | Session, **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "tenant": one.tenant, "name": one.name, "spec": spec}


def mac_text(mac: int) -> str:
    """With colons."""
    return mac.to_bytes(6, "big").hex(":")


def _network(net: Net) -> dict[str, Any]:
    attachments = []
    for place in net.places:
        one: dict[str, Any] = {"switch": place.switch, "port": place.port, "trusted": list(place.trusted)}
        if place.tag is not None:
            one["vlan"] = place.tag
        if place.mac is not None:
            one["mac"] = mac_text(place.mac)
            one["addresses"] = [str(address) for address in place.addresses]
        attachments.append(one)
    return _intent(
        "Network",
        net,
        subnets=[str(subnet) for subnet in net.subnets],
        gateways=[str(gateway) for gateway in net.gateways],
        attachments=attachments,
        routes=[{"prefix": str(prefix), "via": str(via)} for prefix, via in net.routes],
        floodRate=FLOOD_RATE,
    )


def _rule(number: int, rule: Rule) -> dict[str, Any]:
    document: dict[str, Any] = {"name": f"rule-{number}", "action": rule.action}
    for side, endpoint in (("from", rule.source), ("to", rule.destination)):
        if endpoint is not None:
            named = {"network": endpoint.name} if isinstance(endpoint, Net) else {"cidr": str(endpoint)}
            document[side] = named
    if rule.protocol is not None:
        document["protocol"] = rule.protocol
    if rule.ports:
        document["ports"] = [f"{first}-{last}" for first, last in rule.ports]
    if rule.established:
        document["established"] = True
    return document

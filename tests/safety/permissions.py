"""What intents allow, told from the documents alone: nothing here knows a VLAN, a VRF, or an entry.

A version is what was asked for, and which hosts were heard, at one moment. Of a packet that entered at one
port and came out at another it is asked whether switches between two states may have let it through:

* The port where it entered is one network's. Only versions in which it is so count for the rest.
* One of these takes the sender's address for its own.
* One of these, and not one that is older, allows the packet: a sender is let in by no version before its
  rules stand. An old sender may meet newer rules.
* One of them all has the destination's network (or the session, or the routed prefix, behind which it is).
* The port where it comes out is that network's, in a version that its switch may still hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network

from p4fabric.controller.intents import IntentDocument
from p4fabric.controller.intents.kinds.firewall import FirewallPolicy, FirewallRule, RuleEnd
from p4fabric.controller.intents.kinds.network import ROUTER_MAC, Attachment, Network
from p4fabric.controller.intents.kinds.service import Service
from p4fabric.controller.intents.kinds.upf import UpfSession
from p4fabric.controller.names import IntentKey, PortRef, TenantName
from p4fabric.controller.topology.model import Host, HostKey
from p4fabric.pipelines.values import MacAddress

from .packets import Packet, Sent

__all__ = ["Version", "may_pass"]

_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1}
NetworkId = tuple[IntentKey, int]
"""A network, and the version in which it was created: one of the same name later is another."""


@dataclass(frozen=True, eq=False)
class Version:
    number: int
    intents: Mapping[IntentKey, IntentDocument]
    heard: Mapping[HostKey, Host]
    born: Mapping[IntentKey, int] = field(default_factory=dict)
    """When each intent was created."""

    def networks(self, tenant: TenantName) -> Iterator[Network]:
        return (i for i in self.intents.values() if isinstance(i, Network) and i.tenant == tenant)

    def sessions(self, tenant: TenantName) -> Iterator[UpfSession]:
        return (i for i in self.intents.values() if isinstance(i, UpfSession) and i.tenant == tenant)

    def services(self, tenant: TenantName) -> Iterator[Service]:
        return (i for i in self.intents.values() if isinstance(i, Service) and i.tenant == tenant)

    def id_of(self, network: Network) -> NetworkId:
        return network.key, self.born[network.key]

    def enters(self, port: PortRef, tag: int | None) -> tuple[Network, Attachment] | None:
        """The network that a frame belongs to by its port and tag."""
        for intent in self.intents.values():
            if isinstance(intent, Network):
                for attachment in intent.spec.attachments:
                    if attachment.ref == port and attachment.vlan == tag:
                        return intent, attachment
        return None

    def has_port(self, network: NetworkId, port: PortRef) -> bool:
        found = self.intents.get(network[0])
        return (
            isinstance(found, Network)
            and self.born[found.key] == network[1]
            and any(attachment.ref == port for attachment in found.spec.attachments)
        )

    def home_of(self, tenant: TenantName, address: IPv4Address) -> Network | None:
        return next((n for n in self.networks(tenant) if any(address in s for s in n.spec.subnets)), None)

    def takes_source(self, network: Network, attachment: Attachment, packet: Packet) -> bool:
        """Whether the host at a port may send as who it says."""
        if packet.src_mac == ROUTER_MAC or attachment.mac not in (None, packet.src_mac):
            return False
        source, tenant = packet.src, network.tenant
        if source in network.spec.gateways:
            return False
        if any(source == service.spec.virtual_ip for service in self.services(tenant)):
            return False
        if any(source in (s.spec.n3_address, s.spec.ue_address) for s in self.sessions(tenant)):
            return False
        subnet = next((s for s in network.spec.subnets if source in s), None)
        if not isinstance(subnet, IPv4Network):
            # It is behind a router, if it is no other network's.
            route = self.route_of([network], source)
            if route is None or self.home_of(tenant, source) is not None:
                return False
            return (attachment.ref, packet.src_mac) in self.hosts_at(*route)
        if source in (subnet.network_address, subnet.broadcast_address):
            return False
        owners = self.hosts_at(network, source)
        if owners:
            return (attachment.ref, packet.src_mac) in owners
        return not attachment.addresses

    def hosts_at(self, network: Network, address: IPv4Address) -> list[tuple[PortRef, MacAddress | None]]:
        """Where a network's host with an address is, and its MAC address."""
        stated = [a for a in network.spec.attachments if address in a.addresses]
        return [(a.ref, a.mac) for a in stated] or [
            (host.attachment, host.mac)
            for host in self.heard.values()
            if host.network == network.key and address in host.addresses
        ]

    def route_of(
        self, networks: Iterable[Network], address: IPv4Address
    ) -> tuple[Network, IPv4Address] | None:
        """The network and the next hop behind which an address is: of the longest prefix, if it was seen."""
        found = [
            (route.prefix.prefixlen, network, route.via)
            for network in networks
            for route in network.spec.routes
            if isinstance(route.via, IPv4Address)
            and address in route.prefix
            and self.hosts_at(network, route.via)
        ]
        return max(found, key=lambda each: each[0])[1:] if found else None

    def leads_to(self, tenant: TenantName, address: IPv4Address) -> Network | None:
        """The network that packets for an address are sent to, but for sessions."""
        home = self.home_of(tenant, address)
        if home is not None:
            return home
        services, sessions = self.services(tenant), self.sessions(tenant)
        if any(address == one.spec.virtual_ip for one in services):
            return None
        if any(address in (one.spec.n3_address, one.spec.ue_address) for one in sessions):
            return None
        route = self.route_of(self.networks(tenant), address)
        return None if route is None else route[0]

    def allows(self, tenant: TenantName, packet: Packet) -> bool:
        """Whether the tenant's rules allow a packet to its real destination."""
        policies = [i for i in self.intents.values() if isinstance(i, FirewallPolicy) and i.tenant == tenant]
        for policy in sorted(policies, key=lambda p: -p.spec.priority):
            for rule in policy.spec.rules:
                if self._matches(tenant, rule, packet):
                    return rule.action == "allow"
        return True

    def _matches(self, tenant: TenantName, rule: FirewallRule, packet: Packet) -> bool:
        return (
            not rule.established
            and self._is_in(tenant, rule.source, packet.src)
            and self._is_in(tenant, rule.destination, packet.dst)
            and (rule.protocol is None or _PROTOCOLS[rule.protocol] == packet.protocol)
            and (not rule.ports or any(p.first <= packet.dst_port <= p.last for p in rule.ports))
        )

    def _is_in(self, tenant: TenantName, endpoint: RuleEnd | None, address: IPv4Address) -> bool:
        if endpoint is None:
            return True
        if endpoint.cidr is not None:
            return address in endpoint.cidr
        key = IntentKey("Network", tenant, endpoint.network or "")
        network = self.intents.get(key)
        return isinstance(network, Network) and any(address in subnet for subnet in network.spec.subnets)


def may_pass(sent: Sent, out: PortRef, here: Iterable[Version], there: Iterable[Version]) -> bool:
    """Whether a packet may come out at a port.

    Args:
        sent: the packet, and the port where it entered.
        out: the port where it comes out.
        here: the versions that the switch where it entered may hold, or be between.
        there: those that the switch where it comes out may hold.
    """
    by_network: dict[NetworkId, list[Version]] = {}
    for version in here:
        found = version.enters(sent.port, sent.tag)
        if found is not None:
            by_network.setdefault(version.id_of(found[0]), []).append(version)
    there = list(there)
    return any(_may_pass(sent, out, network, versions, there) for network, versions in by_network.items())


def _may_pass(
    sent: Sent, out: PortRef, network: NetworkId, here: list[Version], there: list[Version]
) -> bool:
    packet = sent.packet
    first = next((number for number, version in enumerate(here) if _takes_source(version, sent)), None)
    if first is None:
        return False
    tenant, judging = network[0].tenant, here[first:]
    if packet.dst_mac != ROUTER_MAC:
        return any(packet.is_arp or version.allows(tenant, packet) for version in judging) and any(
            version.has_port(network, out) for version in there
        )
    if packet.is_arp:
        return False
    real = set(_real_packets(tenant, packet, here))
    allowed = {one for one in real for version in judging if version.allows(tenant, one)}
    return any(
        version.has_port(destination, out)
        for destination in _destinations(tenant, allowed, here)
        for version in there
    )


@lru_cache(maxsize=100_000)
def _takes_source(version: Version, sent: Sent) -> bool:
    found = version.enters(sent.port, sent.tag)
    return found is not None and version.takes_source(*found, sent.packet)


def _destinations(tenant: TenantName, packets: set[Packet], versions: list[Version]) -> set[NetworkId]:
    """The networks that routed packets may be for."""
    return {network for version in versions for one in packets for network in _of(version, tenant, one)}


@lru_cache(maxsize=100_000)
def _of(version: Version, tenant: TenantName, packet: Packet) -> tuple[NetworkId, ...]:
    """The networks that one version sends a packet to."""
    if not version.allows(tenant, packet):
        return ()
    found = []
    network = version.leads_to(tenant, packet.dst)
    if network is not None:
        found.append(version.id_of(network))
    for session in version.sessions(tenant):
        if session.spec.ue_address == packet.dst:
            key = IntentKey("Network", tenant, session.spec.access_network)
            access = version.intents[key]
            assert isinstance(access, Network)
            found.append(version.id_of(access))
    return tuple(found)


def _real_packets(tenant: TenantName, packet: Packet, versions: list[Version]) -> Iterator[Packet]:
    """What rules see: the packet out of its tunnel, for a server instead of a virtual IP."""
    yield packet
    for version in versions:
        inner = packet.inner
        for session in version.sessions(tenant):
            spec = session.spec
            if inner is not None and (packet.src, packet.dst, packet.teid, inner.src) == (
                spec.gnb_address,
                spec.n3_address,
                spec.uplink_teid,
                spec.ue_address,
            ):
                yield inner
        for service in version.services(tenant):
            asked = service.spec
            front = (asked.virtual_ip, _PROTOCOLS[asked.protocol], asked.port)
            if front == (packet.dst, packet.protocol, packet.dst_port):
                for member in asked.pool:
                    yield replace(packet, dst=member.address, dst_port=int(member.port))

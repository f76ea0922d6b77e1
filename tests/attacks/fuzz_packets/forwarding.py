"""Where a frame that may pass comes out: bridging, routing, services and sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network
from typing import Self

from tests.attacks.fuzz_packets import frames as f
from tests.attacks.fuzz_packets.fabric import FABRIC_PORT, LEAF, ROUTER, Host, Net, Place, Session, World
from tests.attacks.fuzz_packets.sources import in_subnet

__all__ = ["Exit", "Forwarding", "Way"]

PROTOCOLS = {"tcp": f.TCP, "udp": f.UDP}


@dataclass(frozen=True, slots=True)
class Exit:
    """A frame that comes out: its port, tag and destination MAC, and what else is sure of it."""

    port: int
    tag: int | None
    mac: int | None
    answer: bool = False
    routed: bool = False
    ip: tuple[int, int, int] | None = None
    """Of a packet that is routed, or whose source is translated: source, destination, TTL."""
    tunnel: tuple[int, int, int] | None = None
    """N3 address, gNB and TEID that it is wrapped for."""

    @classmethod
    def answer_at(cls, place: Place) -> Self:
        """The fabric answers where the question came in."""
        return cls(place.port, place.tag, None, True)


Way = tuple[Exit, ...]


class Forwarding:
    """The ways of one world."""

    def __init__(self, world: World, vlans: dict[str, int]) -> None:
        self._world = world
        self._vlans = vlans
        self._hosts: dict[tuple[Net, int], Host] = {}
        self._addresses: dict[tuple[str, int, int], tuple[Net, Host]] = {}
        self._subnets: dict[tuple[str, int], list[IPv4Network | IPv6Network]] = {}
        for net in world.nets:
            for version in (4, 6):
                subnets = self._subnets.setdefault((net.tenant, version), [])
                subnets += net.subnets_of(version) if net.gateways else []
            for host in net.hosts:
                self._hosts[net, host.mac] = host
                for address in host.addresses:
                    self._addresses[net.tenant, address.version, int(address)] = (net, host)
        self._n3 = {(one.tenant, int(one.n3)) for one in world.sessions}
        self._uplinks = {(one.tenant, int(one.n3), one.uplink): one for one in world.sessions}
        self._ues = {(one.tenant, int(one.ue)): one for one in world.sessions}
        self._virtual = {(one.tenant, int(one.address)) for one in world.services}
        self._members = {
            (one.tenant, int(address), PROTOCOLS[one.protocol]): (port, one)
            for one in world.services
            for address, port in one.pool
        }

    # --- what the fabric is ----------------------------------------------------------------------

    def owns(self, net: Net, version: int, address: int) -> bool:
        """Whether the fabric answers for an address in a network."""
        if any(one.version == version and int(one) == address for one in net.gateways):
            return True
        if version == 6:
            return False
        inside = any(in_subnet(address, subnet) for subnet in net.subnets_of(4))
        if (net.tenant, address) in self._virtual:
            return inside and any(gateway.version == 4 for gateway in net.gateways)
        return any(one.access is net and int(one.n3) == address for one in self._world.sessions)

    def is_routed(self, net: Net, mac: int) -> bool:
        """Whether a frame to a MAC address is for the network's router."""
        return mac == ROUTER and bool(net.gateways)

    def is_n3(self, tenant: str, address: int) -> bool:
        """Whether tunnels of the tenant end at an address."""
        return (tenant, address) in self._n3

    def session(self, tenant: str, n3: int, teid: int) -> Session | None:
        """The session of an uplink tunnel."""
        return self._uplinks.get((tenant, n3, teid))

    def servers(self, tenant: str, packet: f.Ip) -> list[f.Ip] | None:
        """What a packet to a virtual IP may become; None if it is to none."""
        if packet.version != 4 or (tenant, packet.destination) not in self._virtual:
            return None
        for one in self._world.services:
            front = (one.tenant, int(one.address), PROTOCOLS[one.protocol], one.port)
            if front == (tenant, packet.destination, packet.protocol, packet.dport):
                return [replace(packet, destination=int(to), dport=port) for to, port in one.pool]
        raise f.Refused("20 no service")

    # --- where it goes ---------------------------------------------------------------------------

    def bridge(self, net: Net, place: Place, link: f.Link, packet: f.Ip | None) -> Way:
        """By MAC address, or to everybody; a server's packet leaves as the virtual IP's here, too."""
        way = self._bridge(net, place, link)
        if packet is None or packet.version == 6:
            return way
        try:
            source = self._translated(net.tenant, packet)
        except f.Refused:
            return tuple(exit for exit in way if exit.port == FABRIC_PORT)
        if source == packet.source:
            return way
        seen = (source, packet.destination, packet.ttl)
        return tuple(exit if exit.port == FABRIC_PORT else replace(exit, ip=seen) for exit in way)

    def deliver(self, link: f.Link, packet: f.Ip) -> Way:
        """What comes in at the fabric's link goes to the network's places here."""
        net = next(net for net in self._world.nets if self._vlan(net) == link.tag)
        return self.bridge(net, Place(LEAF, FABRIC_PORT, link.tag), link, packet)

    def _bridge(self, net: Net, place: Place, link: f.Link) -> Way:
        host = self._hosts.get((net, link.destination))
        if host is not None:
            return (self._to_place(net, host.place, link.destination),)
        exits = [self._to_place(net, one, link.destination) for one in net.places if one.switch == LEAF]
        if any(one.switch != LEAF for one in net.places):
            exits.append(Exit(FABRIC_PORT, self._vlan(net), link.destination))
        return tuple(exit for exit in exits if exit.port != place.port)

    def route(self, net: Net, packet: f.Ip) -> Way:
        """In the tenant's VRF."""
        tunnel = None
        destination = packet.destination
        session = self._ues.get((net.tenant, destination)) if packet.version == 4 else None
        if session is not None:
            tunnel = (int(session.n3), int(session.gnb), session.downlink)
            destination = int(session.gnb)
        found = self._next_hop(net.tenant, packet.version, destination)
        if found is None:
            return ()
        target, host = found
        exit = self._to_place(target, host.place, host.mac)
        leaves = exit.port != FABRIC_PORT or tunnel is not None
        source = self._translated(net.tenant, packet) if leaves else packet.source
        return (replace(exit, routed=True, ip=(source, packet.destination, packet.ttl - 1), tunnel=tunnel),)

    def _translated(self, tenant: str, packet: f.Ip) -> int:
        """The source under which a packet leaves the fabric: a pool member's becomes the virtual IP's."""
        for one in self._world.services:
            for address, port in one.pool if one.tenant == tenant and packet.version == 4 else ():
                if int(address) == packet.source and PROTOCOLS[one.protocol] == packet.protocol:
                    if packet.later or packet.sport == 0:
                        raise f.Refused("20 a server's fragment")
                    if packet.sport == port:
                        return int(one.address)
        return packet.source

    def _next_hop(self, tenant: str, version: int, destination: int) -> tuple[Net, Host] | None:
        direct = self._addresses.get((tenant, version, destination))
        if direct is not None and any(one.version == version for one in direct[0].gateways):
            return direct
        if any(in_subnet(destination, subnet) for subnet in self._subnets[tenant, version]):
            return None
        routes = [
            (prefix.prefixlen, int(via))
            for net in self._world.nets
            for prefix, via in net.routes
            if net.tenant == tenant and prefix.version == version and in_subnet(destination, prefix)
        ]
        if not routes:
            return None
        _, hop = max(routes)
        return self._addresses.get((tenant, version, hop))

    def _to_place(self, net: Net, place: Place, mac: int) -> Exit:
        if place.switch != LEAF:
            return Exit(FABRIC_PORT, self._vlan(net), mac)
        return Exit(place.port, place.tag, mac)

    def _vlan(self, net: Net) -> int:
        return self._vlans[f"{net.tenant}/{net.name}"]

"""Random packets of a world's hosts: to each other, to services, into and out of tunnels, and wrong ones."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from random import Random

from p4fabric.controller.explain.packet import (
    ACK,
    BROADCAST,
    ECHO_REQUEST,
    GTPU_PORT,
    ICMP,
    ICMPV6,
    SYN,
    TCP,
    UDP,
    Packet,
    group_mac,
    question,
)
from p4fabric.controller.explain.question import Question
from p4fabric.controller.intents.fields import IpAddress
from p4fabric.controller.names import PortRef, SwitchName, TenantName
from p4fabric.pipelines.values import IPv4Address, MacAddress, Port, Teid, VlanId
from tests.attacks.fuzz_packets.fabric import ROUTER, Host, Net, World
from tests.explain.switches import NAMES

__all__ = ["Flows"]

Sent = tuple[PortRef, Packet]


class Flows:
    """A world's packets, the same for the same seed."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._random = world, Random(seed)
        self._hosts = [(net, host) for net in world.nets for host in net.hosts if host.addresses]
        self._ports = [0, 22, 23, 53, 80, 443, 67, 68, 546, 2152, 8000, 8001, 8002, 60000, 65535]
        for policy in world.policies:
            for rule in policy.rules:
                for first, last in rule.ports:
                    self._ports += [first, last, max(0, first - 1), min(65535, last + 1)]

    def next(self) -> Sent:
        """The next packet, and where it enters."""
        random = self._random
        make = random.choice(
            (self._plain,) * 6 + (self._to_service, self._uplink, self._uplink, self._asking)
        )
        port, packet = make()
        if random.random() < 0.15:
            return self._spoiled(port, packet)
        return port, packet

    def question(self) -> Question:
        """What somebody might ask about the world."""
        random = self._random
        net, host, source = self._sender()
        _, _, destination = self._receiver(net.tenant, source.version)
        asked = str(source)
        if random.random() < 0.2:
            tag = f".{host.place.tag}" if host.place.tag is not None else ""
            asked = f"{host.place.switch}:{host.place.port}{tag}"
        elif random.random() < 0.2 and destination.version == 4:
            session = random.choice(self._world.sessions)
            asked = session.name if session.tenant == net.tenant else asked
        port = random.choice(self._ports)
        kind, to = random.choice((("tcp", port), ("udp", port), (None, None)))
        source_port = random.choice((None, random.randrange(1 << 16))) if kind else None
        return Question(asked, str(destination), TenantName(net.tenant), kind, source_port, to)

    def _sender(self) -> tuple[Net, Host, IpAddress]:
        net, host = self._random.choice(self._hosts)
        return net, host, self._random.choice(host.addresses)

    def _receiver(self, tenant: str, version: int) -> tuple[Net | None, Host | None, IpAddress]:
        """Somebody of the tenant, or an address that nobody has."""
        random = self._random
        known = [
            (net, host, address)
            for net, host in self._hosts
            if net.tenant == tenant
            for address in host.addresses
            if address.version == version
        ]
        if known and random.random() < 0.7:
            return random.choice(known)
        others: list[IpAddress] = []
        for net in self._world.nets:
            if net.tenant == tenant:
                others += [one for one in net.gateways if one.version == version]
                others += [subnet[9] for subnet in net.subnets_of(version)]
                others += [prefix[5] for prefix, _ in net.routes if prefix.version == version]
        if version == 4:
            others += [one.ue for one in self._world.sessions if one.tenant == tenant] * 3
            others += [one.n3 for one in self._world.sessions if one.tenant == tenant]
            others += [one.address for one in self._world.services if one.tenant == tenant]
            others.append(ip_address("203.0.113.7"))
        else:
            others.append(ip_address("2001:db8:ffff::7"))
        return None, None, random.choice(others)

    def _transport(self, packet: Packet) -> Packet:
        random = self._random
        ports = (random.choice((*self._ports, random.randrange(1 << 16))), random.choice(self._ports))
        match random.randrange(5):
            case 0 | 1:
                flags = random.choice((SYN, ACK, SYN | ACK, 0x14, 0x11))
                return replace(packet, protocol=TCP, src_port=ports[0], dst_port=ports[1], tcp_flags=flags)
            case 2 | 3:
                # G-PDUs are made elsewhere; what only looks like one is no packet of ours.
                to = ports[1] if ports[1] != GTPU_PORT else 53
                return replace(packet, protocol=UDP, src_port=ports[0], dst_port=to)
        if packet.src.version == 4:
            return replace(packet, protocol=ICMP, icmp_type=ECHO_REQUEST[4])
        # Router solicitations and advertisements, redirects, multicast listeners' reports.
        kind = random.choice((ECHO_REQUEST[6], ECHO_REQUEST[6], 133, 134, 137, 131, 143))
        return replace(packet, protocol=ICMPV6, icmp_type=kind, ttl=random.choice((1, 64, 255)))

    def _at(self, net: Net, host: Host) -> tuple[PortRef, VlanId | None]:
        place = host.place
        tag = None if place.tag is None else VlanId(place.tag)
        return PortRef(SwitchName(place.switch), Port(place.port)), tag

    def _plain(self) -> Sent:
        net, host, source = self._sender()
        port, tag = self._at(net, host)
        there, other, destination = self._receiver(net.tenant, source.version)
        to = MacAddress(ROUTER)
        if other is not None and there is net:
            to = MacAddress(other.mac)
        elif self._random.random() < 0.1:
            to = self._random.choice((MacAddress(0x02ABCDEF0001), BROADCAST))
        packet = Packet(MacAddress(host.mac), to, tag, source, destination, None)
        return port, self._transport(packet)

    def _to_service(self) -> Sent:
        if not self._world.services:
            return self._plain()
        service = self._random.choice(self._world.services)
        protocol = TCP if service.protocol == "tcp" else UDP
        for _ in range(20):
            net, host, source = self._sender()
            if net.tenant == service.tenant and source.version == 4:
                break
        port, tag = self._at(net, host)
        if source.version != 4:
            return self._plain()
        sent = Packet(
            MacAddress(host.mac), MacAddress(ROUTER), tag, source, service.address, protocol,
            self._random.randrange(1, 1 << 16), service.port, SYN if protocol == TCP else 0,
        )  # fmt: skip
        if self._random.random() < 0.5:
            return port, sent
        # A server's answer.
        address, server_port = self._random.choice(service.pool)
        for net, host in self._hosts:
            if net.tenant == service.tenant and address in host.addresses:
                port, tag = self._at(net, host)
                return port, replace(
                    sent, src_mac=MacAddress(host.mac), tag=tag, src=address, dst=source,
                    src_port=server_port, dst_port=sent.src_port, tcp_flags=SYN | ACK,
                )  # fmt: skip
        return port, sent

    def _uplink(self) -> Sent:
        session = self._random.choice(self._world.sessions)
        gnbs = [
            (net, host)
            for net, host in self._hosts
            if session.gnb in host.addresses and net is session.access
        ]
        net, host = self._random.choice(gnbs) if gnbs else self._random.choice(self._hosts)
        port, tag = self._at(net, host)
        mac, router = MacAddress(host.mac), MacAddress(ROUTER)
        _, _, destination = self._receiver(session.tenant, 4)
        ue = session.ue if self._random.random() < 0.9 else IPv4Address("10.45.0.99")
        inner = self._transport(Packet(mac, router, None, ue, destination, None))
        return port, Packet(
            mac, router, tag, session.gnb, session.n3, UDP, GTPU_PORT, GTPU_PORT,
            teid=Teid(session.uplink if self._random.random() < 0.9 else 0x999), inner=inner,
        )  # fmt: skip

    def _asking(self) -> Sent:
        net, host, source = self._sender()
        port, tag = self._at(net, host)
        everybody = (*net.gateways, *(address for other in net.hosts for address in other.addresses))
        own = [one for one in everybody if one.version == source.version]
        asked = self._random.choice(own) if own else source
        return port, question(MacAddress(host.mac), tag, source, asked)

    def _spoiled(self, port: PortRef, packet: Packet) -> Sent:
        random = self._random
        match random.randrange(8):
            case 0:
                return PortRef(random.choice(NAMES[:2]), Port(random.randint(1, 12))), packet
            case 1:
                return port, replace(packet, tag=random.choice((None, VlanId(20), VlanId(100), VlanId(0))))
            case 2:
                return port, replace(packet, src_mac=MacAddress(random.choice((ROUTER, 0x02DEAD000001, 0))))
            case 3 if not packet.is_arp:
                return port, replace(packet, ttl=random.choice((0, 1, 2)))
            case 4:
                _, _, source = self._receiver(random.choice(("acme", "blue")), packet.src.version)
                return port, replace(packet, src=source)
            case 5:
                odd: tuple[str, ...] = ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "0.0.0.1")
                if packet.src.version == 6:
                    odd = ("::", "::1", "ff02::1", "fe80::9", "::ffff:10.0.0.1")
                return port, replace(packet, src=ip_address(random.choice(odd)))
            case 6 if packet.inner is None and not packet.is_arp and packet.target is None:
                special: tuple[str, ...] = ("255.255.255.255", "224.0.0.9", "127.0.0.1", "0.0.0.5")
                if packet.src.version == 6:
                    special = ("ff02::1", "fe80::1", "::1", "::")
                destination = ip_address(random.choice(special))
                to = group_mac(destination) or packet.dst_mac
                return port, replace(packet, dst=destination, dst_mac=random.choice((to, packet.dst_mac)))
        return port, replace(
            packet, dst_mac=MacAddress(random.choice((0x0180C2000003, 0x02DEAD000002, ROUTER)))
        )

"""Packets that hosts would send, by kind, with the addresses and ports of the world's hosts."""

from __future__ import annotations

from random import Random

from tests.attacks.fuzz_packets.fabric import FABRIC_PORT, ROUTER
from tests.attacks.fuzz_packets.packets import ICMP, ICMPV6, TCP, UDP, Arp, Frame, Gtp, Ip, Transport
from tests.attacks.fuzz_packets.places import BROADCAST_MAC, Cast, Speaker

__all__ = [
    "arp",
    "dhcp",
    "downlink",
    "from_fabric",
    "ipv4_bridged",
    "ipv4_routed",
    "ipv6_bridged",
    "ipv6_routed",
    "multicast",
    "neighbor",
    "other",
    "service",
    "uplink",
]


def _frame(speaker: Speaker, destination: int, content: Ip | Arp | bytes) -> Frame:
    place = speaker.place
    tags = [] if place.tag is None else [(0x8100, place.tag)]
    return Frame(place.port, destination, speaker.mac, content, tags)


def _transport(random: Random, cast: Cast, version: int) -> Transport:
    """A transport header with ports that rules speak of."""
    protocol = random.choice((TCP, TCP, UDP, UDP, ICMP if version == 4 else ICMPV6, 132))
    body = bytes(random.choice((0, 1, 4, 8, 18, 64)))
    if protocol in (ICMP, ICMPV6):
        return Transport(protocol, kind=random.choice((8, 0, 128, 129, 3)), body=bytes(4) + body)
    flags = random.choice((0x02, 0x12, 0x10, 0x18, 0x04, 0x14, 0x01))
    return Transport(protocol, cast.sport(random), cast.dport(random), flags, body=body)


def _ip(random: Random, cast: Cast, speaker: Speaker, version: int, destination: int) -> Ip:
    source = speaker.address(version)
    return Ip(
        version, source, destination, _transport(random, cast, version), ttl=random.choice((64, 64, 255, 2))
    )


def ipv4_bridged(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    return _bridged(random, cast, speaker, 4)


def ipv6_bridged(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    return _bridged(random, cast, speaker, 6)


def _bridged(random: Random, cast: Cast, speaker: Speaker, version: int) -> Frame:
    mac, address = cast.neighbour(random, speaker.net, version)
    return _frame(speaker, mac, _ip(random, cast, speaker, version, address))


def ipv4_routed(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    return _frame(speaker, ROUTER, _ip(random, cast, speaker, 4, cast.destination(random, speaker.net, 4)))


def ipv6_routed(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    return _frame(speaker, ROUTER, _ip(random, cast, speaker, 6, cast.destination(random, speaker.net, 6)))


def service(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    """To a virtual IP, or from a server with the port that it serves."""
    packet = _ip(random, cast, speaker, 4, cast.destination(random, speaker.net, 4))
    services = cast.services_of(speaker.net.tenant)
    if services:
        one = random.choice(services)
        packet.transport = _transport(random, cast, 4)
        packet.transport.protocol = TCP if one.protocol == "tcp" else UDP
        if random.random() < 0.6:
            packet.destination, packet.transport.dport = int(one.address), one.port
        else:
            packet.transport.sport = random.choice(one.pool)[1]
    return _frame(speaker, ROUTER, packet)


def downlink(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    sessions = cast.sessions_of(speaker.net.tenant)
    to = int(random.choice(sessions).ue) if sessions else 0x0A2D0002
    return _frame(speaker, ROUTER, _ip(random, cast, speaker, 4, to))


def uplink(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    session = cast.session_at(random, speaker)
    inner = Ip(4, int(session.ue), cast.destination(random, session.data, 4), _transport(random, cast, 4))
    services = cast.services_of(session.tenant)
    if services and random.random() < 0.2:
        one = random.choice(services)
        inner.destination, inner.transport.dport = int(one.address), one.port
        inner.transport.protocol = TCP if one.protocol == "tcp" else UDP
    gtp = Gtp(session.uplink, inner)
    if random.random() < 0.5:
        gtp.extensions.append((0x85, b"\x10\x09"))
    outer = Transport(UDP, random.choice((2152, 40000)), 2152, gtp=gtp)
    source = int(session.gnb) if random.random() < 0.9 else speaker.address(4)
    return _frame(speaker, ROUTER, Ip(4, source, int(session.n3), outer))


def arp(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    own = speaker.address(4)
    if random.random() < 0.7:
        sender = own if random.random() < 0.9 else 0
        return _frame(
            speaker, BROADCAST_MAC, Arp(1, speaker.mac, sender, 0, cast.target(random, speaker.net, 4))
        )
    mac, address = cast.neighbour(random, speaker.net, 4)
    return _frame(speaker, mac, Arp(2, speaker.mac, own, mac, address))


def neighbor(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    """Neighbour discovery of every type."""
    kind = random.choice((133, 134, 135, 135, 135, 136, 136, 137))
    own, mac = speaker.address(6), speaker.mac.to_bytes(6, "big")
    if random.random() < 0.3:
        own = 0xFE80 << 112 | random.getrandbits(64)
    target = own if kind == 136 else cast.target(random, speaker.net, 6)
    option = bytes((2 if kind == 136 else 1, 1)) + mac
    with_option = random.random() < 0.7
    if kind in (135, 136):
        body = bytes(4) + target.to_bytes(16, "big") + (option if with_option else b"")
    elif kind == 137:
        body = bytes(36) + (option if with_option else b"")
    else:
        body = bytes(12 if kind == 134 else 4) + (option if with_option else b"")
    destination = 0xFF02 << 112 | (
        1 if kind in (134, 136, 137) else 2 if kind == 133 else 0x1FF000000 | target & 0xFFFFFF
    )
    if kind == 135 and random.random() < 0.15:
        own = 0
    if random.random() < 0.3 and own:
        to_mac, destination = cast.neighbour(random, speaker.net, 6)
        if random.random() < 0.3:
            to_mac = ROUTER
    else:
        to_mac = 0x333300000000 | destination & 0xFFFFFFFF
    packet = Ip(6, own, destination, Transport(ICMPV6, kind=kind, body=body), ttl=255)
    return _frame(speaker, to_mac, packet)


def dhcp(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    version, server = random.choice((4, 6)), random.random() < 0.5
    ports = (67, 68) if version == 4 else (547, 546)
    sport, dport = ports if server else ports[::-1]
    source = speaker.address(version)
    if version == 4 and not server and random.random() < 0.7:
        source = 0
    destination = 0xFFFFFFFF if version == 4 else 0xFF02 << 112 | 0x10002
    packet = Ip(version, source, destination, Transport(UDP, sport, dport, body=bytes(48)))
    return _frame(speaker, BROADCAST_MAC if version == 4 else 0x333300010002, packet)


def multicast(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    version = random.choice((4, 6))
    group = (
        random.choice((0xE00000FB, 0xE0000001, 0xEF010203, 0xFFFFFFFF))
        if version == 4
        else 0xFF02 << 112 | 0xFB
    )
    packet = _ip(random, cast, speaker, version, group)
    if version == 6 and random.random() < 0.4:
        # A listener's report, with the Router Alert option in front of it.
        packet.chain.append((0, bytes((0, 0, 5, 2, 0, 0, 1, 0))))
        packet.transport = Transport(ICMPV6, kind=random.choice((130, 131, 132, 143)), body=bytes(24))
        packet.ttl = 1
    return _frame(speaker, 0x333300000000 | group & 0xFFFFFFFF if version == 6 else BROADCAST_MAC, packet)


def other(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    frame = _frame(
        speaker, cast.neighbour(random, speaker.net, 4)[0], random.randbytes(random.choice((1, 46, 46, 200)))
    )
    frame.ethertype = random.choice((0x88B5, 0x88CC, 0x8863, 0x8847, 46, 0x05DC, 0x0600, 0x22F0, 0x8035))
    if random.random() < 0.3:
        frame.destination = random.choice((0x0180C2000000, 0x0180C200000E, 0x0180C2000010, BROADCAST_MAC))
    return frame


def from_fabric(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    """What another leaf let in: bridged, or routed there into the speaker's network."""
    version = random.choice((4, 4, 6))
    mac, address = cast.neighbour(random, speaker.net, version)
    packet = _ip(random, cast, speaker, version, address)
    services = cast.services_of(speaker.net.tenant)
    if version == 4 and services and random.random() < 0.5:
        one = random.choice(services)
        server, packet.transport.sport = random.choice(one.pool)
        packet.source, packet.transport.protocol = int(server), TCP if one.protocol == "tcp" else UDP
    mac = random.choice((mac, mac, mac, BROADCAST_MAC))
    source = random.choice((ROUTER, speaker.mac))
    return Frame(FABRIC_PORT, mac, source, packet, [(0x8100, cast.vlan(speaker.net))])

"""Packets that a fabric's hosts would send, and what is changed about them.

A case is a seed of a packet and a list of mutations with seeds of their own, so that a case can be made again
without some of its mutations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from tests.attacks.fuzz_packets import mutations
from tests.attacks.fuzz_packets.fabric import ROUTER, World
from tests.attacks.fuzz_packets.packets import ICMP, ICMPV6, TCP, UDP, Arp, Frame, Gtp, Ip, Transport
from tests.attacks.fuzz_packets.places import BROADCAST_MAC, Cast, Speaker

__all__ = ["Case", "Grammar"]

Mutation = Callable[[Random, Cast, Frame], None]


@dataclass(frozen=True, slots=True)
class Case:
    """What a frame is made of."""

    seed: int
    mutations: tuple[tuple[str, int], ...]

    def without(self, index: int) -> Case:
        """One mutation less."""
        return replace(self, mutations=self.mutations[:index] + self.mutations[index + 1 :])


class Grammar:
    """Cases of one world."""

    def __init__(self, world: World, seed: int) -> None:
        self._random = Random(seed)
        self._cast = Cast(world)

    def case(self) -> Case:
        """The next one: mostly one or two mutations."""
        random = self._random
        count = random.choices((0, 1, 2, 3, 5), (20, 45, 25, 8, 2))[0]
        names = random.choices(mutations.NAMES, mutations.WEIGHTS, k=count)
        return Case(random.getrandbits(48), tuple((name, random.getrandbits(32)) for name in names))

    def build(self, case: Case) -> Frame:
        """Its frame."""
        frame = _packet(Random(case.seed), self._cast)
        for name, seed in case.mutations:
            mutations.ALL[name](Random(seed), self._cast, frame)
        return frame


# --- packets ------------------------------------------------------------------------------------


def _packet(random: Random, cast: Cast) -> Frame:
    speaker = cast.speaker(random)
    kinds = [_ipv4_bridged, _ipv4_routed, _ipv6_bridged, _ipv6_routed, _arp, _neighbor, _service, _downlink]
    weights = [12, 20, 12, 16, 8, 10, 6, 4]
    if speaker.net.name == "access":
        kinds, weights = [*kinds, _uplink], [*weights, 60]
    kinds, weights = [*kinds, _dhcp, _multicast, _other], [*weights, 3, 4, 3]
    return random.choices(kinds, weights)[0](random, cast, speaker)


def _frame(speaker: Speaker, destination: int, content: Ip | Arp | bytes) -> Frame:
    place = speaker.place
    tags = [] if place.tag is None else [(0x8100, place.tag)]
    return Frame(place.port, destination, speaker.mac, content, tags)


def transport(random: Random, cast: Cast, version: int) -> Transport:
    """A transport header with ports that rules speak of."""
    protocol = random.choice((TCP, TCP, UDP, UDP, ICMP if version == 4 else ICMPV6, 132))
    body = bytes(random.choice((0, 1, 4, 8, 18, 64)))
    if protocol in (ICMP, ICMPV6):
        return Transport(protocol, kind=random.choice((8, 0, 128, 129, 3)), body=bytes(4) + body)
    flags = random.choice((0x02, 0x12, 0x10, 0x18, 0x04, 0x14, 0x01))
    return Transport(protocol, cast.sport(random), cast.dport(random), flags, body=body)


def _ip(random: Random, cast: Cast, speaker: Speaker, version: int, destination: int) -> Ip:
    source = speaker.address(version)
    return Ip(version, source, destination, transport(random, cast, version), ttl=random.choice((64, 64, 255, 2)))


def _ipv4_bridged(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    return _bridged(random, cast, speaker, 4)


def _ipv6_bridged(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    return _bridged(random, cast, speaker, 6)


def _bridged(random: Random, cast: Cast, speaker: Speaker, version: int) -> Frame:
    mac, address = cast.neighbour(random, speaker.net, version)
    return _frame(speaker, mac, _ip(random, cast, speaker, version, address))


def _ipv4_routed(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    return _frame(speaker, ROUTER, _ip(random, cast, speaker, 4, cast.destination(random, speaker.net, 4)))


def _ipv6_routed(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    return _frame(speaker, ROUTER, _ip(random, cast, speaker, 6, cast.destination(random, speaker.net, 6)))


def _service(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    """To a virtual IP, or from a server with the port that it serves."""
    packet = _ip(random, cast, speaker, 4, cast.destination(random, speaker.net, 4))
    services = cast.services_of(speaker.net.tenant)
    if services:
        one = random.choice(services)
        packet.transport = transport(random, cast, 4)
        packet.transport.protocol = TCP if one.protocol == "tcp" else UDP
        if random.random() < 0.6:
            packet.destination, packet.transport.dport = int(one.address), one.port
        else:
            packet.transport.sport = random.choice(one.pool)[1]
    return _frame(speaker, ROUTER, packet)


def _downlink(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    sessions = cast.sessions_of(speaker.net.tenant)
    to = int(random.choice(sessions).ue) if sessions else 0x0A2D0002
    return _frame(speaker, ROUTER, _ip(random, cast, speaker, 4, to))


def _uplink(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    session = cast.session_at(random, speaker)
    inner = Ip(4, int(session.ue), cast.destination(random, session.data, 4), transport(random, cast, 4))
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


def _arp(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    own = speaker.address(4)
    if random.random() < 0.7:
        sender = own if random.random() < 0.9 else 0
        return _frame(speaker, BROADCAST_MAC, Arp(1, speaker.mac, sender, 0, cast.target(random, speaker.net, 4)))
    mac, address = cast.neighbour(random, speaker.net, 4)
    return _frame(speaker, mac, Arp(2, speaker.mac, own, mac, address))


def _neighbor(random: Random, cast: Cast, speaker: Speaker) -> Frame:
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
    destination = 0xFF02 << 112 | (1 if kind in (134, 136, 137) else 2 if kind == 133 else 0x1FF000000 | target & 0xFFFFFF)
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


def _dhcp(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    version, server = random.choice((4, 6)), random.random() < 0.5
    ports = (67, 68) if version == 4 else (547, 546)
    sport, dport = ports if server else ports[::-1]
    source = speaker.address(version)
    if version == 4 and not server and random.random() < 0.7:
        source = 0
    destination = 0xFFFFFFFF if version == 4 else 0xFF02 << 112 | 0x10002
    packet = Ip(version, source, destination, Transport(UDP, sport, dport, body=bytes(48)))
    return _frame(speaker, BROADCAST_MAC if version == 4 else 0x333300010002, packet)


def _multicast(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    version = random.choice((4, 6))
    group = random.choice((0xE00000FB, 0xE0000001, 0xEF010203, 0xFFFFFFFF)) if version == 4 else 0xFF02 << 112 | 0xFB
    packet = _ip(random, cast, speaker, version, group)
    if version == 6 and random.random() < 0.4:
        # A listener's report, with the Router Alert option in front of it.
        packet.chain.append((0, bytes((0, 0, 5, 2, 0, 0, 1, 0))))
        packet.transport = Transport(ICMPV6, kind=random.choice((130, 131, 132, 143)), body=bytes(24))
        packet.ttl = 1
    return _frame(speaker, 0x333300000000 | group & 0xFFFFFFFF if version == 6 else BROADCAST_MAC, packet)


def _other(random: Random, cast: Cast, speaker: Speaker) -> Frame:
    frame = _frame(speaker, cast.neighbour(random, speaker.net, 4)[0], random.randbytes(random.choice((1, 46, 46, 200))))
    frame.ethertype = random.choice((0x88B5, 0x88CC, 0x8863, 0x8847, 46, 0x05DC, 0x0600, 0x22F0, 0x8035))
    if random.random() < 0.3:
        frame.destination = random.choice((0x0180C2000000, 0x0180C200000E, 0x0180C2000010, BROADCAST_MAC))
    return frame



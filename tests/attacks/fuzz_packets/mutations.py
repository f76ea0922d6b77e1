"""What can be changed about a frame: one thing each, by a random number generator of its own.

A mutation that does not fit (of TCP flags, where there is no TCP) changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.attacks.fuzz_packets import chains
from tests.attacks.fuzz_packets.fabric import CLOSED_PORT, EDGE_PORTS, ROUTER, Net
from tests.attacks.fuzz_packets.packets import ICMP, ICMPV6, TCP, UDP, Arp, Frame, Gtp, Ip, Transport
from tests.attacks.fuzz_packets.places import BROADCAST_MAC, Cast

__all__ = ["ALL", "NAMES", "WEIGHTS"]

Mutation = Callable[[Random, Cast, Frame], None]
TAGS = (0x8100, 0x88A8, 0x9100, 0x9200)


# --- the frame ----------------------------------------------------------------------------------


def source_mac(random: Random, cast: Cast, frame: Frame) -> None:
    """Somebody else's, or nobody's."""
    frame.source = cast.mac(random, _net(cast, frame))


def destination_mac(random: Random, cast: Cast, frame: Frame) -> None:
    """The router, everybody, somebody, a control address."""
    everybody = random.choice((ROUTER, BROADCAST_MAC, 0x01005E000001, random.getrandbits(48)))
    frame.destination = random.choice(
        (cast.mac(random, _net(cast, frame)), everybody, 0x0180C2000000 | random.randrange(20))
    )


def other_port(random: Random, cast: Cast, frame: Frame) -> None:
    """The same frame from elsewhere."""
    frame.port = random.choice((*EDGE_PORTS, CLOSED_PORT))
    if random.random() < 0.5:
        _, place = cast.slot(random)
        frame.port, frame.tags = place.port, [] if place.tag is None else [(0x8100, place.tag)]


def tags(random: Random, cast: Cast, frame: Frame) -> None:
    """Another tag, none, VID 0, priority bits, two tags, other tag types."""
    first = frame.tags[0][1] if frame.tags else random.choice((0, 1, 20, 30, 100, 101, 4094, 4095))
    kind, second = random.choice(TAGS), random.choice((0, 1, 20, 100, 4095))
    frame.tags = random.choice(
        (
            [],
            [(0x8100, 0)],
            [(0x8100, first ^ 1)],
            [(0x8100, first | random.choice((0xE000, 0x1000, 0x2000)))],
            [(kind, first)],
            [(kind, first), (random.choice(TAGS), second)],
            [(0x8100, first), (kind, second)],
            [(0x8100, first), (0x8100, second), (0x8100, second)],
        )
    )


def ethertype(random: Random, cast: Cast, frame: Frame) -> None:
    """What is inside is called something else."""
    frame.ethertype = random.choice(
        (0x0800, 0x86DD, 0x0806, 0x88CC, 0x8100, 0x88A8, 0x9200, 0x88B5, 46, 0x0600)
    )


def padding(random: Random, cast: Cast, frame: Frame) -> None:
    """Bytes behind the packet."""
    frame.padding = random.choice((1, 2, 6, 18, 46, 200))


def cut(random: Random, cast: Cast, frame: Frame) -> None:
    """The frame ends early."""
    length = len(frame.render())
    frame.cut = random.choice(
        (random.randrange(1, length + 1), max(1, length - random.randrange(1, 9)), length - 1)
    )


def flip(random: Random, cast: Cast, frame: Frame) -> None:
    """Bits that nobody thought of, most of them in the headers."""
    count, within = random.choice((1, 1, 2, 3)), random.choice((20, 44, 80, 200))
    mask = 1 << random.randrange(8) if random.random() < 0.7 else random.randrange(1, 256)
    frame.flips += tuple((random.randrange(within), mask) for _ in range(count))


# --- IP -----------------------------------------------------------------------------------------


def source(random: Random, cast: Cast, frame: Frame) -> None:
    """A forged source address."""
    if isinstance(frame.content, Arp):
        frame.content.sender = cast.address(random, _net(cast, frame), 4)
    elif frame.ip is not None:
        frame.ip.source = cast.address(random, _net(cast, frame), frame.ip.family)


def destination(random: Random, cast: Cast, frame: Frame) -> None:
    """Another destination address, in a tunnel the inner one."""
    ip = _innermost(frame)
    if ip is not None:
        ip.destination = cast.address(random, _net(cast, frame), ip.family)


def ttl(random: Random, cast: Cast, frame: Frame) -> None:
    """At its bounds."""
    if (ip := _any(random, frame)) is not None:
        ip.ttl = random.choice((0, 1, 1, 2, 254, 255))


def version(random: Random, cast: Cast, frame: Frame) -> None:
    """Another version number."""
    if (ip := _any(random, frame)) is not None:
        ip.version = random.choice((0, 4, 5, 6, 7, 15))


def length(random: Random, cast: Cast, frame: Frame) -> None:
    """The packet says that it is longer or shorter than it is."""
    if (ip := _any(random, frame)) is not None:
        ip.length_delta = random.choice(
            (-200, -28, -21, -20, -13, -12, -9, -8, -7, -4, -1, 1, 2, 8, 60, 2000, 40000)
        )
        if random.random() < 0.4 and ip.length_delta <= 2000:
            frame.padding = max(0, ip.length_delta) + random.choice((0, 0, 1))


def header_checksum(random: Random, cast: Cast, frame: Frame) -> None:
    """A wrong IPv4 header checksum."""
    if (ip := _any(random, frame)) is not None:
        ip.bad_checksum = True


def header_words(random: Random, cast: Cast, frame: Frame) -> None:
    """Another IPv4 header length."""
    if (ip := _any(random, frame)) is not None:
        ip.header_words = random.choice((0, 1, 4, 5, 6, 7, 14, 15))


def protocol(random: Random, cast: Cast, frame: Frame) -> None:
    """What follows is called something else."""
    if (ip := _any(random, frame)) is not None:
        ip.protocol = random.choice(
            (0, 1, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132, 135, 139, 140, 253, 255)
        )


def reserved_flags(random: Random, cast: Cast, frame: Frame) -> None:
    """A first fragment of a packet that is whole."""
    if (ip := _any(random, frame)) is not None:
        ip.more = True


# --- transport ----------------------------------------------------------------------------------


def dport(random: Random, cast: Cast, frame: Frame) -> None:
    """Another destination port."""
    if (one := _transport(frame)) is not None:
        one.dport = cast.dport(random)


def sport(random: Random, cast: Cast, frame: Frame) -> None:
    """Another source port."""
    if (one := _transport(frame)) is not None:
        one.sport = random.choice((0, 0, 8000, 8001, 8002, 67, 53, 65535))


def flags(random: Random, cast: Cast, frame: Frame) -> None:
    """Other TCP flags."""
    if (one := _transport(frame)) is not None:
        one.flags = random.choice((0, 1, 2, 4, 0x10, 0x12, 0x14, 0x29, 0xFF, 0xEB))


def data_offset(random: Random, cast: Cast, frame: Frame) -> None:
    """Another TCP header length."""
    if (one := _transport(frame)) is not None:
        one.data_offset = random.choice((0, 4, 5, 6, 7, 15))
        one.body = bytes(random.choice((0, 3, 4, 7, 8, 39, 40)))


def udp_length(random: Random, cast: Cast, frame: Frame) -> None:
    """Another UDP length."""
    if (one := _transport(frame)) is not None and one.protocol == UDP:
        now = 8 + len(one.body)
        one.length = random.choice((0, 7, 8, now - 1, now + 1, now + 8, 65535))


def transport_kind(random: Random, cast: Cast, frame: Frame) -> None:
    """Another transport protocol, with its header."""
    if (one := _transport(frame)) is not None:
        one.protocol = random.choice((TCP, UDP, ICMP, ICMPV6, 50, 59, 132, 2))


def short_transport(random: Random, cast: Cast, frame: Frame) -> None:
    """The packet ends in or just behind its transport header."""
    if (ip := _any(random, frame)) is not None:
        ip.keep = random.choice((0, 1, 3, 4, 7, 8, 9, 12, 13, 14, 19, 20, 21))


def icmp(random: Random, cast: Cast, frame: Frame) -> None:
    """Another ICMP or ICMPv6 message."""
    if (ip := _innermost(frame)) is not None:
        one = ip.transport
        if one.protocol not in (ICMP, ICMPV6):
            one.protocol = ICMP if ip.family == 4 else ICMPV6
        one.kind = random.choice((*range(128, 138), 143, 0, 3, 5, 8, 9))
        one.code = random.choice((0, 0, 0, 1))
        if random.random() < 0.5:
            ip.ttl = 255


# --- address resolution -------------------------------------------------------------------------


def arp(random: Random, cast: Cast, frame: Frame) -> None:
    """One field of ARP."""
    one = frame.content
    if isinstance(one, Arp):
        name = random.choice(
            ("operation", "sender_mac", "target", "hardware", "protocol", "lengths", "sender")
        )
        values = {
            "operation": (0, 1, 2, 3, 8, 0x0101),
            "sender_mac": (0, cast.mac(random, _net(cast, frame)), ROUTER),
            "target": (cast.target(random, _net(cast, frame), 4), one.sender, 0xFFFFFFFF),
            "hardware": (0, 2, 6, 0x0100),
            "protocol": (0x86DD, 0, 0x0801),
            "lengths": ((6, 16), (0, 4), (8, 4), (6, 0)),
            "sender": (0, 0, cast.address(random, _net(cast, frame), 4)),
        }[name]
        setattr(one, name, random.choice(values))


def neighbor(random: Random, cast: Cast, frame: Frame) -> None:
    """One field of a neighbour discovery message."""
    ip = frame.ip
    if ip is None or ip.family != 6 or ip.transport.protocol != ICMPV6 or len(ip.transport.body) < 20:
        return
    one, body = ip.transport, ip.transport.body
    mac = cast.mac(random, _net(cast, frame)).to_bytes(6, "big")
    target = cast.address(random, _net(cast, frame), 6).to_bytes(16, "big")
    match random.randrange(7):
        case 0:
            one.body = body[:4] + target + body[20:]
        case 1:
            one.body = body[:20] + bytes((random.choice((1, 2, 3, 14)), random.choice((0, 1, 2)))) + mac
        case 2:
            one.body = body[:20] + random.choice(
                (b"", body[20:] * 2, bytes(4), body[20:27], bytes((14, 1)) + bytes(6))
            )
        case 3:
            ip.ttl = random.choice((0, 1, 64, 254))
        case 4:
            one.code = random.choice((1, 255))
        case 5:
            one.body = body[:20] + bytes((1, 1)) + frame.source.to_bytes(6, "big") + bytes((1, 1)) + mac
        case _:
            own = int.from_bytes(body[4:20], "big")
            ip.source = random.choice((own, 0xFE80 << 112 | 5, cast.address(random, _net(cast, frame), 6)))


# --- tunnels ------------------------------------------------------------------------------------


def gtp(random: Random, cast: Cast, frame: Frame) -> None:
    """One field of a tunnel's header."""
    one = _gtp(frame)
    if one is None:
        return
    match random.randrange(8):
        case 0:
            one.teid = random.choice((0, 1, one.teid ^ 1, one.teid ^ 0x300, 0xFFFFFFFF))
        case 1:
            one.flags = random.choice((0x10, 0x20, 0x31, 0x32, 0x34, 0x33, 0x50, 0x38, 0xFF))
        case 2:
            one.kind = random.choice((1, 2, 26, 254, 0))
        case 3:
            one.extensions = random.choice(
                (
                    [(0x85, b"\x10\x09")] * 2,
                    [(0x40, b"\0\0")],
                    [(0x85, bytes(6))],
                    [(0x85, b"")],
                    [(0xC0, b"\0\0")],
                )
            )
        case 4:
            one.last = random.choice((0x85, 0x40, 1))
        case 5:
            one.length_delta = random.choice((-8, -1, 1, 8, 1000))
        case 6:
            one.inner.source = cast.address(random, _net(cast, frame), 4)
        case _:
            one.inner = Ip(6, 1 << 64, 2 << 64, Transport(TCP, 1, 80))


def tunnel(random: Random, cast: Cast, frame: Frame) -> None:
    """The packet goes into a tunnel, as a host might wrap it itself."""
    ip, sessions = frame.ip, cast.sessions_of(_tenant(cast, frame))
    if ip is not None and ip.family == 4 and sessions:
        one = random.choice(sessions)
        inner = _innermost(frame) or ip
        if random.random() < 0.6:
            inner.source = int(one.ue)
        outer = Transport(UDP, 2152, 2152, gtp=Gtp(one.uplink, ip))
        source = random.choice((int(one.gnb), ip.source))
        to = int(one.n3) if random.random() < 0.8 else cast.address(random, _net(cast, frame), 4)
        frame.content = Ip(4, source, to, outer)
        frame.destination = ROUTER


# --- what they look at --------------------------------------------------------------------------


def _tag(frame: Frame) -> int | None:
    return frame.tags[0][1] & 0xFFF if frame.tags else None


def _net(cast: Cast, frame: Frame) -> Net:
    return cast.net_at(frame.port, _tag(frame))


def _tenant(cast: Cast, frame: Frame) -> str:
    return str(_net(cast, frame).tenant)


def _gtp(frame: Frame) -> Gtp | None:
    return frame.ip.transport.gtp if frame.ip is not None else None


def _innermost(frame: Frame) -> Ip | None:
    ip = frame.ip
    while ip is not None and ip.transport.gtp is not None:
        ip = ip.transport.gtp.inner
    return ip


def _any(random: Random, frame: Frame) -> Ip | None:
    """The packet, or the one in its tunnel."""
    return frame.ip if random.random() < 0.4 else _innermost(frame)


def _transport(frame: Frame) -> Transport | None:
    ip = _innermost(frame)
    return ip.transport if ip is not None else None


def _chained(change: Callable[[Random, Ip], None]) -> Mutation:
    def mutation(random: Random, cast: Cast, frame: Frame) -> None:
        if (ip := _any(random, frame)) is not None:
            change(random, ip)

    return mutation


_WEIGHTED: tuple[tuple[Mutation, int], ...] = (
    *((one, 3) for one in (source_mac, destination_mac, other_port, tags, padding, cut)),
    *((one, 2) for one in (ethertype, version, header_checksum, header_words, protocol, reserved_flags)),
    *((one, 10) for one in (source, destination)),
    *((one, 4) for one in (ttl, length, short_transport, dport, sport, flags, icmp, arp)),
    *((one, 3) for one in (data_offset, udp_length, transport_kind, tunnel)),
    *((one, 8) for one in (neighbor, gtp, flip)),
)
_CHAINS: tuple[tuple[Callable[[Random, Ip], None], int], ...] = (
    *((one, 8) for one in (chains.extension, chains.later_fragment, chains.first_fragment)),
    *((one, 4) for one in (chains.options, chains.authentication, chains.atomic_fragment)),
    *((one, 2) for one in (chains.many, chains.large, chains.broken, chains.source_route, chains.hidden)),
)
ALL: dict[str, Mutation] = {
    **{one.__name__: one for one, _ in _WEIGHTED},
    **{one.__name__: _chained(one) for one, _ in _CHAINS},
}
WEIGHTS = [weight for _, weight in _WEIGHTED] + [weight for _, weight in _CHAINS]
NAMES = list(ALL)

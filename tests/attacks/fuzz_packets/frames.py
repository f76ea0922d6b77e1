"""Bytes into what they mean: Ethernet, 802.1Q, ARP, IPv4, IPv6, TCP, UDP, ICMP, GTP-U.

Written from the standards and the documented limits, without a look at the pipeline. `Refused` names what is
wrong; addresses are whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Arp",
    "Ip",
    "Link",
    "Refused",
    "Tunnelled",
    "is_echo_request",
    "parse_arp",
    "parse_gtpu",
    "parse_ip",
    "parse_link",
]

IPV4, ARP, VLAN, IPV6, LLDP = 0x0800, 0x0806, 0x8100, 0x86DD, 0x88CC
OTHER_TAGS = frozenset({0x88A8, 0x9100, 0x9200})
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FRAGMENT, AUTHENTICATION, ROUTING = 44, 51, 43
EXTENSIONS = frozenset({0, ROUTING, FRAGMENT, AUTHENTICATION, 60, 135, 139, 140})
MOST_EXTENSIONS = 8
LONGEST_EXTENSION = 256
GTPU_PORT = 2152


class Refused(Exception):
    """The frame may not pass; the text is the class of reason, a point of the contract first."""


@dataclass(slots=True)
class Link:
    """A frame's own header. `tag` is the VLAN id, None without a tag; `rest` lies behind header and tag."""

    destination: int
    source: int
    tag: int | None
    ethertype: int
    rest: bytes


@dataclass(slots=True)
class Arp:
    """An ARP packet for IPv4 over Ethernet."""

    operation: int
    sender_mac: int
    sender: int
    target: int


@dataclass(slots=True)
class Ip:
    """An IP packet and what of its transport header it carries."""

    version: int
    source: int
    destination: int
    ttl: int
    protocol: int
    """The transport protocol behind options and extension headers."""
    payload: bytes
    """From the transport header (of a later fragment: from its data) to the packet's end."""
    extended: bool = False
    fragmented: bool = False
    later: bool = False
    sport: int | None = None
    dport: int | None = None
    flags: int = 0
    icmp: tuple[int, int] | None = None
    """ICMP or ICMPv6 type and code."""
    length: int = 0
    """IPv4 total length, or IPv6 payload length."""

    @property
    def established(self) -> bool:
        """ACK or RST is set in a TCP header that is there."""
        return self.protocol == TCP and not self.later and bool(self.flags & 0x14)


@dataclass(slots=True)
class Tunnelled:
    """A G-PDU. `odd` names what the contract leaves open about it."""

    teid: int
    inner: bytes
    odd: str = ""


def parse_link(frame: bytes) -> Link:
    """Read Ethernet and at most one tag."""
    if len(frame) < 14:
        raise Refused("1 runt")
    ethertype = int.from_bytes(frame[12:14], "big")
    tag, at = None, 14
    if ethertype == VLAN:
        if len(frame) < 18:
            raise Refused("1 runt")
        tag = int.from_bytes(frame[14:16], "big") & 0xFFF
        ethertype, at = int.from_bytes(frame[16:18], "big"), 18
        if ethertype == VLAN:
            raise Refused("2 nested tags")
    if ethertype in OTHER_TAGS:
        raise Refused("2 nested tags")
    return Link(
        int.from_bytes(frame[:6], "big"), int.from_bytes(frame[6:12], "big"), tag, ethertype, frame[at:]
    )


def parse_arp(data: bytes) -> Arp:
    """Read ARP for IPv4 over Ethernet."""
    if len(data) < 28 or data[:6] != b"\0\1\x08\0\6\4" or data[6:8] not in (b"\0\1", b"\0\2"):
        raise Refused("15 ARP malformed")
    number = int.from_bytes
    return Arp(data[7], number(data[8:14], "big"), number(data[14:18], "big"), number(data[24:28], "big"))


def parse_ip(data: bytes, version: int, *, checked: bool = True) -> Ip:
    """Read an IP packet up to its transport header; `data` may be longer (padding). `checked`: the IPv4
    header checksum counts."""
    if not data or data[0] >> 4 != version:
        raise Refused("7 IP version")
    packet = _parse_ipv4(data, checked) if version == 4 else _parse_ipv6(data)
    if not packet.later:
        _parse_transport(packet)
    return packet


def _parse_ipv4(data: bytes, checked: bool) -> Ip:
    header = (data[0] & 0xF) * 4
    if header < 20 or len(data) < header:
        raise Refused("7 IPv4 header length")
    total = int.from_bytes(data[2:4], "big")
    if not header <= total <= len(data):
        raise Refused("7 IPv4 total length")
    if checked and not _sums_up(data[:header]):
        raise Refused("7 IPv4 checksum")
    field = int.from_bytes(data[6:8], "big")
    offset, more = field & 0x1FFF, bool(field & 0x2000)
    packet = Ip(
        4,
        int.from_bytes(data[12:16], "big"),
        int.from_bytes(data[16:20], "big"),
        data[8],
        data[9],
        data[header:total],
        fragmented=more or offset > 0,
        later=offset > 0,
        length=total,
    )
    if packet.later:
        _check_later(packet, offset)
    elif packet.protocol == AUTHENTICATION:
        packet.extended = True
        packet.protocol, packet.payload = _authentication(packet.payload)
        if packet.protocol == AUTHENTICATION:
            raise Refused("8 chain too long")
    return packet


def _parse_ipv6(data: bytes) -> Ip:
    if len(data) < 40:
        raise Refused("7 IPv6 truncated")
    length = int.from_bytes(data[4:6], "big")
    if 40 + length > len(data):
        raise Refused("7 IPv6 payload length")
    packet = Ip(
        6,
        int.from_bytes(data[8:24], "big"),
        int.from_bytes(data[24:40], "big"),
        data[7],
        data[6],
        data[40 : 40 + length],
        length=length,
    )
    _walk_extensions(packet)
    return packet


def _walk_extensions(packet: Ip) -> None:
    count = 0
    while packet.protocol in EXTENSIONS:
        count += 1
        if count > MOST_EXTENSIONS:
            raise Refused("8 chain too long")
        packet.extended = True
        kind, body = packet.protocol, packet.payload
        if len(body) < 8:
            raise Refused("8 extension header truncated")
        if kind == AUTHENTICATION:
            packet.protocol, packet.payload = _authentication(body)
            continue
        size = 8 if kind == FRAGMENT else (body[1] + 1) * 8
        if size > LONGEST_EXTENSION:
            raise Refused("8 extension header too long")
        if size > len(body):
            raise Refused("8 extension header truncated")
        if kind == ROUTING and body[3] > 0:
            raise Refused("8 source routed")
        packet.protocol, packet.payload = body[0], body[size:]
        if kind == FRAGMENT:
            field = int.from_bytes(body[2:4], "big")
            packet.fragmented |= field & 0xFFF9 != 0
            if field >> 3:
                packet.later = True
                _check_later(packet, field >> 3)
                return


def _authentication(body: bytes) -> tuple[int, bytes]:
    """What follows an authentication header, and its number."""
    if len(body) < 8:
        raise Refused("8 extension header truncated")
    size = (body[1] + 2) * 4
    if size > LONGEST_EXTENSION:
        raise Refused("8 extension header too long")
    if size > len(body):
        raise Refused("8 extension header truncated")
    return body[0], body[size:]


def _check_later(packet: Ip, offset: int) -> None:
    hiding = EXTENSIONS if packet.version == 6 else (AUTHENTICATION,)
    if packet.protocol in hiding:
        raise Refused("10 fragment of an extension header")
    if packet.protocol == TCP and offset < 3:
        raise Refused("10 TCP header in two fragments")
    if offset * 8 + len(packet.payload) > 0xFFFF:
        raise Refused("10 fragment beyond the end")


def _parse_transport(packet: Ip) -> None:
    body, protocol = packet.payload, packet.protocol
    if protocol == TCP:
        if len(body) < 20 or not 20 <= (body[12] >> 4) * 4 <= len(body):
            raise Refused("9 TCP header")
        packet.flags = body[13]
    elif protocol == UDP:
        if len(body) < 8:
            raise Refused("9 UDP header")
        length = int.from_bytes(body[4:6], "big")
        if length < 8 or (length > len(body) and not packet.fragmented):
            raise Refused("9 UDP length")
    elif protocol == (ICMP if packet.version == 4 else ICMPV6):
        if len(body) < 8:
            raise Refused("9 ICMP header")
        packet.icmp = body[0], body[1]
    if protocol in (TCP, UDP):
        packet.sport, packet.dport = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")


def parse_gtpu(payload: bytes) -> Tunnelled:
    """Read a G-PDU (3GPP TS 29.281, section 5) without extensions, or with one PDU session container."""
    if len(payload) < 8 or payload[0] >> 4 != 3 or payload[1] != 255:
        raise Refused("21 no G-PDU")
    flags, teid, at, odd = payload[0] & 7, int.from_bytes(payload[4:8], "big"), 8, ""
    if flags:
        if len(payload) < 12:
            raise Refused("21 no G-PDU")
        at = 12
        if payload[11] and not flags & 4:
            odd = "next extension without the flag"
        if flags & 4:
            at = _behind_container(payload)
    return Tunnelled(teid, payload[at:], odd)


def is_echo_request(packet: Ip) -> bool:
    """Whether it is to be answered as GTP-U (3GPP TS 29.281, section 7.2.1)."""
    udp = packet.payload
    is_gtpu = not packet.fragmented and packet.protocol == UDP and packet.dport == GTPU_PORT
    return is_gtpu and len(udp) >= 20 and udp[8] & 0xF6 == 0x32 and udp[9] == 1


def _behind_container(payload: bytes) -> int:
    """Where the packet begins; type 0 ends a list, also an empty one."""
    if payload[11] == 0:
        return 12
    if payload[11] != 0x85 or len(payload) < 16 or payload[12] != 1 or payload[15] != 0:
        raise Refused("21 other extensions")
    return 16


def _sums_up(header: bytes) -> bool:
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF

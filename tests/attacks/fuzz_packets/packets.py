"""Packets as drafts: every field can be set, also wrongly, and a draft becomes bytes.

What is None is made right when the bytes are made. No other library, for speed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Arp", "Frame", "Gtp", "Ip", "Transport", "checksum", "fragment_header"]

ICMP, TCP, UDP, FRAGMENT, ICMPV6, AUTHENTICATION = 1, 6, 17, 44, 58, 51


@dataclass(slots=True)
class Transport:
    """TCP, UDP, ICMP, ICMPv6, or bytes of any other protocol."""

    protocol: int
    sport: int = 0
    dport: int = 0
    flags: int = 0x02
    data_offset: int | None = None
    length: int | None = None
    kind: int = 0
    code: int = 0
    body: bytes = b""
    """Behind the header; of ICMP, behind type, code and checksum."""
    gtp: Gtp | None = None
    """Takes the place of the body."""

    def render(self) -> bytes:
        """The bytes; checksums are left zero, nobody looks at them here."""
        body = self.gtp.render() if self.gtp is not None else self.body
        ports = self.sport.to_bytes(2, "big") + self.dport.to_bytes(2, "big")
        if self.protocol == TCP:
            offset = 5 if self.data_offset is None else self.data_offset
            return ports + bytes(8) + bytes((offset << 4, self.flags)) + b"\x20\0" + bytes(4) + body
        if self.protocol == UDP:
            length = 8 + len(body) if self.length is None else self.length
            return ports + (length & 0xFFFF).to_bytes(2, "big") + bytes(2) + body
        if self.protocol in (ICMP, ICMPV6):
            return bytes((self.kind, self.code)) + bytes(2) + body
        return ports + body


@dataclass(slots=True)
class Ip:
    """IPv4 or IPv6. `chain` are extension headers as (number, bytes); the first byte of each, where the next
    header is said, is filled in."""

    family: int
    source: int
    destination: int
    transport: Transport
    ttl: int = 64
    version: int | None = None
    protocol: int | None = None
    """What the last header says comes next."""
    options: bytes = b""
    header_words: int | None = None
    length_delta: int = 0
    offset: int = 0
    more: bool = False
    bad_checksum: bool = False
    chain: list[tuple[int, bytes]] = field(default_factory=list)
    keep: int | None = None
    """So many bytes of the transport are there (a fragment, or cut off with the length made right)."""

    def render(self) -> bytes:
        """The bytes."""
        body = self.transport.render()
        if self.keep is not None:
            body = body[: self.keep]
        following = self.transport.protocol if self.protocol is None else self.protocol
        for number, content in reversed(self.chain):
            body = bytes((following,)) + content[1:] + body
            following = number
        version = self.family if self.version is None else self.version
        if self.family == 6:
            length = (len(body) + self.length_delta) & 0xFFFF
            head = bytes((version << 4, 0, 0, 0)) + length.to_bytes(2, "big") + bytes((following, self.ttl))
            return head + self.source.to_bytes(16, "big") + self.destination.to_bytes(16, "big") + body
        options = self.options + bytes(-len(self.options) % 4)
        words = 5 + len(options) // 4 if self.header_words is None else self.header_words
        total = (20 + len(options) + len(body) + self.length_delta) & 0xFFFF
        fragment = (0x2000 if self.more else 0) | (self.offset & 0x1FFF)
        header = bytearray(20)
        header[0] = version << 4 | words & 0xF
        header[2:4] = total.to_bytes(2, "big")
        header[6:8] = fragment.to_bytes(2, "big")
        header[8], header[9] = self.ttl, following
        header[12:16], header[16:20] = self.source.to_bytes(4, "big"), self.destination.to_bytes(4, "big")
        whole = bytes(header) + options + body
        # The checksum is that of the header as its length says, so that a wrong length is wrong alone.
        total = checksum(whole[: (words & 0xF) * 4])
        header[10:12] = (total ^ 0x0100 if self.bad_checksum else total).to_bytes(2, "big")
        return bytes(header) + options + body


@dataclass(slots=True)
class Gtp:
    """GTP-U: an optional PDU session container, or other extensions, around a packet."""

    teid: int
    inner: Ip
    flags: int = 0x30
    kind: int = 255
    extensions: list[tuple[int, bytes]] = field(default_factory=list)
    """As (type, content without the length in front and the next type behind)."""
    last: int = 0
    length_delta: int = 0

    def render(self) -> bytes:
        """The bytes."""
        inner = self.inner.render()
        optional = b""
        if self.flags & 7 or self.extensions:
            following = self.last
            for number, content in reversed(self.extensions):
                inner = bytes(((len(content) + 2) // 4,)) + content + bytes((following,)) + inner
                following = number
            optional = bytes((0, 1, 0, following))
        flags = self.flags | (4 if self.extensions else 0)
        length = (len(optional) + len(inner) + self.length_delta) & 0xFFFF
        return (
            bytes((flags, self.kind))
            + length.to_bytes(2, "big")
            + self.teid.to_bytes(4, "big")
            + optional
            + inner
        )


@dataclass(slots=True)
class Arp:
    """ARP."""

    operation: int
    sender_mac: int
    sender: int
    target_mac: int
    target: int
    hardware: int = 1
    protocol: int = 0x0800
    lengths: tuple[int, int] = (6, 4)

    def render(self) -> bytes:
        """The bytes."""
        return (
            self.hardware.to_bytes(2, "big")
            + self.protocol.to_bytes(2, "big")
            + bytes(self.lengths)
            + self.operation.to_bytes(2, "big")
            + self.sender_mac.to_bytes(6, "big")
            + self.sender.to_bytes(4, "big")
            + self.target_mac.to_bytes(6, "big")
            + self.target.to_bytes(4, "big")
        )


@dataclass(slots=True)
class Frame:
    """An Ethernet frame, and the port where it comes in."""

    port: int
    destination: int
    source: int
    content: Ip | Arp | bytes
    tags: list[tuple[int, int]] = field(default_factory=list)
    """As (EtherType, TCI), from the outside in."""
    ethertype: int | None = None
    padding: int = 0
    cut: int | None = None
    """So many bytes of the frame are there."""
    flips: tuple[tuple[int, int], ...] = ()
    """Bits to turn over behind the tags, as (byte, mask); the IPv4 header checksum is made right again."""

    @property
    def ip(self) -> Ip | None:
        """The IP packet, if it is one."""
        return self.content if isinstance(self.content, Ip) else None

    def render(self) -> bytes:
        """The bytes."""
        content = self.content
        if isinstance(content, bytes):
            body, ethertype = content, 0x88B5
        else:
            body = content.render()
            ethertype = 0x0806 if isinstance(content, Arp) else 0x0800 if content.family == 4 else 0x86DD
        head = self.destination.to_bytes(6, "big") + self.source.to_bytes(6, "big")
        for kind, tci in self.tags:
            head += kind.to_bytes(2, "big") + tci.to_bytes(2, "big")
        head += (ethertype if self.ethertype is None else self.ethertype).to_bytes(2, "big")
        if self.flips:
            body = _flipped(body, self.flips, is_ipv4=isinstance(content, Ip) and content.family == 4)
        frame = head + body + bytes(self.padding)
        return frame if self.cut is None else frame[: self.cut] or b"\0"


def _flipped(body: bytes, flips: tuple[tuple[int, int], ...], *, is_ipv4: bool) -> bytes:
    changed = bytearray(body)
    for at, mask in flips:
        changed[at % len(changed)] ^= mask
    if is_ipv4 and len(changed) >= 20:
        changed[10:12] = b"\0\0"
        changed[10:12] = checksum(bytes(changed[: (changed[0] & 0xF) * 4])).to_bytes(2, "big")
    return bytes(changed)


def fragment_header(offset: int, more: bool) -> tuple[int, bytes]:
    """An IPv6 Fragment header, for a chain."""
    return FRAGMENT, bytes(2) + (offset << 3 | more).to_bytes(2, "big") + bytes(4)


def checksum(data: bytes) -> int:
    """The Internet checksum of a header whose checksum is zero."""
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

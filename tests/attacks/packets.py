"""Packets that the attacks are made of: extension headers of any kind and length, fragments, G-PDUs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

from tests.attacks.bed import ROUTER
from tests.attacks.tenants import BOB, GNB, N3, UE, UPLINK_TEID, Host

__all__ = [
    "AUTHENTICATION",
    "DESTINATION_OPTIONS",
    "FRAGMENT",
    "HOP_BY_HOP",
    "HOST_IDENTITY",
    "ICMPV6",
    "MOBILITY",
    "ROUTING",
    "SHIM6",
    "TCP_NUMBER",
    "UDP_NUMBER",
    "Extension",
    "authentication",
    "datagram",
    "fragment",
    "from_ue",
    "g_pdu",
    "ipv4",
    "ipv6",
    "neighbor",
    "options",
    "routed",
    "routing",
    "segment",
]

HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS = 0, 43, 44, 51, 60
MOBILITY, HOST_IDENTITY, SHIM6 = 135, 139, 140
TCP_NUMBER, UDP_NUMBER, ICMPV6 = 6, 17, 58

Extension = tuple[int, bytes]
"""The number of an extension header, and what it holds behind its first byte (the next one's number)."""


def options(number: int = DESTINATION_OPTIONS, length: int = 8) -> Extension:
    """A header of options, `length` bytes long: nothing but padding (PadN, RFC 8200, section 4.2)."""
    padding, units = b"", length // 8 - 1
    room = length - 2
    while room:
        size = min(room, 257)
        size -= room - size == 1
        padding += bytes([1, size - 2]) + bytes(size - 2)
        room -= size
    return number, bytes([units]) + padding


def routing(segments_left: int) -> Extension:
    """A Routing header of type 0 with one address."""
    return ROUTING, bytes([2, 0, segments_left]) + bytes(20)


def fragment(offset: int = 0, more: bool = False) -> Extension:
    """A Fragment header; `offset` in units of 8 bytes."""
    return FRAGMENT, bytes([0]) + (offset << 3 | more).to_bytes(2, "big") + b"\x00\x00\x12\x34"


def authentication() -> Extension:
    """An AH with a check value of 12 bytes."""
    return AUTHENTICATION, bytes([4]) + bytes(22)


def ipv6(
    src: str,
    dst: str,
    extensions: Sequence[Extension],
    upper: Packet | bytes,
    protocol: int = TCP_NUMBER,
    **fields: Any,
) -> Packet:
    """An IPv6 packet with a chain of extension headers before what is in it."""
    numbers = [*(number for number, _ in extensions), protocol]
    content = b"".join(
        bytes([following]) + rest for (_, rest), following in zip(extensions, numbers[1:], strict=True)
    )
    return IPv6(src=src, dst=dst, nh=numbers[0], **fields) / Raw(content + bytes(upper))


def ipv4(src: str, dst: str, upper: Packet | bytes, protocol: int = TCP_NUMBER, **fields: Any) -> Packet:
    """An IPv4 packet; `upper` is taken as it is."""
    return IP(src=src, dst=dst, proto=protocol, **fields) / Raw(bytes(upper))


def segment(port: int, flags: str = "S", source: int = 40000) -> bytes:
    """A TCP segment to a port."""
    return bytes(TCP(sport=source, dport=port, flags=flags, chksum=1) / b"segment")


def datagram(port: int, source: int = 40000) -> bytes:
    """A UDP datagram to a port, without a checksum."""
    return bytes(UDP(sport=source, dport=port, len=16, chksum=0) / b"datagram")


def routed(sender: Host, packet: Packet) -> Packet:
    """A frame for the gateway."""
    return sender.ether(ROUTER) / packet


def g_pdu(
    inner: Packet | bytes,
    src: str = GNB.ip,
    dst: str = N3,
    teid: int = UPLINK_TEID,
    qfi: int | None = None,
    **outer: Any,
) -> Packet:
    """A G-PDU, by default of the session's gNB for the session; with a `qfi` in a PDU session container."""
    extended = qfi is not None
    tunnel = GTP_U_Header(teid=teid, gtp_type=255, S=0, E=int(extended), PN=0)
    if extended:
        tunnel.next_ex = 0x85
        tunnel = tunnel / GTPPDUSessionContainer(type=1, QFI=qfi, ExtHdrLen=1, NextExtHdr=0)
    return IP(src=src, dst=dst, **outer) / UDP(sport=2152, dport=2152, chksum=0) / tunnel / Raw(bytes(inner))


def from_ue(dst: str, upper: Packet | bytes, protocol: int = TCP_NUMBER, **fields: Any) -> Packet:
    """What the UE sends, as the gNB puts it into the tunnel."""
    return g_pdu(ipv4(UE, dst, upper, protocol, **fields))


def neighbor(
    sender: Host,
    message: Packet,
    source: str,
    to: Host | str = BOB,
    chain: Sequence[Extension] = (),
    hlim: int = 255,
) -> Packet:
    """A message of Neighbor Discovery."""
    dst = to.ip6 if isinstance(to, Host) else "ff02::1"
    plain = IPv6(src=source, dst=dst, hlim=hlim) / message
    if not chain:
        return sender.ether(to) / plain
    return sender.ether(to) / ipv6(source, dst, chain, bytes(plain.payload), ICMPV6, hlim=hlim)

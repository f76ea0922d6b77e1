"""What UEs ask of their router (RFC 4861), and the answers where no SMF gives them. No I/O.

A UE's link has two ends: nobody else is there, and neither end has a link-layer address (TS 23.501, clause
5.8.2.2; RFC 7066). Whoever asks may be hostile: what is not exactly right is not answered.
"""

from __future__ import annotations

import struct
from ipaddress import IPv6Address, IPv6Network
from typing import NamedTuple

from p4fabric.controller.hosts.checksum import internet_checksum
from p4fabric.controller.hosts.question import link_local
from p4fabric.controller.intents.kinds.network import ROUTER_MAC

__all__ = ["ROUTER", "Solicitation", "neighbor_advertisement", "read_solicitation", "router_advertisement"]

ROUTER = link_local(ROUTER_MAC)
"""The router's own address on links of UEs."""
_ALL_NODES = IPv6Address("ff02::1")
_UNSPECIFIED = IPv6Address("::")
_HEADER, _ICMPV6, _HOP_LIMIT = 40, 58, 255
_ROUTER_SOLICITATION, _ROUTER_ADVERTISEMENT = 133, 134
_NEIGHBOR_SOLICITATION, _NEIGHBOR_ADVERTISEMENT = 135, 136
_SHORTEST = {_ROUTER_SOLICITATION: 8, _NEIGHBOR_SOLICITATION: 24}
_UE_HOP_LIMIT = 64
_LONGEST = 0xFFFF
"""Seconds, 18 hours, that a router is one; UEs that are there for longer ask again."""
_FOR_EVER = 0xFFFFFFFF
_AUTONOMOUS = 0x40
_OF_ROUTER_SOLICITED = 0xC0000000


class Solicitation(NamedTuple):
    """What a UE asks.

    Attributes:
        source: none, ::, before the UE has an address.
        target: whose address it asks for; None: it asks for its router.
    """

    source: IPv6Address
    target: IPv6Address | None


def read_solicitation(packet: bytes) -> Solicitation | None:
    """Read an IP packet; None where it asks nothing."""
    if len(packet) < _HEADER + 8 or packet[0] >> 4 != 6 or packet[6] != _ICMPV6 or packet[7] != _HOP_LIMIT:
        return None
    length = int.from_bytes(packet[4:6], "big")
    message = packet[_HEADER : _HEADER + length]
    if len(message) != length or len(message) < _SHORTEST.get(message[0] if message else 0, len(message) + 1) or message[1]:
        return None
    if _icmpv6(packet[8:24], packet[24:40], bytes((*message[:2], 0, 0)) + message[4:]) != message:
        return None
    source = IPv6Address(packet[8:24])
    if message[0] == _ROUTER_SOLICITATION:
        return Solicitation(source, None)
    return Solicitation(source, IPv6Address(message[8:24]))


def router_advertisement(asked: Solicitation, prefix: IPv6Network) -> bytes:
    """The packet that tells a UE its prefix: the first /64 of what it has (TS 29.061, clause 11.2.1.3.4)."""
    to = _ALL_NODES if asked.source == _UNSPECIFIED else asked.source
    router = struct.pack(">BBHII", _UE_HOP_LIMIT, 0, _LONGEST, 0, 0)
    own = struct.pack(">BBBBIII", 3, 4, 64, _AUTONOMOUS, _FOR_EVER, _FOR_EVER, 0)
    message = bytes((_ROUTER_ADVERTISEMENT, 0, 0, 0)) + router + own + prefix.network_address.packed
    return _packet(ROUTER, to, message)


def neighbor_advertisement(asked: Solicitation) -> bytes | None:
    """The packet that says that the router is there; None: the UE asks whether an address is free.

    A UE's addresses are nobody else's, so that question is left open (TS 29.061, clause 11.2.1.3.2).
    """
    target = asked.target
    if target is None or asked.source == _UNSPECIFIED or target == asked.source or not target.is_link_local:
        return None
    message = struct.pack(">BBHI", _NEIGHBOR_ADVERTISEMENT, 0, 0, _OF_ROUTER_SOLICITED) + target.packed
    return _packet(target, asked.source, message)


def _packet(source: IPv6Address, to: IPv6Address, message: bytes) -> bytes:
    header = struct.pack(">IHBB", 6 << 28, len(message), _ICMPV6, _HOP_LIMIT)
    return header + source.packed + to.packed + _icmpv6(source.packed, to.packed, message)


def _icmpv6(source: bytes, to: bytes, message: bytes) -> bytes:
    """A message, whose checksum is zero, with its checksum (RFC 4443, section 2.3)."""
    pseudo_header = source + to + struct.pack(">II", len(message), _ICMPV6)
    checksum = internet_checksum(pseudo_header + message + bytes(len(message) % 2))
    return message[:2] + checksum.to_bytes(2, "big") + message[4:]

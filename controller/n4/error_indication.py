"""GTP-U Error Indications (3GPP TS 29.281, clause 7.3.1): that no tunnel has a TEID. No I/O.

Whoever sends one may be hostile: what is not exactly right is none.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import NamedTuple

from p4fabric.pipelines.values import VlanId

__all__ = ["ErrorIndication", "read_error_indication"]

_VLAN, _IPV4 = b"\x81\x00", b"\x08\x00"
_UDP, _GTPU_PORT = 17, 2152
_VERSION_1, _EXTENSIONS, _OPTIONS = 0x30, 0x04, 0x07
_ERROR_INDICATION = 26
_TEID_DATA, _PEER_ADDRESS = 16, 133
_LENGTHS = {14: 1, _TEID_DATA: 4}
"""Of information elements that do not tell theirs."""
_TELLS_LENGTH = 128


class ErrorIndication(NamedTuple):
    """What a gNB says: it has no tunnel with this TEID.

    Attributes:
        tag: of the frame.
        n3: to whom it says so.
    """

    tag: VlanId | None
    gnb: IPv4Address
    n3: IPv4Address
    teid: int


def read_error_indication(frame: bytes) -> ErrorIndication | None:
    """Read a frame; None where it is no Error Indication, or of another gNB's tunnel."""
    tag, start = None, 14
    if frame[12:14] == _VLAN and len(frame) >= 18:
        tag, start = VlanId(int.from_bytes(frame[14:16], "big") & 0xFFF), 18
    packet = frame[start:]
    if frame[start - 2 : start] != _IPV4 or len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != _UDP:
        return None
    datagram = packet[(packet[0] & 0xF) * 4 : int.from_bytes(packet[2:4], "big")]
    if int.from_bytes(packet[6:8], "big") & 0x3FFF or len(datagram) < 16:
        return None
    _, port, length, _ = struct.unpack_from(">HHHH", datagram)
    if port != _GTPU_PORT or not 16 <= length <= len(datagram):
        return None
    try:
        elements = _elements(datagram[8:length])
    except (IndexError, struct.error):
        return None
    gnb, n3 = packet[12:16], packet[16:20]
    teid = elements.get(_TEID_DATA)
    # Nobody speaks for another one.
    if teid is None or elements.get(_PEER_ADDRESS) != gnb:
        return None
    return ErrorIndication(tag, IPv4Address(gnb), IPv4Address(n3), int.from_bytes(teid, "big"))


def _elements(message: bytes) -> Mapping[int, bytes]:
    """The first of each information element of an Error Indication; nothing of another message.

    Raises:
        IndexError, struct.error: it is cut short.
    """
    flags, kind, length = struct.unpack_from(">BBH", message)
    body = message[8 : 8 + length]
    if flags & 0xF0 != _VERSION_1 or kind != _ERROR_INDICATION or len(body) != length:
        return {}
    at = 4 if flags & _OPTIONS else 0
    extension = body[3] if flags & _EXTENSIONS else 0
    while extension:
        if not body[at]:
            return {}
        at += 4 * body[at]
        extension = body[at - 1]
    found: dict[int, bytes] = {}
    while at < len(body):
        number, at = body[at], at + 1
        if number >= _TELLS_LENGTH:
            (size,), at = struct.unpack_from(">H", body, at), at + 2
        elif number in _LENGTHS:
            size = _LENGTHS[number]
        else:
            return {}
        if at + size > len(body):
            return {}
        found.setdefault(number, body[at : at + size])
        at += size
    return found

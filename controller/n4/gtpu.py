"""GTP-U messages (3GPP TS 29.281) as gNBs, SMFs and this node send them. No I/O.

Whoever sends one may be hostile: what is not exactly right is none.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from typing import NamedTuple

from p4fabric.pipelines.values import MacAddress, VlanId

__all__ = ["GPdu", "GtpuFrame", "echo_response", "g_pdu", "read_frame", "read_g_pdu"]

_VLAN, _IPV4 = b"\x81\x00", b"\x08\x00"
_UDP, _GTPU_PORT = 17, 2152
_VERSION_1, _OPTIONS, _EXTENSIONS, _NUMBERED = 0x30, 0x07, 0x04, 0x02
_ECHO_REQUEST, _ECHO_RESPONSE, _G_PDU = 1, 2, 255
_RECOVERY = 14
_PDU_SESSION_CONTAINER = 0x85


class GtpuFrame(NamedTuple):
    """A frame with a GTP-U message of a gNB.

    Attributes:
        mac: of whoever sent the frame.
        tag: of the frame.
        n3: to whom the message is.
        message: with its header.
    """

    mac: MacAddress
    tag: VlanId | None
    gnb: IPv4Address
    n3: IPv4Address
    message: bytes


class GPdu(NamedTuple):
    """A packet in a tunnel."""

    teid: int
    packet: bytes


def read_frame(frame: bytes) -> GtpuFrame | None:
    """Read a frame; None where it has no whole GTP-U message."""
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
    gnb, n3 = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
    return GtpuFrame(MacAddress(int.from_bytes(frame[6:12], "big")), tag, gnb, n3, datagram[8:length])


def g_pdu(teid: int, packet: bytes, qfi: int | None = None) -> bytes:
    """A packet in a tunnel; with a QFI, as a gNB expects it, it has a PDU session container."""
    if qfi is None:
        return struct.pack(">BBHI", _VERSION_1, _G_PDU, len(packet), teid) + packet
    header = struct.pack(">BBHI", _VERSION_1 | _EXTENSIONS, _G_PDU, len(packet) + 8, teid)
    return header + bytes((0, 0, 0, _PDU_SESSION_CONTAINER, 1, 0, qfi, 0)) + packet


def read_g_pdu(message: bytes) -> GPdu | None:
    """Read a message; None where it is no G-PDU."""
    if len(message) < 8:
        return None
    flags, kind, length, teid = struct.unpack_from(">BBHI", message)
    body = message[8 : 8 + length]
    if flags & 0xF0 != _VERSION_1 or kind != _G_PDU or len(body) != length:
        return None
    at = 4 if flags & _OPTIONS else 0
    try:
        extension = body[3] if flags & _EXTENSIONS else 0
        while extension:
            if not body[at]:
                return None
            at += 4 * body[at]
            extension = body[at - 1]
    except IndexError:
        return None
    return GPdu(teid, body[at:]) if at < len(body) else None


def echo_response(message: bytes) -> bytes | None:
    """The answer to an Echo Request; None where a message is none."""
    if len(message) < 12 or message[0] & 0xF0 != _VERSION_1 or message[1] != _ECHO_REQUEST:
        return None
    if not message[0] & _NUMBERED:
        return None
    body = message[8:10] + bytes((0, 0, _RECOVERY, 0))
    return struct.pack(">BBHI", _VERSION_1 | _NUMBERED, _ECHO_RESPONSE, len(body), 0) + body

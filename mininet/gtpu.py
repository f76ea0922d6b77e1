"""GTP-U as a gNB speaks it (3GPP TS 29.281; the PDU session container: TS 38.415): bytes and values.

This module knows the format, and no sockets. Whatever comes in may be hostile: a message that is not
exactly right is refused as Malformed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = [
    "PORT",
    "EchoRequest",
    "EchoResponse",
    "ErrorIndication",
    "GPdu",
    "Malformed",
    "OtherMessage",
    "decode",
]

PORT = 2152

_ECHO_REQUEST, _ECHO_RESPONSE, _ERROR_INDICATION, _G_PDU = 1, 2, 26, 255
_VERSION_1 = 0x20
_PROTOCOL_TYPE_GTP = 0x10
_EXTENSION, _SEQUENCE, _NPDU = 0x04, 0x02, 0x01
_PDU_SESSION_CONTAINER = 0x85
_DOWNLINK, _UPLINK = 0, 1
_IE_TEID, _IE_RECOVERY, _IE_PEER_ADDRESS = 16, 14, 133

_HEADER = struct.Struct("!BBHI")
_OPTIONS = struct.Struct("!HBB")


class Malformed(Exception):
    """The bytes are no GTP-U message that a gNB has to understand; says why."""


@dataclass(frozen=True)
class GPdu:
    """A user's packet in a tunnel. `qfi` is None where the message has no PDU session container."""

    teid: int
    packet: bytes
    qfi: int | None = None

    def encode(self) -> bytes:
        """As a gNB sends it: uplink, with the QFI in a PDU session container of PDU type 1."""
        if self.qfi is None:
            header = _HEADER.pack(_VERSION_1 | _PROTOCOL_TYPE_GTP, _G_PDU, len(self.packet), self.teid)
            return header + self.packet
        container = bytes((1, _UPLINK << 4, self.qfi, 0))
        length = _OPTIONS.size + len(container) + len(self.packet)
        flags = _VERSION_1 | _PROTOCOL_TYPE_GTP | _EXTENSION
        header = _HEADER.pack(flags, _G_PDU, length, self.teid)
        return header + _OPTIONS.pack(0, 0, _PDU_SESSION_CONTAINER) + container + self.packet


@dataclass(frozen=True)
class EchoRequest:
    """Are you there?"""

    sequence: int


@dataclass(frozen=True)
class EchoResponse:
    """The answer, with the recovery counter that 29.281 wants to be 0."""

    sequence: int

    def encode(self) -> bytes:
        """As bytes."""
        body = _OPTIONS.pack(self.sequence, 0, 0) + bytes((_IE_RECOVERY, 0))
        flags = _VERSION_1 | _PROTOCOL_TYPE_GTP | _SEQUENCE
        return _HEADER.pack(flags, _ECHO_RESPONSE, len(body), 0) + body


@dataclass(frozen=True)
class ErrorIndication:
    """No tunnel has this TEID here (29.281, 7.3.1)."""

    teid: int
    address: bytes
    """The address that the tunnel should have ended at, packed."""

    def encode(self) -> bytes:
        """As bytes."""
        teid = struct.pack("!BI", _IE_TEID, self.teid)
        address = struct.pack("!BH", _IE_PEER_ADDRESS, len(self.address)) + self.address
        body = _OPTIONS.pack(0, 0, 0) + teid + address
        flags = _VERSION_1 | _PROTOCOL_TYPE_GTP | _SEQUENCE
        return _HEADER.pack(flags, _ERROR_INDICATION, len(body), 0) + body


@dataclass(frozen=True)
class OtherMessage:
    """Well-formed, and nothing that a gNB of a lab acts upon."""

    message_type: int


def decode(message: bytes) -> GPdu | EchoRequest | OtherMessage:
    """Read one UDP payload as a gNB receives it.

    Raises:
        Malformed: the message is none, is cut short, or has a PDU session container that is not downlink.
    """
    if len(message) < _HEADER.size:
        raise Malformed("shorter than a GTP-U header")
    flags, message_type, length, teid = _HEADER.unpack_from(message)
    if flags & 0xE0 != _VERSION_1 or not flags & _PROTOCOL_TYPE_GTP:
        raise Malformed("not GTP version 1")
    end = _HEADER.size + length
    if end != len(message):
        raise Malformed(f"length says {end} bytes, the datagram has {len(message)}")
    at, sequence, qfi = _HEADER.size, 0, None
    if flags & (_EXTENSION | _SEQUENCE | _NPDU):
        if at + _OPTIONS.size > end:
            raise Malformed("cut short in its options")
        sequence, _, extension = _OPTIONS.unpack_from(message, at)
        at += _OPTIONS.size
        if flags & _EXTENSION:
            at, qfi = _extensions(message, at, extension)
    if message_type == _ECHO_REQUEST:
        return EchoRequest(sequence)
    if message_type != _G_PDU:
        return OtherMessage(message_type)
    if at == end:
        raise Malformed("a G-PDU with nothing in it")
    return GPdu(teid, message[at:], qfi)


def _extensions(message: bytes, at: int, extension: int) -> tuple[int, int | None]:
    """Walk the extension headers; returns where they end, and the QFI if there is one."""
    qfi = None
    while extension:
        size = 4 * message[at] if at < len(message) else 0
        if size == 0 or at + size > len(message):
            raise Malformed("cut short in an extension header")
        if extension == _PDU_SESSION_CONTAINER:
            if message[at + 1] >> 4 != _DOWNLINK:
                raise Malformed("a PDU session container that is not downlink")
            qfi = message[at + 2] & 0x3F
        elif extension & 0xC0 == 0xC0:
            # 29.281, figure 5.2.1-2: the endpoint must understand these, or not act upon the message.
            raise Malformed(f"extension header 0x{extension:02x} is required and not known")
        at += size
        extension = message[at - 1]
    return at, qfi

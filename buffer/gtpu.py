"""G-PDUs of GTP-U (3GPP TS 29.281; the PDU session container: TS 38.415), as they come and are sent on.

Whoever sends one may be hostile: what is not exactly right is none.
"""

from __future__ import annotations

import struct

__all__ = ["G_PDU_OVERHEAD", "PORT", "Header", "read_g_pdu"]

PORT = 2152
G_PDU_OVERHEAD = 16
"""Octets in front of a packet that is sent on."""
_G_PDU = 255
_PLAIN, _OPTIONS, _EXTENSION = 0x30, 0x07, 0x04
_CONTAINER = 0x85
_MOST_EXTENSIONS = 8
_HEADER = struct.Struct(">BBHI")


def read_g_pdu(message: memoryview) -> tuple[int, int] | None:
    """The TEID of a G-PDU, and where its packet begins; None: it is none, or is cut short."""
    if len(message) < 8:
        return None
    flags, kind, length, teid = _HEADER.unpack_from(message)
    if flags & 0xF0 != _PLAIN or kind != _G_PDU or length != len(message) - 8:
        return None
    if not flags & _OPTIONS:
        return teid, 8
    at = 12
    if len(message) < at:
        return None
    extension = message[11] if flags & _EXTENSION else 0
    for _ in range(_MOST_EXTENSIONS):
        if not extension:
            return teid, at
        if at >= len(message) or not message[at]:
            return None
        at += 4 * message[at]
        if at > len(message):
            return None
        extension = message[at - 1]
    return None


class Header:
    """What stands before packets in a tunnel to a gNB: downlink, with a QFI."""

    __slots__ = ("_tail", "_teid")

    def __init__(self, teid: int, qfi: int) -> None:
        """Make it once for all packets."""
        self._teid = teid
        self._tail = bytes((0, 0, 0, _CONTAINER, 1, 0, qfi, 0))

    def before(self, packet: bytes) -> bytes:
        """The G-PDU."""
        return _HEADER.pack(_PLAIN | _EXTENSION, _G_PDU, len(packet) + 8, self._teid) + self._tail + packet

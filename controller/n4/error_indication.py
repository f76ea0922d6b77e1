"""GTP-U Error Indications (3GPP TS 29.281, clause 7.3.1): that no tunnel has a TEID. No I/O.

Whoever sends one may be hostile: what is not exactly right is none.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import NamedTuple

from p4fabric.controller.n4.gtpu import read_frame
from p4fabric.pipelines.values import VlanId

__all__ = ["ErrorIndication", "error_indication", "read_error_indication"]

_VERSION_1, _NUMBERED, _EXTENSIONS, _OPTIONS = 0x30, 0x02, 0x04, 0x07
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
    found = read_frame(frame)
    if found is None:
        return None
    try:
        elements = _elements(found.message)
    except (IndexError, struct.error):
        return None
    teid = elements.get(_TEID_DATA)
    # Nobody speaks for another one.
    if teid is None or elements.get(_PEER_ADDRESS) != found.gnb.packed:
        return None
    return ErrorIndication(found.tag, found.gnb, found.n3, int.from_bytes(teid, "big"))


def error_indication(teid: int, here: IPv4Address) -> bytes:
    """The message that says so.

    Args:
        teid: that no tunnel has.
        here: the address that it would have.
    """
    body = struct.pack(">HBBBIBH", 0, 0, 0, _TEID_DATA, teid, _PEER_ADDRESS, 4) + here.packed
    return struct.pack(">BBHI", _VERSION_1 | _NUMBERED, _ERROR_INDICATION, len(body), 0) + body


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

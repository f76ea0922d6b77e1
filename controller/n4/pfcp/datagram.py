"""Whole messages: headers around bodies (TS 29.244, clause 7.2.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from p4fabric.controller.n4.pfcp.causes import Cause
from p4fabric.controller.n4.pfcp.errors import MessageDiscarded, MessageRefused, VersionNotSupported
from p4fabric.controller.n4.pfcp.message_types import MessageType
from p4fabric.controller.n4.pfcp.messages import REQUESTS, RESPONSES, Message

__all__ = ["MOST_OCTETS", "Header", "decode_body", "decode_header", "encode"]

MOST_OCTETS = 16_384
"""Of a message that is read: several times what the largest sessions need, and read in a few milliseconds."""
_VERSION = 1
_PRIORITY, _SEID = 2, 1
_START = struct.Struct(">BBH")
_NODE_LENGTH, _SESSION_LENGTH = 8, 16
_HIGHEST_SEQUENCE = 0xFFFFFF
_HIGHEST_PRIORITY = 15
_CLASSES: dict[int, type[Message]] = {
    **{int(kind): classes[0] for kind, classes in REQUESTS.items()},
    **{int(kind): response for kind, response in RESPONSES.items()},
}
_KINDS = {int(kind): kind for kind in (*REQUESTS, *RESPONSES)}


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before a message's IEs.

    Attributes:
        kind: which message it is.
        sequence: of the request, and of its response.
        seid: of the session at the receiver, 0 where that is not known; None in messages of nodes.
        priority: relative, 0 is highest; None: not told.
    """

    kind: MessageType
    sequence: int
    seid: int | None = None
    priority: int | None = None


def decode_header(datagram: bytes) -> Header:
    """Read the header.

    Raises:
        MessageDiscarded: no answer may be given.
        VersionNotSupported: the answer is Version Not Supported Response.
    """
    if len(datagram) < _NODE_LENGTH:
        raise MessageDiscarded(f"{len(datagram)} octets are too few for a header")
    flags, number, _ = _START.unpack_from(datagram)
    has_seid = flags & _SEID
    at = 12 if has_seid else 4
    if len(datagram) < at + 4:
        raise MessageDiscarded(f"{len(datagram)} octets are too few for a header with a SEID")
    sequence = int.from_bytes(datagram[at : at + 3], "big")
    if flags >> 5 != _VERSION:
        raise VersionNotSupported(flags >> 5, sequence)
    kind = _KINDS.get(number)
    if kind is None:
        raise MessageDiscarded(f"{number} is no type of a message that is known")
    if bool(has_seid) != kind.is_of_a_session:
        raise MessageDiscarded(f"{kind.name} has {'a' if has_seid else 'no'} SEID in its header")
    seid = int.from_bytes(datagram[4:12], "big") if has_seid else None
    return Header(kind, sequence, seid, datagram[at + 3] >> 4 if flags & _PRIORITY else None)


def decode_body(header: Header, datagram: bytes) -> Message:
    """Read the IEs of a message whose header was read.

    Messages may not be bundled: that feature is not announced, so octets behind the first are a wrong length.

    Raises:
        MessageRefused: the message is to be refused, if it is a request.
    """
    if len(datagram) > MOST_OCTETS:
        raise MessageRefused(
            Cause.NO_RESOURCES_AVAILABLE, f"a message has {MOST_OCTETS} octets at most, not {len(datagram)}"
        )
    (length,) = struct.unpack_from(">H", datagram, 2)
    if length + 4 != len(datagram):
        raise MessageRefused(Cause.INVALID_LENGTH, f"the header says {length + 4} octets of {len(datagram)}")
    return _CLASSES[header.kind].decode(datagram[_NODE_LENGTH if header.seid is None else _SESSION_LENGTH :])


def encode(message: Message, sequence: int, seid: int | None = None, priority: int | None = None) -> bytes:
    """Make a datagram.

    Args:
        message: its body.
        sequence: 24 bits.
        seid: of the session at the receiver; needed for messages of sessions, and for no others.
        priority: relative, 0 to 15.

    Raises:
        ValueError: a value does not fit, or the message is too long.
    """
    kind = message.TYPE
    if (seid is not None) != kind.is_of_a_session:
        raise ValueError(f"{kind.name} {'needs a' if kind.is_of_a_session else 'has no'} SEID")
    if not 0 <= sequence <= _HIGHEST_SEQUENCE:
        raise ValueError(f"a sequence number is 0 to {_HIGHEST_SEQUENCE}, not {sequence}")
    if priority is not None and not 0 <= priority <= _HIGHEST_PRIORITY:
        raise ValueError(f"a priority is 0 to {_HIGHEST_PRIORITY}, not {priority}")
    body = message.encode()
    flags = _VERSION << 5 | (0 if seid is None else _SEID) | (0 if priority is None else _PRIORITY)
    tail = sequence.to_bytes(3, "big") + bytes(((priority or 0) << 4,))
    middle = b"" if seid is None else seid.to_bytes(8, "big")
    length = len(middle) + len(tail) + len(body)
    if length > 0xFFFF:
        raise ValueError(f"{kind.name} has {length} octets; a message has {0xFFFF} at most")
    return _START.pack(flags, kind, length) + middle + tail + body

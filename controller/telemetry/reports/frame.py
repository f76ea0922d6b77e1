"""Datagrams in Ethernet frames, as a switch hands them to its controller."""

from __future__ import annotations

from struct import Struct

from p4fabric.controller.telemetry.reports.errors import MalformedReport, TruncatedReport

__all__ = ["datagram_of"]

_HEADERS = Struct("!12xHBxHxxHxB10xHHHH")
"""Of Ethernet the type; of IPv4 version and length, total length, fragment, protocol; all of UDP."""
_IPV4, _VERSION_AND_LENGTH, _UDP = 0x0800, 0x45, 17
_FRAGMENT = 0x3FFF
_UDP_SIZE = 8


def datagram_of(frame: bytes) -> bytes:
    """What a UDP datagram over IPv4 holds. Checksums are not looked at.

    Raises:
        TruncatedReport: the frame ends too early.
        MalformedReport: it is no such datagram, or one in pieces or with IP options.
    """
    size = _HEADERS.size
    if len(frame) < size:
        raise TruncatedReport(f"is a frame of {len(frame)} bytes; its headers alone have {size}")
    kind, first, _, fragment, protocol, _, _, length, _ = _HEADERS.unpack_from(frame)
    if (kind, first, protocol) != (_IPV4, _VERSION_AND_LENGTH, _UDP) or fragment & _FRAGMENT:
        raise MalformedReport("is no frame with a whole UDP datagram over IPv4")
    end = size - _UDP_SIZE + length
    if end > len(frame):
        raise TruncatedReport(f"is a frame of {len(frame)} bytes with a datagram that ends at byte {end}")
    return frame[size:end]

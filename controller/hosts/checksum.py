"""The Internet checksum (RFC 1071)."""

from __future__ import annotations

import struct

__all__ = ["internet_checksum"]


def internet_checksum(octets: bytes) -> int:
    """The checksum of an even number of octets."""
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

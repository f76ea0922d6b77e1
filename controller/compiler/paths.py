"""Which of a group's members a flow takes: the selector of `ecmp_groups` in `p4src/include/forwarding.p4`.

This module knows one hash; it does not know what is hashed.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["path_hash", "path_to"]

_MOST_TRIED = 1 << 16


def path_hash(path: int) -> int:
    """The selector's value for a flow's hash, or what an entry has in its place: CRC-16/ARC."""
    crc = 0
    for byte in path.to_bytes(4, "big"):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


@lru_cache(1024)
def path_to(index: int, members: int) -> int:
    """What an entry has in place of a flow's hash, so that the flow takes one of so many members."""
    return next(path for path in range(_MOST_TRIED) if path_hash(path) % members == index)

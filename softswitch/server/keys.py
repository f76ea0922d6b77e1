"""What identifies an entry in its table, packed into bytes: small, quickly compared, the same for all.

A key is the match fields one behind the other, each of a fixed size and big-endian, and behind them the
priority where the table has any.
"""

from __future__ import annotations

from collections.abc import Callable

from p4fabric.softswitch.engine.api import Exact, FieldMatch, Lpm, MatchKind, Range, Ternary

Key = bytes
Packer = Callable[[FieldMatch], bytes]
PRIORITY_BYTES = 4
LENGTH_BYTES = 2
"""Of a prefix length."""


def byte_size(bits: int) -> int:
    """Bytes that a value of so many bits needs."""
    return (bits + 7) // 8


def packed_size(kind: MatchKind, bits: int) -> int:
    """Bytes of one field in a key."""
    size = byte_size(bits)
    match kind:
        case MatchKind.EXACT:
            return size
        case MatchKind.LPM:
            return size + LENGTH_BYTES
        case MatchKind.OPTIONAL:
            return size + 1
    return 2 * size


def packer(kind: MatchKind, bits: int) -> Packer:
    """How one field is packed. A field that is left out is packed as its widest match is."""
    size, whole = byte_size(bits), (1 << bits) - 1
    nothing = bytes(packed_size(kind, bits))

    def exact(match: FieldMatch) -> bytes:
        return match.value.to_bytes(size, "big") if isinstance(match, Exact) else nothing

    def lpm(match: FieldMatch) -> bytes:
        if not isinstance(match, Lpm):
            return nothing
        return match.value.to_bytes(size, "big") + match.prefix_length.to_bytes(LENGTH_BYTES, "big")

    def ternary(match: FieldMatch) -> bytes:
        if not isinstance(match, Ternary):
            return nothing
        return match.value.to_bytes(size, "big") + match.mask.to_bytes(size, "big")

    def range_(match: FieldMatch) -> bytes:
        low, high = match if isinstance(match, Range) else (0, whole)
        return low.to_bytes(size, "big") + high.to_bytes(size, "big")

    def optional(match: FieldMatch) -> bytes:
        # The engine's own entries have a ternary match here.
        if isinstance(match, Exact) or (isinstance(match, Ternary) and match.mask):
            return b"\1" + match.value.to_bytes(size, "big")
        return nothing

    packers: dict[MatchKind, Packer] = {
        MatchKind.EXACT: exact,
        MatchKind.LPM: lpm,
        MatchKind.TERNARY: ternary,
        MatchKind.RANGE: range_,
        MatchKind.OPTIONAL: optional,
    }
    return packers[kind]

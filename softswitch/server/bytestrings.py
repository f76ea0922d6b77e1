"""P4Runtime's byte strings (specification, section 8.4): big-endian, of any length on the way in, canonical
on the way out."""

from __future__ import annotations

from p4fabric.softswitch.server.errors import out_of_range


def encode(value: int) -> bytes:
    """The canonical string of an unsigned number: the shortest, at least one byte."""
    return value.to_bytes((value.bit_length() + 7) >> 3 or 1, "big")


def decode(raw: bytes, width: int, name: str) -> int:
    """The number of at most `width` bits that a string stands for; `Refusal` (OUT_OF_RANGE) names `name`."""
    if not raw:
        raise out_of_range(f"{name}: an empty byte string is no value")
    value = int.from_bytes(raw, "big")
    if value >> width:
        raise out_of_range(f"{name}: {shown(raw)} does not fit in {width} bits")
    return value


def encode_signed(value: int) -> bytes:
    """The canonical string of a signed number (two's complement)."""
    bits = (value if value >= 0 else ~value).bit_length() + 1
    return value.to_bytes((bits + 7) >> 3, "big", signed=True)


def decode_signed(raw: bytes, width: int, name: str) -> int:
    """The signed number of at most `width` bits that a string stands for."""
    if not raw:
        raise out_of_range(f"{name}: an empty byte string is no value")
    value = int.from_bytes(raw, "big", signed=True)
    if not -(1 << width - 1) <= value < 1 << width - 1:
        raise out_of_range(f"{name}: {shown(raw)} does not fit in {width} signed bits")
    return value


def is_canonical(raw: bytes) -> bool:
    """Whether an unsigned number's string is the shortest."""
    return raw[0] != 0 or len(raw) == 1


def shown(raw: bytes) -> str:
    """For error texts; hostile strings may be megabytes long."""
    return f"0x{raw[:24].hex()}{'…' if len(raw) > 24 else ''}"

"""Byte strings of P4Runtime (section 8.4): how a number, a string or a flag becomes one, and comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Parameter", "decode_bytes", "decode_value", "encode_int", "encode_value"]


def encode_int(value: int) -> bytes:
    """Encode as a canonical byte string: big-endian, no leading zero bytes, at least one byte."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def decode_bytes(value: bytes) -> int:
    """Decode a byte string of any length, canonical or not."""
    return int.from_bytes(value, "big")


def encode_value(name: str, value: Any, bitwidth: int) -> bytes:
    """Encode a value that is a number, or a string where the type is translated to strings (`sdn_string`).

    Args:
        name: of the field, for the error.
        value: a number from 0, or a string.
        bitwidth: of the field; 0 for a translated string.

    Raises:
        ValueError: the value does not fit, or is of the wrong type.
    """
    if bitwidth == 0:
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} is a string that is not empty, not {value!r}")
        return value.encode()
    number = int(value)
    if number >> bitwidth:  # also where it is negative
        raise ValueError(f"{name} is 0 to {(1 << bitwidth) - 1}, not {number}")
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def decode_value(value: bytes, bitwidth: int, make: Callable[[Any], Any]) -> Any:
    """Decode what `encode_value` encodes.

    Raises:
        ValueError: not a string in UTF-8, or a number that `make` does not take.
    """
    return make(value.decode() if bitwidth == 0 else int.from_bytes(value, "big"))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an action, or one field of packet metadata."""

    id: int
    name: str
    """Of the Python attribute."""
    bitwidth: int
    """0 for a string (P4Info's `sdn_string`)."""
    make: Callable[[Any], Any]

    def encode(self, value: Any) -> bytes:
        """Encode a value.

        Raises:
            ValueError: it does not fit.
        """
        return encode_value(self.name, value, self.bitwidth)

    def decode(self, value: bytes) -> Any:
        """Decode a value.

        Raises:
            ValueError: it is none of this field.
        """
        return decode_value(value, self.bitwidth, self.make)

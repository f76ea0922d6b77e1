"""Single values as people write them: 10.0.0.1, 00:00:00:00:00:01, 0x800, -1, a translated string.

Knows byte strings (specification, section 8.4). Must not know matches or messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.tracing.formats import BITS, Format

_MAC = re.compile(r"[0-9a-fA-F]{1,2}([:-][0-9a-fA-F]{1,2}){5}")
_HEX_NAME = re.compile(r"(ether|eth|frame)_?type|flags|mask|teid|spi$", re.IGNORECASE)
_LITERAL = re.compile(r"\d+[ws](?=[0-9-])")
"""What P4 writes before a number: 16w0x800."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of a key's field, a parameter or a metadata field; `name` is for messages.

    `signed` is None where nothing says whether it is `int<W>`: P4Info does not, the device config does.
    """

    name: str
    width: int
    signed: bool | None = None
    format: Format | None = None
    text: bool = False
    """Translated to strings."""

    @property
    def label(self) -> str:
        """As P4 writes it."""
        if self.text:
            return "string"
        return f"{'int' if self.signed else 'bit'}<{self.width}>"

    def parse(self, word: str) -> int:
        """A number, below zero if it is signed; `BadInput` says what would be right."""
        number = self._number(word.strip())
        if number is None:
            raise BadInput(f"{self.name}: {word!r} is no {self._wanted()}")
        low, high = self.bounds()
        if self.signed is None and number < 0:
            low = -(1 << self.width - 1)
        if not low <= number <= high:
            raise BadInput(f"{self.name}: {word} is not in {low}..{high} ({self.label})")
        return number

    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest number."""
        if self.signed:
            return -(1 << self.width - 1), (1 << self.width - 1) - 1
        return 0, (1 << self.width) - 1

    def encode(self, word: str) -> bytes:
        """The byte string of what was written."""
        if not self.text:
            return self.to_bytes(self.parse(word))
        if not word:
            raise BadInput(f"{self.name}: a string of at least one character is needed")
        return word.encode()

    def to_bytes(self, number: int) -> bytes:
        """The canonical byte string of a number. One below zero, of a type that may or may not be signed, is
        written in full: this both kinds of type take."""
        if self.signed:
            return number.to_bytes(
                number.bit_length() // 8 + 1 if number >= 0 else _bytes_below(number), "big", signed=True
            )
        if number < 0:
            return number.to_bytes((self.width + 7) // 8, "big", signed=True)
        return number.to_bytes((number.bit_length() + 7) // 8 or 1, "big")

    def number(self, raw: bytes) -> int:
        """The number of a byte string."""
        return int.from_bytes(raw, "big", signed=bool(self.signed))

    def show(self, raw: bytes) -> str:
        """A byte string as people read it, and can write it."""
        if self.text:
            return raw.decode(errors="replace")
        return self.show_number(self.number(raw))

    def show_number(self, number: int) -> str:
        """A number as people read it."""
        if number < 0:
            return str(number)
        match self.format:
            case Format.MAC:
                return number.to_bytes(6, "big").hex(":")
            case Format.IPV4:
                return str(IPv4Address(number))
            case Format.IPV6:
                return str(IPv6Address(number))
        return hex(number) if _HEX_NAME.search(self.name) else str(number)

    def plain(self, raw: bytes) -> int | str:
        """For programs: a number, or an address or string."""
        return self.number(raw) if not self.text and self.format is None else self.show(raw)

    def _number(self, word: str) -> int | None:
        if word in ("true", "false"):
            return int(word == "true")
        try:
            if self.width == BITS[Format.IPV4] and word.count(".") == 3:
                return int(IPv4Address(word))
            if self.width == BITS[Format.IPV6] and ":" in word:
                return int(IPv6Address(word))
        except AddressValueError:
            return None
        if self.width == BITS[Format.MAC] and _MAC.fullmatch(word):
            return int("".join(part.zfill(2) for part in re.split("[:-]", word)), 16)
        try:
            return int(_LITERAL.sub("", word, count=1), 0)
        except ValueError:
            return None

    def _wanted(self) -> str:
        known = next((one for one, bits in BITS.items() if bits == self.width), None)
        address = {
            Format.MAC: "MAC address (such as 00:00:00:00:00:01)",
            Format.IPV4: "IPv4 address (such as 10.0.0.1)",
            Format.IPV6: "IPv6 address (such as 2001:db8::1)",
        }
        number = f"number of type {self.label} (such as 10 or 0xa)"
        return f"{address[known]} or {number}" if known in address else number


def _bytes_below(number: int) -> int:
    """How many bytes a number below zero needs."""
    return (number + 1).bit_length() // 8 + 1

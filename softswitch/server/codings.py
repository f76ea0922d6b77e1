"""How values of P4 types travel as byte strings (specification, sections 8.4 and 18): as unsigned numbers
unless said otherwise, as signed ones, or as names. On the engine's side each is the value's bits as an
unsigned number.

Must not know what a value is for.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from finsy.proto import p4t

from p4fabric.softswitch.engine.api import HeaderField
from p4fabric.softswitch.server import bytestrings
from p4fabric.softswitch.server.errors import exhausted, invalid, out_of_range

LONGEST_NAME = 256
"""Bytes of a string that stands for a number."""
MOST_NAMES = 1 << 16
"""Of one type."""


class Coding(Protocol):
    """Both directions of one type. What `encode` gives is canonical."""

    def decode(self, raw: bytes, name: str) -> int:
        """The engine's number; `Refusal` names `name`."""
        ...

    def encode(self, value: int) -> bytes:
        """The byte string of an engine's number."""
        ...


@dataclass(frozen=True, slots=True)
class Unsigned:
    """`bit<W>`."""

    width: int

    def decode(self, raw: bytes, name: str) -> int:
        """A number of at most so many bits."""
        return bytestrings.decode(raw, self.width, name)

    def encode(self, value: int) -> bytes:
        """The shortest string."""
        return bytestrings.encode(value)


@dataclass(frozen=True, slots=True)
class Signed:
    """`int<W>`: strings are sign-extended."""

    width: int

    def decode(self, raw: bytes, name: str) -> int:
        """A number in two's complement."""
        return bytestrings.decode_signed(raw, self.width, name) & (1 << self.width) - 1

    def encode(self, value: int) -> bytes:
        """The shortest string in two's complement."""
        return bytestrings.encode_signed(value - (value >> self.width - 1 << self.width))


class Names:
    """A type that is translated to strings (`@p4runtime_translation("", string)`), as section 18 leaves it to
    the switch: a string of digits is that number; any other gets a number of its own, from the middle of the
    type's range on, and keeps it as long as the pipeline. A number without a name is its digits.
    """

    def __init__(self, type_name: str, width: int) -> None:
        self._type = type_name
        self.width = width
        self._next = 1 << width - 1
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._lock = threading.Lock()  # writes and packet-outs have threads of their own

    def decode(self, raw: bytes, name: str) -> int:
        """The string's number."""
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise invalid(f"{name}: {bytestrings.shown(raw)} is no string (UTF-8)") from None
        if not 0 < len(raw) <= LONGEST_NAME:
            raise invalid(f"{name}: a string of 1 to {LONGEST_NAME} bytes is needed, not of {len(raw)}")
        with self._lock:
            known = self._numbers.get(text)
            return known if known is not None else self._learn(text, name)

    def encode(self, value: int) -> bytes:
        """The number's string."""
        return self._names.get(value, str(value)).encode()

    def _learn(self, text: str, name: str) -> int:
        if len(self._numbers) >= MOST_NAMES:
            raise exhausted(f"{name}: type {self._type} has {MOST_NAMES} names already, which is the most")
        if text.isascii() and text.isdigit() and str(int(text)) == text:
            number = int(text)
            if number >> self.width:
                raise out_of_range(f"{name}: {text} does not fit in {self.width} bits")
            if number in self._names:
                raise exhausted(f"{name}: {text} stands for {self._names[number]!r} of type {self._type}")
        else:
            number = self._free(name)
        self._numbers[text], self._names[number] = number, text
        return number

    def _free(self, name: str) -> int:
        if len(self._names) >> self.width:
            raise exhausted(f"{name}: all numbers of type {self._type} have names")
        while self._next in self._names:
            self._next = (self._next + 1) % (1 << self.width)
        return self._next


class TypeCodings:
    """The codings of one pipeline's types; names are shared by all that is of one type."""

    def __init__(self, types: p4t.P4TypeInfo, headers: Mapping[str, tuple[HeaderField, ...]]) -> None:
        """P4Info's types, and the device config's header types."""
        self.headers = headers
        self._new_types = types.new_types
        self._names: dict[str, Names] = {}

    def is_translated(self, type_name: str) -> bool:
        """Whether values of the type are not what the program sees."""
        return type_name in self._new_types and self._new_types[type_name].HasField("translated_type")

    def translated(self, type_name: str, there: int) -> Coding:
        """That of a translated type of `there` bits in the device config. Its numbers are taken as they are,
        if they fit; P4Info's width may be another."""
        if self._new_types[type_name].translated_type.WhichOneof("sdn_type") != "sdn_string":
            return Unsigned(there)
        known = self._names.setdefault(type_name, Names(type_name, there))
        if known.width != there:
            raise invalid(f"P4Info: type {type_name} has {there} bits, and elsewhere {known.width} bits")
        return known

    def coding(self, where: str, width: int, type_name: str, there: int, signed: bool) -> Coding | None:
        """Of something of `width` bits in P4Info and of `there` bits in the device config; None for unsigned
        numbers."""
        if self.is_translated(type_name):
            found = self.translated(type_name, there)
            return found if isinstance(found, Names) else None
        if width not in (there, 0):  # 0: of type `error`, whose width is the device config's to say
            raise invalid(f"{where}: {width} bits, the device config has {there}")
        return Signed(there) if signed else None

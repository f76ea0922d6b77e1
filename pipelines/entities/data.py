"""Values of P4 types inside digests and registers: P4Runtime's `P4Data` (section 8.4.2).

Header unions and header stacks are not among them; the generator of bindings leaves out what has any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from finsy.proto import p4d

from p4fabric.pipelines.entities.encoding import decode_value, encode_int, encode_value

__all__ = [
    "Bits",
    "DataField",
    "DataType",
    "EnumMember",
    "EnumNumber",
    "ErrorMember",
    "Flag",
    "HeaderOf",
    "Signed",
    "Struct",
    "StructOf",
    "TupleOf",
    "decode_struct",
]


class DataType(Protocol):
    """A P4 type: what its values are in Python, and how they travel."""

    def encode(self, value: Any) -> p4d.P4Data:
        """Encode; raises ValueError where the value is none of the type."""

    def decode(self, data: p4d.P4Data) -> Any:
        """Decode; raises ValueError where the data is none of the type."""


@dataclass(frozen=True, slots=True)
class Bits:
    """`bit<W>`, or a type translated to a number or (with `bitwidth` 0) to a string."""

    bitwidth: int
    make: Callable[[Any], Any] = int

    def encode(self, value: Any) -> p4d.P4Data:
        return p4d.P4Data(bitstring=encode_value("a bit string", value, self.bitwidth))

    def decode(self, data: p4d.P4Data) -> Any:
        _expect(data, "bitstring")
        return decode_value(data.bitstring, self.bitwidth, self.make)


@dataclass(frozen=True, slots=True)
class Signed:
    """`int<W>`: two's complement in as few bytes as hold it."""

    bitwidth: int

    def encode(self, value: int) -> p4d.P4Data:
        if not -(1 << self.bitwidth - 1) <= value < 1 << self.bitwidth - 1:
            raise ValueError(f"{value} does not fit int<{self.bitwidth}>")
        length = (value if value >= 0 else ~value).bit_length() // 8 + 1
        return p4d.P4Data(bitstring=value.to_bytes(length, "big", signed=True))

    def decode(self, data: p4d.P4Data) -> int:
        _expect(data, "bitstring")
        return int.from_bytes(data.bitstring, "big", signed=True)


@dataclass(frozen=True, slots=True)
class Flag:
    """`bool`."""

    def encode(self, value: bool) -> p4d.P4Data:
        return p4d.P4Data(bool=value)

    def decode(self, data: p4d.P4Data) -> bool:
        _expect(data, "bool")
        return data.bool


@dataclass(frozen=True, slots=True)
class EnumMember:
    """An `enum` without numbers: its members' names."""

    def encode(self, value: str) -> p4d.P4Data:
        return p4d.P4Data(enum=value)

    def decode(self, data: p4d.P4Data) -> str:
        _expect(data, "enum")
        return data.enum


@dataclass(frozen=True, slots=True)
class ErrorMember:
    """`error`: its members' names."""

    def encode(self, value: str) -> p4d.P4Data:
        return p4d.P4Data(error=value)

    def decode(self, data: p4d.P4Data) -> str:
        _expect(data, "error")
        return data.error


@dataclass(frozen=True, slots=True)
class EnumNumber:
    """An `enum bit<W>`: its members' numbers."""

    def encode(self, value: int) -> p4d.P4Data:
        return p4d.P4Data(enum_value=encode_int(value))

    def decode(self, data: p4d.P4Data) -> int:
        _expect(data, "enum_value")
        return int.from_bytes(data.enum_value, "big")


@dataclass(frozen=True, slots=True)
class TupleOf:
    """`tuple<…>`."""

    types: tuple[DataType, ...]

    def encode(self, value: tuple[Any, ...]) -> p4d.P4Data:
        data = p4d.P4Data()
        data.tuple.members.extend(kind.encode(one) for kind, one in zip(self.types, value, strict=True))
        return data

    def decode(self, data: p4d.P4Data) -> tuple[Any, ...]:
        _expect(data, "tuple")
        return tuple(kind.decode(one) for kind, one in zip(self.types, data.tuple.members, strict=True))


@dataclass(frozen=True, slots=True)
class DataField:
    """A member of a struct or a header."""

    name: str
    """Of the Python attribute."""
    type: DataType


@dataclass(frozen=True, slots=True)
class Struct:
    """Base of the generated structs and headers; fields in the order of the P4 type."""

    FIELDS: ClassVar[tuple[DataField, ...]]

    @classmethod
    def decode(cls, data: p4d.P4Data) -> Self:
        """Decode a struct.

        Raises:
            ValueError: not a struct with these fields.
        """
        _expect(data, "struct")
        return cls(*decode_struct(cls.__name__, cls.FIELDS, data.struct.members))


@dataclass(frozen=True, slots=True)
class StructOf:
    """A `struct`."""

    struct: type[Struct]

    def encode(self, value: Struct) -> p4d.P4Data:
        data = p4d.P4Data()
        data.struct.members.extend(_members(value))
        return data

    def decode(self, data: p4d.P4Data) -> Struct:
        return self.struct.decode(data)


@dataclass(frozen=True, slots=True)
class HeaderOf:
    """A `header`; None where it is not valid."""

    header: type[Struct]

    def encode(self, value: Struct | None) -> p4d.P4Data:
        data = p4d.P4Data()
        data.header.is_valid = value is not None
        if value is not None:
            data.header.bitstrings.extend(member.bitstring for member in _members(value))
        return data

    def decode(self, data: p4d.P4Data) -> Struct | None:
        _expect(data, "header")
        if not data.header.is_valid:
            return None
        members = [p4d.P4Data(bitstring=one) for one in data.header.bitstrings]
        return self.header(*decode_struct(self.header.__name__, self.header.FIELDS, members))


def decode_struct(name: str, fields: tuple[DataField, ...], members: Any) -> list[Any]:
    """The values of a struct's members.

    Raises:
        ValueError: as many members as fields are wanted, each of its field's type.
    """
    if len(members) != len(fields):
        raise ValueError(f"{name} has {len(fields)} fields, not {len(members)}")
    return [field.type.decode(member) for field, member in zip(fields, members, strict=True)]


def _members(value: Struct) -> list[p4d.P4Data]:
    return [field.type.encode(getattr(value, field.name)) for field in value.FIELDS]


def _expect(data: p4d.P4Data, kind: str) -> None:
    found = data.WhichOneof("data")
    if found != kind:
        raise ValueError(f"a {kind} was expected, not {found or 'nothing'}")

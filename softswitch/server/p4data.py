"""Values of P4 types as P4Data messages (specification, section 8.5): what digests and registers carry.

Knows type specs; the engine's side is a flat tuple of unsigned numbers, leaf by leaf, in the order of
declaration. Must not know what a value is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from finsy.proto import p4d, p4i, p4t

from p4fabric.softswitch.server.codings import Coding, Signed, TypeCodings, Unsigned
from p4fabric.softswitch.server.errors import invalid

DEEPEST = 16
"""Types may nest; a hostile P4Info may nest them in a circle."""


class UnsupportedType(Exception):
    """A type that has no fixed layout of numbers."""


@dataclass(frozen=True, slots=True)
class DataType:
    """A type: the widths of its leaves, and both directions."""

    widths: tuple[int, ...]
    encode: Callable[[Iterator[int]], p4d.P4Data]
    decode: Callable[[p4d.P4Data, str], list[int]]

    def message(self, values: tuple[int, ...]) -> p4d.P4Data:
        """The leaves' numbers as a message."""
        return self.encode(iter(values))

    def values(self, message: p4d.P4Data, name: str) -> tuple[int, ...]:
        """A message's leaves; `Refusal` names the place."""
        return tuple(self.decode(message, name))


def data_type(
    spec: p4t.P4DataTypeSpec, info: p4i.P4Info, types: TypeCodings, widths: Sequence[int]
) -> DataType:
    """The type of a spec; `UnsupportedType` says why not. `widths` are the device config's, leaf by leaf: of
    translated types P4Info does not tell them."""
    return _data_type(spec, info, types, iter(widths), 0)


def _data_type(
    spec: p4t.P4DataTypeSpec, info: p4i.P4Info, codings: TypeCodings, widths: Iterator[int], depth: int
) -> DataType:
    if depth > DEEPEST:
        raise UnsupportedType(f"types are nested more than {DEEPEST} deep")
    kind = spec.WhichOneof("type_spec")
    types = info.type_info
    match kind:
        case "bitstring":
            next(widths, 0)
            return _bitstring(spec.bitstring)
        case "bool":
            next(widths, 0)
            return _boolean()
        case "new_type":
            named = types.new_types.get(spec.new_type.name)
            if named is None:
                raise UnsupportedType(f"there is no type {spec.new_type.name!r}")
            if named.WhichOneof("representation") == "original_type":
                return _data_type(named.original_type, info, codings, widths, depth + 1)
            width = next(widths, 0)
            if not width:
                raise UnsupportedType(f"type {spec.new_type.name} is translated, and its width is not known")
            return _number(codings.translated(spec.new_type.name, width), width, "bitstring")
        case "serializable_enum":
            name = spec.serializable_enum.name
            if name not in types.serializable_enums:
                raise UnsupportedType(f"there is no enum {name!r}")
            next(widths, 0)
            width = types.serializable_enums[name].underlying_type.bitwidth
            return _number(Unsigned(width), width, "enum_value")
        case "struct":
            if spec.struct.name not in types.structs:
                raise UnsupportedType(f"there is no struct {spec.struct.name!r}")
            members = types.structs[spec.struct.name].members
            return _struct(
                [(one.name, _data_type(one.type_spec, info, codings, widths, depth + 1)) for one in members],
                "struct",
            )
        case "tuple":
            inner = [
                (str(at), _data_type(one, info, codings, widths, depth + 1))
                for at, one in enumerate(spec.tuple.members)
            ]
            return _struct(inner, "tuple")
    raise UnsupportedType(f"values of type {kind} are not supported")


def _bitstring(spec: p4t.P4BitstringLikeTypeSpec) -> DataType:
    if spec.HasField("bit"):
        return _number(Unsigned(spec.bit.bitwidth), spec.bit.bitwidth, "bitstring")
    if spec.HasField("int"):
        return _number(Signed(spec.int.bitwidth), spec.int.bitwidth, "bitstring")
    raise UnsupportedType("varbit values are not supported")


def _number(coding: Coding, width: int, field: str) -> DataType:
    def encode(values: Iterator[int]) -> p4d.P4Data:
        raw = coding.encode(next(values))
        return p4d.P4Data(bitstring=raw) if field == "bitstring" else p4d.P4Data(enum_value=raw)

    def decode(message: p4d.P4Data, name: str) -> list[int]:
        _expect(message, field, name)
        return [coding.decode(message.bitstring if field == "bitstring" else message.enum_value, name)]

    return DataType((width,), encode, decode)


def _boolean() -> DataType:
    def encode(values: Iterator[int]) -> p4d.P4Data:
        return p4d.P4Data(bool=bool(next(values)))

    def decode(message: p4d.P4Data, name: str) -> list[int]:
        _expect(message, "bool", name)
        return [int(message.bool)]

    return DataType((1,), encode, decode)


def _struct(members: list[tuple[str, DataType]], field: str) -> DataType:
    widths = tuple(width for _, member in members for width in member.widths)

    def encode(values: Iterator[int]) -> p4d.P4Data:
        message = p4d.P4Data()
        inner = message.struct if field == "struct" else message.tuple
        inner.SetInParent()
        inner.members.extend(member.encode(values) for _, member in members)
        return message

    def decode(message: p4d.P4Data, name: str) -> list[int]:
        _expect(message, field, name)
        given = message.struct.members if field == "struct" else message.tuple.members
        if len(given) != len(members):
            raise invalid(f"{name}: {len(given)} members, the {field} has {len(members)}")
        found: list[int] = []
        for (label, member), one in zip(members, given, strict=True):
            found += member.decode(one, f"{name}.{label}")
        return found

    return DataType(widths, encode, decode)


def _expect(message: p4d.P4Data, field: str, name: str) -> None:
    given = message.WhichOneof("data")
    if given != field:
        raise invalid(f"{name}: a {field} is needed, not {given or 'nothing'}")

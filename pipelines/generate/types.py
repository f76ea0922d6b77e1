"""What the types of a P4Info are in Python.

A number is an `int`, `bit<1>` a `bool`, a type translated to strings a `str`. A program of our own may have
classes for its `type` names (`ValueTypes`); anybody else's gets plain numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from finsy.proto import p4i, p4t

from p4fabric.pipelines.generate.names import camel

__all__ = ["DataType", "DataTypes", "Scalar", "Scalars", "Unsupported", "ValueTypes", "members"]


class Unsupported(Exception):
    """Bindings cannot hold this; the text says what it is."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type of a match field, of an action's parameter or of a packet header's field."""

    bitwidth: int
    """0 for a string."""
    annotation: str


@dataclass(frozen=True, slots=True)
class ValueTypes:
    """Classes for a program's `type` names, such as `Port` for `type bit<9> port_t`."""

    module: str
    """Where they are imported from."""
    classes: Mapping[str, str]
    """By the P4 type's name."""
    digest_fields: Mapping[str, str] = field(default_factory=dict)
    """By the names of fields of digests, whose types P4Info does not have: servers built on PI take only
    plain bit strings there."""


class Scalars:
    """The scalar types of one P4Info."""

    def __init__(self, p4info: p4i.P4Info, values: ValueTypes | None) -> None:
        """Take the program's types, and the classes that stand for some."""
        self._types = p4info.type_info.new_types
        self._values = values
        self.used: set[str] = set()
        """Classes of `values` that were used."""

    def of(self, what: str, bitwidth: int, type_name: str) -> Scalar:
        """The type of a field.

        Args:
            what: the field's name, for the error.
            bitwidth: as P4Info says it.
            type_name: of the P4 type, or empty.

        Raises:
            Unsupported: it has no width, and is no string.
        """
        if type_name in self._types:
            known = self._types[type_name]
            if known.HasField("translated_type"):
                if known.translated_type.HasField("sdn_string"):
                    return Scalar(0, "str")
                bitwidth = known.translated_type.sdn_bitwidth
        if not bitwidth:
            raise Unsupported(f"{what} has no width")
        if type_name and self._values is not None and type_name in self._values.classes:
            return Scalar(bitwidth, self._use(self._values.classes[type_name]))
        return Scalar(bitwidth, "bool" if bitwidth == 1 and type_name not in self._types else "int")

    def of_digest_field(self, name: str) -> str | None:
        """The class of a digest's field, where its name tells it."""
        if self._values is None or name not in self._values.digest_fields:
            return None
        return self._use(self._values.digest_fields[name])

    def _use(self, name: str) -> str:
        self.used.add(name)
        return name


@dataclass(frozen=True, slots=True)
class DataType:
    """A type of P4Data: how an annotation names it, and the expression of its codec."""

    annotation: str
    codec: str


class DataTypes:
    """The types of digests' fields and of registers; structs and headers are noted as they are met."""

    def __init__(self, p4info: p4i.P4Info, scalars: Scalars) -> None:
        """Take the program's types."""
        self._info, self._scalars = p4info.type_info, scalars
        self.structs: dict[str, Any] = {}
        """Specifications of structs and headers that are used, those inside others first, by P4 name."""

    def of(self, spec: Any, name_of: Callable[[str], str], field_name: str = "") -> DataType:
        """The type of a specification.

        Args:
            spec: a `P4DataTypeSpec`.
            name_of: the class of a struct or header.
            field_name: of the digest's field that has the type.

        Raises:
            Unsupported: header unions, stacks, and bit strings of variable length.
        """
        kind = spec.WhichOneof("type_spec")
        match kind:
            case "bitstring":
                return self._bitstring(spec.bitstring, field_name)
            case "bool":
                return DataType("bool", "Flag()")
            case "enum":
                return DataType("str", "EnumMember()")
            case "error":
                return DataType("str", "ErrorMember()")
            case "serializable_enum":
                return DataType("int", "EnumNumber()")
            case "new_type":
                return self._new_type(spec.new_type.name, name_of, field_name)
            case "tuple":
                inner = [self.of(one, name_of) for one in spec.tuple.members]
                codecs = "".join(f"{one.codec}, " for one in inner)
                annotation = ", ".join(one.annotation for one in inner) or "()"
                return DataType(f"tuple[{annotation}]", f"TupleOf(({codecs}))")
            case "struct":
                self.note(spec.struct.name, self._info.structs[spec.struct.name])
                name = name_of(spec.struct.name)
                return DataType(name, f"StructOf({name})")
            case "header":
                self.note(spec.header.name, self._info.headers[spec.header.name])
                name = name_of(spec.header.name)
                return DataType(f"{name} | None", f"HeaderOf({name})")
            case _:
                raise Unsupported(f"a value of the P4 type {str(kind).replace('_', ' ')}")

    def note(self, name: str, spec: Any) -> None:
        """Note a struct or header, after those that its members have.

        Raises:
            Unsupported: a member's type is none that bindings can hold.
        """
        if name in self.structs:
            return
        for _, member in members(spec):
            self.of(member, camel)
        self.structs[name] = spec

    def _bitstring(self, spec: Any, field_name: str) -> DataType:
        match spec.WhichOneof("type_spec"):
            case "bit":
                made = self._scalars.of_digest_field(field_name) or "int"
                codec = (
                    f"Bits({spec.bit.bitwidth})" if made == "int" else f"Bits({spec.bit.bitwidth}, {made})"
                )
                return DataType(made, codec)
            case "int":
                return DataType("int", f"Signed({spec.int.bitwidth})")
            case _:
                raise Unsupported("a bit string of variable length")

    def _new_type(self, name: str, name_of: Callable[[str], str], field_name: str) -> DataType:
        known = self._info.new_types[name]
        if known.HasField("original_type"):
            return self.of(known.original_type, name_of, field_name)
        scalar = self._scalars.of(name, 0, name)
        if scalar.bitwidth == 0:
            return DataType("str", "Bits(0, str)")
        made = scalar.annotation
        codec = f"Bits({scalar.bitwidth})" if made == "int" else f"Bits({scalar.bitwidth}, {made})"
        return DataType(made, codec)


def members(spec: Any) -> Iterator[tuple[str, Any]]:
    """Names and specifications of the members of a struct, or of a header, whose members are bit strings."""
    for member in spec.members:
        inner = member.type_spec
        is_data = isinstance(inner, p4t.P4DataTypeSpec)
        yield member.name, inner if is_data else p4t.P4DataTypeSpec(bitstring=inner)

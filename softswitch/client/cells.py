"""Cells of counters, meters and registers: indices as people write them, and P4Data.

Must not know who reads or writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from finsy.p4schema import (
    P4BitsType,
    P4BoolType,
    P4HeaderType,
    P4NewType,
    P4NewTypeKind,
    P4SerializableEnumType,
    P4StructType,
    P4TupleType,
)
from finsy.proto import p4d, p4i, p4r

from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.program import Program, parse_assignments
from p4fabric.softswitch.client.values import ValueType

T = TypeVar("T")

_RANGE = re.compile(r"(\d+)(?:(?:-|\.\.)(\d+))?")


def parse_indices(word: str, size: int, name: str) -> list[int]:
    """`3`, `0-7` or `0..7`, several with commas between; `BadInput` when there is no such cell."""
    found: list[int] = []
    for part in word.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise BadInput(f"{name}: index {part!r}: a number or a range is needed, such as 3 or 0-7")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last or last >= size:
            raise BadInput(f"{name}: index {part} is not in 0..{size - 1}")
        found += range(first, last + 1)
    return found


def runs(cells: Iterable[tuple[int, T]]) -> Iterator[tuple[str, T]]:
    """Neighbours with the same value as one, `0-7`."""
    first = last = -1
    value: Any = None
    for index, one in cells:
        if first >= 0 and index == last + 1 and one == value:
            last = index
            continue
        if first >= 0:
            yield (str(first) if first == last else f"{first}-{last}"), value
        first = last = index
        value = one
    if first >= 0:
        yield (str(first) if first == last else f"{first}-{last}"), value


class Data:
    """Values of one type, as registers and digests carry them: `name` is what a number is called."""

    def __init__(self, program: Program, spec: Any, name: str) -> None:
        self._program = program
        self._spec = _original(spec)
        self._name = name

    @property
    def label(self) -> str:
        """The type as P4 writes it."""
        match self._spec:
            case P4BitsType() | P4NewType():
                return self._value().label
            case P4BoolType():
                return "bool"
        return str(self._spec.type_name)

    def parse(self, word: str) -> p4d.P4Data:
        """A value; of structs `field=value,field=value`, of tuples `value,value`."""
        match self._spec:
            case P4BitsType() | P4NewType():
                return p4d.P4Data(bitstring=self._value().encode(word))
            case P4BoolType():
                if word not in ("true", "false"):
                    raise BadInput(f"{self._name}: {word!r} is neither true nor false")
                return p4d.P4Data(bool=word == "true")
            case P4SerializableEnumType() as enum:
                number = enum.members.get(word)
                value = ValueType(self._name, enum.bitwidth)
                return p4d.P4Data(enum_value=value.encode(word) if number is None else value.to_bytes(number))
            case P4StructType() as struct:
                given = parse_assignments(word.split(","), struct.members, f"field of {self._name}")
                missing = [one for one in struct.members if one not in given]
                if missing:
                    raise BadInput(
                        f"{self._name}: {', '.join(missing)} missing: field=value,field=value is needed"
                    )
                parts = [self._part(name, one).parse(given[name]) for name, one in struct.members.items()]
                return p4d.P4Data(struct=p4d.P4StructLike(members=parts))
            case P4TupleType() as pair:
                words = word.split(",")
                if len(words) != len(pair.members):
                    raise BadInput(f"{self._name}: {len(pair.members)} values with commas between are needed")
                parts = [
                    self._part(self._name, one).parse(each)
                    for one, each in zip(pair.members, words, strict=True)
                ]
                return p4d.P4Data(tuple=p4d.P4StructLike(members=parts))
        raise BadInput(f"{self._name}: this command cannot write values of type {self.label}")

    def show(self, data: p4d.P4Data) -> str:
        """A value as people read it."""
        return _text(self.plain(data))

    def plain(self, data: p4d.P4Data) -> Any:
        """A value for programs."""
        match self._spec:
            case P4BitsType(varbit=True):
                return int.from_bytes(data.varbit.bitstring, "big")
            case P4BitsType() | P4NewType():
                return self._value().plain(data.bitstring)
            case P4BoolType():
                return data.bool
            case P4SerializableEnumType() as enum:
                number = int.from_bytes(data.enum_value, "big")
                return next((name for name, one in enum.members.items() if one == number), number)
            case P4StructType() as struct:
                parts = zip(struct.members.items(), data.struct.members, strict=False)
                return {name: self._part(name, one).plain(part) for (name, one), part in parts}
            case P4TupleType() as pair:
                listed = zip(pair.members, data.tuple.members, strict=False)
                return [self._part(self._name, one).plain(part) for one, part in listed]
            case P4HeaderType() as header:
                if not data.header.is_valid:
                    return None
                fields = zip(header.members.items(), data.header.bitstrings, strict=False)
                return {name: self._part(name, one)._value().plain(raw) for (name, one), raw in fields}
        return str(data).strip()

    def zero(self) -> p4d.P4Data:
        """The value of which all numbers are 0."""
        match self._spec:
            case P4StructType() as struct:
                parts = [self._part(name, one).zero() for name, one in struct.members.items()]
                return p4d.P4Data(struct=p4d.P4StructLike(members=parts))
            case P4TupleType() as pair:
                parts = [self._part(self._name, one).zero() for one in pair.members]
                return p4d.P4Data(tuple=p4d.P4StructLike(members=parts))
        return self.parse("false" if isinstance(self._spec, P4BoolType) else "0")

    def _part(self, name: str, spec: Any) -> Data:
        return Data(self._program, spec, name)

    def _value(self) -> ValueType:
        match self._spec:
            case P4NewType(kind=P4NewTypeKind.SDN_STRING):
                return ValueType(self._name, 0, False, None, True)
            case P4NewType() as new:
                return ValueType(self._name, new.translated_bitwidth, False)
        return self._program.named_value(self._name, self._spec.bitwidth, self._spec.signed)


def register_data(program: Program, register: p4i.Register) -> Data:
    """What a register's cells hold."""
    spec = program.schema.registers[register.preamble.name].type_spec
    return Data(program, spec, register.preamble.alias)


def register_cell(register: p4i.Register, index: int, data: p4d.P4Data) -> p4r.Entity:
    """A cell with its value."""
    entity = p4r.Entity()
    entry = entity.register_entry
    entry.register_id, entry.index.index = register.preamble.id, index
    entry.data.CopyFrom(data)
    return entity


def _original(spec: Any) -> Any:
    while isinstance(spec, P4NewType) and spec.kind is P4NewTypeKind.ORIGINAL_TYPE:
        spec = spec.original_type
    return spec


def _text(plain: Any) -> str:
    if isinstance(plain, dict):
        return " ".join(f"{name}={_text(one)}" for name, one in plain.items())
    if isinstance(plain, Sequence) and not isinstance(plain, str):
        return ",".join(_text(one) for one in plain)
    return str(plain)

"""The names that a program declares, and what they stand for while the rest is being read."""

from __future__ import annotations

from dataclasses import dataclass, field

from p4fabric.softswitch.engine.load.cursor import Cursor
from p4fabric.softswitch.engine.model import (
    Action,
    Calculation,
    ConstantInput,
    Counter,
    DirectMeter,
    FieldList,
    FieldRef,
    Header,
    HeaderInput,
    Meter,
    PayloadInput,
    Register,
    Source,
    Stack,
    Union,
    Validity,
    ValueSet,
)

WIDEST_FIELD = 2048
VALIDITY = "$valid$"

# The runtime's function for each algorithm; the custom ones have bmv2's parameters at the start.
ALGORITHMS = {
    "crc16": "crc16",
    "crc16_custom": "crc16",
    "crc32": "crc32",
    "crc32_custom": "crc32",
    "crcCCITT": "crc_ccitt",
    "csum16": "csum16",
    "cksum16": "csum16",
    "xor16": "xor16",
    "identity": "identity",
}


@dataclass
class Scope:
    """What is declared so far."""

    headers: dict[str, Header] = field(default_factory=dict)
    unions: dict[str, Union] = field(default_factory=dict)
    stacks: dict[str, Stack] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    calculations: dict[str, Calculation] = field(default_factory=dict)
    registers: dict[str, Register] = field(default_factory=dict)
    counters: dict[str, Counter] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    direct_meters: dict[str, DirectMeter] = field(default_factory=dict)
    value_sets: dict[str, ValueSet] = field(default_factory=dict)
    direct_counters: dict[str, str] = field(default_factory=dict)
    kept_fields: dict[int, FieldList] = field(default_factory=dict)
    digests: dict[int, FieldList] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)
    signed: frozenset[int] = frozenset()  # parameters of the action that is being read

    def header(self, at: Cursor) -> Header:
        """The header instance that this string names."""
        name = at.text()
        if name not in self.headers:
            at.fail(f"there is no header {name!r}")
        return self.headers[name]

    def union(self, at: Cursor) -> Union:
        """The union instance that this string names."""
        name = at.text()
        if name not in self.unions:
            at.fail(f"there is no header union {name!r}")
        return self.unions[name]

    def stack(self, at: Cursor, unions: bool | None = None) -> Stack:
        """The stack that this string names, of headers or of unions (None: either)."""
        name = at.text()
        if name not in self.stacks:
            at.fail(f"there is no header stack {name!r}")
        stack = self.stacks[name]
        if unions is not None and isinstance(stack.elements[0], Union) is not unions:
            at.fail(f"{name!r} is a stack of {'headers' if unions else 'unions'}")
        return stack

    def field(self, at: Cursor) -> FieldRef | Validity:
        """The field that this pair names."""
        header_at, field_at = at.list(2)
        header, name = self.header(header_at), field_at.text()
        if name == VALIDITY:
            if header.metadata:
                field_at.fail(f"metadata {header.name!r} is always valid")
            return Validity(header)
        for candidate in header.fields:
            if candidate.name == name:
                return FieldRef(header, candidate)
        raise field_at.refusal(f"header {header.name!r} has no field {name!r}")

    def real_field(self, at: Cursor, variable: bool = False) -> FieldRef:
        """The field that this pair names, which can be written; of variable width only if that is allowed."""
        found = self.field(at)
        if isinstance(found, Validity):
            at.fail("a header's validity cannot be written")
        if found.field.variable and not variable:
            at.fail("a field of variable width can only be assigned to another one")
        return found


def read_source(at: Cursor) -> Source | None:
    """The `source_info` of an object, if it has one."""
    if not at.has("source_info"):
        return None
    info = at["source_info"]
    return Source(
        info.optional("filename", "").text(),
        info.optional("line", 0).integer(0, 1 << 31),
        str(info.optional("source_fragment", "").value)[:200],
    )


def read_inputs(
    at: Cursor, scope: Scope
) -> tuple[FieldRef | HeaderInput | ConstantInput | PayloadInput, ...]:
    """The inputs of a calculation or a selector."""
    inputs: list[FieldRef | HeaderInput | ConstantInput | PayloadInput] = []
    bits = 0
    for one in at.list():
        kind = one["type"].text()
        if kind == "field":
            found = scope.field(one["value"])
            if isinstance(found, Validity):
                one.fail("a header's validity cannot be hashed")
            inputs.append(found)
            bits += found.field.bitwidth
        elif kind == "hexstr":
            width = one["bitwidth"].integer(1, WIDEST_FIELD)
            inputs.append(ConstantInput(one["value"].hexadecimal() % (1 << width), width))
            bits += width
        elif kind == "header":
            header = scope.header(one["value"])
            inputs.append(HeaderInput(header))
            bits += header.longest * 8
        elif kind == "payload":
            inputs.append(PayloadInput())
        else:
            one["type"].fail(f"calculation input {kind!r} is not supported")
    if bits > 8 * 8192:
        at.fail("more than 8192 bytes of input")
    return tuple(inputs)


def read_algorithm(at: Cursor) -> str:
    """A hash algorithm that the runtime has."""
    name = at.text()
    if name not in ALGORITHMS:
        at.fail(f"hash algorithm {name!r} is not supported (supported: {', '.join(ALGORITHMS)})")
    return name

"""The names that a program declares, and what they stand for while the rest is being read."""

from __future__ import annotations

from dataclasses import dataclass, field

from softswitch.engine.load.cursor import Cursor
from softswitch.engine.model import (
    Action,
    Calculation,
    ConstantInput,
    Counter,
    DirectMeter,
    Field,
    FieldList,
    FieldRef,
    Header,
    HeaderInput,
    Meter,
    PayloadInput,
    Register,
    Source,
    Validity,
    ValueSet,
)

WIDEST_FIELD = 2048
LARGEST_HEADER = 2048
VALIDITY = "$valid$"

# v1model's standard metadata: the widths which the runtime's struct has room for.
STANDARD_METADATA = {
    "ingress_port": 16,
    "egress_spec": 16,
    "egress_port": 16,
    "instance_type": 32,
    "packet_length": 32,
    "enq_timestamp": 32,
    "enq_qdepth": 32,
    "deq_timedelta": 32,
    "deq_qdepth": 32,
    "ingress_global_timestamp": 64,
    "egress_global_timestamp": 64,
    "mcast_grp": 16,
    "egress_rid": 16,
    "checksum_error": 8,
    "parser_error": 32,
    "priority": 8,
    "_padding": 8,
}

ALGORITHMS = ("crc16", "crc32", "csum16", "xor16", "identity")


@dataclass
class Scope:
    """What is declared so far."""

    headers: dict[str, Header] = field(default_factory=dict)
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

    def header(self, at: Cursor) -> Header:
        """The header instance that this string names."""
        name = at.text()
        if name not in self.headers:
            at.fail(f"there is no header {name!r}")
        return self.headers[name]

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

    def real_field(self, at: Cursor) -> FieldRef:
        """The field that this pair names, which can be written."""
        found = self.field(at)
        if isinstance(found, Validity):
            at.fail("a header's validity cannot be written")
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


def read_headers(root: Cursor, scope: Scope) -> None:
    """`header_types` and `headers` into the scope; stacks, unions and varbits are refused."""
    for name in ("header_stacks", "header_union_types", "header_unions", "header_union_stacks"):
        for first in root.optional(name, []).list()[:1]:
            first.fail(f"{name.replace('_', ' ')} are not supported")
    types: dict[str, tuple[tuple[Field, ...], Cursor]] = {}
    for at in root["header_types"].list():
        name = at["name"].text()
        if name in types:
            at["name"].fail(f"a second header type {name!r}")
        types[name] = (_read_fields(at), at)
    for at in root["headers"].list():
        name, type_name = at["name"].text(), at["header_type"].text()
        metadata = at.optional("metadata", False).boolean()
        if type_name not in types:
            at["header_type"].fail(f"there is no header type {type_name!r}")
        if name in scope.headers:
            at["name"].fail(f"a second header {name!r}")
        fields, type_at = types[type_name]
        bits = sum(one.bitwidth for one in fields)
        if not metadata and bits % 8:
            type_at["fields"].fail(f"a header of {bits} bits is not made of whole bytes")
        if not metadata and bits > LARGEST_HEADER * 8:
            type_at["fields"].fail(f"a header of more than {LARGEST_HEADER} bytes")
        header = Header(name, type_name, metadata, fields, (bits + 7) // 8)
        if header.standard:
            _check_standard(header, type_at)
        scope.headers[name] = header
    if "standard_metadata" not in scope.headers:
        root["headers"].fail("v1model's standard_metadata is missing")


def _read_fields(at: Cursor) -> tuple[Field, ...]:
    fields: list[Field] = []
    offset = 0
    names = set()
    for entry in at["fields"].list():
        parts = entry.list()
        if not 2 <= len(parts) <= 3:
            entry.fail("a field is [name, width] or [name, width, signed]")
        name = parts[0].text()
        if name in names:
            parts[0].fail(f"a second field {name!r}")
        names.add(name)
        if parts[1].value == "*":
            parts[1].fail("fields of variable width (varbit) are not supported")
        width = parts[1].integer(1, WIDEST_FIELD)
        # p4c writes 0 for false in the third place of some fields.
        signed = len(parts) == 3 and parts[2].value != 0 and parts[2].boolean()
        fields.append(Field(name, width, signed, offset))
        offset += width
    return tuple(fields)


def _check_standard(header: Header, at: Cursor) -> None:
    if not header.metadata:
        at.fail("standard_metadata must be metadata")
    for one in header.fields:
        room = STANDARD_METADATA.get(one.name)
        if room is None:
            at["fields"].fail(f"standard_metadata.{one.name} is not a field of v1model")
        if one.bitwidth > room:
            at["fields"].fail(f"standard_metadata.{one.name} is wider than {room} bits")
    names = {one.name for one in header.fields}
    for needed in ("ingress_port", "egress_spec", "egress_port", "instance_type", "packet_length"):
        if needed not in names:
            at["fields"].fail(f"standard_metadata.{needed} is missing")


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
            bits += header.size * 8
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

"""Header types and instances, unions and stacks of them."""

from __future__ import annotations

from p4fabric.softswitch.engine.load.cursor import Cursor
from p4fabric.softswitch.engine.load.scope import WIDEST_FIELD, Scope
from p4fabric.softswitch.engine.model import Field, Header, Stack, Union

LARGEST_HEADER = 2048
LARGEST_STACK = 1024
LARGEST_PHV = 1 << 20  # bytes of all headers together

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
}
PADDING = "_padding"  # the compiler's, whatever follows in the name
PADDING_ROOM = 8


def read_headers(root: Cursor, scope: Scope) -> None:
    """`header_types`, `headers`, unions and stacks into the scope."""
    types: dict[str, tuple[tuple[Field, ...], int, Cursor]] = {}
    for at in root["header_types"].list():
        name = at["name"].text()
        if name in types:
            at["name"].fail(f"a second header type {name!r}")
        types[name] = (*_read_fields(at), at)
    by_id: dict[int, Header] = {}
    total = 0
    for at in root["headers"].list():
        header = _read_header(at, types)
        if header.name in scope.headers:
            at["name"].fail(f"a second header {header.name!r}")
        scope.headers[header.name] = header
        by_id[at["id"].integer(0, (1 << 31) - 1)] = header
        total += header.longest
        if total > LARGEST_PHV:
            at.fail(f"the headers together are longer than {LARGEST_PHV} bytes")
    if "standard_metadata" not in scope.headers:
        root["headers"].fail("v1model's standard_metadata is missing")
    unions = _read_unions(root, scope, by_id)
    _read_stacks(root, scope, by_id, unions)


def _read_header(at: Cursor, types: dict[str, tuple[tuple[Field, ...], int, Cursor]]) -> Header:
    name, type_name = at["name"].text(), at["header_type"].text()
    metadata = at.optional("metadata", False).boolean()
    if type_name not in types:
        at["header_type"].fail(f"there is no header type {type_name!r}")
    fields, longest, type_at = types[type_name]
    bits = sum(one.bitwidth for one in fields if not one.variable)
    if not metadata and bits % 8:
        type_at["fields"].fail(f"a header of {bits} bits is not made of whole bytes")
    if not metadata and longest > LARGEST_HEADER:
        type_at["fields"].fail(f"a header of more than {LARGEST_HEADER} bytes")
    header = Header(name, type_name, metadata, fields, (bits + 7) // 8, longest)
    if header.standard:
        _check_standard(header, type_at)
    return header


def _read_fields(at: Cursor) -> tuple[tuple[Field, ...], int]:
    """The fields, and the bytes of the longest header of this type."""
    fields: list[Field] = []
    offset = 0
    names = set()
    variable = None
    for entry in at["fields"].list():
        parts = entry.list()
        if not 2 <= len(parts) <= 3:
            entry.fail("a field is [name, width] or [name, width, signed]")
        name = parts[0].text()
        if name in names:
            parts[0].fail(f"a second field {name!r}")
        names.add(name)
        # p4c writes 0 for false in the third place of some fields.
        signed = len(parts) == 3 and parts[2].value != 0 and parts[2].boolean()
        if parts[1].value == "*":
            if variable is not None:
                parts[1].fail("a header has one field of variable width at most")
            variable = len(fields)
            fields.append(Field(name, 0, False, offset, True))
            continue
        width = parts[1].integer(1, WIDEST_FIELD)
        fields.append(Field(name, width, signed, offset))
        offset += width
    size = (offset + 7) // 8
    if variable is None:
        return tuple(fields), size
    longest = at["max_length"].integer(size + 1, LARGEST_HEADER)
    old = fields[variable]
    fields[variable] = Field(old.name, (longest - size) * 8, False, old.offset, True)
    return tuple(fields), longest


def _check_standard(header: Header, at: Cursor) -> None:
    if not header.metadata:
        at.fail("standard_metadata must be metadata")
    for one in header.fields:
        room = STANDARD_METADATA.get(one.name, PADDING_ROOM if one.name.startswith(PADDING) else 0)
        if not room:
            at["fields"].fail(f"standard_metadata.{one.name} is not a field of v1model")
        if one.bitwidth > room or one.variable:
            at["fields"].fail(f"standard_metadata.{one.name} is wider than {room} bits")
    names = {one.name for one in header.fields}
    for needed in ("ingress_port", "egress_spec", "egress_port", "instance_type", "packet_length"):
        if needed not in names:
            at["fields"].fail(f"standard_metadata.{needed} is missing")


def _read_unions(root: Cursor, scope: Scope, by_id: dict[int, Header]) -> dict[int, Union]:
    """Unions into the scope; returns them by id."""
    types: dict[str, list[str]] = {}
    for at in root.optional("header_union_types", []).list():
        types[at["name"].text()] = [one.list(2)[1].text() for one in at["headers"].list()]
    unions: dict[int, Union] = {}
    taken: set[str] = set()
    for at in root.optional("header_unions", []).list():
        name, kind = at["name"].text(), at["union_type"].text()
        if kind not in types or not types[kind]:
            at["union_type"].fail(f"there is no header union type {kind!r}")
        members = _members(at["header_ids"], by_id, taken)
        if [one.type_name for one in members] != types[kind]:
            at["header_ids"].fail(f"not the headers of {kind!r}")
        scope.unions[name] = unions[at["id"].integer(0, (1 << 31) - 1)] = Union(name, kind, members)
    return unions


def _members(at: Cursor, by_id: dict[int, Header], taken: set[str]) -> tuple[Header, ...]:
    """Headers by their ids; each is in one union or stack at most."""
    members = []
    for one in at.list():
        header = by_id.get(one.integer(0, (1 << 31) - 1))
        if header is None or header.metadata:
            raise one.refusal(f"there is no header {one.value}")
        if header.name in taken:
            one.fail(f"{header.name!r} is already in another union or stack")
        taken.add(header.name)
        members.append(header)
    return tuple(members)


def _read_stacks(root: Cursor, scope: Scope, by_id: dict[int, Header], unions: dict[int, Union]) -> None:
    taken = {member.name for union in unions.values() for member in union.members}
    for at in root.optional("header_stacks", []).list():
        elements = _members(at["header_ids"], by_id, taken)
        kind = at["header_type"].text()
        if any(one.type_name != kind for one in elements):
            at["header_ids"].fail(f"not all headers are of type {kind!r}")
        _add_stack(at, scope, Stack(at["name"].text(), kind, elements))
    stacked: set[int] = set()
    for at in root.optional("header_union_stacks", []).list():
        kind, chosen = at["union_type"].text(), []
        for one in at["header_union_ids"].list():
            identity = one.integer(0, (1 << 31) - 1)
            if identity not in unions or identity in stacked or unions[identity].type_name != kind:
                one.fail(f"there is no header union {identity} of type {kind!r}, or it is in another stack")
            stacked.add(identity)
            chosen.append(unions[identity])
        _add_stack(at, scope, Stack(at["name"].text(), kind, tuple(chosen)))


def _add_stack(at: Cursor, scope: Scope, stack: Stack) -> None:
    at["size"].integer(1, LARGEST_STACK)
    if at["size"].value != stack.size:
        at["size"].fail(f"{stack.size} elements are listed")
    if stack.name in scope.stacks:
        at["name"].fail(f"a second stack {stack.name!r}")
    scope.stacks[stack.name] = stack

"""Writes the classes of a program's bindings, one function a kind; each yields lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from finsy.proto import p4i

from p4fabric.pipelines import entities
from p4fabric.pipelines.generate.layout import annotation, comment, literal, sequence
from p4fabric.pipelines.generate.names import attributes
from p4fabric.pipelines.generate.program import Program
from p4fabric.pipelines.generate.types import DataType, Unsupported, members

__all__ = ["KINDS", "Lines"]

Lines = Iterator[str]

_MATCH_KINDS = {
    p4i.MatchField.EXACT: "exact",
    p4i.MatchField.LPM: "lpm",
    p4i.MatchField.TERNARY: "ternary",
    p4i.MatchField.RANGE: "range",
    p4i.MatchField.OPTIONAL: "optional",
}
_WITH_PRIORITY = ("ternary", "range", "optional")


def actions(program: Program) -> Lines:
    for action in program.p4info.actions:
        name, written = program.name("Action", action.preamble.id), action.preamble.name
        fields, parameters = _parameters(program, written, action.params, entities.Action)
        yield from _class(name, "Action", f"`{comment(written)}`.", slots=True)
        yield from fields
        yield f"    ID: ClassVar[int] = {action.preamble.id}"
        yield f"    NAME: ClassVar[str] = {literal(written)}"
        yield sequence("    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ", parameters)


def tables(program: Program) -> Lines:
    for table in program.p4info.tables:
        number, written = table.preamble.id, table.preamble.name
        name = program.name("Table", number)
        profile = program.profiles.get(table.implementation_id)
        reserved = {*program.reserved, "priority", "action", "idle_timeout_ns", "meter"}
        try:
            fields, matches, kinds = _match_fields(
                program, written, table.match_fields, entities.TableEntry, reserved
            )
        except Unsupported as why:
            program.leave_out("table", written, why)
            continue
        priority = any(kind in _WITH_PRIORITY for kind in kinds)
        idle = table.idle_timeout_behavior == p4i.Table.NOTIFY_CONTROL
        usable = [program.name("Action", action.preamble.id) for action in program.usable(table)]
        constant = "; they are constant" if table.is_const_table else ""
        yield from _class(name, "TableEntry", f"`{comment(written)}`, {table.size:,} entries{constant}.")
        yield from fields
        if priority:
            yield "    priority: int"
        yield annotation("action", _action_type(program, usable, profile))
        if idle:
            yield "    idle_timeout_ns: int = 0"
        if number in program.metered:
            yield "    meter: MeterConfig | None = None"
        yield f"    TABLE_ID: ClassVar[int] = {number}"
        yield f"    TABLE_NAME: ClassVar[str] = {literal(written)}"
        yield f"    SIZE: ClassVar[int] = {table.size}"
        yield sequence("    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = ", matches)
        yield _actions_by_id(usable)
        yield f"    HAS_PRIORITY: ClassVar[bool] = {priority}"
        yield f"    HAS_SELECTOR: ClassVar[bool] = {profile is not None and profile.with_selector}"
        yield f"    HAS_COUNTER: ClassVar[bool] = {number in program.counted}"
        yield f"    HAS_METER: ClassVar[bool] = {number in program.metered}"
        yield f"    HAS_IDLE_TIMEOUT: ClassVar[bool] = {idle}"


def profiles(program: Program) -> Lines:
    for profile in program.shown_profiles():
        number, written = profile.preamble.id, profile.preamble.name
        usable = [program.name("Action", action.preamble.id) for action in program.of_profile(profile)]
        name = program.name("Member", number)
        yield from _class(
            name, "ProfileMember", f"A member of `{comment(written)}`, which has {profile.size:,}."
        )
        yield f"    action: {' | '.join(usable)}"
        yield f"    PROFILE_ID: ClassVar[int] = {number}"
        yield f"    PROFILE_NAME: ClassVar[str] = {literal(written)}"
        yield _actions_by_id(usable)
        if profile.with_selector:
            yield from _class(
                program.name("Group", number), "ProfileGroup", f"A group of `{comment(written)}`."
            )
            yield f"    PROFILE_ID: ClassVar[int] = {number}"
            yield f"    PROFILE_NAME: ClassVar[str] = {literal(written)}"


def counters(program: Program) -> Lines:
    for counter in program.p4info.counters:
        yield from _cell(program.name("Counter", counter.preamble.id), "COUNTER", "CounterCell", counter)


def meters(program: Program) -> Lines:
    for meter in program.p4info.meters:
        yield from _cell(program.name("Meter", meter.preamble.id), "METER", "MeterCell", meter)


def structs(program: Program) -> Lines:
    for written, spec in program.data.structs.items():
        inner = [(name, program.data.of(member, program.struct)) for name, member in members(spec)]
        fields, codecs = _data_fields(program, inner, entities.Struct)
        yield from _class(program.struct(written), "Struct", f"`{comment(written)}`.", slots=True)
        yield from fields
        yield sequence("    FIELDS: ClassVar[tuple[DataField, ...]] = ", codecs)


def registers(program: Program) -> Lines:
    for register in program.p4info.registers:
        try:
            kind = program.data.of(register.type_spec, program.struct)
        except Unsupported as why:
            program.leave_out("register", register.preamble.name, why)
            continue
        name = program.name("Register", register.preamble.id)
        cell = _cell(name, "REGISTER", "RegisterCell", register)
        yield from (next(cell), next(cell), next(cell))
        yield f"    value: {kind.annotation}"
        yield from cell
        yield f"    TYPE: ClassVar[DataType] = {kind.codec}"


def digests(program: Program) -> Lines:
    for digest in program.p4info.digests:
        written, spec = digest.preamble.name, digest.type_spec
        is_struct = spec.HasField("struct")
        try:
            if is_struct:
                inside = program.p4info.type_info.structs[spec.struct.name].members
                inner = [
                    (one.name, program.data.of(one.type_spec, program.struct, one.name)) for one in inside
                ]
            else:
                inner = [("value", program.data.of(spec, program.struct))]
        except Unsupported as why:
            program.leave_out("digest", written, why)
            continue
        fields, codecs = _data_fields(program, inner, entities.DigestMessage)
        name = program.name("Digest", digest.preamble.id)
        yield from _class(name, "DigestMessage", f"The digest `{comment(written)}`.", slots=True)
        yield from fields
        yield f"    DIGEST_ID: ClassVar[int] = {digest.preamble.id}"
        yield sequence("    FIELDS: ClassVar[tuple[DataField, ...]] = ", codecs)
        if not is_struct:
            yield "    IS_STRUCT: ClassVar[bool] = False"


def packet_headers(program: Program) -> Lines:
    for header in program.p4info.controller_packet_metadata:
        shown = [one for one in header.metadata if not _is_padding(one)]
        padding = tuple(one.id for one in header.metadata if _is_padding(one))
        written = header.preamble.name
        fields, parameters = _parameters(program, written, shown, entities.PacketMetadata)
        name = program.name("Header", header.preamble.id)
        yield from _class(name, "PacketMetadata", f"The controller header `{comment(written)}`.", slots=True)
        yield from fields
        yield sequence("    METADATA: ClassVar[tuple[Parameter, ...]] = ", parameters)
        yield f"    PADDING: ClassVar[tuple[int, ...]] = {padding!r}"


def value_sets(program: Program) -> Lines:
    for value_set in program.p4info.value_sets:
        number, written = value_set.preamble.id, value_set.preamble.name
        member, name = program.name("SetMember", number), program.name("Set", number)
        fields, matches, _ = _match_fields(
            program, written, value_set.match, entities.ValueSetMember, program.reserved
        )
        yield from _class(member, "ValueSetMember", f"A member of `{comment(written)}`.", slots=True)
        yield from fields
        yield sequence("    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = ", matches)
        yield from _class(name, "ValueSet", f"`{comment(written)}`, {value_set.size:,} members.")
        yield f"    members: tuple[{member}, ...]"
        yield f"    VALUE_SET_ID: ClassVar[int] = {number}"
        yield f"    VALUE_SET_NAME: ClassVar[str] = {literal(written)}"
        yield f"    SIZE: ClassVar[int] = {value_set.size}"
        yield f"    MEMBER: ClassVar[type[ValueSetMember]] = {member}"


KINDS = (
    *(actions, tables, profiles, counters, meters, structs, registers, digests, packet_headers, value_sets),
)


def _class(name: str, base: str, meaning: str, *, slots: bool = False) -> Lines:
    yield f"\n\n@dataclass(frozen=True{', slots=True' if slots else ''})"
    yield f"class {name}({base}):"
    yield f'    """{meaning}"""\n'


def _cell(name: str, prefix: str, base: str, array: Any) -> Lines:
    written = array.preamble.name
    slots = base != "RegisterCell"
    yield from _class(name, base, f"A cell of `{comment(written)}`, which has {array.size:,}.", slots=slots)
    yield f"    {prefix}_ID: ClassVar[int] = {array.preamble.id}"
    yield f"    {prefix}_NAME: ClassVar[str] = {literal(written)}"
    yield f"    SIZE: ClassVar[int] = {array.size}"


def _is_padding(field: Any) -> bool:
    return "@padding" in field.annotations or field.name.strip("_") in ("pad", "padding")


def _parameters(
    program: Program, owner: str, given: Iterable[Any], base: type
) -> tuple[list[str], list[str]]:
    """The annotated fields, and the `Parameter`s, of an action or a packet header."""
    parameters = list(given)
    names = attributes((one.name for one in parameters), base, program.reserved)
    fields, made = [], []
    for one, name in zip(parameters, names, strict=True):
        kind = program.scalars.of(f"{owner}.{one.name}", one.bitwidth, one.type_name.name)
        fields.append(_field(name, kind.annotation, one.name))
        made.append(f"Parameter({one.id}, {literal(name)}, {kind.bitwidth}, {kind.annotation})")
    return fields, made


def _match_fields(
    program: Program, owner: str, given: Iterable[Any], base: type, reserved: Iterable[str]
) -> tuple[list[str], list[str], list[str]]:
    """The annotated fields, the `MatchField`s and their kinds."""
    matches = list(given)
    names = attributes((one.name for one in matches), base, set(reserved))
    fields, made, kinds = [], [], []
    for one, name in zip(matches, names, strict=True):
        kind = _MATCH_KINDS.get(one.match_type)
        if kind is None:
            raise Unsupported(
                f"{owner}.{one.name} has the match type {one.other_match_type or 'unspecified'}"
            )
        scalar = program.scalars.of(f"{owner}.{one.name}", one.bitwidth, one.type_name.name)
        fields.append(_field(name, _match_type(kind, scalar.annotation), one.name))
        made.append(
            f"MatchField({one.id}, {literal(name)}, {scalar.bitwidth}, {literal(kind)}, {scalar.annotation})"
        )
        kinds.append(kind)
    return fields, made, kinds


def _match_type(kind: str, annotation: str) -> str:
    match kind:
        case "exact":
            return annotation
        case "lpm":
            return f"Lpm[{annotation}]"
        case "ternary" | "range":
            return f"{kind.capitalize()}[{annotation}] | None"
        case _:
            return f"{annotation} | None"


def _data_fields(
    program: Program, given: list[tuple[str, DataType]], base: type
) -> tuple[list[str], list[str]]:
    """The annotated fields, and the `DataField`s, of a struct or a digest."""
    names = attributes((written for written, _ in given), base, program.reserved)
    fields = [
        _field(name, kind.annotation, written) for name, (written, kind) in zip(names, given, strict=True)
    ]
    codecs = [
        f"DataField({literal(name)}, {kind.codec})" for name, (_, kind) in zip(names, given, strict=True)
    ]
    return fields, codecs


def _field(name: str, annotation: str, written: str) -> str:
    line = f"    {name}: {annotation}"
    return line if name == written or not written else f"{line}  # {comment(written)}"


def _action_type(program: Program, usable: list[str], profile: p4i.ActionProfile | None) -> str:
    action = " | ".join(usable) or "Action"
    if profile is None:
        return action
    if not profile.with_selector:
        return "MemberId"
    weighted = f"tuple[Weighted[{action}], ...]"
    return weighted if program.one_shot else f"{weighted} | GroupId | MemberId"


def _actions_by_id(usable: list[str]) -> str:
    items = [f"{name}.ID: {name}" for name in usable]
    return sequence("    ACTIONS: ClassVar[dict[int, type[Action]]] = ", items, "{}")

"""The whole device configuration: reads its parts in the order in which they refer to each other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from p4fabric.softswitch.engine.api import DigestInfo, HeaderField, PipelineError, PipelineInfo, ValueSetInfo
from p4fabric.softswitch.engine.load.actions import read_actions, read_primitive
from p4fabric.softswitch.engine.load.arrays import read_arrays
from p4fabric.softswitch.engine.load.control import ControlReader
from p4fabric.softswitch.engine.load.cursor import Cursor
from p4fabric.softswitch.engine.load.expressions import read_expression
from p4fabric.softswitch.engine.load.headers import read_headers
from p4fabric.softswitch.engine.load.parser import read_parser
from p4fabric.softswitch.engine.load.scope import Scope, read_algorithm, read_inputs, read_source
from p4fabric.softswitch.engine.model import (
    Calculation,
    Checksum,
    ConstantInput,
    FieldList,
    FieldRef,
    Header,
    Pipeline,
    Primitive,
    Validity,
)

FORMAT_MAJOR = 2


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A checked device configuration (`api.DeviceConfig`)."""

    pipeline: Pipeline
    digest: str

    @property
    def info(self) -> PipelineInfo:
        """The description of what it offers."""
        return self.pipeline.info


def load_config(text: bytes) -> LoadedConfig:
    """Read and check the JSON which p4c's bmv2 back end wrote for v1model; `PipelineError`."""
    root = Cursor.parse(text)
    try:
        pipeline = _read_program(root)
    except RecursionError:
        raise PipelineError("", "an expression is nested too deeply") from None
    return LoadedConfig(pipeline, hashlib.sha256(text).hexdigest())


def _read_program(root: Cursor) -> Pipeline:
    version = root["__meta__"]["version"].list(2)
    version[0].integer(FORMAT_MAJOR, FORMAT_MAJOR)
    scope = Scope()
    _refuse(root)
    read_headers(root, scope)
    for one in root["errors"].list():
        name, value = one.list(2)
        scope.errors[name.text()] = value.integer(0, (1 << 31) - 1)
    scope.kept_fields = _read_lists(root.optional("field_lists", []), scope)
    scope.digests = _read_lists(root.optional("learn_lists", []), scope)
    for one in root["calculations"].list():
        name_at = one["name"]
        inputs = read_inputs(one["input"], scope)
        scope.calculations[name_at.text()] = Calculation(name_at.text(), read_algorithm(one["algo"]), inputs)
    arrays = read_arrays(root, scope)
    described = read_actions(root, scope)
    parser = read_parser(root, scope)
    reader = ControlReader(scope, described)
    flows = {one["name"].text(): (one, reader.read(one)) for one in root["pipelines"].list()}
    if set(flows) != {"ingress", "egress"}:
        root["pipelines"].fail(f"v1model has ingress and egress, not {', '.join(flows) or 'none'}")
    checksums = [_read_checksum(one, scope) for one in root["checksums"].list()]
    steps, order = _read_deparser(root, scope)
    info = PipelineInfo(
        tables=reader.table_infos,
        actions=described,
        profiles=reader.profile_infos,
        counters=arrays.counters,
        registers=arrays.registers,
        meters=arrays.meters,
        value_sets={
            one.name: ValueSetInfo(arrays.value_set_ids[one.name], one.name, one.widths, one.size, one.signed)
            for one in scope.value_sets.values()
        },
        digests={
            one.id: DigestInfo(one.id, one.name, tuple(_width(item) for item in one.fields))
            for one in scope.digests.values()
        },
        errors=scope.errors,
        headers={
            one.type_name: tuple(HeaderField(f.name, f.bitwidth, f.signed) for f in one.fields)
            for one in scope.headers.values()
            if not one.metadata
        },
    )
    return Pipeline(
        program=str(root.optional("program", "").value)[:200],
        headers=tuple(scope.headers.values()),
        unions=tuple(scope.unions.values()),
        stacks=tuple(scope.stacks.values()),
        errors=scope.errors,
        parser=parser,
        verify=tuple(one for one in checksums if one.verify),
        ingress=flows["ingress"][1],
        egress=flows["egress"][1],
        update=tuple(one for one in checksums if one.update),
        deparser_steps=steps,
        deparser=order,
        actions=tuple(scope.actions.values()),
        tables=tuple(reader.tables),
        profiles=tuple(reader.profiles.values()),
        registers=tuple(scope.registers.values()),
        counters=tuple(scope.counters.values()),
        meters=tuple(scope.meters.values()),
        value_sets=tuple(scope.value_sets.values()),
        kept_fields=tuple(scope.kept_fields.values()),
        digests=tuple(scope.digests.values()),
        info=info,
    )


def _refuse(root: Cursor) -> None:
    unsupported = {
        "extern_instances": "externs",
    }
    for name, what in unsupported.items():
        for first in root.optional(name, []).list()[:1]:
            first.fail(f"{what} are not supported")


def _read_lists(at: Cursor, scope: Scope) -> dict[int, FieldList]:
    lists: dict[int, FieldList] = {}
    for one in at.list():
        number = one["id"].integer(1, 65535)
        if number in lists:
            one["id"].fail(f"a second list {number}")
        fields: list[FieldRef | Validity | ConstantInput] = []
        for element in one["elements"].list():
            kind = element["type"].text()
            if kind == "field":
                fields.append(_fixed(element["value"], scope))
            elif kind == "hexstr":
                width = element["bitwidth"].integer(1, 2048)
                fields.append(ConstantInput(element["value"].hexadecimal() % (1 << width), width))
            else:
                element["type"].fail(f"list elements of type {kind!r} are not supported")
        lists[number] = FieldList(number, one["name"].text(), tuple(fields))
        if sum((_width(item) + 7) // 8 for item in fields) > 4096:
            one["elements"].fail("more than 4096 bytes")
    return lists


def _fixed(at: Cursor, scope: Scope) -> FieldRef | Validity:
    found = scope.field(at)
    if isinstance(found, FieldRef) and found.field.variable:
        at.fail("a field of variable width cannot be listed")
    return found


def _width(item: FieldRef | Validity | ConstantInput) -> int:
    if isinstance(item, FieldRef):
        return item.field.bitwidth
    return item.bitwidth if isinstance(item, ConstantInput) else 1


def _read_checksum(at: Cursor, scope: Scope) -> Checksum:
    name = at["calculation"].text()
    if name not in scope.calculations:
        at["calculation"].fail(f"there is no calculation {name!r}")
    if at["type"].text() != "generic":
        at["type"].fail("only generic checksums are supported")
    target = scope.real_field(at["target"])
    if target.field.bitwidth > 64:
        at["target"].fail("a checksum of more than 64 bits")
    return Checksum(
        name=at["name"].text(),
        source=read_source(at),
        target=target,
        calculation=scope.calculations[name],
        verify=at.optional("verify", True).boolean(),
        update=at.optional("update", True).boolean(),
        condition=read_expression(at["if_cond"], scope) if at.has("if_cond") else None,
    )


def _read_deparser(root: Cursor, scope: Scope) -> tuple[tuple[Primitive, ...], tuple[Header, ...]]:
    """What the deparser does, and what it then emits."""
    deparsers = root["deparsers"].list()
    if len(deparsers) != 1:
        root["deparsers"].fail(f"v1model has one deparser, not {len(deparsers)}")
    steps = tuple(read_primitive(one, scope) for one in deparsers[0].optional("primitives", []).list())
    order = []
    total = 0
    for one in deparsers[0]["order"].list():
        header = scope.header(one)
        if header.metadata:
            one.fail("metadata cannot be emitted")
        order.append(header)
        total += header.longest
        if total > 8192:
            one.fail("the headers together are longer than 8192 bytes")
    return steps, tuple(order)

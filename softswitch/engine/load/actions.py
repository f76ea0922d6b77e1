"""Actions and the primitives they consist of: each operand is checked against the primitive's signature."""

from __future__ import annotations

from p4fabric.softswitch.engine.api import ActionInfo, Parameter
from p4fabric.softswitch.engine.load.cursor import Cursor
from p4fabric.softswitch.engine.load.expressions import read_expression, read_header, read_union
from p4fabric.softswitch.engine.load.scope import Scope, read_source
from p4fabric.softswitch.engine.load.signs import cast_parameters, signed_parameters
from p4fabric.softswitch.engine.model import (
    Action,
    Constant,
    Element,
    ElementField,
    Expression,
    FieldRef,
    Header,
    Jump,
    Operand,
    Primitive,
    Stack,
    Text,
)

WIDEST_PARAMETER = 2048
LONGEST_TEXT, MOST_VALUES = 500, 32
"""Of a message: characters and values. What is beyond is not shown."""

# What each operand is: field (written), value, header (a real one), union, stack, calculation, register,
# counter, meter, list (a kept field list's id), digest (a digest list's id), jump, text, values (any number
# of them), ignored.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "assign": ("field", "value"),
    "assign_VL": ("field", "field"),
    "assign_header": ("header", "header"),
    "assign_union": ("union", "union"),
    "assign_header_stack": ("stack", "stack"),
    "assign_union_stack": ("stack", "stack"),
    "copy_header": ("header", "header"),
    "push": ("stack", "value"),
    "pop": ("stack", "value"),
    "assert": ("value",),
    "assume": ("value",),
    "add_header": ("header",),
    "remove_header": ("header",),
    "mark_to_drop": ("ignored",),
    "drop": (),
    "no_op": (),
    "exit": (),
    "generate_digest": ("ignored", "digest"),
    "clone_ingress_pkt_to_egress": ("value", "list"),
    "clone_egress_pkt_to_egress": ("value", "list"),
    "resubmit": ("list",),
    "recirculate": ("list",),
    "truncate": ("value",),
    "count": ("counter", "value"),
    "execute_meter": ("meter", "value", "field"),
    "register_read": ("field", "register", "value"),
    "register_write": ("register", "value", "value"),
    "modify_field_with_hash_based_offset": ("field", "value", "calculation", "value"),
    "modify_field_rng_uniform": ("field", "value", "value"),
    "_jump": ("jump",),
    "_jump_if_zero": ("value", "jump"),
    "log_msg": ("text", "values"),
}


def read_actions(root: Cursor, scope: Scope) -> dict[str, ActionInfo]:
    """`actions` into the scope; returns their descriptions by name."""
    described: dict[str, ActionInfo] = {}
    for index, at in enumerate(root["actions"].list()):
        identity = at["id"].integer(0, (1 << 31) - 1)
        if identity in scope.actions:
            at["id"].fail(f"a second action with id {identity}")
        name = at["name"].text()
        listed = at["runtime_data"].list()
        widths = tuple(one["bitwidth"].integer(1, WIDEST_PARAMETER) for one in listed)
        primitives = _read_primitives(at, scope, widths)
        if signed := signed_parameters(primitives):
            # Now that it is known which are, once more.
            scope.signed = signed
            primitives = _read_primitives(at, scope, widths)
            scope.signed = frozenset()
        casts = cast_parameters(primitives)
        parameters = tuple(
            Parameter(one["name"].text(), width, place in signed, place in casts and width > 1)
            for place, (one, width) in enumerate(zip(listed, widths, strict=True))
        )
        scope.actions[identity] = Action(index, identity, name, widths, primitives)
        described.setdefault(name, ActionInfo(identity, name, parameters))
    return described


def _read_primitives(at: Cursor, scope: Scope, widths: tuple[int, ...]) -> tuple[Primitive, ...]:
    listed = at["primitives"].list()
    return tuple(read_primitive(one, scope, widths, len(listed), i) for i, one in enumerate(listed))


def read_primitive(
    at: Cursor, scope: Scope, widths: tuple[int, ...] = (), length: int = 0, position: int = 0
) -> Primitive:
    """One primitive call; `length` is the enclosing action's, for jumps."""
    name = at["op"].text()
    if name not in SIGNATURES:
        at["op"].fail(f"primitive {name!r} is not supported")
    signature = SIGNATURES[name]
    operands: list[Operand] = []
    for kind, one in zip(signature, at["parameters"].list(len(signature)), strict=True):
        if kind == "ignored":
            continue
        if kind == "text":
            operands.append(Text(str(one["value"].value)[:LONGEST_TEXT]))
        elif kind == "values":
            operands.extend(_read_values(one, scope, widths))
        elif kind == "union":
            operands.extend(read_union(one, scope, widths))
        else:
            operands.append(_read_operand(kind, one, scope, widths, length, position))
    metadata = [one for one in operands if isinstance(one, Header) and one.metadata]
    if metadata and (name != "assign_header" or len(metadata) != len(operands)):
        at["parameters"].fail(f"{metadata[0].name!r} is metadata, not a header")
    if name.startswith(("assign_", "copy_")) and name != "assign_VL":
        _check_alike(at["parameters"], operands)
    if name == "assign_VL" and not all(isinstance(o, FieldRef) and o.field.variable for o in operands):
        at["parameters"].fail("fields of variable width are needed")
    if name != "assign_VL" and any(isinstance(o, FieldRef) and o.field.variable for o in operands):
        at["parameters"].fail("a field of variable width can only be assigned to another one")
    return Primitive(name, tuple(operands), read_source(at))


def _read_values(at: Cursor, scope: Scope, widths: tuple[int, ...]) -> list[Operand]:
    """What a message shows; the compiler writes {} where it shows nothing."""
    if not at["value"].value:
        return []
    return [read_expression(one, scope, widths) for one in at["value"].list()[:MOST_VALUES]]


def _read_operand(
    kind: str, at: Cursor, scope: Scope, widths: tuple[int, ...], length: int, position: int
) -> Operand:
    value, type_name = at["value"], at["type"].text()
    if kind == "value":
        return read_expression(at, scope, widths)
    if kind in ("list", "digest"):
        number = value.hexadecimal() if type_name == "hexstr" else at.fail("a constant is needed")
        known = scope.digests if kind == "digest" else scope.kept_fields
        if number not in known and not (kind == "list" and number == 0):
            value.fail(f"there is no {'digest' if kind == 'digest' else 'field'} list {number}")
        return Constant(number)
    if kind == "jump":
        target = value.hexadecimal() if type_name == "hexstr" else at.fail("a constant is needed")
        if not 0 <= target <= length or target == position or not length:
            value.fail(f"a jump from {position} to {target}")
        return Jump(target)
    if kind == "stack":
        if type_name not in ("header_stack", "header_union_stack"):
            at["type"].fail(f"operand type {type_name!r} is not supported here, a header stack is needed")
        return scope.stack(value, type_name == "header_union_stack")
    if kind == "header":
        return read_header(at, scope, widths)
    if kind == "field" and type_name == "expression":
        written = read_expression(at, scope, widths)
        if not isinstance(written, FieldRef | ElementField):
            at.fail("a field is needed")
        return written
    needed = {
        "calculation": "calculation",
        "register": "register_array",
        "counter": "counter_array",
        "meter": "meter_array",
    }
    expected = needed.get(kind, kind)
    if type_name != expected:
        at["type"].fail(f"operand type {type_name!r} is not supported here, {expected!r} is needed")
    if kind == "field":
        return _written(at, scope)
    name = value.text()
    if kind == "calculation" and name in scope.calculations:
        return scope.calculations[name]
    if kind == "register" and name in scope.registers:
        return scope.registers[name]
    if kind == "counter" and name in scope.counters:
        return scope.counters[name]
    if kind == "meter" and name in scope.meters:
        return scope.meters[name]
    raise value.refusal(f"there is no {kind} {name!r}")


def _check_alike(at: Cursor, operands: list[Operand]) -> None:
    """The first half of the operands is assigned the second."""
    half = len(operands) // 2
    if len(operands) % 2:
        at.fail("unions of different types")
    for target, value in zip(operands[:half], operands[half:], strict=True):
        size = [one.size if isinstance(one, Stack) else 0 for one in (target, value)]
        if _type_name(target) != _type_name(value) or size[0] != size[1]:
            at.fail("headers, unions or stacks of different types")


def _type_name(operand: Operand) -> str:
    if isinstance(operand, Element):
        return operand.sample.type_name
    assert isinstance(operand, Header | Stack)
    return operand.type_name


def _written(at: Cursor, scope: Scope) -> FieldRef:
    return scope.real_field(at["value"], variable=True)


def read_value(at: Cursor, scope: Scope) -> Expression:
    """An operand of a parser operation."""
    return read_expression(at, scope, (), parser=True)

"""Actions and the primitives they consist of: each operand is checked against the primitive's signature."""

from __future__ import annotations

from softswitch.engine.api import ActionInfo, Parameter
from softswitch.engine.load.cursor import Cursor
from softswitch.engine.load.expressions import read_expression
from softswitch.engine.load.scope import Scope, read_source
from softswitch.engine.model import Action, Constant, Expression, FieldRef, Jump, Operand, Primitive

WIDEST_PARAMETER = 128

# What each operand is: field (written), value, header (a real one), metadata, calculation, register,
# counter, meter, list (a kept field list's id), digest (a digest list's id), jump, ignored.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "assign": ("field", "value"),
    "assign_header": ("header", "header"),
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
    "log_msg": ("ignored", "ignored"),
}


def read_actions(root: Cursor, scope: Scope) -> dict[str, ActionInfo]:
    """`actions` into the scope; returns their descriptions by name."""
    described: dict[str, ActionInfo] = {}
    for index, at in enumerate(root["actions"].list()):
        identity = at["id"].integer(0, (1 << 31) - 1)
        if identity in scope.actions:
            at["id"].fail(f"a second action with id {identity}")
        name = at["name"].text()
        parameters = tuple(
            Parameter(one["name"].text(), one["bitwidth"].integer(1, WIDEST_PARAMETER))
            for one in at["runtime_data"].list()
        )
        widths = tuple(one.bitwidth for one in parameters)
        primitives = at["primitives"].list()
        scope.actions[identity] = Action(
            index,
            identity,
            name,
            widths,
            tuple(read_primitive(one, scope, widths, len(primitives), i) for i, one in enumerate(primitives)),
        )
        described.setdefault(name, ActionInfo(identity, name, parameters))
    return described


def read_primitive(
    at: Cursor, scope: Scope, widths: tuple[int, ...] = (), length: int = 0, position: int = 0
) -> Primitive:
    """One primitive call; `length` is the enclosing action's, for jumps (forward only: an action ends)."""
    name = at["op"].text()
    if name not in SIGNATURES:
        at["op"].fail(f"primitive {name!r} is not supported")
    signature = SIGNATURES[name]
    operands: list[Operand] = []
    for kind, one in zip(signature, at["parameters"].list(len(signature)), strict=True):
        if kind == "ignored":
            continue
        operands.append(_read_operand(kind, one, scope, widths, length, position))
    if name == "assign_header" and operands[0].type_name != operands[1].type_name:  # type: ignore[union-attr]
        at["parameters"].fail("headers of different types")
    return Primitive(name, tuple(operands), read_source(at))


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
        if not position < target <= length:
            value.fail(f"a jump from {position} to {target} (only forward, to at most {length})")
        return Jump(target)
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
    if kind == "header":
        header = scope.header(value)
        if header.metadata:
            value.fail(f"{header.name!r} is metadata, not a header")
        return header
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


def _written(at: Cursor, scope: Scope) -> FieldRef:
    return scope.real_field(at["value"])


def read_value(at: Cursor, scope: Scope) -> Expression:
    """An operand of a parser operation."""
    return read_expression(at, scope, (), parser=True)

"""The parser: its states, what they extract, and where they lead."""

from __future__ import annotations

from dataclasses import replace

from p4fabric.softswitch.engine.load.actions import read_primitive, read_value
from p4fabric.softswitch.engine.load.cursor import Cursor
from p4fabric.softswitch.engine.load.expressions import first_members
from p4fabric.softswitch.engine.load.scope import Scope, read_source
from p4fabric.softswitch.engine.model import (
    Constant,
    ElementField,
    Expression,
    FieldRef,
    Header,
    Lookahead,
    Operand,
    Parser,
    ParserState,
    Primitive,
    Transition,
    Validity,
    ValueSet,
)

MOST_STATES = 4096


def read_parser(root: Cursor, scope: Scope) -> Parser:
    """The one parser of a v1model program."""
    parsers = root["parsers"].list()
    if len(parsers) != 1:
        root["parsers"].fail(f"v1model has one parser, not {len(parsers)}")
    at = parsers[0]
    states: dict[str, ParserState] = {}
    state_list = at["parse_states"].list()
    if len(state_list) > MOST_STATES:
        at["parse_states"].fail(f"more than {MOST_STATES} states")
    names = {one["name"].text() for one in state_list}
    if len(names) != len(state_list):
        at["parse_states"].fail("two states of the same name")
    for one in state_list:
        state = _read_state(one, scope, names)
        states[state.name] = state
    initial = at["init_state"]
    if not initial.null() and initial.text() not in names:
        initial.fail(f"there is no state {initial.text()!r}")
    return Parser(at["name"].text(), None if initial.null() else initial.text(), states)


def _read_state(at: Cursor, scope: Scope, names: set[str]) -> ParserState:
    key = tuple(_read_key(one, scope) for one in at["transition_key"].list())
    transitions = []
    for one in at["transitions"].list():
        target = None
        if not one["next_state"].null():
            target = one["next_state"].text()
            if target not in names:
                one["next_state"].fail(f"there is no state {target!r}")
        kind = one.optional("type", "default" if one["value"].value == "default" else "hexstr").text()
        if kind == "default":
            transitions.append(Transition(None, target))
        elif kind == "parse_vset":
            widths = tuple(width for _, width in key)
            signed = tuple(_is_signed(expression) for expression, _ in key)
            value_set = _value_set(one["value"], scope, widths, signed)
            transitions.append(Transition(_read_cases(one, widths, False), target, value_set))
        elif kind == "hexstr":
            transitions.append(Transition(_read_cases(one, tuple(width for _, width in key)), target))
        else:
            one["type"].fail(f"transitions of type {kind!r} are not supported")
    return ParserState(
        at["name"].text(),
        tuple(_read_operation(one, scope) for one in at["parser_ops"].list()),
        key,
        tuple(transitions),
    )


def _read_key(at: Cursor, scope: Scope) -> tuple[Expression, int]:
    expression = read_value(at, scope)
    if isinstance(expression, FieldRef) and expression.field.bitwidth <= 128:
        return expression, expression.field.bitwidth
    if isinstance(expression, Lookahead) and expression.bitwidth <= 128:
        return expression, expression.bitwidth
    if isinstance(expression, ElementField) and expression.field.bitwidth <= 128:
        return expression, expression.field.bitwidth
    if isinstance(expression, Validity):
        return expression, 1
    raise at.refusal("a transition key must be a field or a lookahead of at most 128 bits")


def _is_signed(key: Expression) -> bool:
    return isinstance(key, FieldRef | ElementField) and key.field.signed


def _value_set(at: Cursor, scope: Scope, widths: tuple[int, ...], signed: tuple[bool, ...]) -> ValueSet:
    """The set that this string names, whose members are like the key."""
    name = at.text()
    known = scope.value_sets.get(name)
    if known is None:
        at.fail(f"there is no value set {name!r}")
    if sum(known.widths) != sum(widths) or (len(known.widths) > 1 and known.widths != widths):
        at.fail(f"value set {name!r} has members of {known.widths} bits, the key has {widths}")
    scope.value_sets[name] = replace(known, widths=widths, signed=signed)
    return scope.value_sets[name]


def _read_cases(at: Cursor, widths: tuple[int, ...], valued: bool = True) -> tuple[tuple[int, int], ...]:
    # Value and mask are the byte-padded parts of the key, one behind the other.
    padded = [(width + 7) // 8 * 8 for width in widths]
    value = at["value"].hexadecimal() if valued else 0
    mask = at["mask"].hexadecimal() if at.has("mask") else (1 << sum(padded)) - 1
    if value < 0 or mask < 0 or value >> sum(padded) or mask >> sum(padded):
        at.fail(f"value or mask is wider than the key's {sum(padded)} bits")
    cases = []
    for width, bits in zip(reversed(widths), reversed(padded), strict=True):
        whole = (1 << width) - 1
        part_mask = mask & ((1 << bits) - 1) & whole
        cases.append((value & part_mask, part_mask))
        value >>= bits
        mask >>= bits
    return tuple(reversed(cases))


def _read_extracted(at: Cursor, scope: Scope) -> tuple[Operand, ...]:
    """A header; or a stack and the header of its element 0 that is extracted to the next element."""
    kind, value = at["type"].text(), at["value"]
    if kind == "regular":
        header = scope.header(value)
        if header.metadata:
            value.fail("metadata cannot be extracted")
        return (header,)
    if kind == "stack":
        stack = scope.stack(value, unions=False)
        return stack, first_members(stack)[0]
    if kind == "union_stack":
        stack_at, member_at = value.list(2)
        stack = scope.stack(stack_at, unions=True)
        for one in first_members(stack):
            if one.name == f"{stack.elements[0].name}.{member_at.text()}":
                return stack, one
        member_at.fail(f"{stack.name!r} has no member {member_at.text()!r}")
    raise at["type"].refusal(f"extraction to {kind!r} is not supported")


def _read_operation(at: Cursor, scope: Scope) -> Primitive:
    name, parameters = at["op"].text(), at["parameters"]
    operands: tuple[Operand, ...]
    if name == "extract":
        (one,) = parameters.list(1)
        operands = _read_extracted(one, scope)
        sample = operands[-1]
        assert isinstance(sample, Header)
        if sample.variable:
            one.fail(f"{sample.name!r} has a field of variable width: its length is needed")
    elif name == "extract_VL":
        one, length = parameters.list(2)
        operands = (*_read_extracted(one, scope), read_value(length, scope))
        sample = operands[-2]
        assert isinstance(sample, Header)
        if not sample.variable:
            one.fail(f"{sample.name!r} has no field of variable width")
    elif name == "set":
        target, value = parameters.list(2)
        if target["type"].text() != "field":
            target["type"].fail("only fields can be set")
        field, source = scope.real_field(target["value"], variable=True), read_value(value, scope)
        operands = (field, source)
        from_variable = isinstance(source, FieldRef) and source.field.variable
        if field.field.variable is not from_variable:
            parameters.fail("a field of variable width can be set to another one only")
        if from_variable:
            name = "assign_VL"
    elif name == "verify":
        condition, error = parameters.list(2)
        operands = (read_value(condition, scope), read_value(error, scope))
    elif name in ("advance", "shift"):
        (one,) = parameters.list(1)
        # A shift is of whole bytes, by a plain number.
        shift = name == "shift"
        operands = (Constant(8 * one.integer(0, 1 << 16)) if shift else read_value(one, scope),)
        name = "advance"
    elif name == "primitive":
        return read_primitive(parameters.list(1)[0], scope, (), 0)
    else:
        at["op"].fail(f"parser operation {name!r} is not supported")
    return Primitive(name, operands, read_source(at))

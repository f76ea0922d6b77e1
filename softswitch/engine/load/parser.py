"""The parser: its states, what they extract, and where they lead."""

from __future__ import annotations

from dataclasses import replace

from softswitch.engine.load.actions import read_primitive, read_value
from softswitch.engine.load.cursor import Cursor
from softswitch.engine.load.scope import Scope, read_source
from softswitch.engine.model import (
    Expression,
    FieldRef,
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
            value_set = _value_set(one["value"], scope, widths)
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
    if isinstance(expression, Lookahead):
        return expression, expression.bitwidth
    if isinstance(expression, Validity):
        return expression, 1
    raise at.refusal("a transition key must be a field or a lookahead of at most 128 bits")


def _value_set(at: Cursor, scope: Scope, widths: tuple[int, ...]) -> ValueSet:
    """The set that this string names, whose members are like the key."""
    name = at.text()
    known = scope.value_sets.get(name)
    if known is None:
        at.fail(f"there is no value set {name!r}")
    if sum(known.widths) != sum(widths) or (len(known.widths) > 1 and known.widths != widths):
        at.fail(f"value set {name!r} has members of {known.widths} bits, the key has {widths}")
    scope.value_sets[name] = replace(known, widths=widths)
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


def _read_operation(at: Cursor, scope: Scope) -> Primitive:
    name, parameters = at["op"].text(), at["parameters"]
    operands: tuple[Operand, ...]
    if name == "extract":
        (one,) = parameters.list(1)
        if one["type"].text() != "regular":
            one["type"].fail(f"extraction to {one['type'].text()!r} is not supported")
        header = scope.header(one["value"])
        if header.metadata:
            one["value"].fail("metadata cannot be extracted")
        operands = (header,)
    elif name == "set":
        target, value = parameters.list(2)
        if target["type"].text() != "field":
            target["type"].fail("only fields can be set")
        operands = (scope.real_field(target["value"]), read_value(value, scope))
    elif name == "verify":
        condition, error = parameters.list(2)
        operands = (read_value(condition, scope), read_value(error, scope))
    elif name in ("advance", "shift"):
        (one,) = parameters.list(1)
        if name == "shift":
            one.fail("parser operation 'shift' is not supported ('advance' is)")
        operands = (read_value(one, scope),)
    elif name == "primitive":
        return read_primitive(parameters.list(1)[0], scope, (), 0)
    else:
        at["op"].fail(f"parser operation {name!r} is not supported")
    return Primitive(name, operands, read_source(at))

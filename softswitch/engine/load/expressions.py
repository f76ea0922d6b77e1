"""Expressions of the JSON: its nested type-value objects become `Expression` trees."""

from __future__ import annotations

from functools import reduce

from p4fabric.softswitch.engine.load.cursor import Cursor
from p4fabric.softswitch.engine.load.scope import VALIDITY, WIDEST_FIELD, Scope
from p4fabric.softswitch.engine.model import (
    Argument,
    Constant,
    Element,
    ElementField,
    Expression,
    Field,
    FieldRef,
    Header,
    Lookahead,
    Operation,
    Stack,
    StackCount,
    Truth,
    Union,
    Validity,
)

UNARY = {"~", "not", "d2b", "b2d"}
BINARY = {
    *("+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^"),
    *("==", "!=", "<", "<=", ">", ">=", "and", "or"),
    *("two_comp_mod", "sat_cast", "usat_cast"),
}


def read_expression(
    at: Cursor, scope: Scope, widths: tuple[int, ...] = (), parser: bool = False
) -> Expression:
    """One type-value object. `widths` are those of the enclosing action's parameters."""
    kind = at["type"].text()
    value = at["value"]
    if kind == "expression":
        if isinstance(value.value, dict) and "type" in value.value:
            return read_expression(value, scope, widths, parser)
        return _read_operation(value, scope, widths, parser)
    if kind == "hexstr":
        return Constant(value.hexadecimal())
    if kind == "bool":
        return Truth(value.boolean())
    if kind == "field":
        pair = value.list(2)
        if isinstance(pair[0].value, str):
            return scope.field(value)
        return header_field(value, read_header(pair[0], scope, widths, parser), pair[1].text())
    if kind == "stack_field":
        stack_at, field_at = value.list(2)
        return last_field(scope.stack(stack_at, unions=False), None, field_at)
    if kind == "union_stack_field":
        stack_at, member_at, field_at = value.list(3)
        return last_field(scope.stack(stack_at, unions=True), member_at, field_at)
    if kind in ("local", "runtime_data"):
        if not widths:
            at.fail("there are no action parameters here")
        index = value.integer(0, len(widths) - 1)
        return Argument(index, widths[index], index in scope.signed)
    if kind == "lookahead" and parser:
        offset, width = value.list(2)
        return Lookahead(offset.integer(0, 1 << 16), width.integer(1, WIDEST_FIELD))
    raise at["type"].refusal(f"an operand of type {kind!r} is not supported here")


def _read_operation(at: Cursor, scope: Scope, widths: tuple[int, ...], parser: bool) -> Expression:
    operator = at["op"].text()
    if operator == "valid":
        return Validity(read_header(at["right"], scope, widths, parser))
    if operator == "valid_union":
        truths: list[Expression] = [Validity(one) for one in read_union(at["right"], scope, widths, parser)]
        return reduce(lambda one, other: Operation("or", one, other), truths)
    if operator in ("last_stack_index", "size_stack"):
        if at["right"]["type"].text() not in ("header_stack", "header_union_stack"):
            at["right"]["type"].fail("a header stack is needed")
        count = StackCount(scope.stack(at["right"]["value"]))
        return last_index(count.stack) if operator == "last_stack_index" else count
    if operator == "access_field":
        return _access_field(at, scope, widths, parser)
    if operator in ("==", "!=") and _is_header(at["left"]):
        return _header_equality(at, operator, scope, widths, parser)

    def side(name: str) -> Expression:
        return read_expression(at[name], scope, widths, parser)

    if operator in UNARY:
        return Operation(operator, None, side("right"))
    if operator in BINARY:
        return Operation(operator, side("left"), side("right"))
    if operator == "?":
        return Operation(operator, side("left"), side("right"), side("cond"))
    raise at["op"].refusal(f"operator {operator!r} is not supported")


HEADER_TYPES = ("header", "header_union")
HEADER_OPERATORS = (
    "dereference_header_stack",
    "dereference_stack",
    "dereference_union_stack",
    "access_union_header",
)


def _inner(at: Cursor) -> Cursor:
    """The operator or operand inside of any number of `expression` wrappers."""
    while at.optional("type").value == "expression":
        at = at["value"]
    return at


def _is_header(at: Cursor) -> bool:
    inner = _inner(at)
    return inner.optional("type").value in HEADER_TYPES or inner.optional("op").value in HEADER_OPERATORS


def read_header(
    at: Cursor, scope: Scope, widths: tuple[int, ...] = (), parser: bool = False
) -> Header | Element:
    """An operand that is a header, or an expression that gives one."""
    at = _inner(at)
    if at.optional("type").value == "header":
        return scope.header(at["value"])
    operator = at["op"].text()
    if operator in ("dereference_header_stack", "dereference_stack"):
        return _element(at, scope, widths, parser, False)[0]
    if operator == "access_union_header":
        members = read_union(at["left"], scope, widths, parser)
        return members[at["right"].integer(0, len(members) - 1)]
    raise at["op"].refusal(f"operator {operator!r} gives no header")


def read_union(
    at: Cursor, scope: Scope, widths: tuple[int, ...] = (), parser: bool = False
) -> list[Header] | list[Element]:
    """The members of an operand that is a union, or an expression that gives one."""
    at = _inner(at)
    if at.optional("type").value == "header_union":
        return list(scope.union(at["value"]).members)
    if at["op"].text() != "dereference_union_stack":
        at["op"].fail(f"operator {at['op'].text()!r} gives no header union")
    return _element(at, scope, widths, parser, True)


def _element(at: Cursor, scope: Scope, widths: tuple[int, ...], parser: bool, unions: bool) -> list[Element]:
    stack = scope.stack(at["left"]["value"], unions)
    index = read_expression(at["right"], scope, widths, parser)
    return [Element(stack, index, one) for one in first_members(stack)]


def first_members(stack: Stack) -> tuple[Header, ...]:
    """The headers of a stack's element 0."""
    first = stack.elements[0]
    return first.members if isinstance(first, Union) else (first,)


def last_index(stack: Stack) -> Expression:
    """The index of the last element in use; of an empty stack the largest number, as bmv2 has it."""
    return Operation("&", Operation("-", StackCount(stack), Constant(1)), Constant((1 << 64) - 1))


def last_field(stack: Stack, member_at: Cursor | None, field_at: Cursor) -> ElementField:
    """A field of the last element in use."""
    members = first_members(stack)
    if member_at is not None:
        wanted = f"{stack.elements[0].name}.{member_at.text()}"
        members = tuple(one for one in members if one.name == wanted)
        if not members:
            member_at.fail(f"{stack.name!r} has no member {member_at.text()!r}")
    for candidate in members[0].fields:
        if candidate.name == field_at.text() and not candidate.variable:
            return ElementField(Element(stack, last_index(stack), members[0]), candidate)
    raise field_at.refusal(f"{stack.name!r} has no field {field_at.text()!r}")


def header_field(at: Cursor, header: Header | Element, name: str) -> Expression:
    """The field of this name, or the header's validity."""
    if name == VALIDITY:
        return Validity(header)
    for field in _sample(header).fields:
        if field.name == name:
            return _field_of(at, header, field)
    raise at.refusal(f"header {_sample(header).name!r} has no field {name!r}")


def _field_of(at: Cursor, header: Header | Element, field: Field) -> FieldRef | ElementField:
    if isinstance(header, Header):
        return FieldRef(header, field)
    if field.variable:
        at.fail("a field of variable width cannot be read at a run-time index")
    return ElementField(header, field)


def _access_field(at: Cursor, scope: Scope, widths: tuple[int, ...], parser: bool) -> Expression:
    header = read_header(at["left"], scope, widths, parser)
    fields = (header.sample if isinstance(header, Element) else header).fields
    index = at["right"].integer(0, len(fields))
    if index == len(fields):  # the hidden field behind the others
        return Validity(header)
    return _field_of(at["right"], header, fields[index])


def _header_equality(
    at: Cursor, operator: str, scope: Scope, widths: tuple[int, ...], parser: bool
) -> Expression:
    inner = _inner(at["left"])
    of_unions = "header_union" in (inner.optional("type").value,) or (
        inner.optional("op").value == "dereference_union_stack"
    )
    if of_unions:
        left: list[Header | Element] = [*read_union(at["left"], scope, widths, parser)]
        right: list[Header | Element] = [*read_union(at["right"], scope, widths, parser)]
    else:
        left = [read_header(at["left"], scope, widths, parser)]
        right = [read_header(at["right"], scope, widths, parser)]
    if [_sample(one).type_name for one in left] != [_sample(one).type_name for one in right]:
        at.fail("headers of different types")
    pairs = [_equal(one, other) for one, other in zip(left, right, strict=True)]
    equality = reduce(lambda one, other: Operation("or", one, other), pairs)
    return equality if operator == "==" else Operation("not", None, equality)


def _sample(header: Header | Element) -> Header:
    return header.sample if isinstance(header, Element) else header


def _equal(left: Header | Element, right: Header | Element) -> Expression:
    """Both are valid and their fields are equal: of two unions, this must hold of one member."""
    parts: list[Expression] = [Validity(left), Validity(right)]
    for field in _sample(left).fields:
        sides = [
            ElementField(one, field) if isinstance(one, Element) else FieldRef(one, field)
            for one in (left, right)
        ]
        parts.append(Operation("==", *sides))
    return reduce(lambda one, other: Operation("and", one, other), parts)


TRUTHS = {"not", "and", "or", "==", "!=", "<", "<=", ">", ">=", "d2b"}


def is_truth(expression: Expression) -> bool:
    """Whether its value is a truth value rather than a number."""
    if isinstance(expression, Truth):
        return True
    if isinstance(expression, Operation):
        if expression.operator == "?":
            return is_truth(expression.right)
        return expression.operator in TRUTHS
    return False

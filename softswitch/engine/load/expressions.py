"""Expressions of the JSON: its nested type-value objects become `Expression` trees."""

from __future__ import annotations

from softswitch.engine.load.cursor import Cursor
from softswitch.engine.load.scope import Scope
from softswitch.engine.model import Argument, Constant, Expression, Lookahead, Operation, Truth, Validity

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
        return scope.field(value)
    if kind in ("local", "runtime_data"):
        if not widths:
            at.fail("there are no action parameters here")
        index = value.integer(0, len(widths) - 1)
        return Argument(index, widths[index])
    if kind == "lookahead" and parser:
        offset, width = value.list(2)
        return Lookahead(offset.integer(0, 1 << 16), width.integer(1, 128))
    raise at["type"].refusal(f"an operand of type {kind!r} is not supported here")


def _read_operation(at: Cursor, scope: Scope, widths: tuple[int, ...], parser: bool) -> Expression:
    operator = at["op"].text()
    if operator == "valid":
        right = at["right"]
        if right["type"].text() != "header":
            right["type"].fail("a header is needed")
        return Validity(scope.header(right["value"]))

    def side(name: str) -> Expression:
        return read_expression(at[name], scope, widths, parser)

    if operator in UNARY:
        return Operation(operator, None, side("right"))
    if operator in BINARY:
        return Operation(operator, side("left"), side("right"))
    if operator == "?":
        return Operation(operator, side("left"), side("right"), side("cond"))
    raise at["op"].refusal(f"operator {operator!r} is not supported")


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

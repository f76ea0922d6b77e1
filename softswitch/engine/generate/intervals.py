"""What values a number can take: intervals of infinite precision, and the C types with room for them."""

from __future__ import annotations

from typing import NamedTuple

from p4fabric.softswitch.engine.api import PipelineError
from p4fabric.softswitch.engine.load.expressions import is_truth
from p4fabric.softswitch.engine.model import (
    Argument,
    Constant,
    ElementField,
    Expression,
    FieldRef,
    Lookahead,
    Operation,
    StackCount,
)

ENDLESS = 1 << 5000  # stands for "too wide to say"
U64, U128, I64, I128 = "uint64_t", "u128", "int64_t", "i128"


class Interval(NamedTuple):
    """All values from `low` to `high`."""

    low: int
    high: int


def container(interval: Interval) -> str | None:
    """The narrowest C type with room for the interval."""
    if interval.low >= 0:
        return U64 if interval.high < 1 << 64 else U128 if interval.high < 1 << 128 else None
    if interval.low >= -(1 << 63) and interval.high < 1 << 63:
        return I64
    return I128 if interval.low >= -(1 << 127) and interval.high < 1 << 127 else None


def literal(value: int) -> str:
    """An integer constant, of two's complement 128 bits at most."""
    if -(1 << 63) < value < 0:
        return f"(-INT64_C({-value}))"
    value &= (1 << 128) - 1
    if value < 1 << 64:
        return f"UINT64_C({value:#x})"
    return f"((u128)UINT64_C({value >> 64:#x}) << 64 | UINT64_C({value & ((1 << 64) - 1):#x}))"


def _span(width: int, signed: bool) -> Interval:
    """The values that so many bits can take."""
    return Interval(-(1 << width - 1), (1 << width - 1) - 1) if signed else Interval(0, (1 << width) - 1)


class Intervals:
    """The intervals of expressions, each computed once."""

    def __init__(self) -> None:
        self._intervals: dict[int, tuple[Expression, Interval]] = {}

    def interval(self, expression: Expression) -> Interval:
        """The values that a number can take."""
        if not isinstance(expression, Operation):
            return self._leaf(expression)
        cached = self._intervals.get(id(expression))
        if cached is not None:
            return cached[1]
        known = self._operation(expression)
        if known.high > ENDLESS or known.low < -ENDLESS:
            known = Interval(-ENDLESS if known.low < 0 else 0, ENDLESS)
        # The expression is kept: its id must not become another's.
        self._intervals[id(expression)] = expression, known
        return known

    def _leaf(self, expression: Expression) -> Interval:
        if isinstance(expression, Constant):
            return Interval(expression.value, expression.value)
        if isinstance(expression, FieldRef | ElementField):
            return _span(expression.field.bitwidth, expression.field.signed)
        if isinstance(expression, Argument):
            return _span(expression.bitwidth, expression.signed)
        if isinstance(expression, Lookahead):
            return Interval(0, (1 << expression.bitwidth) - 1)
        if isinstance(expression, StackCount):
            return Interval(0, expression.stack.size)
        return Interval(0, 1)

    def _operation(self, one: Operation) -> Interval:
        if is_truth(one):
            return Interval(0, 1)
        operator, right = one.operator, self.interval(one.right)
        if operator == "b2d":
            return Interval(0, 1)
        if operator == "~":
            return Interval(~right.high, ~right.low)
        if one.left is None:
            raise PipelineError("", f"operator {operator!r} needs two sides")
        left = self.interval(one.left)
        match operator:
            case "+":
                return Interval(left.low + right.low, left.high + right.high)
            case "-":
                return Interval(left.low - right.high, left.high - right.low)
            case "*":
                ends = [a * b for a in left for b in right]
                return Interval(min(ends), max(ends))
            case "&":
                tops = [side.high for side in (left, right) if side.low >= 0]
                return Interval(0, min(tops)) if tops else _bits(left, right)
            case "|" | "^":
                return _bits(left, right)
            case "<<":
                if right.high > 2176:
                    return Interval(-ENDLESS if left.low < 0 else 0, ENDLESS)
                ends = [a << max(0, b) for a in left for b in right]
                return Interval(min(ends), max(ends))
            case ">>":
                ends = [a >> min(max(0, b), 4096) for a in left for b in right]
                return Interval(min(ends), max(ends))
            case "/":
                return Interval(0, left.high)
            case "%":
                return Interval(0, max(0, right.high - 1))
            case "?":
                return Interval(min(left.low, right.low), max(left.high, right.high))
            case _:  # two_comp_mod, sat_cast, usat_cast
                width = cast_width(one)
                if operator == "usat_cast":
                    return Interval(0, (1 << width) - 1)
                return Interval(-(1 << (width - 1)), (1 << (width - 1)) - 1)


def cast_width(one: Operation) -> int:
    """The width to which a cast is made."""
    if not isinstance(one.right, Constant) or not 1 <= one.right.value <= 2048:
        raise PipelineError("", f"{one.operator} needs a constant width of 1 to 2048 bits")
    return one.right.value


def _bits(left: Interval, right: Interval) -> Interval:
    size = max(abs(end) for end in (*left, *right)).bit_length()
    negative = left.low < 0 or right.low < 0
    return Interval(-(1 << size) if negative else 0, (1 << size) - 1)

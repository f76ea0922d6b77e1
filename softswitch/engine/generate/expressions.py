"""Expressions as C. The format's arithmetic is of infinite precision; C's is not. Each value's interval is
known, and so is how many low bits whoever uses it looks at: an expression is computed in the narrowest of
64 and 128 bits that cannot be told from infinity, and refused when there is none."""

from __future__ import annotations

from typing import NamedTuple

from softswitch.engine.api import PipelineError
from softswitch.engine.generate.names import Names
from softswitch.engine.load.expressions import is_truth
from softswitch.engine.model import (
    Argument,
    Constant,
    Expression,
    FieldRef,
    Lookahead,
    Operation,
    Truth,
    Validity,
)

ENDLESS = 1 << 700  # stands for "too wide to say"
U64, U128, I64, I128 = "uint64_t", "u128", "int64_t", "i128"
RING = {"+", "-", "*", "&", "|", "^"}
COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}


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


def field_type(bitwidth: int) -> str:
    """The C type that stores a field (of at most 128 bits)."""
    for bits in (8, 16, 32, 64):
        if bitwidth <= bits:
            return f"uint{bits}_t"
    return U128


class Expressions:
    """Turns expressions into C, with the names of one pipeline."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._intervals: dict[int, Interval] = {}

    def interval(self, expression: Expression) -> Interval:
        """The values that a number can take."""
        if not isinstance(expression, Operation):
            return self._leaf(expression)
        known = self._intervals.get(id(expression))
        if known is None:
            known = self._operation(expression)
            if known.high > ENDLESS or known.low < -ENDLESS:
                known = Interval(-ENDLESS if known.low < 0 else 0, ENDLESS)
            self._intervals[id(expression)] = known
        return known

    def _leaf(self, expression: Expression) -> Interval:
        if isinstance(expression, Constant):
            return Interval(expression.value, expression.value)
        if isinstance(expression, FieldRef):
            width = expression.field.bitwidth
            if expression.field.signed:
                return Interval(-(1 << (width - 1)), (1 << (width - 1)) - 1)
            return Interval(0, (1 << width) - 1)
        if isinstance(expression, Argument | Lookahead):
            return Interval(0, (1 << expression.bitwidth) - 1)
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
                if right.high > 512:
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
                width = self._width(one)
                if operator == "usat_cast":
                    return Interval(0, (1 << width) - 1)
                return Interval(-(1 << (width - 1)), (1 << (width - 1)) - 1)

    @staticmethod
    def _width(one: Operation) -> int:
        if not isinstance(one.right, Constant) or not 1 <= one.right.value <= 127:
            raise PipelineError("", f"{one.operator} needs a constant width of 1 to 127 bits")
        return one.right.value

    # --- numbers ------------------------------------------------------------------------------

    def low_bits(self, expression: Expression, bits: int) -> str:
        """C of an unsigned type of at least `bits` (<= 128) bits whose low `bits` are the value's."""
        kind = U64 if bits <= 64 else U128
        if isinstance(expression, Constant):
            return f"({kind}){literal(expression.value % (1 << (64 if kind == U64 else 128)))}"
        if isinstance(expression, FieldRef | Argument) and self._plain(expression):
            return f"({kind}){self._load(expression)}"
        if isinstance(expression, Operation):
            if expression.operator in RING and expression.left is not None:
                left = self.low_bits(expression.left, bits)
                right = self.low_bits(expression.right, bits)
                return f"({left} {expression.operator} {right})"
            if expression.operator == "~":
                return f"(~{self.low_bits(expression.right, bits)})"
            if expression.operator == "<<" and expression.left is not None:
                left = self.low_bits(expression.left, bits)
                if isinstance(expression.right, Constant):
                    shift = expression.right.value
                    limit = 64 if kind == U64 else 128
                    return f"({left} << {shift})" if 0 <= shift < limit else f"(({kind})0)"
                wide = "_wide" if kind == U128 else ""
                return f"shift_left{wide}({left}, {self.exact(expression.right)[0]})"
        return f"({kind}){self.exact(expression)[0]}"

    @staticmethod
    def _plain(expression: FieldRef | Argument) -> bool:
        return isinstance(expression, Argument) or not expression.field.signed

    def _load(self, expression: FieldRef | Argument) -> str:
        if isinstance(expression, Argument):
            return f"argument_{expression.index}"
        if expression.field.bitwidth > 128:
            raise PipelineError(
                "", f"arithmetic on the wide field {expression.field.name!r} is not supported"
            )
        return self.names.field(expression.header, expression.field)

    def exact(self, expression: Expression) -> tuple[str, str]:
        """C whose value is the expression's, and its type."""
        kind = container(self.interval(expression))
        if kind is None:
            raise PipelineError("", "arithmetic on more than 128 bits is not supported")
        if isinstance(expression, Constant):
            return f"({kind}){literal(expression.value)}", kind
        if is_truth(expression) or isinstance(expression, Validity):
            return f"({kind}){self.truth(expression)}", kind
        if isinstance(expression, FieldRef | Argument):
            if self._plain(expression):
                return f"({kind}){self._load(expression)}", kind
            assert isinstance(expression, FieldRef)
            return f"({kind})sign_extend({self._load(expression)}, {expression.field.bitwidth})", kind
        if isinstance(expression, Lookahead):
            loaded = f"load_bits(at->data + at->offset, {expression.offset}, {expression.bitwidth})"
            return f"({kind}){loaded}", kind
        assert isinstance(expression, Operation)
        return self._exact_operation(expression, kind), kind

    def _exact_operation(self, one: Operation, kind: str) -> str:
        operator = one.operator
        if operator in RING or operator in ("~", "<<"):
            return f"({kind}){self.low_bits(one, 64 if kind in (U64, I64) else 128)}"
        if operator == "b2d":
            return f"({kind}){self.truth(one.right)}"
        assert one.left is not None
        if operator == ">>":
            left, left_kind = self.exact(one.left)
            signed = left_kind in (I64, I128)
            if isinstance(one.right, Constant):
                width = 64 if left_kind in (U64, I64) else 128
                shift = min(max(0, one.right.value), 10_000)
                if shift >= width:
                    return f"({kind}){f'shift_right_signed({left}, 127)' if signed else '0'}"
                return f"({kind})({left} >> {shift})"
            amount = self.exact(one.right)[0]
            return f"({kind})shift_right{'_signed' if signed else ''}({left}, {amount})"
        if operator in ("/", "%"):
            for side in (one.left, one.right):
                if self.interval(side).low < 0:
                    raise PipelineError("", f"operator {operator!r} on negative numbers is not supported")
            name = "divide" if operator == "/" else "remainder_of"
            return f"({kind}){name}({self.exact(one.left)[0]}, {self.exact(one.right)[0]})"
        if operator == "?":
            assert one.condition is not None
            left, right = self.exact(one.left)[0], self.exact(one.right)[0]
            return f"({self.truth(one.condition)} ? ({kind}){left} : ({kind}){right})"
        width = self._width(one)
        if operator == "two_comp_mod":
            low = self.low_bits(one.left, width)
            return f"({kind})sign_extend((u128){low}, {width})"
        low_end, high_end = self.interval(one)
        value, value_kind = self.exact(one.left)
        if value_kind == U128:
            return f"({kind})({value} > (u128){literal(high_end)} ? (u128){literal(high_end)} : {value})"
        return f"({kind})clamp((i128){value}, (i128){literal(low_end)}, (i128){literal(high_end)})"

    # --- truth values -------------------------------------------------------------------------

    def truth(self, expression: Expression) -> str:
        """C of type bool."""
        if isinstance(expression, Truth):
            return "true" if expression.value else "false"
        if isinstance(expression, Validity):
            return f"({self.names.valid(expression.header)} != 0)"
        if not isinstance(expression, Operation) or not is_truth(expression):
            return f"({self.exact(expression)[0]} != 0)"
        operator = expression.operator
        if operator == "not":
            return f"(!{self.truth(expression.right)})"
        if operator == "d2b":
            return self.truth(expression.right)
        assert expression.left is not None
        if operator == "?":
            assert expression.condition is not None
            left, right = self.truth(expression.left), self.truth(expression.right)
            return f"({self.truth(expression.condition)} ? {left} : {right})"
        if operator in ("and", "or"):
            sign = "&&" if operator == "and" else "||"
            return f"({self.truth(expression.left)} {sign} {self.truth(expression.right)})"
        return self._comparison(expression.left, operator, expression.right)

    def _comparison(self, left: Expression, operator: str, right: Expression) -> str:
        if (
            isinstance(left, FieldRef)
            and isinstance(right, FieldRef)
            and left.field.bitwidth == right.field.bitwidth > 128
            and operator in ("==", "!=")
        ):
            one, two = (self.names.field(side.header, side.field) for side in (left, right))
            return f"(memcmp({one}, {two}, sizeof {one}) {operator} 0)"
        spans = self.interval(left), self.interval(right)
        kind = container(Interval(min(span.low for span in spans), max(span.high for span in spans)))
        if kind is None:
            raise PipelineError("", "comparing more than 128 bits is not supported")
        return f"(({kind}){self.exact(left)[0]} {operator} ({kind}){self.exact(right)[0]})"

    def fitted(self, expression: Expression, bitwidth: int) -> str:
        """C of an unsigned value cut to `bitwidth` (<= 128) bits."""
        if is_truth(expression):
            return f"(uint64_t){self.truth(expression)}"
        span = self.interval(expression)
        low = self.low_bits(expression, bitwidth)
        if (span.low >= 0 and span.high < 1 << bitwidth) or bitwidth in (64, 128):
            return low
        return f"({low} & {literal((1 << bitwidth) - 1)})"


def _bits(left: Interval, right: Interval) -> Interval:
    size = max(abs(end) for end in (*left, *right)).bit_length()
    negative = left.low < 0 or right.low < 0
    return Interval(-(1 << size) if negative else 0, (1 << size) - 1)


def lookaheads(expression: Expression) -> list[Lookahead]:
    """All lookaheads inside: their bits must be in the packet before the expression is computed."""
    if isinstance(expression, Lookahead):
        return [expression]
    if isinstance(expression, Operation):
        parts = [
            part for part in (expression.left, expression.right, expression.condition) if part is not None
        ]
        return [found for part in parts for found in lookaheads(part)]
    return []

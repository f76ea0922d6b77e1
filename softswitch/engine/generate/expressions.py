"""Expressions as C. The format's arithmetic is of infinite precision; C's is not. Each value's interval is
known, and so is how many low bits whoever uses it looks at: an expression is computed in the narrowest of
64 and 128 bits that cannot be told from infinity, and refused when there is none."""

from __future__ import annotations

from p4fabric.softswitch.engine.api import PipelineError
from p4fabric.softswitch.engine.generate.big import Big
from p4fabric.softswitch.engine.generate.intervals import (
    I64,
    I128,
    U64,
    U128,
    Interval,
    Intervals,
    cast_width,
    container,
    literal,
)
from p4fabric.softswitch.engine.generate.names import Names
from p4fabric.softswitch.engine.load.expressions import is_truth
from p4fabric.softswitch.engine.model import (
    Argument,
    Constant,
    Element,
    ElementField,
    Expression,
    FieldRef,
    Header,
    Lookahead,
    Operation,
    StackCount,
    Truth,
    Validity,
)


def field_type(bitwidth: int) -> str:
    """The C type that stores a field (of at most 128 bits)."""
    for bits in (8, 16, 32, 64):
        if bitwidth <= bits:
            return f"uint{bits}_t"
    return U128


AT = "@"  # where a form takes a field
RING = {"+", "-", "*", "&", "|", "^"}


class Expressions(Intervals):
    """Turns expressions into C, with the names of one pipeline."""

    def __init__(self, names: Names) -> None:
        self.names = names
        super().__init__()
        self.big = Big(self)

    # --- numbers ------------------------------------------------------------------------------

    def low_bits(self, expression: Expression, bits: int) -> str:
        """C of an unsigned type of at least `bits` (<= 128) bits whose low `bits` are the value's."""
        kind = U64 if bits <= 64 else U128
        if isinstance(expression, Constant):
            return f"({kind}){literal(expression.value % (1 << (64 if kind == U64 else 128)))}"
        if container(self.interval(expression)) is None and not self._narrowing(expression):
            return f"({kind})big_low({self.big.value(expression)})"
        if isinstance(expression, FieldRef | ElementField | Argument) and self._plain(expression):
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
    def _narrowing(expression: Expression) -> bool:
        """Whether the low bits of an operation come from its operands' low bits alone."""
        return isinstance(expression, Operation) and (
            (expression.operator in RING and expression.left is not None)
            or expression.operator in ("~", "<<")
        )

    @staticmethod
    def _plain(expression: FieldRef | ElementField | Argument) -> bool:
        return not (expression.signed if isinstance(expression, Argument) else expression.field.signed)

    def _load(self, expression: FieldRef | ElementField | Argument) -> str:
        if isinstance(expression, Argument):
            return f"argument_{expression.index}"
        if expression.field.variable:
            raise PipelineError("", f"{expression.field.name!r}, of variable width, is not a number")
        return self.load(expression, AT, "0")

    def load(self, expression: FieldRef | ElementField, form: str, otherwise: str) -> str:
        """A field, put into `form`; `otherwise` when there is no such element."""
        if isinstance(expression, FieldRef):
            return form.replace(AT, self.names.field(expression.header, expression.field))
        element = expression.element
        member = self.names.fields[element.sample.type_name, expression.field.name]
        found = form.replace(AT, f"{self.names.at(element.stack, element.sample, 'i')}.{member}")
        return self._indexed(element, f"i < {element.stack.size} ? {found} : {otherwise}")

    def stored(self, target: FieldRef | ElementField, form: str) -> str:
        """A statement that puts the target, as an lvalue, into `form`; none when there is no such element."""
        if isinstance(target, FieldRef):
            return form.replace(AT, self.names.field(target.header, target.field))
        element = target.element
        member = self.names.fields[element.sample.type_name, target.field.name]
        name = f"{self.names.at(element.stack, element.sample, 'i')}.{member}"
        guard = f"if (i < {element.stack.size})"
        return f"{{ uint64_t i = {self.fitted(element.index, 64)}; {guard} {form.replace(AT, name)} }}"

    def _indexed(self, element: Element, value: str) -> str:
        """A value in which `i` is the element's index."""
        return f"({{ uint64_t i = {self.fitted(element.index, 64)}; {value}; }})"

    def exact(self, expression: Expression) -> tuple[str, str]:
        """C whose value is the expression's, and its type."""
        kind = container(self.interval(expression))
        if kind is None:
            raise PipelineError("", "a value of more than 128 bits is needed here")
        if isinstance(expression, Constant):
            return f"({kind}){literal(expression.value)}", kind
        if is_truth(expression) or isinstance(expression, Validity):
            return f"({kind}){self.truth(expression)}", kind
        if isinstance(expression, StackCount):
            return f"({kind}){self.names.count(expression.stack)}", kind
        if isinstance(expression, FieldRef | ElementField | Argument):
            if self._plain(expression):
                return f"({kind}){self._load(expression)}", kind
            width = expression.bitwidth if isinstance(expression, Argument) else expression.field.bitwidth
            return f"({kind})sign_extend({self._load(expression)}, {width})", kind
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
        if self.needs_big(one):
            return f"({kind})big_low({self.big.value(one)})"
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
        width = cast_width(one)
        if operator == "two_comp_mod":
            low = self.low_bits(one.left, width)
            return f"({kind})sign_extend((u128){low}, {width})"
        low_end, high_end = self.interval(one)
        value, value_kind = self.exact(one.left)
        if value_kind == U128:
            return f"({kind})({value} > (u128){literal(high_end)} ? (u128){literal(high_end)} : {value})"
        ends = f"(i128){literal(low_end)}, (i128){literal(min(high_end, (1 << 127) - 1))}"
        return f"({kind})clamp((i128){value}, {ends})"

    def needs_big(self, one: Expression) -> bool:
        """Whether a value, or an operand that must be known exactly for it, has more than 128 bits."""
        if container(self.interval(one)) is None:
            return True
        if not isinstance(one, Operation) or self._narrowing(one) or one.operator == "b2d":
            return False
        return any(
            side is not None and container(self.interval(side)) is None for side in (one.left, one.right)
        )

    # --- truth values -------------------------------------------------------------------------

    def truth(self, expression: Expression) -> str:
        """C of type bool."""
        if isinstance(expression, Truth):
            return "true" if expression.value else "false"
        if isinstance(expression, Validity):
            header = expression.header
            if isinstance(header, Header):
                return f"({self.names.valid(header)} != 0)"
            found = f"{self.names.at(header.stack, header.sample, 'i')}.valid"
            return self._indexed(header, f"i < {header.stack.size} && {found}")
        if not isinstance(expression, Operation) or not is_truth(expression):
            if container(self.interval(expression)) is None:
                return f"big_truth({self.big.value(expression)})"
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
        if isinstance(left, FieldRef) and isinstance(right, FieldRef):
            same = self._bytes_equal(left, right)
            if same and operator in ("==", "!="):
                return same if operator == "==" else f"(!{same})"
        spans = self.interval(left), self.interval(right)
        constant = _decided(spans[0], operator, spans[1])
        if constant is not None:
            return "true" if constant else "false"
        kind = container(Interval(min(span.low for span in spans), max(span.high for span in spans)))
        if kind is None:
            return f"(big_compare({self.big.value(left)}, {self.big.value(right)}) {operator} 0)"
        return f"(({kind}){self.exact(left)[0]} {operator} ({kind}){self.exact(right)[0]})"

    def _bytes_equal(self, left: FieldRef, right: FieldRef) -> str | None:
        """The equality of two fields that are kept as bytes."""
        one, two = (self.names.field(side.header, side.field) for side in (left, right))
        if left.field.variable and right.field.variable:
            bits, others = self.names.bits(left.header), self.names.bits(right.header)
            return f"({bits} == {others} && !memcmp({one}, {two}, {bits} / 8))"
        if left.field.bitwidth == right.field.bitwidth > 128 and left.field.signed == right.field.signed:
            return f"(memcmp({one}, {two}, sizeof {one}) == 0)"
        return None

    def fitted(self, expression: Expression, bitwidth: int) -> str:
        """C of an unsigned value cut to `bitwidth` (<= 128) bits."""
        if is_truth(expression):
            return f"(uint64_t){self.truth(expression)}"
        span = self.interval(expression)
        low = self.low_bits(expression, bitwidth)
        if (span.low >= 0 and span.high < 1 << bitwidth) or bitwidth in (64, 128):
            return low
        return f"({low} & {literal((1 << bitwidth) - 1)})"


def _decided(left: Interval, operator: str, right: Interval) -> bool | None:
    """What a comparison gives whatever the values are, if that is so."""
    if operator in ("==", "!="):
        apart = left.high < right.low or right.high < left.low
        return operator == "!=" if apart else None
    if operator in ("<", ">="):
        below, not_below = left.high < right.low, left.low >= right.high
    else:
        below, not_below = left.low > right.high, left.high <= right.low
    if not below and not not_below:
        return None
    return below if operator in ("<", ">") else not_below


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


def elements(expression: Expression) -> list[Element]:
    """All elements of stacks inside whose index only the packet knows."""
    if isinstance(expression, ElementField):
        return [*elements(expression.element.index), expression.element]
    if isinstance(expression, Validity) and isinstance(expression.header, Element):
        return [*elements(expression.header.index), expression.header]
    if isinstance(expression, Operation):
        parts = [part for part in (expression.left, expression.right, expression.condition) if part]
        return [found for part in parts for found in elements(part)]
    return []

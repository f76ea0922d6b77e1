"""Expressions that need more than 128 bits, as C with the runtime's `big.h`: slow, and written only where
nothing narrower will do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p4fabric.softswitch.engine.api import PipelineError
from p4fabric.softswitch.engine.generate.intervals import cast_width, container, literal
from p4fabric.softswitch.engine.load.expressions import is_truth
from p4fabric.softswitch.engine.model import (
    Argument,
    Constant,
    ElementField,
    Expression,
    FieldRef,
    Lookahead,
    Operation,
)

if TYPE_CHECKING:
    from p4fabric.softswitch.engine.generate.expressions import Expressions

LIMBS = 34  # as big.h has them
MOST = 1 << (64 * LIMBS - 1)
RING = {"+": "add", "-": "subtract", "*": "multiply", "&": "and", "|": "or", "^": "xor"}


class Big:
    """Writes values of `struct big`; falls back on `Expressions` for what is narrow."""

    def __init__(self, expressions: Expressions) -> None:
        self.narrow = expressions
        self.used = False

    def value(self, one: Expression) -> str:
        """C of type struct big: the value modulo 2 to the number of its bits, in two's complement."""
        self.used = True
        if isinstance(one, Constant):
            return _constant(one.value)
        if is_truth(one) or not self.narrow.needs_big(one):
            code, kind = self.narrow.exact(one)
            return f"big_{'signed' if kind.startswith('i') else 'unsigned'}({code})"
        if isinstance(one, FieldRef | ElementField):
            return self._field(one)
        if isinstance(one, Argument):
            loaded = f"big_words(argument_{one.index}, {(one.bitwidth + 63) // 64})"
            return f"big_extend({loaded}, {one.bitwidth})" if one.signed else loaded
        if isinstance(one, Lookahead):
            return f"big_bits(at->data + at->offset, {one.offset}, {one.bitwidth})"
        assert isinstance(one, Operation)
        return self._operation(one)

    def store(self, target: FieldRef | ElementField, value: Expression) -> str:
        """A statement that stores a value's low bits in a field that is kept as bytes."""
        stored = f"big_store(@, {target.field.bitwidth}, {self.value(value)});"
        return self.narrow.stored(target, stored)

    def _field(self, one: FieldRef | ElementField) -> str:
        width = one.field.bitwidth
        loaded = self.narrow.load(one, f"big_bytes(@, {(width + 7) // 8})", "big_unsigned(0)")
        return f"big_extend({loaded}, {width})" if one.field.signed else loaded

    def _exact(self, one: Expression) -> str:
        """A value that is not only known modulo something."""
        span = self.narrow.interval(one)
        if not -MOST <= span.low <= span.high < MOST:
            raise PipelineError("", f"arithmetic on more than {64 * LIMBS} bits is not supported")
        return self.value(one)

    def _operation(self, one: Operation) -> str:
        operator = one.operator
        if operator == "~":
            return f"big_not({self.value(one.right)})"
        assert one.left is not None
        if operator in RING:
            return f"big_{RING[operator]}({self.value(one.left)}, {self.value(one.right)})"
        if operator == "<<":
            return f"big_left({self.value(one.left)}, {self._amount(one.right)})"
        if operator == ">>":
            return f"big_right({self._exact(one.left)}, {self._amount(one.right)})"
        if operator == "?":
            assert one.condition is not None
            condition = self.narrow.truth(one.condition)
            return f"({condition} ? {self.value(one.left)} : {self.value(one.right)})"
        if operator == "two_comp_mod":
            return f"big_extend({self.value(one.left)}, {cast_width(one)})"
        if operator in ("sat_cast", "usat_cast"):
            low, high = self.narrow.interval(one)
            return f"big_clamp({self._exact(one.left)}, {_constant(low)}, {_constant(high)})"
        raise PipelineError("", f"operator {operator!r} on more than 128 bits is not supported")

    def _amount(self, one: Expression) -> str:
        """How far to shift; further than all bits is as far as all."""
        if isinstance(one, Constant):
            return str(max(0, min(one.value, 64 * LIMBS)))
        if container(self.narrow.interval(one)) is None:
            return f"big_amount({self.value(one)})"
        return f"shift_amount({self.narrow.exact(one)[0]})"


def _constant(value: int) -> str:
    if 0 <= value < 1 << 128:
        return f"big_unsigned({literal(value)})"
    value &= (1 << 64 * LIMBS) - 1
    limbs = ", ".join(f"UINT64_C({value >> 64 * i & (1 << 64) - 1:#x})" for i in range(LIMBS))
    return f"(struct big){{{{{limbs}}}}}"

"""Which parameters of an action are signed. The JSON does not say so; how they are used tells: P4 has no
implicit conversions between `int<W>` and `bit<W>`, and the compiler wraps explicit ones in operators of their
own. A parameter of which nothing is known is taken as unsigned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from p4fabric.softswitch.engine.model import (
    Argument,
    Constant,
    Element,
    ElementField,
    Expression,
    FieldRef,
    Operation,
    Primitive,
    Validity,
)

_SAME = {"+", "-", "*", "/", "%", "&", "|", "^", "~"}
_SHIFTS = {"<<", ">>"}
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}


def signed_parameters(primitives: Iterable[Primitive]) -> frozenset[int]:
    """The indices of the parameters that an action uses as signed numbers."""
    return frozenset(index for one in primitives for index in _of_primitive(one))


def cast_parameters(primitives: Iterable[Primitive]) -> frozenset[int]:
    """The indices of the parameters that are cast to a `bit<W>` of their own width: they are `int<W>`, or of
    a type with a name (`type bit<9> port_t`)."""
    operands = [operand for one in primitives for operand in one.operands if isinstance(operand, Operation)]
    found = set()
    while operands:
        one = operands.pop()
        argument, mask = one.left, one.right
        if one.operator == "&" and isinstance(argument, Argument):
            found |= {argument.index} if mask == Constant((1 << argument.bitwidth) - 1) else set()
        operands += [part for part in (one.left, one.right, one.condition) if isinstance(part, Operation)]
    return frozenset(found)


def _of_primitive(one: Primitive) -> Iterator[int]:
    target = one.operands[0] if one.name == "assign" else None
    wanted = target.field.signed if isinstance(target, FieldRef | ElementField) else None
    for place, operand in enumerate(one.operands):
        if isinstance(operand, Element):
            yield from _signed(operand.index, False)
        elif isinstance(operand, Expression):
            yield from _signed(operand, wanted if place else None)


def _signed(one: Expression, wanted: bool | None) -> Iterator[int]:
    """The parameters inside that must be signed, where the whole is `wanted` to be signed, or not."""
    if isinstance(one, Argument):
        if wanted:
            yield one.index
    elif isinstance(one, ElementField):
        yield from _signed(one.element.index, False)
    elif isinstance(one, Validity):
        if isinstance(one.header, Element):
            yield from _signed(one.header.index, False)
    elif isinstance(one, Operation):
        yield from _of_operation(one, wanted)


def _of_operation(one: Operation, wanted: bool | None) -> Iterator[int]:
    operator, left, right = one.operator, one.left, one.right
    if operator == "two_comp_mod" and left is not None:
        # From bit<W> to int<W>, or between int<V> and int<W>; or an operation on int<W>.
        if isinstance(left, Argument):
            wider = isinstance(right, Constant) and right.value != left.bitwidth
            yield from _signed(left, wider)
        else:
            yield from _signed(left, _sign(left) is not False)
    elif operator in ("sat_cast", "usat_cast") and left is not None:
        yield from _signed(left, operator == "sat_cast")
    elif _is_cast(one) and left is not None:
        # To bit<W>: of an argument see `cast_parameters`.
        if not isinstance(left, Argument):
            yield from _signed(left, _sign(left))
    elif operator in _SHIFTS and left is not None:
        yield from _signed(left, _sign(left) if wanted is None else wanted)
        yield from _signed(right, False)
    elif operator in _COMPARISONS and left is not None:
        known = _first(_sign(left), _sign(right))
        yield from _signed(left, known)
        yield from _signed(right, known)
    else:
        known = _first(wanted, _sign(one)) if operator in _SAME or operator == "?" else None
        for part in (left, right):
            if part is not None:
                yield from _signed(part, known)
        if one.condition is not None:
            yield from _signed(one.condition, None)


def _is_cast(one: Operation) -> bool:
    """Whether it cuts a number to its low bits, as a cast to bit<W> does."""
    mask = one.right
    return one.operator == "&" and isinstance(mask, Constant) and mask.value & mask.value + 1 == 0


def _sign(one: Expression | None) -> bool | None:
    """Whether a number is signed, as far as it tells by itself."""
    if isinstance(one, FieldRef | ElementField):
        return one.field.signed
    if not isinstance(one, Operation):
        return None
    if one.operator in ("two_comp_mod", "sat_cast"):
        return True
    if one.operator == "usat_cast":
        return False
    if one.operator in _SHIFTS:
        return _sign(one.left)
    if one.operator in _SAME or one.operator == "?":
        known = _first(_sign(one.left), _sign(one.right))
        return False if known is None and _is_cast(one) else known
    return None


def _first(*known: bool | None) -> bool | None:
    return next((one for one in known if one is not None), None)

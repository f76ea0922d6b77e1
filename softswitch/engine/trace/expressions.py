"""Conditions as the program's author wrote them, or as near to it as the JSON lets us come.

The compiler copies a condition's source, but cuts it to its first word where it is a field of a structure,
and leaves it out where it made the condition itself.
"""

from __future__ import annotations

import re

from p4fabric.softswitch.engine.model import (
    Argument,
    Conditional,
    Constant,
    ElementField,
    Expression,
    FieldRef,
    Header,
    Lookahead,
    Operation,
    Primitive,
    StackCount,
    Truth,
    Validity,
)

LONGEST = 200
"""Characters of an expression."""
_WORD = re.compile(r"\w+")
_FLATTENED = re.compile(r"^(\w+)\._(\w+?)\d+$")
"""A field of a structure in metadata, as the compiler numbers them: `metadata_t._from_edge27`."""
_TEMPORARY = re.compile(r"(^|_)((tmp|retval|inlinedRetval|hasReturned|hasExited)(_\d+)*|key_\d+)$")
_CONVERSIONS = {"d2b", "b2d"}
_WORDS = {"and": "&&", "or": "||", "not": "!"}


def condition_text(node: Conditional) -> str:
    """What is asked."""
    fragment = node.source.fragment.strip() if node.source is not None else ""
    tested = node.expression
    while isinstance(tested, Operation) and tested.operator in _CONVERSIONS:
        tested = tested.right
    if not fragment:
        return expression_text(node.expression)[:LONGEST]
    if _WORD.fullmatch(fragment) and isinstance(tested, FieldRef) and "." in tested.field.name:
        # Of `meta.from_edge` only `meta` is left.
        return f"{fragment}.{plain_name(tested.field.name).rpartition('.')[2]}"
    return fragment


def assertion_text(step: Primitive) -> str:
    """What an assertion demands."""
    if step.source is not None and step.source.fragment.strip():
        return step.source.fragment.strip()
    return f"{step.name}({expression_text(step.operands[0])[:LONGEST]})"  # type: ignore[arg-type]


def is_temporary(header: Header, field: str) -> bool:
    """Whether the compiler made a variable for its own use; the program has none of the kind."""
    return header.metadata and bool(_TEMPORARY.search(field))


def plain_name(name: str) -> str:
    """A field's name without what the compiler added to it."""
    flattened = _FLATTENED.match(name)
    return f"{flattened[1]}.{flattened[2]}" if flattened is not None else name


def expression_text(one: Expression) -> str:
    """An expression in P4, with the device configuration's names."""
    match one:
        case Constant():
            return str(one.value)
        case Truth():
            return str(one.value).lower()
        case FieldRef():
            name = plain_name(one.field.name)
            return name if one.header.name == "scalars" else f"{one.header.name}.{name}"
        case ElementField():
            return f"{one.element.stack.name}[{expression_text(one.element.index)}].{one.field.name}"
        case StackCount():
            return f"{one.stack.name}.nextIndex"
        case Validity():
            header = one.header
            name = getattr(header, "name", None) or f"{header.stack.name}[...]"  # type: ignore[union-attr]
            return f"{name}.isValid()"
        case Argument():
            return f"argument {one.index}"
        case Lookahead():
            return f"lookahead<bit<{one.bitwidth}>>()"
    return _operation(one)


def _operation(one: Operation) -> str:
    right, operator = expression_text(one.right), _WORDS.get(one.operator, one.operator)
    if one.operator in _CONVERSIONS:
        return right
    if one.condition is not None and one.left is not None:
        return f"({expression_text(one.condition)} ? {expression_text(one.left)} : {right})"
    if one.left is None:
        return f"{operator}{right}"
    return f"({expression_text(one.left)} {operator} {right})"

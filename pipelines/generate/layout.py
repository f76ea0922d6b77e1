"""Lays out generated code: literals, and sequences that are broken where a line would be too long."""

from __future__ import annotations

import json
from collections.abc import Sequence

__all__ = ["WIDTH", "annotation", "comment", "literal", "sequence"]

WIDTH = 110


def literal(text: str) -> str:
    """A string literal."""
    return json.dumps(text)


def comment(text: str) -> str:
    """A name or a sentence as a docstring can hold it."""
    return " ".join(text.replace("\\", "/").replace('"', "'").split())


def sequence(
    start: str, items: Sequence[str], brackets: str = "()", *, indent: int = 4, end: str = ""
) -> str:
    """`start` and the items in brackets, on one line or on one each.

    Args:
        start: what comes before, with its indentation.
        items: expressions.
        brackets: `()`, `[]` or `{}`.
        indent: of the line.
        end: what comes behind.
    """
    opened, closed = brackets[0], brackets[1]
    comma = "," if brackets == "()" and len(items) == 1 and not start.endswith((".of", "import ")) else ""
    line = f"{start}{opened}{', '.join(items)}{comma}{closed}{end}"
    if len(line) <= WIDTH:
        return line
    inner = "".join(f"{' ' * (indent + 4)}{item},\n" for item in items)
    return f"{start}{opened}\n{inner}{' ' * indent}{closed}{end}"


def annotation(name: str, kind: str) -> str:
    """A field and its type; a union that is too long for a line has a line for each of its types."""
    line = f"    {name}: {kind}"
    if len(line) <= WIDTH:
        return line
    return "\n".join((f"    {name}: (", "        " + kind.replace(" | ", "\n        | "), "    )"))

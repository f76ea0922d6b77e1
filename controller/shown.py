"""Values that a stranger wrote, made fit to be shown: in an answer, a log, a terminal.

What comes out is short, holds no control characters and no lone surrogates, and JSON can carry it,
whatever went in. This module does not know what a value means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

__all__ = ["LONGEST_MESSAGE", "LONGEST_VALUE", "shorten", "shown", "shown_value"]

LONGEST_VALUE = 100
"""Characters of a value that an error shows."""
LONGEST_MESSAGE = 1000
"""Characters of an error's message or field."""
_MOST_ITEMS = 5
"""Items of a list, keys of a mapping."""
_LARGEST_NUMBER = 1 << 64


def shorten(text: str, longest: int = LONGEST_VALUE) -> str:
    """Cut a text, say how long it was, and escape what is not printable."""
    rest = len(text) - longest
    cut = text if rest <= 0 else text[:longest]
    if not cut.isprintable():
        cut = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return cut if rest <= 0 else f"{cut}… ({rest} more characters)"


def shown_value(value: object, depth: int = 1) -> object:
    """Reduce a value to what JSON can carry: containers keep a few items, and one more level."""
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if -_LARGEST_NUMBER < value < _LARGEST_NUMBER else "a number beyond 64 bits"
        case float():
            return value if isfinite(value) else str(value)
        case str():
            return shorten(str(value))
        case Mapping():
            return _mapping(value, depth)
        case bytes() | bytearray():
            return f"{len(value)} bytes"
        case Sequence() | set() | frozenset():
            return _items(value, depth)
    return shorten(str(value))


def shown(value: object) -> str:
    """A value as a message quotes it."""
    found = shown_value(value)
    return repr(found) if isinstance(found, str) and isinstance(value, str) else shorten(str(found))


def _mapping(value: Mapping[object, object], depth: int) -> object:
    if depth < 0:
        return f"a mapping of {len(value)}"
    found: dict[str, object] = {}
    for place, (key, item) in enumerate(value.items()):
        if place == _MOST_ITEMS:
            found["…"] = f"{len(value) - _MOST_ITEMS} more"
            break
        found[shorten(str(key) if isinstance(key, str | int) else type(key).__name__)] = shown_value(
            item, depth - 1
        )
    return found


def _items(value: Sequence[object] | set[object] | frozenset[object], depth: int) -> object:
    if depth < 0:
        return f"a list of {len(value)}"
    found: list[object] = []
    for place, item in enumerate(value):
        if place == _MOST_ITEMS:
            found.append(f"… and {len(value) - _MOST_ITEMS} more")
            break
        found.append(shown_value(item, depth - 1))
    return found

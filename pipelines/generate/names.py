"""Python names for P4 names: legal, unlike those of others, and the same whenever they are made again."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from p4fabric.pipelines import entities

__all__ = ["Wanted", "attributes", "camel", "class_names"]

_APART = re.compile(r"[^0-9A-Za-z]+")
_BUILTINS = frozenset(("bool", "dict", "int", "object", "str", "super", "tuple", "type"))
"""Of those that generated code uses, or that a class body must not hide from it."""
_MODULE = frozenset(
    (*entities.__all__, "BINDINGS", "Bindings", "ClassVar", "annotations", "dataclass", *keyword.kwlist)
)
"""Names that a generated module has besides its own."""


def camel(name: str) -> str:
    """`port_filter.deny` → `PortFilterDeny`; a name that begins with a digit, or is all signs, gets `P4`."""
    joined = "".join(part[:1].upper() + part[1:] for part in _APART.split(name))
    return joined if joined[:1].isalpha() else f"P4{joined}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A class that is to be named."""

    kind: str
    """`Action`, `Table`, …: put behind names that several kinds, or Python, have."""
    id: int
    name: str
    """As wanted, in CamelCase."""


def class_names(wanted: Iterable[Wanted], reserved: Collection[str] = ()) -> dict[tuple[str, int], str]:
    """Name classes, by kind and id.

    A name that is wanted twice gets the kind behind it, for all that want it; if two of a kind want it, the
    one with the larger id gets a number as well. So what one declaration is called does not depend on the
    order of declarations.

    Args:
        wanted: the classes.
        reserved: more names that are taken.
    """
    in_order = sorted(wanted, key=lambda one: (one.kind, one.id))
    often = Counter(one.name for one in in_order)
    taken = {*_MODULE, *reserved}
    names: dict[tuple[str, int], str] = {}
    doubtful = [one for one in in_order if often[one.name] > 1 or one.name in taken]
    for one in in_order:
        if one not in doubtful:
            names[one.kind, one.id] = one.name
            taken.add(one.name)
    for one in doubtful:
        names[one.kind, one.id] = _free(f"{one.name}{one.kind}", taken)
        taken.add(names[one.kind, one.id])
    return names


def attributes(names: Iterable[str], base: type, reserved: Collection[str]) -> list[str]:
    """Names of a class's fields: `hdr.ipv4.class` → `hdr_ipv4_class`, `class` → `class_`.

    Args:
        names: P4's, in order.
        base: what the class is derived from; its own names stay as they are.
        reserved: more names that are taken, such as those of the module's classes.
    """
    taken = {*dir(base), *base.__annotations__, *_MODULE, *_BUILTINS, *reserved, "self", "cls"}
    found = []
    for name in names:
        legal = _APART.sub("_", name).strip("_") or "field"
        if legal[0].isdigit():
            legal = f"p4_{legal}"
        if legal in taken:
            legal = _free(f"{legal}_", taken)
        taken.add(legal)
        found.append(legal)
    return found


def _free(name: str, taken: Collection[str]) -> str:
    """The name, or with the first number behind it that makes it free."""
    number, free = 2, name
    while free in taken:
        free = f"{name}{number}"
        number += 1
    return free

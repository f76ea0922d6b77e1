"""gNMI paths as values: parsing, printing, and which nodes a path with wildcards names.

Must not know which nodes there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from finsy.proto import gnmi

from p4fabric.softswitch.server.errors import Refusal, invalid

MOST_ELEMENTS = 32
ORIGINS = ("", "openconfig")


class Step(NamedTuple):
    """One element: its name, and keys with their values (in a template: empty values)."""

    name: str
    keys: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.name + "".join(f"[{key}={value}]" for key, value in self.keys)


Path = tuple[Step, ...]
"""From the root. In a pattern, names and key values may be `*`, a name may be `...`, keys may be missing."""


def parse(prefix: gnmi.Path, path: gnmi.Path) -> Path:
    """A path behind a prefix; `Refusal` says what is wrong with it."""
    for one in (prefix, path):
        if one.origin not in ORIGINS:
            raise invalid(f"origin {one.origin[:40]!r}: paths are OpenConfig's")
        if one.element:
            raise invalid("`element` is not used since gNMI 0.4: set `elem`")
    if path.target and path.target != prefix.target:
        raise invalid("the target belongs into the prefix")
    elements = [*prefix.elem, *path.elem]
    if len(elements) > MOST_ELEMENTS:
        raise invalid(f"a path of {len(elements)} elements; {MOST_ELEMENTS} are the most")
    if any(not one.name for one in elements):
        raise invalid(f"{shown(elements)}: an element has no name")
    if sum(one.name == "..." for one in elements) > 1:
        raise invalid(f"{shown(elements)}: `...` is taken once")
    return tuple(Step(one.name, tuple(sorted(one.key.items()))) for one in elements)


@lru_cache(maxsize=1 << 15)
def message(path: Path) -> gnmi.Path:
    """A path as it is sent; copy it, as others get the same one. Samples name the same paths each time."""
    found = gnmi.Path()
    for step in path:
        found.elem.add(name=step.name, key=dict(step.keys))
    return found


def text(path: Path) -> str:
    """For error texts."""
    return ("/" + "/".join(str(step) for step in path))[:200]


def shown(elements: list[gnmi.PathElem]) -> str:
    """A path that may be anything, for error texts."""
    return text(tuple(Step(one.name) for one in elements))


def has_wildcards(path: Path) -> bool:
    """Whether it may name several nodes, by names or key values."""
    return any(step.name in ("*", "...") or any(value == "*" for _, value in step.keys) for step in path)


def depth(pattern: Path, leaf: Path, *, names_only: bool = False) -> int | None:
    """How many steps of a leaf's path the pattern names, from the root; None: the leaf is not below it.

    `names_only` compares the keys' names, not their values.
    """
    if not pattern:
        return 0
    head, rest = pattern[0], pattern[1:]
    if head.name == "...":
        for skipped in range(len(leaf) + 1):
            found = depth(rest, leaf[skipped:], names_only=names_only)
            if found is not None:
                return skipped + found
        return None
    if not leaf or not _fits(head, leaf[0], names_only):
        return None
    found = depth(rest, leaf[1:], names_only=names_only)
    return None if found is None else found + 1


def touches(pattern: Path, root: Path) -> bool:
    """Whether the pattern may name something at a node or below it."""
    for head, step in zip(pattern, root, strict=False):
        if head.name == "...":
            return True
        if not _fits(head, step, names_only=False):
            return False
    return True


def _fits(pattern: Step, step: Step, names_only: bool) -> bool:
    if pattern.name not in ("*", step.name):
        return False
    keys: Mapping[str, str] = dict(step.keys)
    for key, value in pattern.keys:
        if key not in keys or not (names_only or value in ("*", keys[key])):
            return False
    return True


def refuse_unknown(pattern: Path) -> Refusal:
    """For a path that no model has."""
    return invalid(f"{text(pattern)}: there is no such path")

"""Names as people shorten them: `ipv4_lpm` for `MyIngress.ipv4_lpm`, `dstAddr` for `hdr.ipv4.dstAddr`.

A name is written whole, or as any part from a dot to its end that only one of the names ends with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from p4fabric.softswitch.client.errors import BadInput

T = TypeVar("T")

_MOST_LISTED = 12


def suffixes(name: str) -> list[str]:
    """`a.b.c`, `b.c` and `c` of `a.b.c`."""
    parts = name.split(".")
    return [".".join(parts[at:]) for at in range(len(parts))]


def short_names(names: Iterable[str]) -> dict[str, str]:
    """The shortest way to write each name among all of them."""
    listed = list(names)
    ends: dict[str, int] = {}
    for name in listed:
        for end in suffixes(name):
            ends[end] = ends.get(end, 0) + 1
    return {
        name: next((end for end in reversed(suffixes(name)) if ends[end] == 1 or end == name), name)
        for name in listed
    }


def find(objects: Mapping[str, T], wanted: str, what: str) -> T:
    """The one that is meant; `BadInput` names those that come near, or that it may be."""
    if wanted in objects:
        return objects[wanted]
    ending = [name for name in objects if wanted in suffixes(name)]
    if not ending:
        lower = wanted.lower()
        ending = [name for name in objects if lower in suffixes(name.lower())]
    if len(ending) == 1:
        return objects[ending[0]]
    if ending:
        raise BadInput(f"{what} {wanted!r} may be {' or '.join(sorted(ending))}: write more of the name")
    raise BadInput(unknown(objects, wanted, what))


def unknown(names: Iterable[str], wanted: str, what: str) -> str:
    """That there is no such name, and which there are."""
    short = sorted(short_names(names).values())
    if not short:
        return f"there is no {what} {wanted!r}: the program has none"
    near = near_names(short, wanted)
    if near:
        return f"there is no {what} {wanted!r}. Did you mean {' or '.join(near)}?"
    listed = ", ".join(short[:_MOST_LISTED]) + (", …" if len(short) > _MOST_LISTED else "")
    return f"there is no {what} {wanted!r}; there are {listed}"


def near_names(names: Iterable[str], wanted: str) -> list[str]:
    """At most three that look alike."""
    by_last = {name.lower(): name for name in names}
    last = wanted.lower().rpartition(".")[2]
    found = get_close_matches(wanted.lower(), by_last, 3) or get_close_matches(last, by_last, 3)
    return [by_last[one] for one in found]

"""Label selectors as Kubernetes has them: `app=web,tier!=db,old,!new,zone in (a,b),zone notin (c)`.

This module does not know what is selected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from p4fabric.controller.intents.metadata import is_label_key, is_label_value
from p4fabric.controller.labels import LabelSelector, Requirement
from p4fabric.controller.shown import shown

__all__ = ["Selector", "SelectorError"]

_MOST_REQUIREMENTS = 32
_SET = re.compile(r"\s*(\S+)\s+(in|notin)\s*\(([^()]*)\)\s*")
_EQUAL = re.compile(r"\s*([^\s=!]+)\s*(==|=|!=)\s*(\S*)\s*")
_EXISTS = re.compile(r"\s*(!?)\s*([^\s=!]+)\s*")
_PARTS = re.compile(r"(?:[^,()]|\([^()]*\))+")


class SelectorError(ValueError):
    """The text is no selector; the message continues a sentence that begins with the parameter."""


@dataclass(frozen=True, slots=True)
class Selector(LabelSelector):
    """One that can be written as text."""

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Read a selector; an empty one selects everything.

        Raises:
            SelectorError: it is none.
        """
        if not text.strip():
            return cls()
        requirements = tuple(_requirements(text))
        if len(requirements) > _MOST_REQUIREMENTS:
            raise SelectorError(f"has {len(requirements)} parts; at most {_MOST_REQUIREMENTS} are allowed")
        return cls(requirements)


def _requirements(text: str) -> Iterator[Requirement]:
    place = 0
    while True:
        part = _PARTS.match(text, place)
        if part is None:
            raise SelectorError(f"must be like a=b,c!=d,e,!f,g in (x,y); {shown(text[place:])} is not")
        yield _requirement(part[0])
        place = part.end()
        if place == len(text):
            return
        if text[place] != ",":
            raise SelectorError(f"must be like a=b,c!=d,e,!f,g in (x,y); {shown(text[place:])} is not")
        place += 1


def _requirement(text: str) -> Requirement:
    if found := _SET.fullmatch(text):
        values = frozenset(value.strip() for value in found[3].split(","))
        requirement = Requirement(found[1], values, found[2] == "notin")
    elif found := _EQUAL.fullmatch(text):
        requirement = Requirement(found[1], frozenset((found[3],)), found[2] == "!=")
    elif found := _EXISTS.fullmatch(text):
        requirement = Requirement(found[2], None, bool(found[1]))
    else:
        raise SelectorError(f"must be like a=b,c!=d,e,!f,g in (x,y); {shown(text)} is not")
    if not is_label_key(requirement.key):
        raise SelectorError(f"names {shown(requirement.key)}, which is no label")
    for value in requirement.values or ():
        if not is_label_value(value):
            raise SelectorError(f"has {shown(value)}, which no label can have as its value")
    return requirement

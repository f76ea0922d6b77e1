"""YAML that means one thing, read in bounded time: only what JSON has, and no key twice.

A document is judged by its events before anything is built of it, so that neither nesting nor
aliases cost more than the text they are written in. This module does not know what a document
should say.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import isfinite
from typing import IO, Any, NoReturn

import yaml
from yaml.constructor import ConstructorError

from p4fabric.controller.shown import shorten, shown

__all__ = ["LONGEST_FILE", "UnusableYaml", "load", "load_all", "read_bounded"]

LONGEST_FILE = 8 << 20
"""Bytes of a file or of standard input."""
MOST_VALUES = 500_000
"""Scalars, lists and mappings, those behind aliases counted wherever they are used."""
DEEPEST = 64
"""Levels of lists and mappings."""


class UnusableYaml(ValueError):
    """The text is no YAML, or says something that JSON cannot; the message names line and column."""


def load(content: bytes) -> Any:
    """Read one document; None if there is none.

    Raises:
        UnusableYaml: it cannot be used, or there are several.
    """
    documents = load_all(content)
    if len(documents) > 1:
        raise UnusableYaml(f"holds {len(documents)} documents; one is expected")
    return documents[0] if documents else None


def load_all(content: bytes) -> list[Any]:
    """Read all documents.

    Raises:
        UnusableYaml: one of them cannot be used.
    """
    if len(content) > LONGEST_FILE:
        raise UnusableYaml(f"is longer than {LONGEST_FILE >> 20} MiB")
    try:
        _check(content)
        return list(yaml.load_all(content, _Loader))
    except yaml.MarkedYAMLError as error:
        problem = shorten(" ".join(filter(None, (error.context, error.problem))), 400)
        raise UnusableYaml(f"{problem}{_place(error.problem_mark)}") from None
    except UnusableYaml:
        raise
    except LookupError as error:  # PyYAML's for `!!bool maybe`
        raise UnusableYaml(f"{shorten(str(error))} does not suit its tag") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnusableYaml(shorten(" ".join(str(error).split()), 400)) from None


def read_bounded(file: IO[bytes]) -> bytes:
    """Read a file to its end, or one byte further than `load_all` takes."""
    return file.read(LONGEST_FILE + 1)


@dataclass(slots=True)
class _Open:
    """A list or mapping that has not ended yet."""

    anchor: str | None
    values: int = 1


def _check(content: bytes) -> None:
    """Bound depth and values; aliases count as much as what they stand for."""
    open_: list[_Open] = [_Open(None, 0)]
    anchors: dict[str, int] = {}
    total = 0
    for event in yaml.parse(content, _Loader):
        match event:
            case yaml.CollectionStartEvent():
                open_.append(_Open(event.anchor))
                anchors.pop(event.anchor or "", None)
                if len(open_) > DEEPEST + 1:
                    _refuse(f"is nested deeper than {DEEPEST} levels", event)
                continue
            case yaml.CollectionEndEvent():
                ended = open_.pop()
                values = ended.values
                if ended.anchor is not None:
                    anchors[ended.anchor] = values
            case yaml.AliasEvent():
                if event.anchor not in anchors:
                    _refuse(f"*{shorten(str(event.anchor))} stands for nothing that ended before it", event)
                values = anchors[event.anchor]
            case yaml.ScalarEvent():
                values = 1
                if event.anchor is not None:
                    anchors[event.anchor] = values
            case yaml.DocumentStartEvent():
                anchors.clear()
                continue
            case _:
                continue
        open_[-1].values += values
        total = sum(each.values for each in open_)
        if total > MOST_VALUES:
            _refuse(f"holds more than {MOST_VALUES} values, those behind aliases included", event)


def _refuse(problem: str, event: yaml.Event) -> NoReturn:
    raise UnusableYaml(f"{problem}{_place(event.start_mark)}")


def _place(mark: Any) -> str:
    return "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"


# libyaml's parser where PyYAML was built with it: ten times faster.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """PyYAML's safe loader, without what JSON does not have."""

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse keys that are no strings, and those that are there already."""
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key_node, _ in node.value:
                if key_node.tag == "tag:yaml.org,2002:merge":
                    continue
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, str):
                    text = getattr(key_node, "value", None)
                    hint = f'; write it in quotes: "{shorten(text)}"' if isinstance(text, str) else ""
                    _unusable(key_node, f"key {shown(key)} is not a string{hint}")
                if key in seen:
                    _unusable(key_node, f"key {shown(key)} is given twice in one mapping")
                seen.add(key)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found


def _unusable(node: yaml.Node, problem: str) -> NoReturn:
    raise ConstructorError(None, None, problem, node.start_mark)


def _no_json(what: str) -> Callable[[_Loader, yaml.Node], NoReturn]:
    def refuse(loader: _Loader, node: yaml.Node) -> NoReturn:
        text = shorten(node.value) if isinstance(node, yaml.ScalarNode) else ""
        hint = f'{text} is {what}, as YAML reads it; write it in quotes: "{text}"' if text else f"is {what}"
        _unusable(node, hint)

    return refuse


def _finite(loader: _Loader, node: yaml.ScalarNode) -> float:
    number: float = loader.construct_yaml_float(node)
    if not isfinite(number):
        _unusable(node, f"{shorten(node.value)} is not a finite number")
    return number


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _no_json("a date"))
_Loader.add_constructor("tag:yaml.org,2002:float", _finite)
for _tag, _what in (
    ("binary", "binary data"),
    ("set", "a set"),
    ("omap", "an ordered mapping"),
    ("pairs", "pairs"),
):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _no_json(f"{_what}, which JSON does not have"))

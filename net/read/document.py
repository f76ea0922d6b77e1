"""A file's content with the place of each value: strict, so that a slip is an error and not a default.

Knows YAML, JSON and kinds of values. Must not know what a network is.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from pathlib import Path
from typing import Any, TypeVar

import yaml

from p4fabric.net.read.errors import Problem, TopologyError, Wrong, shown

T = TypeVar("T")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
LONGEST_FILE = 8 << 20
MOST_DIGITS = 20
"""Of a number that stands in a text; more than any has that is right."""
MOST_SECONDS = 1e9


def whole_number(text: str) -> int | None:
    """What decimal digits say; None: the text is something else."""
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        return None
    return int(text)


@dataclass(frozen=True, slots=True)
class Value:
    """A value and where it stands. What does not fit raises `Wrong`."""

    content: Any
    place: str = ""

    def wrong(self, message: str) -> Wrong:
        """That this value is wrong; `message` says what would be right."""
        return Wrong(self.place, f"{shown(self.content)}: {message}")

    def fields(self, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Value]:
        """The values of a mapping, all of whose keys are known."""
        if not isinstance(self.content, dict):
            raise self.wrong(f"a mapping with {', '.join(known)} is needed")
        for key in self.content:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, 1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                raise Wrong(self.under(key), f"is no key of this place; {hint}")
        for key in required:
            if key not in self.content:
                raise Wrong(self.under(key), "is missing")
        return {key: Value(content, self.under(key)) for key, content in self.content.items()}

    def entries(self) -> Iterator[tuple[str, Value]]:
        """A mapping's names and values."""
        if not isinstance(self.content, dict):
            raise self.wrong("a mapping of names is needed")
        for key, content in self.content.items():
            yield str(key), Value(content, self.under(key))

    def items(self) -> list[Value]:
        """A list's values."""
        if not isinstance(self.content, list):
            raise self.wrong("a list is needed")
        return [Value(content, f"{self.place}[{number}]") for number, content in enumerate(self.content)]

    def one_or_more(self) -> list[Value]:
        """A list's values, or the value itself where there is no list."""
        return self.items() if isinstance(self.content, list) else [self]

    def text(self) -> str:
        """A string that is not empty."""
        if not isinstance(self.content, str) or not self.content.strip():
            raise self.wrong("a text is needed")
        return self.content

    def integer(self, low: int, high: int) -> int:
        """A whole number."""
        if isinstance(self.content, bool) or not isinstance(self.content, int):
            raise self.wrong("a whole number is needed")
        if not low <= self.content <= high:
            raise self.wrong(f"a number from {low} to {high} is needed")
        return self.content

    def seconds(self) -> float:
        """A number of seconds."""
        return self.number(0, MOST_SECONDS, "a number of seconds is needed")

    def number(self, low: float, high: float, needed: str) -> float:
        """A number from `low` to `high`; `needed` says what would be right."""
        if isinstance(self.content, bool) or not isinstance(self.content, int | float):
            raise self.wrong(needed)
        if not low <= self.content <= high:
            raise self.wrong(f"{needed}, from {low:g} to {high:g}")
        return float(self.content)

    def flag(self) -> bool:
        """true or false."""
        if not isinstance(self.content, bool):
            raise self.wrong("true or false is needed")
        return self.content

    def parsed(self, parse: Callable[[str], T]) -> T:
        """What a parser makes of a text; its `ValueError` says what would be right."""
        if isinstance(self.content, int | float) and not isinstance(self.content, bool):
            text = str(self.content)
        else:
            text = self.text()
        try:
            return parse(text)
        except ValueError as error:
            raise self.wrong(str(error)) from None

    def mac(self) -> str:
        """A MAC address, in lower case."""
        if not isinstance(self.content, str) or not _MAC.fullmatch(self.content):
            raise self.wrong("a MAC address is needed, such as 08:00:00:00:01:01")
        return self.content.lower()

    def interface_address(self) -> IPv4Interface | IPv6Interface:
        """An address with the length of its prefix."""
        try:
            if "/" in self.text():
                return ip_interface(self.text())
        except ValueError:
            pass
        raise self.wrong("an address with a prefix length is needed, such as 10.0.1.1/24")

    def address(self) -> IPv4Address | IPv6Address:
        """An IP address."""
        try:
            return ip_address(self.text())
        except ValueError:
            raise self.wrong("an IP address is needed, such as 10.0.1.254") from None

    def under(self, key: object) -> str:
        """The place of one of its keys."""
        return f"{self.place}.{key}" if self.place else str(key)


class Collected:
    """Collects what is wrong in several places, so that one run of a check shows all of it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def attempt(self, function: Callable[..., T], *arguments: Any) -> T | None:
        """What the function returns, or None when it met something wrong, which is kept."""
        try:
            return function(*arguments)
        except Wrong as wrong:
            self.problems.append(wrong.problem)
            return None

    def check(self) -> None:
        """`TopologyError` if anything was wrong."""
        if self.problems:
            raise TopologyError(self.source, self.problems)


class _Loader(yaml.SafeLoader):
    """Only what JSON has, and no key twice."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node)
        if not isinstance(key, str | int | float | bool):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key_node.start_mark)
        if key in found:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key} is given twice", key_node.start_mark
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_NUMBERS = {
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+)\Z"),
    "tag:yaml.org,2002:float": re.compile(r"[-+]?[0-9]+\.[0-9]+\Z"),
}
_PLAIN = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:null", *_NUMBERS}
# Dates and numbers in base 60 stay texts: a MAC address made of digits is no number.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, _NUMBERS.get(tag, pattern)) for tag, pattern in resolvers if tag in _PLAIN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice} is given twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def read_document(path: Path) -> Any:
    """A YAML or JSON file's content.

    Raises:
        TopologyError: it cannot be read, or is no YAML or JSON; names line and column.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TopologyError(str(path), [Problem("", error.strerror or str(error))]) from None
    if len(content) > LONGEST_FILE:
        raise TopologyError(str(path), [Problem("", f"is longer than {LONGEST_FILE >> 20} MiB")])
    try:
        if path.suffix == ".json":
            return json.loads(content, object_pairs_hook=_unique, parse_constant=_no_number)
        return yaml.load(content, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise TopologyError(str(path), [Problem(place, str(error.problem))]) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise TopologyError(str(path), [Problem(place, f"is no JSON: {error.msg}")]) from None
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise TopologyError(str(path), [Problem("", " ".join(str(error).split()))]) from None

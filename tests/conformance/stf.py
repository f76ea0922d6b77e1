"""STF files as typed commands. Knows the language that p4c's tests are written in; no program, no engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TOKEN = re.compile(r'"[^"]*"|0[xXbBoO][0-9a-fA-F*]+|\d+\.\d+|[\w$]+|==|!=|<=|>=|\S')


class StfError(Exception):
    """A line that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Call:
    """An action and its arguments by name, as written."""

    action: str
    arguments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Add:
    """A table entry; a match is (field, value, prefix length), as written."""

    table: str
    priority: int | None
    matches: tuple[tuple[str, str, str | None], ...]
    call: Call


@dataclass(frozen=True, slots=True)
class SetDefault:
    """The action of a miss."""

    table: str
    call: Call


@dataclass(frozen=True, slots=True)
class Send:
    """A packet arrives."""

    port: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Expect:
    """A packet leaves; its hexadecimal digits, `*` for any, `$` at the end: no more than that (None: any
    packet). Without a `port` nothing is said."""

    port: int | None
    pattern: str | None


class Bound(NamedTuple):
    """What a counter must be: `unit` is packets or bytes."""

    unit: str
    condition: str
    value: int


@dataclass(frozen=True, slots=True)
class CheckCounter:
    """A counter's cell is compared."""

    counter: str
    index: int
    bound: Bound


@dataclass(frozen=True, slots=True)
class Direct:
    """A command of bmv2's own command line: `name` and its arguments as written."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Everything sent so far has been dealt with."""


Command = Add | SetDefault | Send | Expect | CheckCounter | Direct | Wait

DIRECT = frozenset(
    [
        *("mirroring_add", "mirroring_add_mc", "mirroring_delete", "mirroring_get"),
        *("mc_mgrp_create", "mc_node_create", "mc_node_update", "mc_node_associate"),
        *("counter_read", "counter_write", "register_read", "register_write", "register_reset"),
        *("meter_get_rates", "meter_set_rates", "meter_array_set_rates"),
    ]
)


def read_stf(path: Path) -> list[Command]:
    """All commands of a file, in order."""
    commands = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = _uncommented(line)
        if not text:
            continue
        try:
            commands.append(_command(text))
        except (ValueError, IndexError) as error:
            raise StfError(f"line {number}: {text!r}: {error}") from None
    return commands


def number(text: str) -> int:
    """A number as STF writes it: decimal, 0x, 0b, 0o."""
    return int(text, 0) if not text.isdigit() else int(text)


def _uncommented(line: str) -> str:
    return re.sub(r'("[^"]*")|#.*', lambda found: found.group(1) or "", line).strip()


def _command(text: str) -> Command:
    keyword, _, rest = text.partition(" ")
    keyword = keyword.lower()
    if keyword == "packet":
        port, _, digits = rest.strip().partition(" ")
        return Send(int(port), bytes.fromhex("".join(digits.split())))
    if keyword == "expect":
        port, _, digits = rest.strip().partition(" ")
        return Expect(int(port), "".join(digits.split()).upper() or None)
    if keyword == "no_packet":
        return Expect(None, None)
    if keyword == "wait":
        return Wait()
    if keyword in DIRECT:
        return Direct(keyword, tuple(rest.split()))
    tokens = _Tokens(TOKEN.findall(rest))
    if keyword == "add":
        return _add(tokens)
    if keyword == "setdefault":
        return SetDefault(tokens.name(), tokens.call())
    if keyword == "check_counter":
        return _check_counter(tokens)
    raise ValueError(f"unknown command {keyword!r}")


class _Tokens:
    """The tokens of one line, taken from the front."""

    def __init__(self, tokens: list[str]) -> None:
        self.left = tokens

    def peek(self, ahead: int = 0) -> str:
        return self.left[ahead] if ahead < len(self.left) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.left.pop(0)
        if expected is not None and token != expected:
            raise ValueError(f"{expected!r} is needed, not {token!r}")
        return token

    def name(self) -> str:
        """A name with dots; an index in brackets belongs to it."""
        name = self.take().strip('"')
        while self.peek() in (".", "["):
            if self.take() == ".":
                name += "." + self.take().strip('"')
            else:
                name += f"[{self.take()}]"
                self.take("]")
        return name

    def call(self) -> Call:
        action = self.name()
        self.take("(")
        arguments = []
        while self.peek() != ")":
            argument = self.name()
            self.take(":")
            arguments.append((argument, self.take()))
            if self.peek() == ",":
                self.take()
        self.take(")")
        return Call(action, tuple(arguments))

    def matches(self) -> Iterator[tuple[str, str, str | None]]:
        """Matches up to the action's name, which no colon follows."""
        while True:
            before = list(self.left)
            field = self.name()
            if self.peek() != ":":
                self.left = before
                return
            self.take()
            value = self.take()
            length = None
            if self.peek() == "/":
                self.take()
                length = self.take()
            yield field, value, length


def _add(tokens: _Tokens) -> Add:
    table = tokens.name()
    priority = int(tokens.take()) if tokens.peek().isdigit() and tokens.peek(1) != ":" else None
    return Add(table, priority, tuple(tokens.matches()), tokens.call())


def _check_counter(tokens: _Tokens) -> CheckCounter:
    counter = tokens.name()
    tokens.take("(")
    index = number(tokens.take())
    tokens.take(")")
    if not tokens.left:
        return CheckCounter(counter, index, Bound("packets", "==", 0))
    return CheckCounter(counter, index, Bound(tokens.take().lower(), tokens.take(), number(tokens.take())))

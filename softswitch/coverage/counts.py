"""What was counted, by program: files that processes left (`engine.coverage`), read and summed.

Must not know how it is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from p4fabric.softswitch.coverage.sources import Sources

CATEGORIES = {
    "states": ("state",),
    "tables": ("hit", "miss", "applied"),
    "actions": ("action",),
    "conditions": ("true", "false"),
}
"""Kinds of points, by what reports call them."""


@dataclass(slots=True)
class Point:
    """Something that packets came by so many times; `table` is an action's. Line 0 is not known."""

    kind: str
    name: str
    table: str
    file: str
    line: int
    hits: int

    @property
    def place(self) -> str:
        """FILE:LINE, as far as it is known."""
        return f"{self.file}:{self.line}" if self.file and self.line else ""

    def __str__(self) -> str:
        match self.kind:
            case "action":
                said = f"action {self.name}, from table {self.table}"
            case "state":
                said = f"state {self.name}"
            case "applied":
                said = f"table {self.name} applied"
            case "hit" | "miss":
                said = f"table {self.name}: a {self.kind}"
            case _:
                said = f"if ({self.name}): {self.kind}"
        return f"{said} ({self.place})" if self.place else said


class Share(NamedTuple):
    """So many of so many."""

    covered: int
    total: int

    @property
    def percent(self) -> float:
        """100 when there is nothing to cover."""
        return 100 * self.covered / self.total if self.total else 100.0

    def __str__(self) -> str:
        return f"{self.covered}/{self.total}"


@dataclass(slots=True)
class Program:
    """A device config that ran, in however many switches. `lines`: (file, line) of statements."""

    name: str
    digest: str
    points: list[Point]
    lines: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, other: Program) -> None:
        """The same program, in another process."""
        for mine, one in zip(self.points, other.points, strict=True):
            mine.hits += one.hits
        for place, hits in other.lines.items():
            self.lines[place] = self.lines.get(place, 0) + hits

    def of(self, category: str) -> list[Point]:
        """The points of one of `CATEGORIES`."""
        return [one for one in self.points if one.kind in CATEGORIES[category]]

    def missing(self) -> list[Point]:
        """What no packet came by."""
        return [one for one in self.points if not one.hits]


def share(points: Iterable[Point]) -> Share:
    """How many of them some packet came by."""
    hits = [bool(one.hits) for one in points]
    return Share(sum(hits), len(hits))


def read_counts(directory: Path, places: Iterable[Path] = ()) -> tuple[list[Program], Sources]:
    """All programs by name, and where their sources may be: first in `places`."""
    programs: dict[str, Program] = {}
    found = dict.fromkeys(places)
    for file in sorted(directory.glob("*.json")):
        document = json.loads(file.read_text())
        found.update(dict.fromkeys(map(Path, document["places"])))
        for one in document["programs"]:
            program = Program(
                one["program"],
                one["digest"],
                [Point(**point) for point in one["points"]],
                {(file, line): hits for file, line, hits in one["lines"]},
            )
            if program.digest in programs:
                programs[program.digest].add(program)
            else:
                programs[program.digest] = program
    sources = Sources(found)
    for program in programs.values():
        _locate(program, sources)
    return sorted(programs.values(), key=lambda one: (one.name, one.digest)), sources


def _locate(program: Program, sources: Sources) -> None:
    """States and actions stand where they are declared; the compiler says only where their statements do."""
    files = sorted({one.file for one in program.points if one.file} | {file for file, _ in program.lines})
    files = files or [program.name]
    for one in _declared(program):
        for file in [one.file] if one.file else files:
            line = sources.declaration(file, one.kind, one.name, before=one.line)
            if line:
                one.file, one.line = file, line
                program.lines[file, line] = max(program.lines.get((file, line), 0), one.hits)
                break


def _declared(program: Program) -> Iterator[Point]:
    yield from (one for one in program.points if one.kind in ("state", "action"))

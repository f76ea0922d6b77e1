"""What is wrong with a topology file: the place, the value, and what would be right."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MOST_PROBLEMS = 20
LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One of them; `message` goes on where `place` and `value` end."""

    place: str
    """Such as hosts.h1.address, or links[2]."""
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class TopologyError(ValueError):
    """A network is described wrongly; nothing was made. `problems` are what was found, at most 20."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = list(problems)[:MOST_PROBLEMS]
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


class Wrong(Exception):
    """A problem on its way to its reader."""

    def __init__(self, place: str, message: str) -> None:
        self.problem = Problem(place, message)
        super().__init__(str(self.problem))


def shown(value: Any) -> str:
    """A value as the file has it, shortened."""
    text = ""
    try:
        # Only as much as is shown: YAML's aliases can make a short file's value endless.
        for part in json.JSONEncoder(ensure_ascii=False).iterencode(value):
            text += part
            if len(text) > LONGEST_VALUE:
                break
    except (TypeError, ValueError):
        text += f"{type(value).__name__}…"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"

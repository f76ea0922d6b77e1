"""What the lab found: one line a check as it comes, and the same as JSON.

This module knows results and the terminal. It does not know how something is checked.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Check", "Report"]

_TITLE = 48


@dataclass
class Check:
    """One thing that should hold."""

    name: str
    """For programs."""
    title: str
    """For people."""
    passed: bool
    shown: str
    """The figures, in a few words."""
    figures: dict[str, Any] = field(default_factory=dict)
    expected: str = ""
    seen: str = ""
    seconds: float = 0.0


class Report:
    """All checks of a run."""

    def __init__(self, title: str) -> None:
        """Print the head of the table."""
        self.checks: list[Check] = []
        self.facts: dict[str, Any] = {}
        self._colour = sys.stdout.isatty()
        self._width = max(100, min(shutil.get_terminal_size((120, 24)).columns, 160))
        print(self._bold(f"\n{title}\n"))
        print(f"    {'':{_TITLE}}  {'':5}  {''}".rstrip(), flush=True)

    def note(self, text: str, seconds: float) -> None:
        """Say what was done that is no check."""
        print(f"  · {text:{_TITLE}}  {seconds:4.1f} s", flush=True)

    def add(self, check: Check) -> None:
        """Print a check's line, and where it failed what was expected and seen."""
        self.checks.append(check)
        tick = self._paint("✔", "32") if check.passed else self._paint("✘", "31;1")
        lead = f"    {'':{_TITLE}}          "
        lines = textwrap.wrap(check.shown, self._width - len(lead)) or [""]
        print(f"  {tick} {check.title:{_TITLE}}  {check.seconds:4.1f} s  {lines[0]}")
        for line in lines[1:]:
            print(lead + line)
        if not check.passed:
            for word, text in (("expected", check.expected), ("seen", check.seen)):
                indent = f"      {word}: "
                print(
                    self._paint(
                        "\n".join(
                            textwrap.wrap(
                                text, self._width, initial_indent=indent, subsequent_indent=" " * len(indent)
                            )
                        ),
                        "31",
                    )
                )
        sys.stdout.flush()

    @property
    def passed(self) -> bool:
        """Whether all hold."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def end(self, seconds: float) -> None:
        """Print the last line."""
        good = sum(check.passed for check in self.checks)
        text = f"{good} of {len(self.checks)} checks hold, {seconds:.0f} s in all"
        print(
            "\n  " + (self._paint(text, "32;1") if self.passed else self._paint(text, "31;1")) + "\n",
            flush=True,
        )

    def write(self, path: Path) -> None:
        """Write all of it as JSON."""
        document = {"passed": self.passed, **self.facts, "checks": [asdict(check) for check in self.checks]}
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(document, indent=2) + "\n")
        unfinished.rename(path)

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text

    def _bold(self, text: str) -> str:
        return self._paint(text, "1")

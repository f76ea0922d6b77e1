"""The P4 sources that a device config was compiled from, if they are still there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


class Sources:
    """Finds them, and declarations in them."""

    def __init__(self, places: Iterable[Path]) -> None:
        """`places`: folders that compilers may have been started in."""
        self._places = list(places)
        self._found: dict[str, Path | None] = {}
        self._lines: dict[str, list[str]] = {}

    def path(self, filename: str) -> Path | None:
        """Where a file is that the compiler named so."""
        if filename not in self._found:
            self._found[filename] = self._look(filename)
        return self._found[filename]

    def _look(self, filename: str) -> Path | None:
        # As the compiler was told, or beside the device config.
        for name in dict.fromkeys((filename, Path(filename).name)):
            for place in self._places:
                if (place / name).is_file():
                    return (place / name).resolve()
        return None

    def declaration(self, filename: str, kind: str, name: str, *, before: int = 0) -> int:
        """The line that declares a state or an action: the last one up to `before`, if that is known, or the
        only one; 0: it cannot be told."""
        declared = re.compile(rf"\b{kind}\s+{re.escape(name.rpartition('.')[2])}\b")
        lines = [
            number
            for number, line in enumerate(self._text(filename), 1)
            if declared.search(line.partition("//")[0])
        ]
        if before:
            return max((number for number in lines if number <= before), default=0)
        return lines[0] if len(lines) == 1 else 0

    def _text(self, filename: str) -> list[str]:
        if filename not in self._lines:
            path = self.path(filename)
            self._lines[filename] = path.read_text(errors="replace").splitlines() if path is not None else []
        return self._lines[filename]

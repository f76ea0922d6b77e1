"""Whether a program's sources have changed, by polling: works on every file system, mounted ones included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from p4fabric.pipelines.p4_source import find_sources

INTERVAL = 0.2
"""Seconds between two looks."""
_State = dict[Path, tuple[int, int, int]]


class SourceWatch:
    """One program with all that it includes, since it was last asked for."""

    def __init__(self, program: Path, include: Sequence[Path] = ()) -> None:
        """Watch from now on."""
        self._program = program
        self._include = include
        self._seen = self._last = self._state()

    def changed(self) -> bool:
        """Whether there is a change that has come to rest: nothing has been written since the last call, so
        that no half-written file is compiled. To be called every `INTERVAL`."""
        state = self._state()
        rests = state is not None and state == self._last
        self._last = state
        if not rests or state == self._seen:
            return False
        self._seen = state
        return True

    def _state(self) -> _State | None:
        """None: a file is away, as while an editor replaces it."""
        try:
            states = {path: path.stat() for path in find_sources(self._program, self._include).files}
        except OSError:
            return None
        return {path: (one.st_mtime_ns, one.st_size, one.st_ino) for path, one in states.items()}

"""Coverage of P4 programs by all engines of this process, and of others that it starts.

Off unless the environment says where the counts go: `P4FABRIC_COVERAGE=DIRECTORY`. Each process then leaves a
file there when it ends, or when `save` is called. Must not know who reads them.
"""

from __future__ import annotations

import atexit
import ctypes as c
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

from p4fabric.softswitch.engine.generate.coverage import COUNTS, Point, PointKind, points
from p4fabric.softswitch.engine.load import LoadedConfig
from p4fabric.softswitch.engine.model import Pipeline, Primitive, Source
from p4fabric.softswitch.engine.trace.expressions import condition_text

DIRECTORY = "P4FABRIC_COVERAGE"
Document: TypeAlias = dict[str, Any]
APPLIED = "applied"
"""The one point of a table without a key, which is neither hit nor missed."""
_UNREMARKABLE = "NoAction"
"""Of core.p4: it runs where nothing else does."""


class Recorder:
    """What this process has run."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._name = uuid4().hex
        self._lock = threading.Lock()
        self._places: set[str] = set()
        self._counts: dict[Path, tuple[LoadedConfig, Any]] = {}

    def follow(self, config: LoadedConfig, library: Path) -> None:
        """An engine runs a program by this library; it stays loaded, and so do its counts."""
        with self._lock:
            if library not in self._counts:
                array = c.c_uint64 * max(len(points(config.pipeline)), 1)
                self._counts[library] = (config, array.in_dll(c.CDLL(str(library)), COUNTS))

    def look_in(self, directory: Path) -> None:
        """The program's source may be here."""
        with self._lock:
            self._places.add(str(directory.resolve()))

    def save(self) -> None:
        """Write what was counted until now; what was written before is replaced."""
        with self._lock:
            programs = [_document(config, list(counts)) for config, counts in self._counts.values()]
            document = {"places": sorted(self._places), "programs": programs}
        made = self._directory / f"{os.getpid()}-{self._name}"
        made.with_suffix(".part").write_text(json.dumps(document))
        made.with_suffix(".part").replace(made.with_suffix(".json"))


_lock = threading.Lock()
_recorders: dict[str, Recorder] = {}


def recorder() -> Recorder | None:
    """This process's; None: nobody wants to know."""
    directory = os.environ.get(DIRECTORY)
    if not directory:
        return None
    with _lock:
        if directory not in _recorders:
            _recorders[directory] = Recorder(Path(directory))
            atexit.register(_save_at_end, _recorders[directory])
        return _recorders[directory]


def _save_at_end(one: Recorder) -> None:
    # Whoever asked may have read what it wanted, and cleaned up.
    if one._directory.is_dir():
        one.save()


def _document(config: LoadedConfig, counts: list[int]) -> Document:
    pipeline = config.pipeline
    numbered = points(pipeline)
    found = [
        {**_named(pipeline, one), "hits": hits}
        for one, hits in zip(numbered, counts, strict=False)
        if _counts(pipeline, one)
    ]
    lines: dict[tuple[str, int], int] = {}
    for source, hits in _lines(numbered, counts):
        if source.filename and source.line:
            place = (source.filename, source.line)
            lines[place] = max(lines.get(place, 0), hits)
    return {
        "program": pipeline.program,
        "digest": config.digest,
        "points": found,
        "lines": [[file, line, hits] for (file, line), hits in sorted(lines.items())],
    }


def _counts(pipeline: Pipeline, one: Point) -> bool:
    """Whether the program's author has written it, and not the compiler."""
    if one.table is not None:
        if pipeline.info.tables[one.table.name].hidden:
            return False
        if one.kind is PointKind.HIT and not one.table.key:
            return False
    if one.action is not None:
        return one.action.name != _UNREMARKABLE
    return one.condition is None or one.condition.source is not None


def _named(pipeline: Pipeline, one: Point) -> Document:
    source: Source | None = None
    name = table = ""
    kind = str(one.kind)
    if one.state is not None:
        name, source = one.state.name, _first(one.state.operations)
    elif one.action is not None and one.table is not None:
        name, table, source = one.action.name, one.table.name, _first(one.action.primitives)
    elif one.table is not None:
        name, source = one.table.name, one.table.source
        kind = kind if one.table.key else APPLIED
    elif one.condition is not None:
        name, source = condition_text(one.condition), one.condition.source
    return {
        "kind": kind,
        "name": name,
        "table": table,
        "file": source.filename if source is not None else "",
        "line": source.line if source is not None else 0,
    }


def _first(steps: tuple[Primitive, ...]) -> Source | None:
    return next((one.source for one in steps if one.source is not None), None)


def _lines(numbered: list[Point], counts: list[int]) -> Iterator[tuple[Source, int]]:
    """Lines of the program, and how often packets came by."""
    ran: dict[int, int] = {}
    looked: dict[int, int] = {}
    for one, hits in zip(numbered, counts, strict=False):
        if one.action is not None:
            ran[one.action.index] = ran.get(one.action.index, 0) + hits
        elif one.table is not None:
            looked[one.table.index] = looked.get(one.table.index, 0) + hits
        elif one.condition is not None:
            looked[id(one.condition)] = looked.get(id(one.condition), 0) + hits
    for one, hits in zip(numbered, counts, strict=False):
        steps: tuple[Primitive, ...] = ()
        if one.state is not None:
            steps = one.state.operations
        elif one.action is not None:
            steps, hits = one.action.primitives, ran[one.action.index]
        yield from ((step.source, hits) for step in steps if step.source is not None)
        if one.kind is PointKind.MISS and one.table is not None and one.table.source is not None:
            yield one.table.source, looked[one.table.index]
        if one.condition is not None and one.condition.source is not None:
            yield one.condition.source, looked[id(one.condition)]

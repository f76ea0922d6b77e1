"""Coverage as text for a terminal, as a JSON document, and as LCOV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from p4fabric.softswitch.coverage.counts import CATEGORIES, Point, Program, Share, share
from p4fabric.softswitch.coverage.sources import Sources

MOST_MISSING = 10
"""Of each category of a program, in a terminal."""


def total(programs: Sequence[Program]) -> Share:
    """Of all programs."""
    return share(point for one in programs for point in one.points)


def text_report(programs: Sequence[Program], *, most: int | None = MOST_MISSING) -> Iterator[str]:
    """Lines for a terminal: a table, and what is not covered, at most so many of each category."""
    if not programs:
        yield "no P4 program has run"
        return
    names = [one.name or one.digest[:12] for one in programs]
    width = max(len(name) for name in (*names, "program"))
    yield _row("program", width, [*CATEGORIES, "covered"])
    for name, program in zip(names, programs, strict=True):
        shares = [share(program.of(category)) for category in CATEGORIES]
        yield _row(name, width, [*shares, _percent(share(program.points))])
    if len(programs) > 1:
        shares = [share(p for one in programs for p in one.of(category)) for category in CATEGORIES]
        yield _row("all", width, [*shares, _percent(total(programs))])
    for name, program in zip(names, programs, strict=True):
        if program.missing():
            yield ""
            yield f"{name}: no packet came by"
        for category in CATEGORIES:
            missing = [one for one in program.of(category) if not one.hits]
            yield from (f"  {one}" for one in missing[:most])
            if len(missing) > len(missing[:most]):
                yield f"  and {len(missing) - len(missing[:most])} more {category} (-v shows all)"


def _row(name: str, width: int, cells: Sequence[object]) -> str:
    return f"{name:{width}}" + "".join(f"{one!s:>12}" for one in cells)


def _percent(one: Share) -> str:
    """Rounded down: 100 % means all."""
    return f"{int(one.percent)}%"


def json_report(programs: Sequence[Program], sources: Sources) -> dict[str, Any]:
    """Everything. `percent` is of points; `points` and `lines` have how many packets came by."""
    return {
        "format": 1,
        "total": _share(total(programs)),
        "programs": [
            {
                "program": program.name,
                "digest": program.digest,
                "total": _share(share(program.points)),
                **{category: _share(share(program.of(category))) for category in CATEGORIES},
                "points": [
                    {
                        "kind": one.kind,
                        "name": one.name,
                        "table": one.table,
                        "file": _path(sources, one.file),
                        "line": one.line,
                        "hits": one.hits,
                    }
                    for one in program.points
                ],
                "lines": [
                    {"file": _path(sources, file), "line": line, "hits": hits}
                    for (file, line), hits in sorted(program.lines.items())
                ],
            }
            for program in programs
        ],
    }


def _share(one: Share) -> dict[str, float]:
    return {"covered": one.covered, "total": one.total, "percent": round(one.percent, 2)}


def _path(sources: Sources, filename: str) -> str:
    return str(sources.path(filename) or filename)


def lcov_report(programs: Sequence[Program], sources: Sources) -> str:
    """Tracefile of lcov(1): states and actions are its functions, conditions and tables hit or missed its
    branches."""
    lines: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    functions: dict[str, dict[tuple[int, str], int]] = defaultdict(lambda: defaultdict(int))
    branches: dict[str, dict[tuple[int, str], dict[str, int]]] = defaultdict(dict)
    for program in programs:
        for (file, line), hits in program.lines.items():
            lines[_path(sources, file)][line] += hits
        for one in program.points:
            if not one.place:
                continue
            file = _path(sources, one.file)
            if one.kind in ("state", "action"):
                functions[file][one.line, f"{one.kind} {one.name}"] += one.hits
            elif one.kind != "applied":
                block = branches[file].setdefault((one.line, _what(one)), {})
                block[one.kind] = block.get(one.kind, 0) + one.hits
    return "".join(
        "\n".join(_record(file, lines[file], functions[file], branches[file])) + "\n"
        for file in sorted({*lines, *functions, *branches})
    )


def _what(one: Point) -> str:
    return f"{'table' if one.kind in CATEGORIES['tables'] else 'if'} {one.name}"


def _record(
    file: str,
    lines: dict[int, int],
    functions: dict[tuple[int, str], int],
    branches: dict[tuple[int, str], dict[str, int]],
) -> Iterator[str]:
    yield "TN:"
    yield f"SF:{file}"
    for (line, name), _ in sorted(functions.items()):
        yield f"FN:{line},{name}"
    for (_, name), hits in sorted(functions.items()):
        yield f"FNDA:{hits},{name}"
    yield f"FNF:{len(functions)}"
    yield f"FNH:{sum(bool(hits) for hits in functions.values())}"
    taken = []
    for block, ((line, _), ways) in enumerate(sorted(branches.items())):
        reached = any(ways.values())
        for branch, hits in enumerate(ways.values()):
            taken.append(hits)
            yield f"BRDA:{line},{block},{branch},{hits if reached else '-'}"
    yield f"BRF:{len(taken)}"
    yield f"BRH:{sum(bool(hits) for hits in taken)}"
    for line, hits in sorted(lines.items()):
        yield f"DA:{line},{hits}"
    yield f"LF:{len(lines)}"
    yield f"LH:{sum(bool(hits) for hits in lines.values())}"
    yield "end_of_record"

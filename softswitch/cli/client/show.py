"""What commands print: tables that fit the terminal, or JSON. In a pipe, lines are not folded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 10_000


def is_terminal() -> bool:
    """Whether standard output is one."""
    return Console().is_terminal


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a table; see `table_text`."""
    typer.echo(table_text(columns, rows, title, terminal=is_terminal()))


def table_text(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    title: str | None = None,
    *,
    terminal: bool,
) -> str:
    """A table; columns that begin with `#` hold numbers, and are not folded. Columns without anything in them
    are left out. On a `terminal`, lines are folded to its width, and a list has an item a line."""
    between = ",\n" if terminal else ", "
    listed = [[between.join(cell) if isinstance(cell, list) else str(cell) for cell in row] for row in rows]
    if not listed:
        return f"{title}: none" if title is not None else "none"
    used = [at for at in range(len(columns)) if any(row[at] for row in listed)]
    made = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for at in used:
        number = columns[at].startswith("#")
        made.add_column(
            columns[at].removeprefix("#"),
            justify="right" if number else "left",
            no_wrap=number,
            overflow="fold",
        )
    for row in listed:
        made.add_row(*(Text(row[at]) for at in used))
    parts: list[Table | Text] = [made] if title is None else [Text(title, "bold"), made]
    return _rendered(*parts, terminal=terminal)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Names and values, those that there are."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in facts:
        if value is not None and value != "":
            made.add_row(name, Text(str(value)))
    typer.echo(_rendered(made, terminal=is_terminal()))


def print_json(document: Any) -> None:
    """One document."""
    typer.echo(json.dumps(document, indent=2))


def blank() -> None:
    """An empty line."""
    typer.echo()


def print_json_line(document: Any) -> None:
    """One of many documents, on a line of its own, at once."""
    print(json.dumps(document), flush=True)


def say(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)


def note(line: str) -> None:
    """Something beside the output."""
    typer.echo(line, err=True)


def _rendered(*parts: Table | Text, terminal: bool) -> str:
    """As text, without the spaces that fill a table's last column."""
    console = Console(highlight=False, force_terminal=terminal, width=None if terminal else _PIPE_WIDTH)
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    return "\n".join(line.rstrip() for line in captured.get().splitlines())

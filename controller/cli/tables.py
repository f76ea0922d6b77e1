"""Tables as all commands show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["console", "intent_table", "state_text", "table"]

_STYLES = {"active": "green", "installing": "yellow", "accepted": "yellow", "degraded": "red"}


def console() -> Console:
    """Standard output; in a pipe, lines are not folded."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=200)


def table(title: str | None, *columns: str) -> Table:
    """An empty table; columns that begin with `#` hold numbers."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.removeprefix("#"), justify="right" if column.startswith("#") else "left")
    return made


def state_text(state: str) -> Text:
    """A state in its colour."""
    return Text(state, _STYLES.get(state, ""))


def intent_table(intents: Iterable[Mapping[str, Any]]) -> Table:
    """Intents and how far they are; what became of them where that is known."""
    rows = list(intents)
    applied = any("outcome" in row for row in rows)
    made = table(
        None, "KIND", "TENANT", "NAME", *(["OUTCOME"] if applied else []), "STATE", "#GENERATION", "REASONS"
    )
    for row in rows:
        status = row["status"]
        outcome = [row["outcome"]] if applied else []
        made.add_row(
            row["kind"],
            row["tenant"],
            row["name"],
            *outcome,
            state_text(status["state"]),
            str(status["generation"]),
            Text("; ".join(status["reasons"])),
        )
    return made

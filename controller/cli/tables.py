"""Tables as all commands show them, and the other forms that answers are printed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = [
    "Output",
    "age",
    "as_api",
    "console",
    "intent_table",
    "print_items",
    "print_json",
    "print_yaml",
    "severity_text",
    "state_text",
    "table",
]

_STYLES = {"active": "green", "installing": "yellow", "accepted": "yellow", "degraded": "red"}

_SEVERITIES = {"ok": "green", "at risk": "yellow", "degraded": "red", "down": "bold red"}


Output = Literal["table", "wide", "name", "json", "yaml"]
"""How answers are printed."""


def console() -> Console:
    """Standard output; in a pipe, lines are not folded, and nothing has a colour."""
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


def severity_text(severity: str) -> Text:
    """A severity in its colour."""
    return Text(severity, _SEVERITIES.get(severity, ""))


def age(since: datetime) -> str:
    """How long ago something was, in its largest unit."""
    seconds = max(0.0, (datetime.now(UTC) - since).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds / length)}{unit}"
    return f"{int(seconds)}s"


def intent_table(
    intents: Iterable[Mapping[str, Any]], outcomes: Sequence[str] | None = None, *, wide: bool = False
) -> Table:
    """Intents and how far they are.

    Args:
        intents: as the API has them.
        outcomes: what became of each.
        wide: with labels, owners, age and version.
    """
    columns = ["KIND", "TENANT", "NAME", *(["OUTCOME"] if outcomes is not None else [])]
    columns += [
        "STATE",
        "#GENERATION",
        *(["#AGE", "#VERSION", "OWNERS", "LABELS"] if wide else []),
        "REASONS",
    ]
    made = table(None, *columns)
    for index, intent in enumerate(intents):
        status, metadata = intent["status"], intent["metadata"]
        more = []
        if wide:
            labels = ",".join(f"{key}={value}" for key, value in intent["labels"].items())
            created = datetime.fromisoformat(metadata["created"])
            more = [age(created), metadata["resourceVersion"], ",".join(metadata["owners"]), labels]
        made.add_row(
            intent["kind"],
            intent["tenant"],
            intent["name"],
            *([outcomes[index]] if outcomes is not None else []),
            state_text(status["state"]),
            str(metadata["generation"]),
            *more,
            Text("; ".join(reason["message"] for reason in status["reasons"])),
        )
    return made


def as_api(document: BaseModel) -> Any:
    """A document as the API wrote it: what was left out stays out."""
    return document.model_dump(mode="json", exclude_unset=True)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_yaml(values: Iterable[Any]) -> None:
    """Print values as YAML documents."""
    import yaml

    for index, value in enumerate(values):
        print("---\n" if index else "", end="")
        print(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), end="")


def print_items(
    items: Sequence[Mapping[str, Any]],
    output: Output,
    name: Callable[[Mapping[str, Any]], str],
    shown: Callable[[Sequence[Mapping[str, Any]], bool], Table],
    *,
    single: bool = False,
) -> None:
    """Print items as somebody wants them.

    Args:
        items: as the API has them.
        output: how.
        name: of one, for scripts.
        shown: makes a table of them, a wide one or not.
        single: JSON is of the only one, not of a list.
    """
    match output:
        case "json":
            print_json(items[0] if single else items)
        case "yaml":
            print_yaml(items)
        case "name":
            for item in items:
                print(name(item))
        case _:
            console().print(shown(items, output == "wide"))

"""What a change would do, as commands show it: `apply --dry-run`, `delete --dry-run` and `diff`.

This module knows the API's previews. It knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import unified_diff
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from p4fabric.controller.cli.tables import state_text, table

__all__ = ["ALL_ENTRIES", "change_lines", "document_lines", "entry_lines", "print_lines", "print_summary"]

ALL_ENTRIES = 5000
"""Entries that a dry run lists at most."""

_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_PARTS = ("kind", "tenant", "name", "labels", "annotations", "spec")

Preview = Mapping[str, Any]


def print_summary(out: Console, preview: Preview) -> None:
    """What becomes of intents, and how much is written where."""
    out.print(_intents(preview))
    if preview["others"]:
        out.print(_others(preview))
    for line in change_lines(preview):
        out.print(Text(line))


def document_lines(preview: Preview) -> Iterator[str]:
    """The differences of documents, as a unified diff."""
    for one in preview["intents"]:
        before, after = one["before"], one["after"]
        key = "/".join((after or before)[part] for part in ("kind", "tenant", "name"))
        lines = unified_diff(
            _document(before), _document(after), f"current/{key}", f"applied/{key}", lineterm=""
        )
        yield from lines


def entry_lines(preview: Preview) -> Iterator[str]:
    """The differences of switches' entries; a removed line and the added one below it are one entry."""
    for switch, change in preview["switches"].items():
        counts = change["counts"]
        yield f"@@ {switch}: {_counted(counts)} @@"
        changes = [
            *((entry["table"], entry["text"], [("-", entry)], entry) for entry in change["removed"]),
            *((entry["table"], entry["text"], [("+", entry)], entry) for entry in change["added"]),
            *(
                (
                    entry["table"],
                    entry["before"]["text"],
                    [("-", entry["before"]), ("+", entry["after"])],
                    entry,
                )
                for entry in change["changed"]
            ),
        ]
        for where, _, versions, entry in sorted(changes, key=lambda one: one[:2]):
            whose = _whose(entry)
            for sign, version in versions:
                yield f"{sign}{where} {version['text']}  # {whose}"
        if change["truncated"]:
            listed = len(change["removed"]) + len(change["added"]) + len(change["changed"])
            yield f"@@ {sum(counts.values()) - listed} more entries of {switch} are not listed @@"


def print_lines(out: Console, lines: Iterable[str]) -> None:
    """Print lines of a diff, in colours at a terminal."""
    for line in lines:
        out.print(Text(line, _STYLES.get(line[:1], "")), soft_wrap=True)


def _document(intent: Mapping[str, Any] | None) -> list[str]:
    if intent is None:
        return []
    kept = {part: intent[part] for part in _PARTS if intent[part]}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).splitlines()


def _whose(entry: Mapping[str, Any]) -> str:
    told = []
    for part in entry["parts"]:
        owner = "/".join(part[name] for name in ("kind", "tenant", "name")) if part["kind"] else "the fabric"
        told.append(f"{owner} ({part['part']})" if part["part"] else owner)
    more = entry["moreParts"]
    return ", ".join([*told, *([f"and {more} more"] if more else [])])


def _intents(preview: Preview) -> Table:
    made = table(None, "KIND", "TENANT", "NAME", "OUTCOME", "EXPECTED", "REASONS")
    for one in preview["intents"]:
        intent = one["after"] or one["before"]
        key = "/".join(intent[part] for part in ("kind", "tenant", "name"))
        made.add_row(*key.split("/"), one["outcome"], *_status(preview["status"][key]))
    return made


def _others(preview: Preview) -> Table:
    more = preview["moreOthers"]
    title = f"Also, and {more} more:" if more else "Also:"
    made = table(title, "KIND", "TENANT", "NAME", "NOW", "EXPECTED", "REASONS")
    for one in preview["others"]:
        now = state_text(one["without"]["state"])
        made.add_row(one["kind"], one["tenant"], one["name"], now, *_status(one["expected"]))
    return made


def _status(status: Mapping[str, Any]) -> tuple[Text, Text]:
    reasons = "; ".join(reason["message"] for reason in status["reasons"])
    return state_text(status["state"]), Text(reasons)


def change_lines(preview: Preview) -> Iterator[str]:
    """How much would be written where, and what becomes of room and numbers."""
    for switch, change in preview["switches"].items():
        yield f"{switch}: {_counted(change['counts'])}"
    if not preview["switches"]:
        yield "nothing would be written to switches"
    for room in preview["tables"]:
        if room["size"] is not None and room["peak"] > room["size"] * 0.9:
            yield (
                f"{room['switch']}: {room['table']} would have {room['after']} of {room['size']} entries, "
                f"{room['peak']} while old ones stand"
            )
    tightest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for share in sorted(preview["shares"], key=lambda one: one["room"]):
        tightest.setdefault((share["switch"], share["tenant"]), share)
    for share in tightest.values():
        yield (
            f"{share['switch']}: tenant {share['tenant']} would have {share['after']} of its {share['size']} "
            f"entries of {share['table']}"
        )
    for number in preview["numbers"]:
        done = "given to" if number["given"] else "given back by"
        yield f"{number['pool']} {number['number']} would be {done} {number['givenFor']}"


def _counted(counts: Mapping[str, int]) -> str:
    told = [f"{count} {name}" for name, count in counts.items() if count]
    return f"entries {', '.join(told)}"

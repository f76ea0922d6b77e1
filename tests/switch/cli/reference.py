"""docs/reference/switch-cli.md: what is written by hand, and then each command as its help has it.

`python -m tests.switch.cli.reference` writes the second part again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from p4fabric.softswitch.cli.app import SwitchCommands
from p4fabric.softswitch.cli.client.options import _FOR_WRITERS, _SHARED

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "switch-cli.md"
MARK = "<!-- The rest is made from the commands: python -m tests.switch.cli.reference -->\n"
OTHERS = ("run", "bench", "trace")
"""They have pages of their own."""


def page() -> str:
    """The page as it should be."""
    by_hand, _, _ = PAGE.read_text().partition(MARK)
    return by_hand + MARK + "\n" + "\n".join(_commands())


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    for one in SwitchCommands.lazy:
        if one.name not in OTHERS:
            yield from _command(one.load(), f"p4fabric switch {one.name}", "###")


def _command(command: Any, path: str, heading: str) -> Iterator[str]:
    yield f"{heading} `{path}`\n"
    yield f"{' '.join((command.help or '').split())}\n"
    nested = getattr(command, "commands", None)
    if nested is not None:
        for name, one in nested.items():
            yield from _command(one, f"{path} {name}", f"{heading}#")
        return
    arguments = [_written(one) for one in command.params if one.param_type_name == "argument"]
    yield f"    {' '.join([path, *arguments])}\n"
    rows = [row for one in command.params if (row := _row(one)) is not None]
    if rows:
        yield "| | |\n| --- | --- |"
        yield from rows
        yield ""


def _row(one: Any) -> str | None:
    if one.name in _SHARED or one.name in _FOR_WRITERS or one.name == "help" or not one.help:
        return None
    return f"| `{_written(one)}` | {one.help} |".replace(" | ", " \\| ").replace("` \\| ", "` | ", 1)


def _written(one: Any) -> str:
    if one.param_type_name == "argument":
        return one.metavar or str(one.name).upper()
    return " ".join([", ".join(one.opts), *([one.metavar] if one.metavar else [])])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()

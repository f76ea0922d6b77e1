"""The CLI reference says what the commands say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from typer.main import get_command

from p4fabric.controller.cli.main import app
from tests.docs import cli_reference

P4FABRIC = Path(sys.executable).with_name("p4fabric")


def test_the_cli_reference_is_up_to_date() -> None:
    expected = cli_reference.page()
    assert cli_reference.PAGE.read_text() == expected, "run: python -m tests.docs.cli_reference"


def _paths(path: str, command: Any) -> Iterator[str]:
    """All commands below one, as typer has built them."""
    for name, below in getattr(command, "commands", {}).items():
        yield f"{path} {name}"
        yield from _paths(f"{path} {name}", below)


def test_the_cli_reference_has_every_command() -> None:
    """The page is written from declarations: what is mounted in a way that it does not know is missing."""
    headings = re.findall(r"^#+ `(.+)`$", cli_reference.PAGE.read_text(), re.MULTILINE)
    paths = list(_paths("p4fabric", get_command(app)))
    assert [path for path in paths if path not in headings] == []


def test_the_command_says_its_version() -> None:
    shown = subprocess.run([P4FABRIC, "--version"], check=True, capture_output=True, text=True).stdout
    assert shown == f"p4fabric {metadata.version('p4fabric')}\n"

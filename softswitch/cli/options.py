"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Include = Annotated[
    list[Path] | None,
    typer.Option("--include", "-I", help="Include folder for P4 source; repeatable."),
]
Define = Annotated[
    list[str] | None,
    typer.Option("--define", "-D", help="Macro for P4 source, NAME or NAME=VALUE; repeatable."),
]

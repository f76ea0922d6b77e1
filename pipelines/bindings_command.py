"""How `p4fabric bindings` is called; what it does is imported when it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["bindings"]


def bindings(
    p4info: Annotated[Path, typer.Argument(metavar="X.p4info.txtpb", help="The program's P4Info.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The module to write. Default: standard output.")
    ] = None,
    one_shot: Annotated[
        bool, typer.Option("--one-shot", help="Action selectors take one-shot sets only, no groups.")
    ] = False,
) -> None:
    """Generate typed Python bindings of a P4 program."""
    from p4fabric.pipelines.generate.command import run

    raise typer.Exit(run(p4info, output, one_shot))

"""`p4fabric switch`, which is also `python -m softswitch`."""

from __future__ import annotations

import typer

from softswitch.cli.bench import bench
from softswitch.cli.run import run
from softswitch.cli.trace import trace

app = typer.Typer(
    name="switch",
    help="The embedded P4Runtime switch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)
app.command()(bench)
app.command()(trace)

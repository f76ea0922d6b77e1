"""`p4fabric drain …` and `p4fabric undrain …`: what they are called, and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from p4fabric.controller.cli.complete import of_switches
from p4fabric.controller.cli.connection import Connection, connected

__all__ = ["drain_app", "undrain_app"]

drain_app = typer.Typer(
    help="Keep packets off a switch or a link, for maintenance; none is lost.", no_args_is_help=True
)
undrain_app = typer.Typer(help="Use a drained switch or link again.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of a switch, such as spine1.", autocompletion=of_switches)]
One = Annotated[
    str,
    typer.Argument(
        metavar="ONE",
        help="One end of the link: a switch, or its port (leaf1:9).",
        autocompletion=of_switches,
    ),
]
Other = Annotated[
    str | None,
    typer.Argument(
        metavar="OTHER", help="The other end; not needed where ONE is a port.", autocompletion=of_switches
    ),
]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="Wait until all switches have acknowledged, and say what is waited for."),
]
Timeout = Annotated[float, typer.Option(help="Seconds to wait.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and do nothing.")]


@drain_app.command("switch")
@connected
def drain_switch(
    connection: Connection, name: Name, wait: Wait = False, timeout: Timeout = 60.0, dry_run: DryRun = False
) -> int:
    """Drain a switch: whatever has another way takes it. What is attached to the switch keeps its only way.

    With --wait, exits with 0 if the switch may be switched off, and with 1 if somebody still needs it.
    """
    from p4fabric.controller.cli.drain import run

    return run(connection, (name, None), True, wait, timeout, dry_run)


@drain_app.command("link")
@connected
def drain_link(
    connection: Connection,
    one: One,
    other: Other = None,
    wait: Wait = False,
    timeout: Timeout = 60.0,
    dry_run: DryRun = False,
) -> int:
    """Drain a link: whatever has another way takes it.

    With --wait, exits with 0 if the link may be taken away, and with 1 if somebody still needs it.
    """
    from p4fabric.controller.cli.drain import run_link

    return run_link(connection, one, other, True, wait, timeout, dry_run)


@undrain_app.command("switch")
@connected
def undrain_switch(
    connection: Connection, name: Name, wait: Wait = False, timeout: Timeout = 60.0, dry_run: DryRun = False
) -> int:
    """Use a switch again. It carries packets once it has all its entries."""
    from p4fabric.controller.cli.drain import run

    return run(connection, (name, None), False, wait, timeout, dry_run)


@undrain_app.command("link")
@connected
def undrain_link(
    connection: Connection,
    one: One,
    other: Other = None,
    wait: Wait = False,
    timeout: Timeout = 60.0,
    dry_run: DryRun = False,
) -> int:
    """Use a link again."""
    from p4fabric.controller.cli.drain import run_link

    return run_link(connection, one, other, False, wait, timeout, dry_run)

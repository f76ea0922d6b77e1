"""`p4fabric upf …`: what the commands are called, and their options."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from p4fabric.controller.cli.connection import Connection, connected

__all__ = ["app"]

app = typer.Typer(help="Look at SMFs and the sessions that they have established.", no_args_is_help=True)

Output = Annotated[
    Literal["table", "wide", "name", "json", "yaml"], typer.Option("-o", "--output", help="How to print.")
]


@app.command("associations")
@connected
def list_associations(
    connection: Connection,
    smf: Annotated[str | None, typer.Option(help="Only the SMF at this address.")] = None,
    output: Output = "table",
) -> int:
    """Show SMFs that may control Upfs, whether they are associated, and how many sessions they have."""
    from p4fabric.controller.cli.upf import associations

    return associations(connection, smf, output)


@app.command("buffers")
@connected
def list_buffers(connection: Connection, output: Output = "table") -> int:
    """Show buffers of packets to idle UEs, and what waits there; wide: also what they dropped, and why."""
    from p4fabric.controller.cli.upf import buffers

    return buffers(connection, output)


@app.command("sessions")
@connected
def list_sessions(
    connection: Connection,
    seids: Annotated[
        list[str] | None, typer.Argument(metavar="SEID", help="Only these, by the Upf's SEID, like 0x1f.")
    ] = None,
    smf: Annotated[str | None, typer.Option(help="Only those of the SMF at this address.")] = None,
    dnn: Annotated[str | None, typer.Option(help="Only those of this data network.")] = None,
    ue: Annotated[str | None, typer.Option(help="Only that of the UE with this address.")] = None,
    gnb: Annotated[str | None, typer.Option(help="Only those with a tunnel to this gNB.")] = None,
    output: Output = "table",
) -> int:
    """Show sessions, and whether their packets are carried; wide: what becomes of packets of each PDR."""
    from p4fabric.controller.cli.upf import sessions

    filters = {"smf": smf, "dnn": dnn, "ue": ue, "gnb": gnb}
    return sessions(connection, seids or [], filters, output)

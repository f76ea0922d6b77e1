"""`p4fabric token …`: what its commands are called, and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from p4fabric.controller.cli.connection import Connection, connected
from p4fabric.controller.principals import Role

__all__ = ["app"]

app = typer.Typer(help="Give others access to the API, and take it away.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API returns it.")]


@app.command("create")
@connected
def create(
    connection: Connection,
    name: Annotated[str, typer.Argument(help="Who will use it; shown in owners and the audit log.")],
    role: Annotated[Role, typer.Option(help="What it may do.")],
    tenant: Annotated[
        str | None, typer.Option("-t", "--tenant", help="Whose intents it is for (role tenant).")
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option(help="Lifetime, such as 12h or 90d; without it, until it is revoked.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make a token and print it. It is shown once; the controller keeps a hash of it."""
    from p4fabric.controller.cli.token import create

    return create(connection, name, role, tenant, expires_in, as_json)


@app.command("list")
@connected
def list_tokens(connection: Connection, as_json: AsJson = False) -> int:
    """Show the tokens that were made, without their secrets."""
    from p4fabric.controller.cli.token import list_all

    return list_all(connection, as_json)


@app.command("revoke")
@connected
def revoke(connection: Connection, name: Annotated[str, typer.Argument(help="Name of the token.")]) -> int:
    """Revoke a token at once; what it has open is closed."""
    from p4fabric.controller.cli.token import revoke

    return revoke(connection, name)

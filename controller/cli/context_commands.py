"""`p4fabric context …`: what its commands are called, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from p4fabric.controller.cli.failures import status_of

__all__ = ["app"]

app = typer.Typer(
    help="Name controllers, and choose which one commands talk to (~/.config/p4fabric/config.yaml).",
    no_args_is_help=True,
)


def _names(incomplete: str) -> list[str]:
    import os

    from p4fabric.controller.client import BadSettings, Contexts, contexts_file

    try:
        known = Contexts.load(contexts_file(os.environ)).contexts
    except BadSettings:
        return []
    return [name for name in known if name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(help="Name of the context.", autocompletion=_names)]


@app.command("list")
def list_contexts() -> None:
    """List the contexts; the current one has a `*`."""
    from p4fabric.controller.cli.context import show

    raise typer.Exit(status_of(show))


@app.command()
def use(name: Name) -> None:
    """Make a context the current one."""
    from p4fabric.controller.cli.context import use

    raise typer.Exit(status_of(lambda: use(name)))


@app.command("set")
def set_context(
    name: Name,
    api: Annotated[str | None, typer.Option(metavar="URL", help="URL of the controller's API.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with the API token.")] = None,
    token_stdin: Annotated[
        bool,
        typer.Option("--token-stdin", help="Read the token from standard input, and keep it in the file."),
    ] = False,
    ca_file: Annotated[Path | None, typer.Option(help="CA certificate for an https API (PEM).")] = None,
    cert_file: Annotated[
        Path | None, typer.Option(help="Client certificate for an https API (PEM), in place of a token.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="Private key of the client certificate (PEM).")
    ] = None,
) -> None:
    """Make a context, or change what is said of it. The first one becomes the current one."""
    from p4fabric.controller.cli.context import store

    raise typer.Exit(
        status_of(lambda: store(name, api, token_file, ca_file, cert_file, key_file, token_stdin))
    )


@app.command()
def delete(name: Name) -> None:
    """Forget a context."""
    from p4fabric.controller.cli.context import delete

    raise typer.Exit(status_of(lambda: delete(name)))

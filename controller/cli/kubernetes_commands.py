"""`p4fabric kubernetes …`: what the commands are called, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from p4fabric.controller.cli.connection import Connection, connected

__all__ = ["app"]

app = typer.Typer(help="Intents as custom resources of Kubernetes.", no_args_is_help=True)


@app.command("crds")
def print_definitions() -> None:
    """Print the CustomResourceDefinitions, for `kubectl apply -f -`."""
    from p4fabric.controller.cli.kubernetes import print_definitions

    print_definitions()


@app.command()
@connected
def operator(
    connection: Connection,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            help="How to reach the API server; by default KUBECONFIG, or the service account of the pod, or "
            "~/.kube/config."
        ),
    ] = None,
    kube_context: Annotated[
        str | None, typer.Option(metavar="NAME", help="A context of that file; by default its current one.")
    ] = None,
    owner: Annotated[
        str,
        typer.Option(help="In whose name intents are applied; each cluster of a controller has its own."),
    ] = "kubernetes",
    log_level: Annotated[str, typer.Option(help="debug, info, warning, error or critical.")] = "info",
    log_format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> int:
    """Keep an intent for each custom resource of a cluster, until SIGTERM or SIGINT."""
    from p4fabric.controller.cli.kubernetes import run_operator

    return run_operator(connection, kubeconfig, kube_context, owner, log_level, log_format)

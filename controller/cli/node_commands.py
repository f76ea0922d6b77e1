"""`p4fabric node …`: what the commands are called, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="This host as a leaf of the fabric: its switch, and the agent that plugs containers in (CNI).",
    no_args_is_help=True,
)

_Config = Annotated[
    Path, typer.Option("-c", "--config", help="The node's configuration file (YAML).", show_default=True)
]
_DEFAULT = Path("/etc/p4fabric/node.yaml")


@app.command()
def switch(
    config: _Config = _DEFAULT,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="WORD",
            help="A further word for `p4fabric switch run`, such as --insecure; repeatable.",
        ),
    ] = None,
) -> None:
    """Run the node's switch: its uplinks, and a port for each container."""
    from p4fabric.controller.cli.node import run_switch

    raise typer.Exit(run_switch(config, option or []))


@app.command()
def agent(
    config: _Config = _DEFAULT,
    log_level: Annotated[str, typer.Option(help="debug, info, warning, error or critical.")] = "info",
    log_format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> None:
    """Plug containers in and out, as the CNI plugin asks, until SIGTERM or SIGINT."""
    from p4fabric.controller.cli.node import run_agent

    raise typer.Exit(run_agent(config, log_level, log_format))


@app.command()
def install(
    config: _Config = _DEFAULT,
    folder: Annotated[
        Path, typer.Option("--plugins", help="Where the container runtime looks for CNI plugins.")
    ] = Path("/opt/cni/bin"),
    python: Annotated[Path, typer.Option(help="Runs the plugin: any Python from 3.9 on.")] = Path(
        "/usr/bin/python3"
    ),
) -> None:
    """Install the CNI plugin `p4fabric`."""
    from p4fabric.controller.cli.node import install_plugin

    raise typer.Exit(install_plugin(config, folder, python))

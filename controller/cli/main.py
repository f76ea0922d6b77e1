"""What people type: options, their meaning, and which module does the work.

Nothing heavy is imported here, so that `--help` and shell completion are quick. Exit statuses:
0 it worked, 1 it failed, 2 the command line (or a file it names) cannot be used, 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import p4fabric
from p4fabric.controller.cli.context_commands import app as context_app
from p4fabric.controller.cli.drain_commands import drain_app, undrain_app
from p4fabric.controller.cli.fabric_commands import add_fabric_commands
from p4fabric.controller.cli.failures import INTERRUPTED, was_interrupted
from p4fabric.controller.cli.intent_commands import add_intent_commands
from p4fabric.controller.cli.kubernetes_commands import app as kubernetes_app
from p4fabric.controller.cli.node_commands import app as node_app
from p4fabric.controller.cli.token_commands import app as token_app
from p4fabric.controller.cli.upf_commands import app as upf_app
from p4fabric.net.cli.app import app as net_app
from p4fabric.pipelines.bindings_command import bindings
from p4fabric.softswitch.cli.app import app as switch_app

__all__ = ["app", "main"]

app = typer.Typer(
    name="p4fabric",
    help="Firewall, load balancer and 5G user plane in P4 switches, kept in sync with your intents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

compat_app = typer.Typer(help="Drop-in replacements for bmv2's commands.", no_args_is_help=True)
app.add_typer(compat_app, name="compat")

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"p4fabric {p4fabric.__version__}")
        raise typer.Exit


@app.callback()
def _p4fabric(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and exit."),
    ] = False,
) -> None: ...


@app.command()
def controller(
    config: Annotated[Path, typer.Option("-c", "--config", help="Configuration file (YAML).")],
    log_level: Annotated[
        str | None,
        typer.Option(help="debug, info, warning or error; by default as the configuration says, or info."),
    ] = None,
    log_format: Annotated[
        str | None,
        typer.Option(help="text, or json (one object per line); by default as the configuration says."),
    ] = None,
    new_store: Annotated[
        bool, typer.Option("--new-store", help="Start with no intents, although the store file is empty.")
    ] = False,
    confirm_removal: Annotated[
        bool,
        typer.Option(
            "--confirm-removal",
            help="Remove entries that switches hold and the store does not know, however many there are.",
        ),
    ] = False,
) -> None:
    """Run the controller."""
    from p4fabric.controller.cli.controller import run

    raise typer.Exit(run(config, log_level, log_format, new_store=new_store, confirm_removal=confirm_removal))


@app.command()
def collector(
    config: Annotated[
        Path, typer.Option("-c", "--config", help="The controller's configuration file (YAML).")
    ],
) -> None:
    """Take reports of switches in a process of their own, and pass them on to the controller."""
    from p4fabric.controller.cli.collector import run

    raise typer.Exit(run(config))


add_intent_commands(app)
add_fabric_commands(app)
app.add_typer(drain_app, name="drain")
app.add_typer(undrain_app, name="undrain")
app.add_typer(upf_app, name="upf")
app.add_typer(kubernetes_app, name="kubernetes")
app.add_typer(node_app, name="node")


@app.command()
def compile(
    source: Annotated[Path, typer.Argument(metavar="X.p4", help="The program, for v1model.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for X.json and X.p4info.txtpb.")
    ] = Path(),
    include: Annotated[
        list[Path] | None, typer.Option("-I", "--include", help="Include folder; repeatable.")
    ] = None,
    define: Annotated[
        list[str] | None, typer.Option("-D", "--define", help="NAME or NAME=VALUE; repeatable.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Recompile whenever a source changes.")] = False,
) -> None:
    """Compile a P4 program, with p4c from PATH or from its container."""
    from p4fabric.pipelines.command import run

    raise typer.Exit(run(source, output, include or [], define or [], watch))


app.add_typer(context_app, name="context")
app.add_typer(token_app, name="token")
app.command()(bindings)
app.add_typer(net_app, name="net")
app.add_typer(switch_app, name="switch")


@compat_app.command("install")
def compat_install(
    folder: Annotated[Path, typer.Argument(help="Folder for the commands; put it first on PATH.")],
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite programs that are not p4fabric's.")
    ] = False,
) -> None:
    """Install a simple_switch_grpc that takes bmv2's options and runs p4fabric's switch."""
    from p4fabric.softswitch.compat.install import run

    raise typer.Exit(run(folder, force))


@app.command(context_settings=_PASS_ON, add_help_option=False)
def lab(context: typer.Context) -> None:
    """Run the Mininet lab (see `p4fabric lab --help`), or `lab congestion`: queues fill, and who did it."""
    from p4fabric.controller.cli.lab import run

    raise typer.Exit(run(context.args))


def main() -> None:
    """The console command."""
    try:
        app()
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package in {"", "p4fabric"}:
            raise
        print(
            f"p4fabric: this command needs {package}, which a switch does without: "
            "pip install 'p4fabric[controller]'",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    except BaseException as error:
        if was_interrupted(error):
            raise SystemExit(INTERRUPTED) from None
        raise

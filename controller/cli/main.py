"""What people type: options, their meaning, and which module does the work.

Nothing heavy is imported here, so that `--help` and shell completion are quick. Exit statuses:
0 it worked, 1 it failed, 2 the command line (or a file it names) cannot be used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app", "main"]

app = typer.Typer(
    name="p4fabric",
    help="Firewall, load balancer and 5G user plane in P4 switches, kept true by one controller.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

Api = Annotated[
    str, typer.Option("--api", envvar="P4FABRIC_API", metavar="URL", help="Where the controller's API is.")
]
TokenFile = Annotated[
    Path,
    typer.Option("--token-file", envvar="P4FABRIC_TOKEN_FILE", help="What the controller's token is in."),
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", envvar="P4FABRIC_CA_FILE", help="Whom to believe where the API is https."),
]
Files = Annotated[
    list[str], typer.Option("-f", "--file", help="A YAML or JSON file, a folder of them, or - (repeatable).")
]
Kind = Annotated[str | None, typer.Argument(help="Such as network, firewallpolicy or upfsession.")]
Name = Annotated[str | None, typer.Argument(help="name, or tenant/name.")]
Tenant = Annotated[str | None, typer.Option("-t", "--tenant", help="Only this tenant's.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, as the API has it.")]

_DEFAULT_API = "http://127.0.0.1:8080"
_DEFAULT_TOKEN = Path("p4fabric.token")


@app.command()
def controller(
    config: Annotated[Path, typer.Option("-c", "--config", help="The fabric's YAML file.")],
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    new_store: Annotated[
        bool, typer.Option("--new-store", help="Begin with no intents, though the store's file is empty.")
    ] = False,
    confirm_removal: Annotated[
        bool,
        typer.Option(
            "--confirm-removal",
            help="Remove what switches hold and the store does not know, however much that is.",
        ),
    ] = False,
) -> None:
    """Run the controller."""
    from controller.cli.controller import run

    raise typer.Exit(run(config, log_level, new_store=new_store, confirm_removal=confirm_removal))


@app.command()
def apply(
    files: Files,
    api: Api = _DEFAULT_API,
    token_file: TokenFile = _DEFAULT_TOKEN,
    ca_file: CaFile = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until all are active.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 60.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only.")] = False,
) -> None:
    """Apply intents, all or none."""
    from controller.cli.apply import run
    from controller.cli.client import Connection

    raise typer.Exit(run(Connection(api, token_file, ca_file), files, wait, timeout, dry_run))


@app.command()
def get(
    kind: Annotated[
        str | None, typer.Argument(help="Such as network or firewallpolicy; all if left out.")
    ] = None,
    name: Annotated[str | None, typer.Argument(help="name, or tenant/name.")] = None,
    api: Api = _DEFAULT_API,
    token_file: TokenFile = _DEFAULT_TOKEN,
    ca_file: CaFile = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Show intents and how far they are; one with its document and counters."""
    from controller.cli.client import Connection
    from controller.cli.get import run

    raise typer.Exit(run(Connection(api, token_file, ca_file), kind, name, tenant, as_json))


@app.command()
def delete(
    kind: Kind = None,
    name: Name = None,
    files: Annotated[
        list[str] | None, typer.Option("-f", "--file", help="All intents of these files.")
    ] = None,
    api: Api = _DEFAULT_API,
    token_file: TokenFile = _DEFAULT_TOKEN,
    ca_file: CaFile = None,
    tenant: Tenant = None,
) -> None:
    """Delete one intent, or all that some files hold."""
    from controller.cli.client import Connection
    from controller.cli.delete import run

    raise typer.Exit(run(Connection(api, token_file, ca_file), kind, name, tenant, files or []))


@app.command()
def events(
    api: Api = _DEFAULT_API,
    token_file: TokenFile = _DEFAULT_TOKEN,
    ca_file: CaFile = None,
    types: Annotated[str, typer.Option(help="Only these, such as CongestionOnset,LinkDown.")] = "",
    count: Annotated[int | None, typer.Option("-n", min=1, help="End after so many.")] = None,
    as_json: AsJson = False,
) -> None:
    """Follow what happens in the fabric."""
    from controller.cli.client import Connection
    from controller.cli.events import run

    raise typer.Exit(run(Connection(api, token_file, ca_file), types, count, as_json))


@app.command()
def top(
    api: Api = _DEFAULT_API,
    token_file: TokenFile = _DEFAULT_TOKEN,
    ca_file: CaFile = None,
    once: Annotated[bool, typer.Option("--once", help="Show it once, for scripts.")] = False,
    interval: Annotated[float, typer.Option(min=0.2, help="Seconds between looks.")] = 1.0,
) -> None:
    """Watch switches, congestion and counters."""
    from controller.cli.client import Connection
    from controller.cli.top import run

    raise typer.Exit(run(Connection(api, token_file, ca_file), once, interval))


@app.command()
def trace(
    switch: Annotated[str, typer.Argument(help="A switch of the fabric, such as leaf1.")],
    port: Annotated[int | None, typer.Option(help="Only packets that come in here.", min=0)] = None,
    src: Annotated[str | None, typer.Option(help="Only packets from this address or prefix.")] = None,
    dst: Annotated[str | None, typer.Option(help="Only packets to this address or prefix.")] = None,
    protocol: Annotated[int | None, typer.Option(help="Only this IP protocol.", min=0, max=255)] = None,
    count: Annotated[int | None, typer.Option("-c", "--count", help="End after so many.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a packet.")] = False,
    brief: Annotated[
        bool, typer.Option("-b", "--brief", help="Only tables, actions, drops: a line each.")
    ] = False,
    tls_ca: Annotated[Path | None, typer.Option(help="Whom to believe that it is the switch.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Who we are, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    api: Api = _DEFAULT_API,
    token_file: TokenFile = _DEFAULT_TOKEN,
    ca_file: CaFile = None,
) -> None:
    """Show what happens to packets in a switch: states, tables, actions, queues, drops."""
    from controller.cli.client import Connection
    from controller.cli.trace import run

    tls = (tls_ca, tls_cert, tls_key)
    connection = Connection(api, token_file, ca_file)
    raise typer.Exit(run(connection, switch, port, src, dst, protocol, count, as_json, brief, tls))


@app.command(context_settings=_PASS_ON, add_help_option=False)
def switch(context: typer.Context) -> None:
    """Run, measure or trace the embedded switch (`p4fabric switch --help`)."""
    from softswitch.cli.app import app as switch_app

    switch_app(context.args, prog_name="p4fabric switch")


@app.command(context_settings=_PASS_ON, add_help_option=False)
def lab(context: typer.Context) -> None:
    """Run the Mininet lab (`p4fabric lab --help` has its options)."""
    from controller.cli.lab import run

    raise typer.Exit(run(context.args))


def main() -> None:
    """The console command."""
    app()

"""Commands about intents: what they are called, and their options. Modules of their own do the work."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from p4fabric.controller.cli.complete import of_kinds, of_names
from p4fabric.controller.cli.connection import Connection, connected

__all__ = ["add_intent_commands"]

Files = Annotated[
    list[str], typer.Option("-f", "--file", help="A YAML or JSON file, a folder of them, or - (repeatable).")
]
What = Annotated[
    str,
    typer.Argument(
        metavar="KIND",
        help="A kind of intent, such as network, firewallpolicies or fw; or KIND/TENANT/NAME.",
        autocompletion=of_kinds,
    ),
]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="NAME, or TENANT/NAME.", autocompletion=of_names)
]
Tenant = Annotated[str | None, typer.Option("-t", "--tenant", help="Only intents of this tenant.")]
Labels = Annotated[
    str,
    typer.Option(
        "-l", "--selector", metavar="SELECTOR", help="Only those with labels: app=web,tier!=db,zone in (a,b)."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would happen, on switches as well; change nothing.")
]
Timeout = Annotated[float, typer.Option(help="Longest wait, in seconds.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before something is deleted.")]


def apply(
    connection: Connection,
    files: Files,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until all intents are active, and say what is waited for.")
    ] = False,
    timeout: Timeout = 60.0,
    dry_run: DryRun = False,
    owner: Annotated[str | None, typer.Option(help="In whose name; by default in that of the token.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Take fields from other owners.")] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Delete what --owner alone owns and these files do not have: what it applied before.",
        ),
    ] = False,
    yes: Yes = False,
) -> int:
    """Apply intents: all of them or none."""
    from p4fabric.controller.cli.apply import run

    return run(connection, files, wait, timeout, dry_run, owner, force, prune, yes)


def diff(
    connection: Connection,
    files: Files,
    entries: Annotated[
        bool, typer.Option("--entries", help="Also the entries that would be written to switches.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as the API returns it.")] = False,
) -> int:
    """Show what applying intents would change. Exits with 0 if nothing, 1 if something, 2 after an error."""
    from p4fabric.controller.cli.diff import run

    return run(connection, files, entries, as_json)


def get(
    connection: Connection,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="WHAT",
            help="A kind of intent (network, firewallpolicies, fw; intents for all), KIND/TENANT/NAME, or "
            "switches, ports, links, hosts, topology.",
            autocompletion=of_kinds,
        ),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="NAME, or TENANT/NAME; of ports and links a switch; of hosts an address.",
            autocompletion=of_names,
        ),
    ] = None,
    tenant: Tenant = None,
    labels: Labels = "",
    output: Annotated[
        Literal["table", "wide", "name", "json", "yaml"],
        typer.Option("-o", "--output", help="How to print; json and yaml can be applied again as they are."),
    ] = "table",
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on with what changes.")] = False,
) -> int:
    """Show intents and how far they are, or switches, ports, links and hosts."""
    from p4fabric.controller.cli.get import run

    return run(connection, what, names or [], tenant, labels, output, watch)


def describe(
    connection: Connection,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="A kind of intent, KIND/TENANT/NAME, or switch.", autocompletion=of_kinds
        ),
    ],
    names: Names = None,
    tenant: Tenant = None,
) -> int:
    """Show all there is to say of one intent (owners, counters, reasons) or switch (ports, failures)."""
    from p4fabric.controller.cli.describe import run

    return run(connection, what, names or [], tenant)


def edit(connection: Connection, what: What, names: Names = None, tenant: Tenant = None) -> int:
    """Edit an intent in your editor (VISUAL or EDITOR) and apply it, unless somebody else has meanwhile."""
    from p4fabric.controller.cli.edit import run

    return run(connection, what, names or [], tenant)


def delete(
    connection: Connection,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND", help="A kind of intent, or KIND/TENANT/NAME.", autocompletion=of_kinds
        ),
    ] = None,
    names: Names = None,
    files: Annotated[
        list[str] | None, typer.Option("-f", "--file", help="Delete every intent in these files.")
    ] = None,
    tenant: Tenant = None,
    labels: Labels = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until they are gone from all switches.")] = False,
    timeout: Timeout = 60.0,
) -> int:
    """Delete intents, all or none: by name, by label, or every intent in files. Asks at a terminal."""
    from p4fabric.controller.cli.delete import run

    return run(connection, what, names or [], tenant, files or [], labels, dry_run, yes, wait, timeout)


def wait(
    connection: Connection,
    what: What = "intents",
    names: Names = None,
    tenant: Tenant = None,
    labels: Labels = "",
    until: Annotated[
        Literal["active", "deleted"],
        typer.Option("--for", help="Until they are active, or gone from all switches."),
    ] = "active",
    timeout: Timeout = 60.0,
) -> int:
    """Wait for intents, and say what is waited for. Exits with 1 if it took too long."""
    from p4fabric.controller.cli.wait import run

    return run(connection, what, names or [], tenant, labels, until, timeout)


def add_intent_commands(app: typer.Typer) -> None:
    """Give an application these commands."""
    for work in (apply, diff, get, describe, edit, delete, wait):
        app.command()(connected(work))

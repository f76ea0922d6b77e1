"""Commands about the fabric: what they are called, and their options. Modules of their own do the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from p4fabric.controller.cli.complete import of_hosts, of_switches
from p4fabric.controller.cli.connection import Connection, connected

__all__ = ["add_fabric_commands"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API returns it.")]
Tenant = Annotated[
    str | None, typer.Option("-t", "--tenant", help="Whose, where it does not follow from the addresses.")
]


def events(
    connection: Connection,
    types: Annotated[str, typer.Option(help="Only these types, such as CongestionOnset,LinkDown.")] = "",
    since: Annotated[
        str | None, typer.Option(help="Begin with the past: a time (RFC 3339), or how long ago, such as 10m.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("-t", "--tenant", help="Only what is about this tenant.")
    ] = None,
    intent: Annotated[
        str | None, typer.Option(metavar="KIND/TENANT/NAME", help="Only what is about this intent.")
    ] = None,
    switch: Annotated[
        str | None, typer.Option(help="Only what is about this switch.", autocompletion=of_switches)
    ] = None,
    past: Annotated[bool, typer.Option("--past", help="End with the past, that is kept now.")] = False,
    count: Annotated[int | None, typer.Option("-n", min=1, help="Exit after this many events.")] = None,
    as_json: AsJson = False,
) -> int:
    """Follow the fabric's events, or show those of the past."""
    from p4fabric.controller.cli.events import run

    return run(connection, types, since, tenant, intent, switch, not past, count, as_json)


def top(
    connection: Connection,
    once: Annotated[bool, typer.Option("--once", help="Print once and exit, for scripts.")] = False,
    interval: Annotated[float, typer.Option(min=0.2, help="Seconds between updates.")] = 1.0,
) -> int:
    """Watch switches, congestion and counters."""
    from p4fabric.controller.cli.top import run

    return run(connection, once, interval)


def status(connection: Connection, as_json: AsJson = False) -> int:
    """Show how the fabric is: what is down, and what is at risk. Exits with 1 if it is degraded or down."""
    from p4fabric.controller.cli.status import run

    return run(connection, as_json)


def declare_gone(
    connection: Connection,
    what: Annotated[
        str,
        typer.Argument(
            metavar="SWITCH | SWITCH:PORT",
            help="A switch that is not connected (leaf1), or an end of a link that is down (leaf1:9).",
            autocompletion=of_switches,
        ),
    ],
) -> int:
    """Declare that a switch will not come back with its entries, or that a link was taken away for good.

    Nothing waits for the switch any more, and nobody misses the link. They are part of the fabric again once
    the switch is connected or the link is up.
    """
    from p4fabric.controller.cli.status import declare_gone

    return declare_gone(connection, what)


def delete_record(
    connection: Connection,
    key: Annotated[
        str, typer.Argument(help="Key of the record, as `status` names it, such as intents/Network/acme/web.")
    ],
) -> int:
    """Delete a record of the store that the controller cannot read, or whose intent it refuses.

    What switches hold of it goes when nothing else is left that cannot be read or is refused.
    """
    from p4fabric.controller.cli.status import delete_record

    return delete_record(connection, key)


def explain(
    connection: Connection,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="WHO",
            help="A host by name or address, a port like leaf1:3 (leaf1:3.20: with a tag), or a UpfSession.",
            autocompletion=of_hosts,
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="WHOM",
            help="A host by name or address, a Service or a UpfSession.",
            autocompletion=of_hosts,
        ),
    ],
    tenant: Tenant = None,
    tcp: Annotated[int | None, typer.Option(metavar="PORT", help="A TCP flow to this port.")] = None,
    udp: Annotated[int | None, typer.Option(metavar="PORT", help="A UDP flow to this port.")] = None,
    protocol: Annotated[
        int | None, typer.Option(help="Another IP protocol; ICMP by default.", min=0, max=255)
    ] = None,
    source_port: Annotated[
        int | None,
        typer.Option(help="Tells which members of groups the flow takes; without it, all are tried."),
    ] = None,
    flag: Annotated[
        list[str] | None, typer.Option(help="A TCP flag of the packet (repeatable); syn by default.")
    ] = None,
    ttl: Annotated[int, typer.Option(help="TTL or hop limit.", min=0, max=255)] = 64,
    source_address: Annotated[
        str | None, typer.Option(help="Send as another address than the sender's own.")
    ] = None,
    source_mac: Annotated[str | None, typer.Option(help="Send from another MAC address.")] = None,
    destination_mac: Annotated[
        str | None, typer.Option(help="Send to this MAC address, without asking for it.")
    ] = None,
    every_step: Annotated[
        bool, typer.Option("--every-step", help="Show also tables that the packet met nothing in.")
    ] = False,
    output: Annotated[
        Literal["text", "json"], typer.Option("-o", "--output", help="How to print it.")
    ] = "text",
) -> int:
    """Explain what becomes of a flow and of its reply, by the entries that switches hold, and why.

    Exits with 1 if the flow does not pass both ways.
    """
    from p4fabric.controller.cli.explain import protocol_of, run

    named, port = protocol_of(tcp, udp, protocol)
    question = {
        "tenant": tenant,
        "protocol": named,
        "destination_port": port,
        "source_port": source_port,
        "tcp_flags": flag,
        "ttl": ttl,
        "source_address": source_address,
        "source_mac": source_mac,
        "destination_mac": destination_mac,
    }
    return run(connection, source, to, question, output == "json", every_step)


def path(
    connection: Connection,
    number: Annotated[
        int | None,
        typer.Argument(metavar="[FLOW]", help="A flow by its number, as earlier answers have it.", min=1),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHO",
            help="Flows from a host by name or address, a prefix, a port (leaf1:3), a Service or UpfSession.",
            autocompletion=of_hosts,
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="WHOM", help="Flows to it.", autocompletion=of_hosts)
    ] = None,
    tenant: Tenant = None,
    tcp: Annotated[int | None, typer.Option(metavar="PORT", help="TCP flows to this port.")] = None,
    udp: Annotated[int | None, typer.Option(metavar="PORT", help="UDP flows to this port.")] = None,
    protocol: Annotated[int | None, typer.Option(help="Another IP protocol.", min=0, max=255)] = None,
    source_port: Annotated[int | None, typer.Option(help="Flows from this port.")] = None,
    switch: Annotated[
        str | None, typer.Option(help="Flows that pass this switch.", autocompletion=of_switches)
    ] = None,
    telemetry_watch: Annotated[
        str | None, typer.Option(metavar="TENANT/NAME", help="Flows that this TelemetryWatch names.")
    ] = None,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on with what changes.")] = False,
    output: Annotated[
        Literal["text", "json", "yaml"], typer.Option("-o", "--output", help="How to print it.")
    ] = "text",
) -> int:
    """Show the way that packets of followed flows take, and how long they are at each switch.

    `flows` of a TelemetryWatch says which flows are followed. Exits with 1 if none of them is one of these.
    """
    from p4fabric.controller.cli.explain import protocol_of
    from p4fabric.controller.cli.path import run

    named, port = protocol_of(tcp, udp, protocol)
    question = {
        "source": source,
        "to": to,
        "tenant": tenant,
        "protocol": None if named is None else str(named),
        "source_port": source_port,
        "destination_port": port,
        "switch": switch,
        "telemetry_watch": telemetry_watch,
    }
    return run(connection, number, question, output, watch)


def trace(
    connection: Connection,
    switch: Annotated[
        str, typer.Argument(help="Name of a switch, such as leaf1.", autocompletion=of_switches)
    ],
    port: Annotated[int | None, typer.Option(help="Only packets received on this port.", min=0)] = None,
    src: Annotated[str | None, typer.Option(help="Only packets from this address or prefix.")] = None,
    dst: Annotated[str | None, typer.Option(help="Only packets to this address or prefix.")] = None,
    protocol: Annotated[int | None, typer.Option(help="Only this IP protocol.", min=0, max=255)] = None,
    count: Annotated[
        int | None, typer.Option("-c", "--count", help="Exit after this many packets.", min=1)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per packet.")] = False,
    brief: Annotated[
        bool, typer.Option("-b", "--brief", help="Only tables, actions and drops, one line each.")
    ] = False,
    tls_ca: Annotated[Path | None, typer.Option(help="CA certificate for the switch (PEM).")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Client certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the client certificate (PEM).")] = None,
) -> int:
    """Trace packets through a switch: parser states, tables, actions, queues, drops."""
    from p4fabric.controller.cli.trace import run

    tls = (tls_ca, tls_cert, tls_key)
    return run(connection, switch, port, src, dst, protocol, count, as_json, brief, tls)


def revoke(
    connection: Connection,
    number: Annotated[int, typer.Argument(help="Number of a remedy, as `get remedies` shows it.", min=1)],
) -> int:
    """End a remedy for congestion at once; its flow is left alone for a while."""
    with connection.open() as client:
        client.revoke_remedy(number)
    print(f"remedy {number} is revoked")
    return 0


def add_fabric_commands(app: typer.Typer) -> None:
    """Give an application these commands."""
    for work in (events, top, status, explain, path, trace, revoke):
        app.command()(connected(work))
    app.command("declare-gone")(connected(declare_gone))
    app.command("delete-record")(connected(delete_record))

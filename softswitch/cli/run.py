"""`p4fabric switch run`: a switch in a process of its own, with options like simple_switch_grpc's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from finsy.proto import p4r

from p4fabric.pipelines.p4c import CompileError, is_p4_file
from p4fabric.pipelines.watch import SourceWatch
from p4fabric.softswitch.cli.follow import Watched
from p4fabric.softswitch.cli.interrupt import ends_at_once
from p4fabric.softswitch.cli.options import Define, Include
from p4fabric.softswitch.cli.serve import quiet_libraries, serve
from p4fabric.softswitch.program import program_files
from p4fabric.softswitch.server.errors import Refusal
from p4fabric.softswitch.server.limits import raise_descriptor_limit
from p4fabric.softswitch.server.ports import (
    BadOption,
    Ports,
    QueueWatch,
    all_interfaces,
    parse_interfaces,
    parse_plugged,
    parse_queues,
)
from p4fabric.softswitch.server.server import SwitchOptions, Tls, read_config
from p4fabric.softswitch.server.shapers import with_shapers

_log = logging.getLogger(__name__)


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class OnOff(StrEnum):
    """A choice."""

    ON = "on"
    OFF = "off"


def run(
    device_id: Annotated[int, typer.Option(help="The device's number in P4Runtime.", min=0)] = 1,
    grpc: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            envvar="P4FABRIC_GRPC",
            help="Where to serve P4Runtime: HOST:PORT (port 0 takes a free one), or unix:PATH for this "
            "user's processes only. Any process that can connect may write.",
        ),
    ] = "127.0.0.1:9559",
    interface: Annotated[
        list[str] | None, typer.Option("--interface", "-i", help="PORT@INTERFACE; once per port.")
    ] = None,
    plug: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIRST-LAST@PREFIX",
            help="Ports whose interfaces come and go while the switch runs, such as containers': "
            "16-271@pod are pod16 to pod271; repeatable.",
        ),
    ] = None,
    cpu_port: Annotated[
        int, typer.Option(help="The port of packet-ins and packet-outs.", min=0, max=510)
    ] = 510,
    pipeline: Annotated[
        Path | None, typer.Option(help="Program to start with: P4 source (.p4), or a bmv2 JSON.")
    ] = None,
    p4info: Annotated[Path | None, typer.Option(help="P4Info of the JSON, in text format.")] = None,
    include: Include = None,
    define: Define = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Recompile the P4 source when it changes, and push the result.")
    ] = False,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            help="PORT:rate=RATE,depth=PACKETS, such as 1:rate=10mbit,depth=64. Without it a port has the "
            "rate that tc (HTB, TBF) has on its interface, if any."
        ),
    ] = None,
    watch_queues: Annotated[
        list[int] | None,
        typer.Option(
            metavar="PORT",
            help="Port whose queues are kept in bins of a millisecond, for gNMI and --report-to; repeatable.",
        ),
    ] = None,
    report_to: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="Send bins of congested queues there by UDP, as Telemetry Reports 2.0.",
        ),
    ] = None,
    xdp: Annotated[
        list[int] | None,
        typer.Option(help="Port whose interface uses AF_XDP instead of AF_PACKET; repeatable."),
    ] = None,
    pcap: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write what each port receives and sends to INTERFACE_in.pcap and INTERFACE_out.pcap "
            "in this folder.",
        ),
    ] = None,
    cores: Annotated[
        int, typer.Option(help="Threads that move packets: one runs the program, others send.", min=1, max=16)
    ] = 1,
    busy_poll: Annotated[
        int, typer.Option(help="Microseconds to poll for the next packet before sleeping.", min=0, max=10**6)
    ] = 0,
    notifications: Annotated[OnOff, typer.Option(help="Whether packet-ins and digests are sent.")] = OnOff.ON,
    tls_cert: Annotated[Path | None, typer.Option(help="Server certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate (PEM).")] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(help="Require client certificates signed by this CA (PEM).")
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Listen where other machines can connect, without mutual TLS: all may write."
        ),
    ] = False,
    log_level: Annotated[
        LogLevel,
        typer.Option(
            help="How much is logged, on stderr. info: clients, elections, pipelines, refused writes, ports; "
            "debug: also every packet with its tables, actions and drops, which makes forwarding slower."
        ),
    ] = LogLevel.INFO,
) -> None:
    """Run an embedded P4Runtime switch until it is interrupted."""
    logging.basicConfig(
        level=log_level.value.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    quiet_libraries()
    try:
        watched = _watched(pipeline, include or [], define or []) if watch else None
        config = _config(pipeline, p4info, include or [], define or [])
        plugged = parse_plugged(plug or [])
        if (tls_cert is None) != (tls_key is None) or (tls_ca is not None and tls_cert is None):
            raise BadOption("--tls-cert and --tls-key belong together, and --tls-ca needs both")
        options = SwitchOptions(
            device_id=device_id,
            listen=grpc,
            ports=with_shapers(
                Ports(
                    all_interfaces(parse_interfaces(interface or []), plugged),
                    parse_queues(queue or []),
                    frozenset(xdp or []),
                    pcap,
                    dict.fromkeys(watch_queues or [], QueueWatch()),
                    frozenset(plugged),
                )
            ),
            cpu_port=cpu_port,
            config=config,
            tls=Tls(tls_cert, tls_key, tls_ca) if tls_cert and tls_key else None,
            insecure=insecure,
            cores=cores,
            busy_poll_us=busy_poll,
            notifications=notifications is OnOff.ON,
            report_to=report_to,
            log_packets=log_level is LogLevel.DEBUG,
        )
        raise_descriptor_limit()
        asyncio.run(
            serve(options, lambda server: f"switch {device_id} serves P4Runtime on {server.address}", watched)
        )
    except (BadOption, CompileError, Refusal) as error:
        typer.echo(f"p4fabric switch run: {error}", err=True)
        raise typer.Exit(2) from None


def _watched(pipeline: Path | None, include: Sequence[Path], define: Sequence[str]) -> Watched:
    if pipeline is None or not is_p4_file(pipeline):
        raise BadOption("--watch is for P4 source: --pipeline x.p4")
    return Watched(pipeline, include, define, SourceWatch(pipeline, include))


def _config(
    pipeline: Path | None, p4info: Path | None, include: Sequence[Path], define: Sequence[str]
) -> p4r.ForwardingPipelineConfig | None:
    """What to run at once, compiled if need be."""
    if pipeline is None:
        if p4info is not None or include or define:
            raise BadOption("--p4info, --include and --define belong to a --pipeline")
        return None
    with ends_at_once(130):
        files = program_files(pipeline, p4info, include, define)
    if files.warnings:
        _log.warning("%s", files.warnings)
    if files.p4info is None:
        raise BadOption("--pipeline and --p4info belong together")
    return read_config(files.p4info, files.device_config)

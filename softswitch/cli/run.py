"""`p4fabric switch run`: a switch in a process of its own, with options like simple_switch_grpc's."""

from __future__ import annotations

import asyncio
import logging
import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from softswitch.engine.build import abandon_builds
from softswitch.server.errors import Refusal
from softswitch.server.limits import raise_descriptor_limit
from softswitch.server.ports import BadOption, Ports, parse_interfaces, parse_queues
from softswitch.server.server import SoftSwitchServer, SwitchOptions, Tls, read_config

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
            help="Where to serve P4Runtime: HOST:PORT (port 0 takes a free one), or unix:PATH for this "
            "user's processes only. Any process that can connect may write.",
        ),
    ] = "127.0.0.1:9559",
    interface: Annotated[
        list[str] | None, typer.Option("--interface", "-i", help="PORT@NAME; once for each port.")
    ] = None,
    cpu_port: Annotated[
        int, typer.Option(help="The port of packet-ins and packet-outs.", min=0, max=510)
    ] = 510,
    pipeline: Annotated[Path | None, typer.Option(help="A bmv2 JSON to run at once.")] = None,
    p4info: Annotated[Path | None, typer.Option(help="Its P4Info, in text form.")] = None,
    queue: Annotated[
        list[str] | None, typer.Option(help="PORT:rate=RATE,depth=PACKETS, such as 1:rate=10mbit,depth=64.")
    ] = None,
    xdp: Annotated[
        list[int] | None,
        typer.Option(help="A port whose interface is taken by AF_XDP instead of AF_PACKET; repeatable."),
    ] = None,
    cores: Annotated[
        int, typer.Option(help="Threads that move packets: one runs the program, others send.", min=1, max=16)
    ] = 1,
    busy_poll: Annotated[
        int, typer.Option(help="Microseconds to look for the next packet before sleeping.", min=0, max=10**6)
    ] = 0,
    notifications: Annotated[OnOff, typer.Option(help="Whether packet-ins and digests are sent.")] = OnOff.ON,
    tls_cert: Annotated[Path | None, typer.Option(help="The server's certificate, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(help="Clients must show a certificate that this authority has signed.")
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
    for library in ("asyncio", "grpc"):
        logging.getLogger(library).setLevel(logging.WARNING)  # what they say below is for their authors
    try:
        if (pipeline is None) != (p4info is None):
            raise BadOption("--pipeline and --p4info belong together")
        if (tls_cert is None) != (tls_key is None) or (tls_ca is not None and tls_cert is None):
            raise BadOption("--tls-cert and --tls-key belong together, and --tls-ca needs both")
        interfaces = parse_interfaces(interface or [])
        if cpu_port in interfaces:
            raise BadOption(f"port {cpu_port} is the CPU port")
        options = SwitchOptions(
            device_id=device_id,
            listen=grpc,
            ports=Ports(interfaces, parse_queues(queue or []), frozenset(xdp or [])),
            cpu_port=cpu_port,
            config=read_config(p4info, pipeline) if p4info and pipeline else None,
            tls=Tls(tls_cert, tls_key, tls_ca) if tls_cert and tls_key else None,
            insecure=insecure,
            cores=cores,
            busy_poll_us=busy_poll,
            notifications=notifications is OnOff.ON,
            log_packets=log_level is LogLevel.DEBUG,
        )
        raise_descriptor_limit()
        asyncio.run(_serve(options))
    except (BadOption, Refusal) as error:
        typer.echo(f"p4fabric switch run: {error}", err=True)
        raise typer.Exit(2) from None


async def _serve(options: SwitchOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(_serving(options, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not stop.is_set():
        await serving
        return
    abandon_builds()  # a program that is being compiled must not keep the process
    try:
        await serving
    except Refusal:
        _log.debug("the switch ended before it served", exc_info=True)


async def _serving(options: SwitchOptions, stop: asyncio.Event) -> None:
    async with SoftSwitchServer(options) as server:
        typer.echo(f"switch {options.device_id} serves P4Runtime on {server.address}")
        await stop.wait()

"""`p4fabric buffer`: holds packets to idle UEs, in a process of its own."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from p4fabric.buffer.server import BufferOptions

__all__ = ["buffer"]


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise typer.BadParameter(f"{text!r} is no IPv4 address such as 10.0.3.20") from None


def buffer(
    address: Annotated[
        IPv4Address,
        typer.Option(
            "--address",
            parser=_address,
            metavar="ADDRESS",
            help="Of this host, in the network where gNBs are: GTP-U, port 2152.",
        ),
    ],
    control: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            envvar="P4FABRIC_BUFFER_CONTROL",
            help="Where the controller connects: unix:PATH for this user's processes only, or HOST:PORT.",
        ),
    ] = "unix:/run/p4fabric/buffer.sock",
    packets: Annotated[int, typer.Option(help="Kept at most, of all sessions.", min=1)] = 1 << 18,
    memory: Annotated[int, typer.Option(help="MiB that they may take at most.", min=1)] = 256,
    tls_cert: Annotated[Path | None, typer.Option(help="Server certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate (PEM).")] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(help="Require the controller's certificate to be signed by this CA (PEM).")
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Let the controller connect to HOST:PORT without mutual TLS: all may."
        ),
    ] = False,
) -> None:
    """Hold packets to idle UEs until their SMF has found them, as a host of the network where gNBs are."""
    from p4fabric.buffer.packets import Bounds
    from p4fabric.buffer.server import BufferOptions
    from p4fabric.softswitch.cli.serve import quiet_libraries
    from p4fabric.softswitch.server.ports import BadOption
    from p4fabric.softswitch.server.server import Tls

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    quiet_libraries()
    try:
        if (tls_cert is None) != (tls_key is None) or (tls_ca is not None and tls_cert is None):
            raise BadOption("--tls-cert and --tls-key belong together, and --tls-ca needs both")
        tls = Tls(tls_cert, tls_key, tls_ca) if tls_cert and tls_key else None
        options = BufferOptions(address, control, Bounds(packets, memory << 20), tls, insecure)
        asyncio.run(_serve(options))
    except BadOption as error:
        typer.echo(f"p4fabric buffer: {error}", err=True)
        raise typer.Exit(2) from None


async def _serve(options: BufferOptions) -> None:
    import signal

    from p4fabric.buffer.server import BufferServer
    from p4fabric.softswitch.readiness import READY, STOPPING, notify

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with BufferServer(options) as server:
        typer.echo(f"buffer at {options.address}, for the controller at {server.control}")
        notify(READY)
        await stop.wait()
        notify(STOPPING)

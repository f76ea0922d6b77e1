"""`p4fabric trace`: what happens to packets in a switch of the fabric, whose address the controller knows."""

from __future__ import annotations

from pathlib import Path

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.failures import Usage
from p4fabric.softswitch.cli.interrupt import ends_at_once
from p4fabric.softswitch.cli.trace import live, show, trace_filter
from p4fabric.softswitch.server.ports import BadOption

__all__ = ["run"]


def run(
    connection: Connection,
    switch: str,
    port: int | None,
    src: str | None,
    dst: str | None,
    protocol: int | None,
    count: int | None,
    as_json: bool,
    brief: bool,
    tls: tuple[Path | None, Path | None, Path | None],
) -> int:
    """Show traces as they come; returns the exit status."""
    if brief and as_json:
        raise Usage("--brief and --json exclude each other")
    with ends_at_once():
        with connection.open() as client:
            addresses = {one.name: one.address for one in client.switches()}
        if switch not in addresses:
            raise Usage(f"there is no switch {switch!r}; there are {', '.join(sorted(addresses)) or 'none'}")
        try:
            wanted = trace_filter(port, src, dst, protocol)
            show(live(addresses[switch], wanted, count, tls), count, as_json, brief)
        except BadOption as error:
            raise Usage(str(error)) from None
        return 0

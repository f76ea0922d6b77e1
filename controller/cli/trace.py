"""`p4fabric trace`: what happens to packets in a switch of the fabric, whose address the controller knows."""

from __future__ import annotations

from pathlib import Path

from controller.cli.client import Connection, Usage, failures_told
from softswitch.cli.interrupt import ends_at_once
from softswitch.cli.trace import live, show, trace_filter
from softswitch.server.ports import BadOption

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
    with failures_told(), ends_at_once():
        with connection.open() as client:
            addresses = {one["name"]: one["address"] for one in client.get("/api/v1/switches")["switches"]}
        if switch not in addresses:
            raise Usage(f"there is no switch {switch!r}; there are {', '.join(sorted(addresses)) or 'none'}")
        try:
            wanted = trace_filter(port, src, dst, protocol)
            show(live(addresses[switch], wanted, count, tls), count, as_json, brief)
        except BadOption as error:
            raise Usage(str(error)) from None
        return 0

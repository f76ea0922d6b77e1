"""`p4fabric wait`: until intents are active, or gone from all switches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.names import any_kind, find_all
from p4fabric.controller.cli.progress import waited_for

__all__ = ["run"]


def run(
    connection: Connection,
    what: str,
    names: Sequence[str],
    tenant: str | None,
    labels: str,
    until: Literal["active", "deleted"],
    timeout: float,
) -> int:
    """Wait; returns the exit status."""
    with connection.open() as client:
        if names or what.count("/") == 2:
            found = find_all(client, [what, *names], tenant)
        else:
            found = list(client.list(any_kind(what), tenant=tenant, labels=labels))
        done = waited_for(client, found, until, timeout)
    return 0 if done else 1

"""Words that the shell offers: kinds, and names that the controller knows.

The shell waits for this, and whatever goes wrong must not show: where nothing is known, nothing is offered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import typer

__all__ = ["of_hosts", "of_kinds", "of_names", "of_switches"]

_SECONDS = 2.0
_MOST = 500
_FABRIC = ("switches", "ports", "links", "drains", "hosts", "topology")


def of_kinds(incomplete: str) -> list[str]:
    """Kinds of intent, and what else there is."""
    from p4fabric.controller.cli.kinds import kinds_in_order

    words = [*(kind.lower() for kind in kinds_in_order()), "intents", *_FABRIC]
    return [word for word in words if word.startswith(incomplete.lower())]


def of_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of what was named by its kind."""
    return _offered(ctx, str(ctx.params.get("what") or ""), incomplete)


def of_switches(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of switches."""
    return _offered(ctx, "switches", incomplete)


def of_hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names and addresses of hosts."""
    return _offered(ctx, "hosts", incomplete)


def _offered(ctx: typer.Context, what: str, incomplete: str) -> list[str]:
    with suppress(Exception):
        return [name for name in islice(_names(ctx, what), _MOST) if name.startswith(incomplete)]
    return []


def _names(ctx: typer.Context, what: str) -> Iterator[str]:
    from p4fabric.controller.cli.connection import Connection
    from p4fabric.controller.cli.names import any_kind

    options: dict[str, Any] = {
        name: ctx.params.get(name) for name in ("api", "token_file", "ca_file", "cert", "key", "context")
    }
    with Connection(**options).open(timeout=_SECONDS) as client:
        if what.lower() in ("switch", "switches", "sw", "ports", "port", "links", "link"):
            yield from (switch.name for switch in client.switches())
        elif what.lower() in ("host", "hosts"):
            for host in client.hosts():
                yield from (host.name,) if host.name is not None else ()
                yield from host.addresses
        else:
            found = client.list(any_kind(what), tenant=ctx.params.get("tenant"))
            names = [resource.key for resource in islice(found, _MOST)]
            is_unique = len({key.name for key in names}) == len(names)
            yield from (key.name if is_unique else f"{key.tenant}/{key.name}" for key in names)

"""`p4fabric describe`: all there is to say of one intent or one switch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from rich.console import RenderableType
from rich.text import Text

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.events import line
from p4fabric.controller.cli.fabric_tables import port_table, switch_state, switch_table
from p4fabric.controller.cli.names import find_all
from p4fabric.controller.cli.tables import age, as_api, console, state_text, table
from p4fabric.controller.client import Resource, SyncClient

__all__ = ["run"]

_EVENTS = 5
"""Of the past, that are shown."""


def run(connection: Connection, what: str, names: Sequence[str], tenant: str | None) -> int:
    """Show it; returns the exit status."""
    out = console()
    with connection.open() as client:
        if what.lower() in ("switch", "switches", "sw"):
            described = [_switch(client, name) for name in names or [one.name for one in client.switches()]]
        else:
            described = [_intent(client, one) for one in find_all(client, [what, *names], tenant)]
        for index, lines in enumerate(described):
            if index:
                out.print()
            for line in lines:
                out.print(line)
    return 0


def _intent(client: SyncClient, resource: Resource[Any]) -> Iterator[RenderableType]:
    status, metadata = resource.status, resource.metadata
    yield Text(yaml.safe_dump(resource.written(), sort_keys=False, allow_unicode=True).rstrip())
    yield Text()
    since = f" for {age(status.since)}" if status.since is not None else ""
    yield Text.assemble("Status:  ", state_text(status.state), since)
    for reason in status.reasons:
        yield Text(f"         {reason.message} ({reason.code})")
    created = f"created {age(metadata.created)} ago"
    yield Text(f"Version: {metadata.resource_version}, generation {metadata.generation}, {created}")
    for owner in client.owners(resource).owners:
        shown = ", ".join(owner.fields[:5]) + (
            f" and {len(owner.fields) - 5} more" if len(owner.fields) > 5 else ""
        )
        yield Text(f"Owner:   {owner.name}: {shown}")
    past = deque(client.events(intent=resource, follow=False), maxlen=_EVENTS)
    for index, event in enumerate(past):
        yield Text(f"{'Events:' if index == 0 else '':8} {line(as_api(event))}")
    counters = client.counters(resource).counters
    if counters:
        made = table(None, "COUNTER", "#PACKETS", "#BYTES")
        for count in counters:
            made.add_row(Text(count.counter), str(count.packets), str(count.bytes))
        yield Text()
        yield made


def _switch(client: SyncClient, name: str) -> Iterator[RenderableType]:
    switch = client.switch(name)
    document = as_api(switch)
    yield Text.assemble((name, "bold"), ": ", switch_state(document))
    yield switch_table([document], wide=True)
    if not switch.connected:
        yield Text(f"Connection: {switch.state}")
    for failure in switch.failures:
        yield Text(f"Failure: {failure.message} ({failure.code})", "red")
    for unknown in switch.unknown:
        yield Text(f"Unknown: {unknown}", "yellow")
    yield Text()
    if switch.ports_unread is not None:
        yield Text(f"Ports cannot be read: {switch.ports_unread}", "yellow")
    ports = [as_api(port) for port in client.ports(name)]
    if ports:
        yield port_table(ports)
    elif switch.ports_unread is None:
        yield Text("The switch has no ports.")

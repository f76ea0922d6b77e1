"""`p4fabric get`: intents, and what there is of the fabric, as tables, JSON, YAML or names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from rich.table import Table

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.fabric_tables import (
    drain_table,
    host_table,
    incident_table,
    link_table,
    port_table,
    remedy_table,
    switch_table,
    topology_lines,
)
from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.names import any_kind, find_all
from p4fabric.controller.cli.tables import (
    Output,
    as_api,
    console,
    intent_table,
    print_items,
    print_json,
    print_yaml,
)
from p4fabric.controller.client import SyncClient

__all__ = ["FABRIC", "run"]

Item = Mapping[str, Any]
_MOST_INCIDENTS = 50
"""Shown unless they are asked for by number: those that go on, then the newest."""


class _Resource(NamedTuple):
    """What there is of the fabric besides intents."""

    words: tuple[str, ...]
    read: Callable[[SyncClient, Sequence[str], str | None], list[Any]]
    table: Callable[[Sequence[Item], bool], Table]
    name: Callable[[Item], str]


def _switches(client: SyncClient, names: Sequence[str], tenant: str | None) -> list[Any]:
    return [client.switch(name) for name in names] if names else list(client.switches())


def _ports(client: SyncClient, names: Sequence[str], tenant: str | None) -> list[Any]:
    switches = names or [switch.name for switch in client.switches()]
    return [port for name in switches for port in client.ports(name)]


def _links(client: SyncClient, names: Sequence[str], tenant: str | None) -> list[Any]:
    if not names:
        return list(client.links())
    return [link for name in names for link in client.links(switch=name)]


def _hosts(client: SyncClient, names: Sequence[str], tenant: str | None) -> list[Any]:
    found = list(client.hosts(tenant=tenant)) if not names else []
    for name in names:
        is_mac = name.count(":") == 5
        found += client.hosts(tenant=tenant, mac=name if is_mac else None, address=None if is_mac else name)
    return found


def _incidents(client: SyncClient, names: Sequence[str], tenant: str | None) -> list[Any]:
    if not names:
        return list(islice(client.incidents(tenant=tenant), _MOST_INCIDENTS))
    wrong = [name for name in names if not name.isdecimal()]
    if wrong:
        raise Usage(f"incidents have numbers, such as 17, not {wrong[0]}")
    return [client.incident(int(name)) for name in names]


def _remedies(client: SyncClient, names: Sequence[str], tenant: str | None) -> list[Any]:
    found = client.remedies()
    items: list[Any] = [*found.standing, *found.findings, *found.ended]
    return [one for one in items if not names or str(getattr(one, "number", "")) in names]


def _drains(client: SyncClient, names: Sequence[str], tenant: str | None) -> list[Any]:
    return [
        drain
        for drain in client.drains()
        if not names or {drain.switch, *(end.switch for end in drain.ends)} & {*names}
    ]


def _end(end: Item) -> str:
    return f"{end['switch']}:{end['port']}"


_RESOURCES = (
    _Resource(("switches", "switch", "sw"), _switches, switch_table, lambda item: str(item["name"])),
    _Resource(("ports", "port"), _ports, port_table, _end),
    _Resource(("links", "link"), _links, link_table, lambda item: _end(item["source"])),
    _Resource(("drains", "drain"), _drains, drain_table, lambda item: str(item["about"])),
    _Resource(("hosts", "host"), _hosts, host_table, lambda item: str(item["mac"])),
    _Resource(("remedies", "remedy"), _remedies, remedy_table, lambda item: str(item.get("number", "-"))),
    _Resource(("incidents", "incident", "inc"), _incidents, incident_table, lambda item: str(item["number"])),
)
_TOPOLOGY = ("topology", "topo")
FABRIC = (*(one.words[0] for one in _RESOURCES), _TOPOLOGY[0])
"""Words of what is not an intent."""


def run(
    connection: Connection,
    what: str | None,
    names: Sequence[str],
    tenant: str | None,
    labels: str,
    output: Output,
    watch: bool,
) -> int:
    """Show them; returns the exit status."""
    word = (what or "intents").lower()
    resource = next((one for one in _RESOURCES if word in one.words), None)
    if resource is not None or word in _TOPOLOGY:
        if watch or labels:
            raise Usage(f"--watch and --selector are for intents, not for {word}")
        with connection.open() as client:
            if resource is None:
                return _topology(client, names, output)
            items = [as_api(one) for one in resource.read(client, names, tenant)]
        is_single = len(names) == 1 and len(items) == 1
        print_items(items, output, resource.name, resource.table, single=is_single)
        return 0
    return _intents(connection, what or "intents", names, tenant, labels, output, watch)


def _topology(client: SyncClient, names: Sequence[str], output: Output) -> int:
    parts: dict[str, list[Item]] = {
        name: [as_api(one) for one in read]
        for name, read in (
            ("switches", _switches(client, names, None)),
            ("links", _links(client, names, None)),
            ("hosts", list(client.hosts())),
        )
    }
    match output:
        case "json":
            print_json(parts)
        case "yaml":
            print_yaml([parts])
        case _:
            for line in topology_lines(parts["switches"], parts["links"], parts["hosts"]):
                console().print(line)
    return 0


def _intents(
    connection: Connection,
    what: str,
    names: Sequence[str],
    tenant: str | None,
    labels: str,
    output: Output,
    watch: bool,
) -> int:
    full = what.count("/") == 2
    with connection.open() as client:
        if names or full:
            if labels or watch:
                raise Usage("--watch and --selector are for lists: leave the names out")
            found = find_all(client, [what, *names], tenant)
        else:
            kind = any_kind(what)
            if watch:
                return _follow(client.watch(kind, tenant=tenant, labels=labels, patience=60.0), output)
            found = list(client.list(kind, tenant=tenant, labels=labels))
        items = [dict(one.document) for one in found]
    match output:
        case "json":
            print_json(items[0] if len(items) == 1 and (names or full) else items)
        case "yaml":
            print_yaml(items)
        case "name":
            for one in found:
                print(one.key)
        case _:
            console().print(intent_table(items, wide=output == "wide"))
    return 0


def _follow(changes: Iterable[Any], output: Output) -> int:
    if output == "yaml":
        raise Usage("--watch prints a table, names or JSON: one object a line")
    for change in changes:
        key, status = change.resource.key, change.resource.status
        match output:
            case "json":
                print(json.dumps({"type": change.type, "intent": change.resource.document}), flush=True)
            case "name":
                print(f"{change.type} {key}", flush=True)
            case _:
                reasons = "; ".join(reason.message for reason in status.reasons)
                line = (
                    f"{change.type:9} {key.kind:16} {key.tenant:12} {key.name:20} {status.state:10} {reasons}"
                )
                print(line.rstrip(), flush=True)
    return 0

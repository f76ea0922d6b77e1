"""Requests for every operation that the API describes, made from its description.

Each path is asked for with each value of its parameters, and each query parameter with each of its values,
alone and beside each tenant. What a parameter may be is in `VALUES`, where its schema does not say: a
parameter that is new must be given a value there before any test that uses this passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

__all__ = ["Ask", "every_request", "query_parameters"]


@dataclass(frozen=True)
class Ask:
    """One request."""

    path: str
    method: str = "GET"
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


_NAMES = {
    "intents": ("clients", "web", "queues", "nothing"),
    "switches": ("leaf1", "leaf2"),
    "tokens": ("ci", "x"),
}
"""By the part of the path before them."""
VALUES: Mapping[str, tuple[str, ...]] = {
    "address": ("10.0.1.3", "10.0.1.7", "10.9.9.9"),
    "destinationPort": ("80", "5001"),
    "dnn": ("internet", "nothing"),
    "from": ("leaf1",),
    "gnb": ("10.0.1.3",),
    "intent": ("network/acme/clients", "network/globex/clients", "telemetrywatch/globex/queues"),
    "key": ("x",),
    "kind": ("network", "service", "telemetrywatch", "nonsense"),
    "labelSelector": ("secret=globex", "secret!=globex", "!secret"),
    "limit": ("1", "1000"),
    "mac": ("02:00:00:00:00:77", "02:00:00:00:00:03"),
    "name": ("clients", "web", "h1", "nothing"),
    "network": ("clients", "nothing"),
    "number": ("1", "99"),
    "onBehalfOf": ("acme", "globex"),
    "operation": ("putIntent",),
    "owner": ("operator", "ci", "globex"),
    "port": ("1", "2", "9"),
    "priority": ("0", "7"),
    "principal": ("operator", "ci"),
    "protocol": ("tcp", "udp"),
    "resource": ("Network/globex/clients",),
    "role": ("leaf", "spine"),
    "seid": ("0x1", "1"),
    "since": ("1h", "2020-01-01T00:00:00Z"),
    "smf": ("127.0.0.1",),
    "sourcePort": ("40000",),
    "state": ("active", "degraded", "deleting"),
    "switch": ("leaf1", "leaf2"),
    "telemetryWatch": ("globex/queues",),
    "tenant": ("acme", "globex", "initech"),
    "to": ("leaf1",),
    "types": ("HostLearned", "IntentDeleted,FabricStatusChanged", "SwitchConnected"),
    "ue": ("10.45.0.2",),
    "until": ("1s", "2020-01-01T00:00:00Z"),
}
"""By the name of the parameter."""
OF_SERIES: Mapping[str, tuple[str, ...]] = {
    "from": ("2026-01-01T00:00:00Z",),
    "to": ("2026-01-01T00:00:10Z", "2025-01-01T00:00:00Z"),
    "step": ("1s", "1ms"),
}
"""The same, of `getQueueSeries`, to which `from` and `to` are moments."""
ELSEWHERE = frozenset({"continue", "watch", "resourceVersion", "follow", "dryRun", "dryRunEntries", "force"})
"""Parameters of streams, pages and writes, which are asked for by hand."""
ALWAYS: Mapping[str, dict[str, str]] = {
    "listEvents": {
        "follow": "false",
        "types": "HostLearned,SwitchConnected,FabricStatusChanged,IntentDeleted",
    }
}
"""Query parameters without which an answer would not end, or would be of moments."""


def every_request(description: Mapping[str, Any]) -> dict[str, list[Ask]]:
    """All of them, by the operation's name."""
    found: dict[str, list[Ask]] = {}
    for template, operations in description["paths"].items():
        for method, operation in operations.items():
            name = operation["operationId"]
            for path in _paths(template, operation):
                for query in _queries(operation):
                    body: Any = {} if "requestBody" in operation else None
                    query = {**ALWAYS.get(name, {}), **query}
                    found.setdefault(name, []).append(Ask(path, method.upper(), query, body))
    return found


def query_parameters(description: Mapping[str, Any]) -> dict[str, set[str]]:
    """The names of query parameters, by the operation's name."""
    return {
        operation["operationId"]: {one["name"] for one in _of(operation, "query")}
        for operations in description["paths"].values()
        for operation in operations.values()
    }


def _of(operation: Mapping[str, Any], place: str) -> list[Mapping[str, Any]]:
    return [one for one in operation.get("parameters", ()) if one["in"] == place]


def _paths(template: str, operation: Mapping[str, Any]) -> Iterator[str]:
    names = [one["name"] for one in _of(operation, "path")]
    before = template.split("/")[3] if template.startswith("/api/v1/") else ""
    values = [_NAMES[before] if name == "name" else VALUES[name] for name in names]
    for chosen in product(*values):
        yield template.format(**dict(zip(names, chosen, strict=True)))


def _queries(operation: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    parameters = _of(operation, "query")
    required = {one["name"]: _values(operation, one)[0] for one in parameters if one.get("required")}
    tenants = [
        {},
        *({"tenant": one} for one in VALUES["tenant"] if any(p["name"] == "tenant" for p in parameters)),
    ]
    for beside in tenants:
        yield {**required, **beside}
        for parameter in parameters:
            if parameter["name"] not in ELSEWHERE | beside.keys():
                for value in _values(operation, parameter):
                    yield {**required, **beside, parameter["name"]: value}


def _values(operation: Mapping[str, Any], parameter: Mapping[str, Any]) -> tuple[str, ...]:
    """What a parameter may be.

    Raises:
        AssertionError: nobody has said that.
    """
    name, schema = parameter["name"], parameter["schema"]
    for one in (schema, *schema.get("anyOf", ())):
        if one.get("type") == "boolean":
            return ("true", "false")
        if "enum" in one:
            return tuple(one["enum"])
    values = OF_SERIES if operation["operationId"] == "getQueueSeries" and name in OF_SERIES else VALUES
    assert name in values, f"say in VALUES what {name} of {operation['operationId']} may be"
    return values[name]

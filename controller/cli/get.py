"""`p4fabric get`: intents and how far they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from controller.cli.client import ApiRefusal, Client, Connection, failures_told
from controller.cli.kinds import kind_named, split_name
from controller.cli.tables import console, intent_table, state_text, table

__all__ = ["find", "run"]


def run(connection: Connection, kind: str | None, name: str | None, tenant: str | None, as_json: bool) -> int:
    """Show them; returns the exit status."""
    with failures_told(), connection.open() as client:
        wanted = kind_named(kind) if kind is not None else None
        if wanted is None or name is None:
            intents = client.get("/api/v1/intents", kind=wanted, tenant=tenant)["intents"]
            if as_json:
                print(json.dumps(intents, indent=2))
            else:
                console().print(intent_table(intents))
            return 0
        intent = find(client, wanted, name, tenant)
        path = f"{intent['kind']}/{intent['tenant']}/{intent['name']}"
        counters = client.get(f"/api/v1/counters/{path}")["counters"]
        if as_json:
            print(json.dumps({**intent, "counters": counters}, indent=2))
        else:
            _show(console(), intent, counters)
        return 0


def find(client: Client, kind: str, name: str, tenant: str | None) -> Mapping[str, Any]:
    """The one intent of a name, whosever it is.

    Raises:
        ApiRefusal: there is none, or several tenants have one.
    """
    tenant, name = split_name(name, tenant)
    intents = client.get("/api/v1/intents", kind=kind, tenant=tenant)["intents"]
    found = [intent for intent in intents if intent["name"] == name]
    if len(found) == 1:
        return dict(found[0])
    whose = ", ".join(intent["tenant"] for intent in found)
    message = f"is a {kind} of several tenants ({whose}): say which" if found else "does not exist"
    raise ApiRefusal(404, [{"field": f"{kind} {name}", "message": message}])


def _show(out: Console, intent: Mapping[str, Any], counters: list[Mapping[str, Any]]) -> None:
    document = {part: intent[part] for part in ("kind", "name", "tenant", "spec")}
    out.print(Text(yaml.safe_dump(document, sort_keys=False).rstrip()))
    status = intent["status"]
    since = f" since {status['since']}" if status["since"] else ""
    state = state_text(status["state"])
    out.print(Text.assemble("status: ", state, f", generation {status['generation']}{since}"))
    for reason in status["reasons"]:
        out.print(Text(f"  {reason}"))
    if counters:
        shown = table(None, "COUNTER", "#PACKETS", "#BYTES")
        for count in counters:
            shown.add_row(Text(count["counter"]), str(count["packets"]), str(count["bytes"]))
        out.print(shown)

"""`p4fabric path`: the way that packets of followed flows take, and how long they are at each switch."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from rich.console import Group
from rich.table import Table
from rich.text import Text

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.events import flow_text
from p4fabric.controller.cli.tables import as_api, console, print_json, print_yaml, table
from p4fabric.controller.client import SyncClient

__all__ = ["Output", "change_text", "run", "shown_path"]

Output = Literal["text", "json", "yaml"]
Item = Mapping[str, Any]

_MOST = 100
_PATIENCE = 30.0
"""Seconds to try to come back to a controller that was there."""
_OVERLAP = "5s"
"""Events are asked for from before the list was read; what it had already is not told again."""
_EVENTS = ("FlowPathChanged", "FlowPathSilent")


def run(
    connection: Connection, number: int | None, question: Mapping[str, Any], output: Output, watch: bool
) -> int:
    """Show them, and go on; returns the exit status: 1 where there is none.

    Args:
        connection: to the controller.
        number: of one flow; None: all that the question names.
        question: what flows are asked for, as `Client.flow_paths` takes it.
        output: how they are printed.
        watch: go on with what changes.
    """
    with connection.open() as client:
        paths = _asked(client, number, question)
        if paths or not watch:
            _print(paths, output, watch=watch)
        if not watch:
            return 0 if paths else 1
        for event in _changes(client, number, question, paths):
            _print_event(event, output)
    return 0


def _asked(client: SyncClient, number: int | None, question: Mapping[str, Any]) -> list[Any]:
    if number is not None:
        return [as_api(client.flow_path(number))]
    return [as_api(one) for one in islice(client.flow_paths(**question), _MOST)]


def _changes(
    client: SyncClient, number: int | None, question: Mapping[str, Any], shown: Sequence[Item]
) -> Iterator[Item]:
    """Events of the flows that were asked for, and of such flows that begin."""
    told = {path["number"]: path["lastSeenAt"] for path in shown}
    others: set[int] = set()
    events = client.events(types=_EVENTS, tenant=question.get("tenant"), since=_OVERLAP, patience=_PATIENCE)
    for event in map(as_api, events):
        found = event.get("number")
        if event["type"] not in _EVENTS:
            print("some events were lost", file=sys.stderr)
            continue
        if found not in told and found not in others and number is None:
            now = {path["number"] for path in _asked(client, None, question)}
            if found not in now:
                others.add(found)
        if (found == number if number is not None else found not in others) and (
            event["lastSeenAt"] > told.get(found, "") or event["type"] == "FlowPathSilent"
        ):
            told[found] = event["lastSeenAt"]
            yield event


def _print(paths: Sequence[Item], output: Output, *, watch: bool) -> None:
    match output:
        case "json" if watch:
            for path in paths:
                print(json.dumps(path), flush=True)
        case "json":
            print_json(paths)
        case "yaml":
            print_yaml(paths)
        case _ if paths:
            for path in paths:
                console().print(shown_path(path))
        case _:
            text = (
                "no packets of such a flow were told of: `flows` of a TelemetryWatch says which are followed"
            )
            print(text, file=sys.stderr)


def _print_event(event: Item, output: Output) -> None:
    match output:
        case "json":
            print(json.dumps(event), flush=True)
        case "yaml":
            print("---")
            print_yaml([event])
        case _:
            console().print(change_text(event))
            if event["type"] == "FlowPathChanged" and event["change"] != "latency":
                console().print(_hops(event))
            sys.stdout.flush()


def change_text(event: Item) -> Text:
    """What has become of a path, in a line."""
    change = "silent" if event["type"] == "FlowPathSilent" else event["change"]
    style = {"path": "yellow", "silent": "dim"}.get(change, "")
    return Text.assemble(
        f"{event['time']}  flow {event['number']}  ",
        (f"{change:8}", style),
        f"  {flow_text(event)}: {event['summary']}",
    )


def shown_path(path: Item) -> Group:
    """A path, switch by switch."""
    state = ("active", "green") if path["active"] else ("silent", "dim")
    ends = " > ".join(path[name] or "?" for name in ("sourceName", "destinationName"))
    head = Text.assemble(
        (flow_text(path), "bold"), f"   flow {path['number']}, ", state, f", tenant {path['tenant'] or '?'}"
    )
    parts: list[Any] = [head, Text(f"  {ends}", "dim"), _hops(path)]
    if not path["complete"]:
        parts.append(Text("  not known further: postcards are missing, or packets do not arrive", "yellow"))
    since = f"  this way since {path['changedAt']}"
    if path["before"]:
        since += f"; before: {' > '.join(step['switch'] or 'a switch' for step in path['before'])}"
    return Group(*parts, Text(since, "dim"), Text())


def _hops(path: Item) -> Table:
    made = table(None, "  SWITCH", "#IN", "#OUT", "#QUEUE", "#DEPTH", "#LATENCY US", "LEFT AT", "NOTES")
    for hop in path["hops"]:
        made.add_row(
            f"  {hop['switch'] or 'a switch'}",
            *(_number(hop[name]) for name in ("ingressPort", "egressPort", "priority", "depth")),
            str(hop["latencyUs"]),
            _moment(hop),
            ", ".join(_notes(hop)),
        )
    made.add_row("  in all", "", "", "", "", str(path["latencyUs"]), "", "")
    return made


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _moment(hop: Item) -> str:
    """When the packet left, and by how much that may be wrong."""
    error = hop["clockErrorSeconds"]
    at = datetime.fromisoformat(hop["leftAt"]).strftime("%H:%M:%S.%f")
    return f"{at} (clock not compared)" if error is None else f"{at} ± {error * 1e3:.1f} ms"


def _notes(hop: Item) -> Iterator[str]:
    if hop["translated"]:
        yield "rewritten by a service"
    if hop["tunnelled"]:
        yield "in a tunnel"
    if hop["untold"]:
        yield f"{hop['untold']} packets before it not told of"

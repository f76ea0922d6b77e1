"""`p4fabric top`: what is wrong, switches, congestion, drops, intents and counters at a glance."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import BaseModel
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.events import flow_text
from p4fabric.controller.cli.fabric_tables import switch_state
from p4fabric.controller.cli.status import findings, headline
from p4fabric.controller.cli.tables import as_api, console, intent_table, table
from p4fabric.controller.client import CannotConnect, SyncClient
from p4fabric.controller.intents import IntentDocument as Intent

__all__ = ["run"]

_COUNTED = ("FirewallPolicy", "Service", "UpfSession")
_MOST_COUNTERS = 20
_MOST_EPISODES = 8
_MOST_DROPS = 8
_MOST_FINDINGS = 5


def run(connection: Connection, once: bool, interval: float) -> int:
    """Show it once, or until interrupted; returns the exit status."""
    with connection.open(timeout=10.0) as client:
        rates = _Rates()
        if once:
            console().print(_screen(client, rates))
            return 0
        with Live(_screen(client, rates), console=console(), screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(interval)
                try:
                    live.update(_screen(client, rates), refresh=True)
                except CannotConnect as error:
                    live.update(Text(f"{error}\ntrying again", "red"), refresh=True)


def _documents(items: Iterable[BaseModel]) -> list[Mapping[str, Any]]:
    return [as_api(item) for item in items]


class _Rates:
    """Packets a second since the last look."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, int]] = {}

    def rate(self, name: str, packets: int) -> str:
        now = time.monotonic()
        at, before = self._before.get(name, (now, packets))
        self._before[name] = (now, packets)
        return f"{max(0, packets - before) / (now - at):.0f}" if now > at else "-"


def _screen(client: SyncClient, rates: _Rates) -> RenderableType:
    intents = [one.document for one in client.list(Intent)]
    status = as_api(client.status())
    parts: list[RenderableType] = [
        headline(status),
        *([findings(status, _MOST_FINDINGS)] if status["findings"] else []),
        Text(),
        _switches(
            _documents(client.switches()),
            _documents(client.links()),
            _documents(client.hosts()),
        ),
        Text(),
        _congestion(_documents(islice(client.congestion(), _MOST_EPISODES))),
        Text(),
        _drops(as_api(client.drops())["drops"]),
        Text(),
        _counters(client, intents, rates),
    ]
    troubled = [intent for intent in intents if intent["status"]["state"] != "active"]
    summary = f"{len(intents)} intents, {len(intents) - len(troubled)} active"
    parts += [Text(), Text(summary, "bold")]
    if troubled:
        parts.append(intent_table(troubled))
    return Group(*parts)


def _switches(
    switches: list[Mapping[str, Any]], links: list[Mapping[str, Any]], hosts: list[Mapping[str, Any]]
) -> RenderableType:
    shown = table("Switches", "NAME", "ROLE", "STATE", "#ENTRIES", "#DESIRED", "#REFUSED", "#LINKS", "#HOSTS")
    for switch in switches:
        name = switch["name"]
        shown.add_row(
            name,
            switch["role"],
            switch_state(switch),
            str(switch["entriesInstalled"]),
            str(switch["entriesDesired"]),
            str(switch["entriesRefused"]),
            str(sum(link["source"]["switch"] == name for link in links)),
            str(sum(host["switch"] == name for host in hosts)),
        )
    return shown


def _congestion(episodes: list[Mapping[str, Any]]) -> RenderableType:
    if not episodes:
        return Text("No congestion seen", "green")
    shown = table(
        "Congestion", "QUEUE", "STATE", "#DEPTH", "#DELAY", "#PEAK", "#PEAK DELAY", "#SECONDS", "FLOWS"
    )
    for episode in episodes:
        over = episode["endedAt"] is not None
        shown.add_row(
            f"{episode['switch']}:{episode['port']} queue {episode['queue']}",
            Text("over" if over else "congested", "dim" if over else "red"),
            "-" if over else str(episode["depth"]),
            "-" if over else f"{episode['delayUs']} us",
            str(episode["peakDepth"]),
            f"{episode['peakDelayUs']} us",
            f"{episode['durationSeconds']:.1f}",
            Text(", ".join(flow_text(flow) for flow in episode["flows"][:2])),
        )
    return shown


def _drops(drops: list[Mapping[str, Any]]) -> RenderableType:
    if not drops:
        return Text("No drops seen", "green")
    shown = table("Dropped", "PORT", "DIRECTION", "REASON", "#PACKETS", "#PACKETS/S")
    for drop in drops[:_MOST_DROPS]:
        rate = drop["packetsPerSecond"]
        shown.add_row(
            f"{drop['switch']}:{drop['port']}",
            drop["direction"],
            Text(drop["reason"], "red" if drop["aboveThreshold"] else ""),
            str(drop["packets"]),
            "-" if rate is None else f"{rate:.0f}",
        )
    if len(drops) > _MOST_DROPS:
        shown.add_row(Text(f"and {len(drops) - _MOST_DROPS} more", "dim"))
    return shown


def _counters(client: SyncClient, intents: Sequence[Mapping[str, Any]], rates: _Rates) -> RenderableType:
    shown = table("Counters", "INTENT", "COUNTER", "#PACKETS", "#BYTES", "#PACKETS/S")
    counted = [intent for intent in intents if intent["kind"] in _COUNTED]
    for intent in counted[:_MOST_COUNTERS]:
        path = f"{intent['kind']}/{intent['tenant']}/{intent['name']}"
        for count in client.counters((intent["kind"], intent["tenant"], intent["name"])).counters:
            rate = rates.rate(f"{path} {count.counter}", count.packets)
            shown.add_row(path, Text(count.counter), str(count.packets), str(count.bytes), rate)
    return shown

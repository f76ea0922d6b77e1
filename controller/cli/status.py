"""`p4fabric status`: how the fabric is; and what an operator says is gone, or wants to be rid of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.ports import switch_or_port
from p4fabric.controller.cli.tables import as_api, console, print_json, severity_text, table

__all__ = ["declare_gone", "delete_record", "findings", "headline", "run"]

_MOST_PAIRS = 10


def run(connection: Connection, as_json: bool) -> int:
    """Show it; returns the exit status: 1 where it is degraded or down."""
    with connection.open() as client:
        status = as_api(client.status())
    if as_json:
        print_json(status)
    else:
        console().print(_screen(status))
    return 1 if status["severity"] in ("degraded", "down") else 0


def declare_gone(connection: Connection, name: str) -> int:
    """Declare a switch, or the link at a port (`leaf1:9`), gone; returns the exit status."""
    gone = switch_or_port(name)
    with connection.open() as client:
        client.declare_gone(*gone)
    return 0


def delete_record(connection: Connection, key: str) -> int:
    """Delete a record that the controller cannot read; returns the exit status."""
    with connection.open() as client:
        client.delete_record(key)
    return 0


def headline(status: Mapping[str, Any]) -> Text:
    """How the fabric is, in a line."""
    links = f"{status['linksFound']} of {status['linksExpected']} links"
    return Text.assemble(("Fabric: ", "bold"), severity_text(status["severity"]), f", {links}")


def findings(status: Mapping[str, Any], most: int | None = None) -> RenderableType:
    """What is wrong, the worst first."""
    shown = table(None, "SEVERITY", "ABOUT", "WHAT")
    found = status["findings"][:most]
    for finding in found:
        by_design = " (by design)" if finding["byDesign"] else ""
        severity = severity_text(finding["severity"])
        shown.add_row(severity, Text(finding["about"]), Text(finding["text"] + by_design))
    more = status["moreFindings"] + len(status["findings"]) - len(found)
    return Group(shown, Text(f"and {more} more", "dim")) if more else shown


def _screen(status: Mapping[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [headline(status)]
    if status["findings"]:
        parts += [Text(), findings(status)]
    switches = table("Switches", "NAME", "SEVERITY", "CONNECTED", "SINCE", "#LINKS", "#ENTRIES", "#FAILING")
    for switch in status["switches"]:
        switches.add_row(
            switch["name"],
            severity_text(switch["severity"]),
            "gone" if switch["declaredGone"] else "yes" if switch["connected"] else "no",
            switch["since"],
            f"{switch['linksFound']}/{switch['linksExpected']}",
            f"{switch['entriesInstalled']}/{switch['entriesDesired']}",
            str(switch["changesFailing"]),
        )
    parts += [Text(), switches]
    short = [pair for pair in status["leafPairs"] if pair["pathsFound"] < pair["pathsExpected"]]
    if short:
        pairs = table("Leaves with fewer paths than expected", "LEAVES", "#PATHS", "#EXPECTED")
        for pair in short[:_MOST_PAIRS]:
            pairs.add_row(" - ".join(pair["leaves"]), str(pair["pathsFound"]), str(pair["pathsExpected"]))
        if len(short) > _MOST_PAIRS:
            pairs.add_row(Text(f"and {len(short) - _MOST_PAIRS} more", "dim"))
        parts += [Text(), pairs]
    return Group(*parts)

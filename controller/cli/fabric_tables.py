"""Switches, ports, links and hosts as tables, and how they hang together as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from p4fabric.controller.cli.events import flow_text
from p4fabric.controller.cli.tables import table

__all__ = [
    "drain_table",
    "host_table",
    "incident_table",
    "link_table",
    "port_table",
    "remedy_table",
    "switch_state",
    "switch_table",
    "topology_lines",
]

Item = Mapping[str, Any]
_MOST_REASONS = 2


def switch_state(switch: Item) -> Text:
    """How a switch is, in its colour; and, if it is not in use, how far it is with being drained."""
    return _session_state(switch).append_text(_drain_state(switch["drain"], ", "))


def _session_state(switch: Item) -> Text:
    if switch["held"] is not None:
        return Text(f"held: {switch['held']}", "red")
    if switch["inSync"]:
        return Text("in sync", "green")
    # gRPC's own words are long, and begin with what they mean.
    return Text("connected", "yellow") if switch["connected"] else Text(str(switch["state"])[:60], "red")


def switch_table(switches: Sequence[Item], wide: bool = False) -> Table:
    """Switches; wide: with addresses and ports."""
    more = ["TARGET", "ADDRESS", "#DEVICE", "#PORTS"] if wide else []
    made = table(None, "NAME", "ROLE", "STATE", "#ENTRIES", "#DESIRED", "#REFUSED", *more)
    for switch in switches:
        ports = "-" if switch["ports"] is None else str(len(switch["ports"]))
        wider = [switch["target"], switch["address"], str(switch["deviceId"]), ports] if wide else []
        entries = (str(switch[f"entries{of}"]) for of in ("Installed", "Desired", "Refused"))
        made.add_row(switch["name"], switch["role"], switch_state(switch), *entries, *wider)
    return made


def port_table(ports: Sequence[Item], wide: bool = False) -> Table:
    """Ports; wide: with all counters."""
    made = table(
        None, "PORT", "INTERFACE", "STATE", "PEER", "NETWORKS", "#IN", "#OUT", *(["COUNTERS"] if wide else [])
    )
    for port in ports:
        counters = port["counters"]
        peer = port["peer"]
        made.add_row(
            f"{port['switch']}:{port['port']}",
            port["interface"] or "-",
            Text("?") if port["up"] is None else Text("up", "green") if port["up"] else Text("down", "red"),
            "-" if peer is None else f"{peer['switch']}:{peer['port']}",
            " ".join(port["networks"]) or "-",
            str(counters.get("in-pkts", "-")),
            str(counters.get("out-pkts", "-")),
            *([" ".join(f"{name}={count}" for name, count in counters.items() if count)] if wide else []),
        )
    return made


def link_table(links: Sequence[Item], wide: bool = False) -> Table:
    """Directions of links."""
    made = table(None, "FROM", "TO", "DRAIN")
    for link in links:
        drain = _drain_state(link["drain"], "")
        made.add_row(_end(link["source"]), _end(link["destination"]), drain or Text("-"))
    return made


def drain_table(drains: Sequence[Item], wide: bool = False) -> Table:
    """What is drained, or comes back; wide: with all that is said of it."""
    made = table(None, "WHAT", "STATE", "SINCE", "MAY BE OFF", "WAITS FOR, OR STILL NEEDED")
    for drain in drains:
        reasons = [reason["message"] for reason in (*drain["waitingFor"], *drain["stillUsed"])]
        shown = reasons if wide else reasons[:_MOST_REASONS]
        more = f"; and {len(reasons) - len(shown)} more" if len(shown) < len(reasons) else ""
        made.add_row(
            drain["about"],
            _drain_state(drain["state"], ""),
            drain["since"],
            Text("yes", "green") if drain["drained"] else Text("no", "yellow"),
            Text("; ".join(shown) + more),
        )
    return made


def _drain_state(state: str, before: str) -> Text:
    """How far something is with being drained; empty: it is in use."""
    words = {"inUse": "", "drained": "drained", "preparing": "draining", "moving": "draining"}
    word = words.get(state, "coming back")
    return Text(f"{before}{word}", "yellow") if word else Text()


def host_table(hosts: Sequence[Item], wide: bool = False) -> Table:
    """Hosts."""
    made = table(None, "TENANT", "NETWORK", "NAME", "MAC", "AT", "ADDRESSES")
    for host in hosts:
        words = host["tenant"], host["network"], host["name"] or "", host["mac"], _end(host)
        made.add_row(*words, " ".join(host["addresses"]))
    return made


def incident_table(incidents: Sequence[Item], wide: bool = False) -> Table:
    """Incidents; wide: with who held the queue and who waited."""
    more = ["CULPRITS", "VICTIMS", "REPORTS LOST"] if wide else []
    made = table(None, "#NUMBER", "BEGAN", "STATE", "WHAT", *more)
    for incident in incidents:
        state = Text("active", "red") if incident["active"] else Text("over")
        wider: list[str] = []
        if wide:
            queues, lost = incident["queues"], sum(incident["reportsLost"].values())
            both = ([flow for queue in queues for flow in queue[of]] for of in ("culprits", "victims"))
            wider = [*map(_flows, both), str(lost)]
        made.add_row(str(incident["number"]), incident["beganAt"], state, incident["summary"], *wider)
    return made


def remedy_table(items: Sequence[Item], wide: bool = False) -> Table:
    """Remedies that stand, what is made of congested queues, and remedies that are over."""
    made = table(None, "#NUMBER", "STATE", "ACTION", "FLOW", "RESPONSE", "#INCIDENT", "UNTIL", "WHY")
    for item in items:
        response = f"{item['response']['tenant']}/{item['response']['name']}"
        flow = "-" if item["flow"] is None else flow_text(item["flow"])
        number, until = str(item.get("number", "-")), item.get("endedAt") or item.get("expiresAt") or "-"
        made.add_row(
            number,
            _remedy_state(item),
            item["action"] or "-",
            flow,
            response,
            str(item["incident"]),
            until,
            item["reason"] or "-",
        )
    return made


def _remedy_state(item: Item) -> Text:
    if "verdict" in item:
        return Text(item["verdict"], "yellow")
    if item["ended"] is not None:
        return Text(f"over: {item['ended']}")
    return Text({None: "stands", True: "stands, helps", False: "stands, no help"}[item["helped"]], "green")


def _flows(flows: Sequence[Item]) -> str:
    shown = [f"{flow_text(flow)} {flow['share']:.0%}" for flow in flows[:3]]
    return ", ".join([*shown, *([f"and {len(flows) - 3} more"] if len(flows) > 3 else [])]) or "-"


def topology_lines(switches: Sequence[Item], links: Sequence[Item], hosts: Sequence[Item]) -> Iterator[Text]:
    """Each switch with its links, and the hosts at it."""
    for switch in switches:
        name = switch["name"]
        yield Text.assemble((name, "bold"), f" ({switch['role']}) ", switch_state(switch))
        for link in links:
            if link["source"]["switch"] == name:
                yield Text(f"  {link['source']['port']:>3} ── {_end(link['destination'])}")
        at: dict[int, list[Item]] = {}
        for host in hosts:
            if host["switch"] == name:
                at.setdefault(host["port"], []).append(host)
        for port, there in sorted(at.items()):
            told = ", ".join(
                f"{host['tenant']} {' '.join(host['addresses']) or host['mac']}" for host in there[:4]
            )
            more = f", and {len(there) - 4} more" if len(there) > 4 else ""
            yield Text(f"  {port:>3} ── {told}{more}")


def _end(end: Item) -> str:
    return f"{end['switch']}:{end['port']}"

"""`p4fabric upf`: SMFs and their sessions, as tables, JSON, YAML or names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from rich.table import Table
from rich.text import Text

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.tables import Output, as_api, print_items, state_text, table

__all__ = ["associations", "buffers", "sessions"]

Item = Mapping[str, Any]


def associations(connection: Connection, smf: str | None, output: Output) -> int:
    """Show SMFs; returns the exit status."""
    with connection.open() as client:
        items = [as_api(one) for one in client.upf_associations(smf=smf)]
    print_items(items, output, itemgetter("smf"), _association_table)
    return 0


def buffers(connection: Connection, output: Output) -> int:
    """Show buffers; returns the exit status."""
    with connection.open() as client:
        items = [as_api(one) for one in client.upf_buffers()]
    print_items(items, output, itemgetter("name"), _buffer_table)
    return 0


def sessions(
    connection: Connection, seids: Sequence[str], filters: Mapping[str, str | None], output: Output
) -> int:
    """Show sessions; returns the exit status."""
    with connection.open() as client:
        found = [client.upf_session(one) for one in seids] if seids else client.upf_sessions(**filters)
        items = [as_api(one) for one in found]
    print_items(items, output, itemgetter("seid"), _session_table, single=len(seids) == 1)
    return 0


def _association_table(items: Sequence[Item], wide: bool) -> Table:
    """SMFs; wide: with recovery time stamps."""
    more = ["RECOVERY", "UPF'S RECOVERY"] if wide else []
    made = table(None, "TENANT", "UPF", "SMF", "NODE ID", "STATE", "SINCE", "#SESSIONS", *more)
    for item in items:
        is_there = item["state"] == "associated"
        made.add_row(
            item["tenant"],
            item["upf"],
            item["smf"],
            item["nodeId"] or "-",
            Text(item["state"], "green" if is_there else "yellow"),
            item["since"] or "-",
            str(item["sessions"]),
            *([item["recoveryTime"] or "-", item["upfRecoveryTime"]] if wide else []),
        )
    return made


def _buffer_table(items: Sequence[Item], wide: bool) -> Table:
    """Buffers; wide: with what they have kept, sent on and dropped since they began."""
    more = ["#KEPT", "#SENT", "#DROPPED"] if wide else []
    made = table(None, "NAME", "STATE", "#SESSIONS", "#WAITING", "#PACKETS", "MIB", *more)
    for item in items:
        dropped = " ".join(f"{why}:{count}" for why, count in sorted(item["packetsDropped"].items()) if count)
        made.add_row(
            item["name"],
            Text(item["state"], "green" if item["state"] == "connected" else "red"),
            str(item["sessions"]),
            str(item["waiting"]),
            str(item["packets"]),
            f"{item['octets'] / (1 << 20):.1f}",
            *([str(item["packetsKept"]), str(item["packetsSent"]), dropped or "0"] if wide else []),
        )
    return made


def _session_table(items: Sequence[Item], wide: bool) -> Table:
    """Sessions; wide: with what becomes of packets of each PDR."""
    more = ["SMF", "SMF'S SEID", "#ENTRIES", "PDRS"] if wide else []
    made = table(None, "SEID", "UPF", "DNN", "UE", "GNB", "STATE", "UPLINK", "DOWNLINK", *more, "REASONS")
    for item in items:
        wider = []
        if wide:
            entries = f"{item['entriesAcknowledged']}/{item['entries']}"
            told = " ".join(f"{way['pdr']}:{way['dropped'] or 'active'}" for way in item["ways"])
            wider = [item["smf"], item["smfFSeid"]["seid"], entries, told]
        made.add_row(
            item["seid"],
            f"{item['tenant']}/{item['upf']}",
            item["dnn"] or "-",
            " ".join(item["ueAddresses"]) or "-",
            " ".join(item["gnbs"]) or "-",
            state_text(item["state"]),
            _direction(item, "uplink"),
            _direction(item, "downlink"),
            *wider,
            Text("; ".join(reason["message"] for reason in item["reasons"])),
        )
    return made


def _direction(item: Item, direction: str) -> Text:
    """The TEID of a direction's packets, or why they are dropped: of the first PDR that takes any."""
    ways = [way for way in item["ways"] if way["direction"] == direction]
    way = next((one for one in ways if one["active"]), ways[0] if ways else None)
    if way is None:
        return Text("-")
    return Text(f"{way['teid']:#x}") if way["active"] else Text(str(way["dropped"]), "yellow")

"""`p4fabric events`: what happens, line by line; comes back by itself where the connection breaks."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from controller.cli.client import CannotConnect, Client, Connection, failures_told

__all__ = ["line", "run"]

_PATIENCE = 30.0
"""Seconds to try to come back to a controller that was there."""


def run(connection: Connection, types: str, count: int | None, as_json: bool) -> int:
    """Follow; returns the exit status."""
    shown, last_id = 0, None
    lost_at: float | None = None
    with failures_told(), connection.open() as client:
        while True:
            try:
                for identity, event in _follow(client, types, last_id):
                    last_id, lost_at = identity or last_id, None
                    print(json.dumps(event) if as_json else line(event), flush=True)
                    shown += 1
                    if count is not None and shown >= count:
                        return 0
            except CannotConnect:
                if last_id is None or (lost_at is not None and time.monotonic() - lost_at > _PATIENCE):
                    raise
            lost_at = lost_at or time.monotonic()
            time.sleep(0.5)


def _follow(client: Client, types: str, last_id: str | None) -> Any:
    query = {"types": types} if types else {}
    return client.stream("/api/v1/events", last_id, **query)


def line(event: Mapping[str, Any]) -> str:
    """An event as a line of text."""
    return f"{event.get('time', '-'):24} {event['type']:20} {_what(event)}"


def _what(event: Mapping[str, Any]) -> str:
    match event["type"]:
        case "IntentStatusChanged":
            reasons = f": {'; '.join(event['reasons'])}" if event["reasons"] else ""
            return f"{_key(event)} generation {event['generation']} {event['state']}{reasons}"
        case "IntentDeleted":
            return _key(event)
        case "SwitchConnected":
            return str(event["switch"])
        case "SwitchDisconnected":
            return f"{event['switch']}: {event['reason']}"
        case "LinkUp" | "LinkDown":
            ends = f"{_end(event['source'])} -> {_end(event['destination'])}"
            return f"{ends}: {event['reason']}" if "reason" in event else ends
        case "HostLearned" | "HostMoved" | "HostForgotten":
            where = f"{event['mac']} at {_end(event)} in {event['tenant']}/{event['network']}"
            before = f", before at {_end(event['before'])}" if "before" in event else ""
            return f"{where} {' '.join(event['addresses'])}{before}"
        case "AddressMoved":
            had = f"{event['before']['mac']} at {_end(event['before'])}"
            return f"{event['address']} to {event['mac']} at {_end(event)}, before of {had}"
        case "AddressClaimRefused":
            where = f"at {_end(event['claimedAt'])} in {event['tenant']}/{event['network']}"
            return f"{event['address'] or '-'} by {event['mac']} {where}: {event['reason']}"
        case "CongestionOnset" | "CongestionUpdate" | "CongestionCleared":
            return _congestion(event)
        case "TrafficDropped":
            return (
                f"{_drop(event)}: {event['packets']} packets in {event['seconds']:.1f} s, "
                f"{event['packetsPerSecond']:.0f}/s"
            )
        case "TrafficDropsCleared":
            return (
                f"{_drop(event)}: {event['packets']} packets in {event['seconds']:.1f} s, "
                f"at most {event['peakPacketsPerSecond']:.0f}/s"
            )
        case "EventsLost":
            return "some events were lost" if event["count"] is None else f"{event['count']} events were lost"
    return json.dumps(event)


def _drop(event: Mapping[str, Any]) -> str:
    return f"{_end(event)} {event['direction']} {event['reason']}"


def _congestion(event: Mapping[str, Any]) -> str:
    over = event["type"] == "CongestionCleared"
    depth, delay = ("peakDepth", "peakDelayUs") if over else ("depth", "delayUs")
    text = f"{_end(event)} queue {event['queue']}: depth {event[depth]}, delay {event[delay]} us"
    if over:
        text += f" at most, {event['durationSeconds']:.1f} s"
    return f"{text}, {', '.join(flow_text(flow) for flow in event['flows'][:3])}"


def flow_text(flow: Mapping[str, Any]) -> str:
    """A flow as people write it."""
    if flow["source"] is None:
        return "not IP"
    ends = [
        f"{f'[{address}]' if ':' in address else address}:{port}" if port else address
        for address, port in (
            (flow["source"], flow["sourcePort"]),
            (flow["destination"], flow["destinationPort"]),
        )
    ]
    return f"{flow['protocol']} {ends[0]} > {ends[1]}"


def _end(end: Mapping[str, Any]) -> str:
    return f"{end['switch']}:{end['port']}"


def _key(event: Mapping[str, Any]) -> str:
    return f"{event['kind']}/{event['tenant']}/{event['name']}"

"""`p4fabric events`: what happens, line by line; comes back by itself where the connection breaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.tables import as_api

__all__ = ["line", "run", "what"]

_PATIENCE = 30.0
"""Seconds to try to come back to a controller that was there."""


def run(
    connection: Connection,
    types: str,
    since: str | None,
    tenant: str | None,
    intent: str | None,
    switch: str | None,
    follow: bool,
    count: int | None,
    as_json: bool,
) -> int:
    """Follow; returns the exit status."""
    wanted = [name.strip() for name in types.split(",") if name.strip()]
    named = None if intent is None else intent.split("/")
    if named is not None and len(named) != 3:
        raise Usage("--intent must be KIND/TENANT/NAME")
    with connection.open() as client:
        events = client.events(
            types=wanted,
            tenant=tenant,
            intent=None if named is None else (named[0], named[1], named[2]),
            switch=switch,
            since=since,
            follow=follow,
            patience=_PATIENCE,
        )
        for event in islice(events, count):
            document = as_api(event)
            print(json.dumps(document) if as_json else line(document), flush=True)
    return 0


def line(event: Mapping[str, Any]) -> str:
    """An event as a line of text."""
    return f"{event.get('time', '-'):24} {event['type']:20} {what(event)}"


def what(event: Mapping[str, Any]) -> str:
    """What happened to what, without the time and the type."""
    match event["type"]:
        case "FabricStatusChanged":
            parts = [f"{event['before']} -> {event['severity']}"]
            parts += (f"new: {finding['text']}" for finding in event["new"])
            parts += (f"over: {finding['text']}" for finding in event["over"])
            return "; ".join(parts)
        case "IntentStatusChanged":
            reasons = f": {_reasons(event['reasons'])}" if event["reasons"] else ""
            return f"{_key(event)} generation {event['generation']} {event['state']}{reasons}"
        case "IntentsStatusChanged":
            kinds = ", ".join(f"{number} {kind}" for kind, number in event["kinds"].items())
            of = f" ({kinds})" if kinds else ""
            now = f": {_reasons(event['reasons'])}" if event["reasons"] else ""
            over = f", no longer: {_reasons(event['cleared'])}" if event["cleared"] else ""
            return f"{event['count']} intents{of} {event['state']}{now}{over}"
        case "IntentDeleted":
            return _key(event)
        case "SwitchConnected":
            return str(event["switch"])
        case "SwitchDisconnected":
            return f"{event['switch']}: {event['reason']}"
        case "SwitchDrainChanged":
            return f"{event['switch']}: {event['state']}"
        case "LinkDrainChanged":
            return f"{_end(event['source'])} - {_end(event['destination'])}: {event['state']}"
        case "LinkUp" | "LinkDown":
            ends = f"{_end(event['source'])} -> {_end(event['destination'])}"
            return f"{ends}: {event['reason']}" if "reason" in event else ends
        case "HostLearned" | "HostMoved" | "HostForgotten":
            where = f"{event['mac']} at {_end(event)} in {event['tenant']}/{event['network']}"
            before = f", before at {_end(event['before'])}" if "before" in event else ""
            reason = f": {event['reason']}" if "reason" in event else ""
            return f"{where} {' '.join(event['addresses'])}{before}{reason}"
        case "AddressMoved":
            had = f"{event['before']['mac']} at {_end(event['before'])}"
            return f"{event['address']} to {event['mac']} at {_end(event)}, before of {had}"
        case "AddressClaimRefused":
            where = f"at {_end(event['claimedAt'])} in {event['tenant']}/{event['network']}"
            return f"{event['address'] or '-'} by {event['mac']} {where}: {event['reason']}"
        case "DuplicateAddress":
            both = (f"{one['mac']} at {_end(one)}" for one in (event["holder"], event["claimant"]))
            return f"{event['address']} in {event['tenant']}/{event['network']}: {' and '.join(both)}"
        case "HostLimitReached":
            return f"{_end(event)} has {event['limit']} hosts"
        case "CongestionOnset" | "CongestionUpdate" | "CongestionCleared":
            return _congestion(event)
        case "IncidentOnset" | "IncidentUpdate" | "IncidentCleared":
            merged = event["mergedInto"]
            return f"{event['number']}: " + (event["summary"] if merged is None else f"part of {merged}")
        case "FlowPathChanged" | "FlowPathSilent":
            change = event.get("change", "silent")
            return f"flow {event['number']} {change}: {flow_text(event)}: {event['summary']}"
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
        case "SmfAssociated" | "SmfReleased":
            ended = f", {event['sessionsEnded']} sessions ended" if event["sessionsEnded"] else ""
            return f"{event['nodeId']} at {event['smf']} of {event['tenant']}/{event['upf']}{ended}"
        case "RemedyGranted" | "RemedyEnded" | "RemedyRecommended":
            return _remedy(event)
        case "EventsLost":
            if event["count"] is None:
                return "some events were lost"
            return f"{event['count']} events about {event['class']} were lost"
    return json.dumps(event)


def _reasons(reasons: list[Mapping[str, Any]]) -> str:
    return "; ".join(reason["message"] for reason in reasons)


def _drop(event: Mapping[str, Any]) -> str:
    return f"{_end(event)} {event['direction']} {event['reason']}"


def _congestion(event: Mapping[str, Any]) -> str:
    over = event["type"] == "CongestionCleared"
    depth, delay = ("peakDepth", "peakDelayUs") if over else ("depth", "delayUs")
    text = f"{_end(event)} queue {event['queue']}: depth {event[depth]}, delay {event[delay]} us"
    if over:
        text += f" at most, {event['durationSeconds']:.1f} s"
    return f"{text}, {', '.join(flow_text(flow) for flow in event['flows'][:3])}"


def _remedy(event: Mapping[str, Any]) -> str:
    response = event["response"]
    text = f"{event['action']} {flow_text(event['flow'])} by {response['tenant']}/{response['name']}"
    text += f" for incident {event['incident']}"
    if event["type"] == "RemedyGranted":
        return f"{event['number']}: {text} until {event['expiresAt']}"
    why = event["reason"] or event.get("ended")
    if why is not None:
        text += f": {why}"
    return f"{event['number']}: {text}" if "number" in event else text


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

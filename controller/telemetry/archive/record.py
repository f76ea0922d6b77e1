"""Incidents as JSON, to keep them. Fields that an older version did not write are empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.telemetry.flow import Flow, FlowId
from p4fabric.controller.telemetry.incidents import FlowFigures, FlowNames, Incident, QueueFigures
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import Role
from p4fabric.pipelines.values import IpProtocol, L4Port, Port

__all__ = ["from_json", "to_json"]

_PLAIN = (
    "began",
    "ended",
    "clock_error_ns",
    "switch_began",
    "switch_ended",
    "peak_depth",
    "peak_depth_at",
    "peak_wait_ns",
    "peak_wait_at",
    "drops",
    "packets",
    "bytes",
    "bins",
    "late_bins",
    "reports",
    "unreported",
    "reports_of_other_flows",
)
_OF_FLOW = ("bytes", "share", "max_wait_ns", "drops", "reports")
_LISTS = ("culprits", "victims", "participants")


def to_json(incident: Incident) -> str:
    """Write an incident."""
    document = {
        "number": incident.number,
        "active": incident.active,
        "lost": dict(incident.lost),
        "queues": [_queue_document(queue) for queue in incident.queues],
    }
    return json.dumps(document, separators=(",", ":"))


def from_json(text: str) -> Incident:
    """Read an incident.

    Raises:
        ValueError: it is none.
    """
    try:
        document = json.loads(text)
        return Incident(
            int(document["number"]),
            bool(document["active"]),
            tuple(_queue(one) for one in document["queues"]),
            {SwitchName(name): int(count) for name, count in document["lost"].items()},
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"a kept incident cannot be read: {error!r}") from None


def _queue_document(figures: QueueFigures) -> dict[str, Any]:
    port, priority = figures.queue
    return {
        "queue": [port.switch, port.port, priority],
        "root": figures.is_root,
        **{name: getattr(figures, name) for name in _PLAIN},
        "untold_drops": figures.untold_drops,
        **{name: [_flow_document(flow) for flow in getattr(figures, name)] for name in _LISTS},
    }


def _queue(document: Mapping[str, Any]) -> QueueFigures:
    switch, port, priority = document["queue"]
    return QueueFigures(
        queue=Queue(PortRef(SwitchName(switch), Port(port)), priority),
        is_root=document["root"],
        **{name: document.get(name, 0) for name in _PLAIN},
        culprits=_flows(document, "culprits"),
        victims=_flows(document, "victims"),
        participants=_flows(document, "participants"),
        untold_drops=document.get("untold_drops"),
    )


def _flows(document: Mapping[str, Any], name: str) -> tuple[FlowFigures, ...]:
    return tuple(_flow_figures(one) for one in document.get(name, ()))


def _flow_document(figures: FlowFigures) -> dict[str, Any]:
    vlan, flow = figures.flow
    names = figures.names
    return {
        "flow": [
            vlan,
            flow.protocol,
            None if flow.source is None else str(flow.source),
            None if flow.destination is None else str(flow.destination),
            flow.source_port,
            flow.destination_port,
        ],
        "role": figures.role,
        "names": [names.tenant, names.source, names.destination, [list(key) for key in names.intents]],
        **{name: getattr(figures, name) for name in _OF_FLOW},
    }


def _flow_figures(document: Mapping[str, Any]) -> FlowFigures:
    vlan, protocol, source, destination, source_port, destination_port = document["flow"]
    tenant, source_name, destination_name, intents = document["names"]
    flow = Flow(
        IpProtocol(protocol),
        _address(source),
        _address(destination),
        L4Port(source_port),
        L4Port(destination_port),
    )
    return FlowFigures(
        FlowId(vlan, flow),
        Role(document["role"]),
        FlowNames(
            None if tenant is None else TenantName(tenant),
            source_name,
            destination_name,
            tuple(IntentKey(kind, TenantName(whose), name) for kind, whose, name in intents),
        ),
        **{name: document.get(name, 0) for name in _OF_FLOW},
    )


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    return None if text is None else ip_address(text)

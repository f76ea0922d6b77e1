"""Incidents of congestion, from what is known of queues. Pure: evidence and time in, incidents out."""

from p4fabric.controller.telemetry.incidents.evidence import (
    BinEvidence,
    Evidence,
    PacketEvidence,
    Thresholds,
    evidence_of,
    flow_of,
)
from p4fabric.controller.telemetry.incidents.machine import IncidentMachine
from p4fabric.controller.telemetry.incidents.values import (
    FlowFigures,
    FlowNames,
    Incident,
    OtherFlows,
    QueueFigures,
    Turn,
)

__all__ = [
    "BinEvidence",
    "Evidence",
    "FlowFigures",
    "FlowNames",
    "Incident",
    "IncidentMachine",
    "OtherFlows",
    "PacketEvidence",
    "QueueFigures",
    "Thresholds",
    "Turn",
    "evidence_of",
    "flow_of",
]

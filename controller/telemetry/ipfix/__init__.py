"""Exports incidents and drops in IPFIX (RFC 7011), for collectors of flows."""

from p4fabric.controller.telemetry.ipfix.drops import DroppedFlow, DroppedFlows
from p4fabric.controller.telemetry.ipfix.exporter import IpfixExporter
from p4fabric.controller.telemetry.ipfix.wire import DROPPED_FLOW, TEMPLATES, Element, Template

__all__ = ["DROPPED_FLOW", "TEMPLATES", "DroppedFlow", "DroppedFlows", "Element", "IpfixExporter", "Template"]

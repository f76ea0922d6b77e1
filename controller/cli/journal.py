"""Events of the fabric as lines of the log, each with a severity; the fields are those that the API has."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from p4fabric.controller.api.event_documents import event_document
from p4fabric.controller.cli.events import what
from p4fabric.controller.log_format import fields
from p4fabric.controller.telemetry import events as e
from p4fabric.controller.telemetry.bus import Published

__all__ = ["record"]

_log = logging.getLogger("p4fabric.controller.events")

_LEVELS: Mapping[type, int] = {
    e.SwitchDisconnected: logging.WARNING,
    e.LinkDown: logging.WARNING,
    e.AddressClaimRefused: logging.WARNING,
    e.DuplicateAddress: logging.WARNING,
    e.HostLimitReached: logging.WARNING,
    e.CongestionOnset: logging.WARNING,
    e.CongestionUpdate: logging.DEBUG,
    e.IncidentOnset: logging.WARNING,
    e.IncidentUpdate: logging.DEBUG,
    e.FlowPathChanged: logging.DEBUG,
    e.FlowPathSilent: logging.DEBUG,
    e.TrafficDropped: logging.WARNING,
}
"""All others are info."""
_WORDS: Mapping[type, str] = {
    e.FabricStatusChanged: "fabric:",
    e.IntentStatusChanged: "intent",
    e.IntentsStatusChanged: "many intents:",
    e.IntentDeleted: "intent is gone:",
    e.SwitchConnected: "switch is connected:",
    e.SwitchDisconnected: "switch is lost:",
    e.SwitchDrainChanged: "drain of switch:",
    e.LinkDrainChanged: "drain of link:",
    e.LinkUp: "link is up:",
    e.LinkDown: "link is down:",
    e.HostLearned: "host is learned:",
    e.HostMoved: "host has moved:",
    e.AddressMoved: "address has moved:",
    e.AddressClaimRefused: "address is claimed, and refused:",
    e.DuplicateAddress: "two hosts use one address:",
    e.HostLimitReached: "port has as many hosts as it may have:",
    e.HostForgotten: "host is forgotten:",
    e.CongestionOnset: "congestion begins:",
    e.CongestionUpdate: "congestion goes on:",
    e.CongestionCleared: "congestion ends:",
    e.IncidentOnset: "incident begins:",
    e.IncidentUpdate: "incident goes on:",
    e.IncidentCleared: "incident ends:",
    e.FlowPathChanged: "path of a followed flow:",
    e.FlowPathSilent: "followed flow is silent:",
    e.TrafficDropped: "traffic is dropped:",
    e.TrafficDropsCleared: "traffic is no longer dropped:",
    e.SmfAssociated: "SMF is associated:",
    e.SmfReleased: "SMF is released:",
    e.RemedyGranted: "remedy is granted:",
    e.RemedyEnded: "remedy ends:",
    e.RemedyRecommended: "remedy is recommended:",
}


def record(published: Published) -> None:
    """Log an event. Each kind has a logger of its own, so that many of one do not hide another."""
    event, kind = published.event, type(published.event)
    level = _LEVELS.get(kind, logging.INFO)
    if isinstance(event, e.IntentStatusChanged | e.IntentsStatusChanged) and event.state == "degraded":
        level = logging.WARNING
    if isinstance(event, e.FabricStatusChanged) and event.severity.rank > event.before.rank:
        level = logging.WARNING
    log = _log.getChild(kind.__name__)
    if log.isEnabledFor(level):
        document = event_document(published)
        text = f"{_WORDS[kind]} {what(document)}"
        facts = {name: value for name, value in document.items() if name not in ("type", "time")}
        log.log(level, "%s", text, extra=fields(kind.__name__, **facts))

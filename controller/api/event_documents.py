"""How events are written as JSON. This module asks the fabric nothing."""

from __future__ import annotations

from typing import Any

from p4fabric.controller.api.drops import drop_event_fields
from p4fabric.controller.api.fabric_documents import (
    drain_state,
    episode_document,
    host_facts,
    link_ends,
)
from p4fabric.controller.api.flow_path_documents import flow_path_document
from p4fabric.controller.api.incident_documents import incident_document
from p4fabric.controller.api.intent_documents import reason_documents
from p4fabric.controller.api.remedies import remedy_event_fields
from p4fabric.controller.api.status import status_event_fields
from p4fabric.controller.api.upf_documents import smf_event_fields
from p4fabric.controller.documents.fabric import (
    End,
)
from p4fabric.controller.hosts import AddressConflict, RefusedClaim
from p4fabric.controller.names import IntentKey, PortRef
from p4fabric.controller.telemetry import events as e
from p4fabric.controller.telemetry.bus import Lost, Published
from p4fabric.controller.times import time_text

__all__ = ["event_document"]


def event_document(item: Published | Lost) -> dict[str, Any]:
    """Write an event, or that some were lost."""
    if isinstance(item, Lost):
        return {"type": "EventsLost", "class": item.event_class, "count": item.count}
    event = item.event
    return {"type": type(event).__name__, "time": time_text(item.time), **_event_fields(event)}


def _event_fields(event: e.Event) -> dict[str, Any]:
    match event:
        case e.FabricStatusChanged():
            return status_event_fields(event)
        case e.IntentStatusChanged(key, generation, state, reasons):
            status = {"generation": generation, "state": state, "reasons": reason_documents(reasons)}
            return {**_key(key), **status}
        case e.IntentsStatusChanged(state, count, kinds, reasons, cleared, intents, tenants):
            return {
                "state": state,
                "count": count,
                "kinds": dict(kinds),
                "tenants": dict(tenants),
                "reasons": reason_documents(reasons),
                "cleared": reason_documents(cleared),
                "intents": [_key(key) for key in intents],
            }
        case e.IntentDeleted(key):
            return _key(key)
        case e.SwitchConnected(switch):
            return {"switch": switch}
        case e.SwitchDisconnected(switch, reason):
            return {"switch": switch, "reason": reason}
        case e.SwitchDrainChanged(switch, state):
            return {"switch": switch, "state": drain_state(state)}
        case e.LinkDrainChanged(link, state):
            return {**link_ends(link).model_dump(), "state": drain_state(state)}
        case e.LinkUp(link):
            return link_ends(link).model_dump()
        case e.LinkDown(link, reason):
            return {**link_ends(link).model_dump(), "reason": reason}
        case e.HostLearned(host):
            return host_facts(host).model_dump()
        case e.HostForgotten(host, reason):
            return {**host_facts(host).model_dump(), "reason": reason}
        case e.HostMoved(host, before):
            return {**host_facts(host).model_dump(), "before": _end(before)}
        case e.AddressMoved(address, host, mac, before):
            was = {"mac": str(mac), **_end(before)}
            return {**host_facts(host).model_dump(), "address": str(address), "before": was}
        case e.AddressClaimRefused(claim):
            return _refused_claim(claim)
        case e.DuplicateAddress(conflict):
            return _address_conflict(conflict)
        case e.HostLimitReached(full):
            return {**_end(full.port), "limit": full.limit}
        case e.CongestionOnset(episode) | e.CongestionUpdate(episode) | e.CongestionCleared(episode):
            return episode_document(episode).model_dump()
        case e.IncidentOnset(incident) | e.IncidentUpdate(incident) | e.IncidentCleared(incident):
            return incident_document(incident).model_dump()
        case e.FlowPathChanged(change, path):
            return {"change": change.value, **flow_path_document(path).model_dump()}
        case e.FlowPathSilent(path):
            return flow_path_document(path).model_dump()
        case e.TrafficDropped() | e.TrafficDropsCleared():
            return drop_event_fields(event)
        case e.SmfAssociated() | e.SmfReleased():
            return smf_event_fields(event)
        case e.RemedyGranted() | e.RemedyEnded() | e.RemedyRecommended():
            return remedy_event_fields(event)


def _refused_claim(claim: RefusedClaim) -> dict[str, Any]:
    return {
        "tenant": claim.network.tenant,
        "network": claim.network.name,
        "address": None if claim.address is None else str(claim.address),
        "mac": str(claim.mac),
        "claimedAt": _end(claim.claimed_at),
        "heldAt": None if claim.held_at is None else _end(claim.held_at),
        "reason": claim.reason,
    }


def _address_conflict(conflict: AddressConflict) -> dict[str, Any]:
    holder, claimant = conflict.holder, conflict.claimant
    return {
        "tenant": conflict.network.tenant,
        "network": conflict.network.name,
        "address": str(conflict.address),
        "holder": {"mac": str(holder.mac), **_end(holder.port)},
        "claimant": {"mac": str(claimant.mac), **_end(claimant.port)},
    }


def _end(port: PortRef) -> dict[str, Any]:
    return End(switch=port.switch, port=port.port).model_dump()


def _key(key: IntentKey) -> dict[str, str]:
    return {"kind": key.kind, "tenant": key.tenant, "name": key.name}

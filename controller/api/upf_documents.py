"""How SMFs and their sessions are written as JSON. This module asks the fabric nothing."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from p4fabric.controller.api.intent_documents import reason_documents
from p4fabric.controller.documents.upf import (
    FSeidDocument,
    UpfAssociationDocument,
    UpfSessionDocument,
    UpfWayDocument,
)
from p4fabric.controller.fabric.upf_views import AssociationView, SessionView
from p4fabric.controller.n4.pfcp.values import FSeid
from p4fabric.controller.n4.plane import Ue
from p4fabric.controller.n4.stamps import seconds_of
from p4fabric.controller.n4.ways import Way, dnn_of, ways
from p4fabric.controller.telemetry.events import SmfAssociated, SmfReleased
from p4fabric.controller.times import utc

__all__ = ["association_document", "session_document", "smf_event_fields"]


def association_document(view: AssociationView) -> UpfAssociationDocument:
    """Write an SMF."""
    association = view.association
    return UpfAssociationDocument(
        tenant=view.upf.tenant,
        upf=view.upf.name,
        smf=str(view.smf),
        state="none" if association is None else "associated",
        node_id=None if association is None else str(association.node_id),
        since=None if association is None else utc(association.since),
        recovery_time=None if association is None else utc(seconds_of(association.recovery)),
        sessions=view.sessions,
        upf_node_id=str(view.node),
        upf_recovery_time=utc(seconds_of(view.recovery)),
    )


def session_document(view: SessionView) -> UpfSessionDocument:
    """Write a session."""
    key, kept, node = view.found
    session = kept.session
    document: dict[str, Any] = {
        "tenant": key.upf.tenant,
        "upf": key.upf.name,
        "smf": str(kept.smf),
        "seid": _seid(key.seid),
        "f_seid": _f_seid(FSeid(key.seid, node)),
        "smf_f_seid": _f_seid(session.cp),
        "dnn": dnn_of(session),
        "ue_addresses": [str(one) for one in sorted(kept.plane.ues, key=_order)],
        "gnbs": [str(gnb) for gnb in sorted({gnb for _, gnb in kept.plane.tunnels})],
        "state": view.state.value,
        "reasons": reason_documents(view.reasons),
        "entries": view.entries,
        "entries_acknowledged": view.acknowledged,
        "ways": [_way_document(one) for one in ways(session, kept.plane)],
    }
    return UpfSessionDocument.model_validate(document)


def smf_event_fields(event: SmfAssociated | SmfReleased) -> dict[str, Any]:
    """What an event says besides its type and time."""
    return {
        "tenant": event.upf.tenant,
        "upf": event.upf.name,
        "smf": str(event.smf),
        "nodeId": event.node_id,
        "sessionsEnded": event.sessions_ended,
    }


def _order(ue: Ue) -> tuple[int, int]:
    return ue.version, int(ue if isinstance(ue, IPv4Address) else ue.network_address)


def _way_document(way: Way) -> UpfWayDocument:
    return UpfWayDocument(
        pdr=way.pdr_id,
        direction="uplink" if way.is_uplink else "downlink",
        teid=way.teid,
        gnb=None if way.gnb is None else str(way.gnb),
        qfi=way.qfi,
        gate="open" if way.is_gate_open else "closed",
        active=way.dropped is None,
        dropped=None if way.dropped is None else way.dropped.value,
    )


def _f_seid(end: FSeid) -> FSeidDocument:
    addresses = [str(one) for one in (end.ipv4, end.ipv6) if one is not None]
    return FSeidDocument(seid=_seid(end.seid), addresses=addresses)


def _seid(seid: int) -> str:
    """JavaScript's numbers have 53 bits."""
    return f"{seid:#018x}"

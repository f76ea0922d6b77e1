"""How paths of flows are written as JSON. This module asks the fabric nothing."""

from __future__ import annotations

from typing import Any

from p4fabric.controller.api.incident_documents import flow_ends, intent_refs
from p4fabric.controller.documents.flow_paths import FlowHopDocument, FlowPathDocument, FlowStepDocument
from p4fabric.controller.telemetry.flow_paths import FlowPath, Hop, Step
from p4fabric.controller.times import utc

__all__ = ["flow_path_document"]

_SECOND = 1_000_000_000


def flow_path_document(path: FlowPath) -> FlowPathDocument:
    """Write one."""
    names = path.names.flow
    return FlowPathDocument(
        **flow_ends(path.flow),
        number=path.number,
        tenant=names.tenant,
        source_name=names.source,
        destination_name=names.destination,
        intents=intent_refs(names.intents),
        watches=intent_refs(path.names.watches),
        active=path.is_active,
        complete=path.is_whole,
        summary=_summary(path),
        latency_us=path.latency_us,
        hops=[_hop(hop) for hop in path.hops],
        before=[FlowStepDocument(**_step(step)) for step in path.before],
        ways=path.ways,
        first_seen_at=utc(path.first_seen / _SECOND),
        changed_at=utc(path.changed / _SECOND),
        last_seen_at=utc(path.last_seen / _SECOND),
    )


def _summary(path: FlowPath) -> str:
    names = ["a switch" if hop.step.hidden.switch else str(hop.switch) for hop in path.hops]
    open_end = "" if path.is_whole else ", not known further"
    return f"{' > '.join(names)}{open_end}: {path.latency_us} us"


def _step(step: Step) -> dict[str, Any]:
    hidden = step.hidden
    return {
        "switch": None if hidden.switch else step.switch,
        "ingress_port": None if hidden.ingress else int(step.ingress),
        "egress_port": None if hidden.egress else int(step.egress),
    }


def _hop(hop: Hop) -> FlowHopDocument:
    is_hidden, error = hop.step.hidden.queue, hop.clock_error_ns
    return FlowHopDocument(
        **_step(hop.step),
        latency_us=hop.latency_us,
        priority=None if is_hidden else hop.priority,
        depth=None if is_hidden else hop.depth,
        left_at=utc(hop.left / _SECOND),
        switch_left_ns=hop.switch_left,
        clock_error_seconds=None if error is None else round(error / _SECOND, 6),
        untold=hop.untold,
        translated=hop.translated,
        tunnelled=hop.tunnelled,
    )

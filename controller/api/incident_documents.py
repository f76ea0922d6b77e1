"""How incidents, films and series are written as JSON. This module asks the fabric nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from p4fabric.controller.documents.incidents import (
    FilmDocument,
    FlowRole,
    IncidentDocument,
    IncidentFilmDocument,
    IncidentFlowDocument,
    IncidentQueueDocument,
    IntentRef,
    LastSecondDocument,
    OtherFlowsDocument,
    TopDocument,
    TopFlowDocument,
    TopQueueDocument,
    WatchedQueueDocument,
)
from p4fabric.controller.names import IntentKey
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents import FlowFigures, FlowNames, Incident, QueueFigures
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import Role
from p4fabric.controller.telemetry.series import Film, LastSecond
from p4fabric.controller.times import utc

__all__ = [
    "film_document",
    "flow_ends",
    "incident_document",
    "intent_refs",
    "summary",
    "top_document",
    "watched_queue_document",
]

_SECOND, _US = 1e9, 1e3
_ROLES: Mapping[Role, FlowRole] = {
    Role.NONE: "none",
    Role.CULPRIT: "culprit",
    Role.PARTICIPANT: "participant",
    Role.VICTIM: "victim",
    Role.DROPPED: "dropped",
}


def incident_document(incident: Incident) -> IncidentDocument:
    """Write an incident."""
    return IncidentDocument(
        number=incident.number,
        active=incident.active,
        summary=summary(incident),
        began_at=utc(incident.began / _SECOND),
        ended_at=utc(incident.ended / _SECOND),
        duration_seconds=_seconds(incident.ended - incident.began),
        clock_error_seconds=_error(incident.clock_error_ns),
        drops=incident.drops if incident.untold_drops is None else None,
        drops_unknown=incident.untold_drops,
        complete=incident.is_complete,
        reports_lost={str(name): count for name, count in incident.lost.items()},
        reports_lost_elsewhere=incident.lost_elsewhere,
        merged_into=incident.merged_into,
        queues=[_queue(queue) for queue in incident.queues],
    )


def summary(incident: Incident) -> str:
    """What happened, in a sentence."""
    root = incident.root
    where = "a queue" if root.is_hidden else f"{root.queue.port} queue {root.queue.queue}"
    if len(incident.queues) > 1:
        where += f" and {len(incident.queues) - 1} more"
    wait = f"{root.peak_wait_ns / 1e6:.3g} ms"
    parts = [
        f"{where}: {(incident.ended - incident.began) / 1e6:.4g} ms",
        f"peak {root.peak_depth} packets, {wait}",
    ]
    if root.culprits:
        worst = root.culprits[0]
        name = worst.names.source or str(worst.flow.flow)
        parts.append(f"{name} held {worst.share:.0%}")
    elif root.others is not None and root.others.share:
        parts.append(f"others held {root.others.share:.0%}")
    victims = sum(len(queue.victims) for queue in incident.queues)
    if victims:
        parts.append(f"{victims} {'flow' if victims == 1 else 'flows'} waited")
    if incident.drops:
        parts.append(f"{incident.drops} packets dropped")
    if incident.untold_drops is not None:
        parts.append(incident.untold_drops)
    if not incident.is_complete:
        parts.append("some reports are missing")
    return "; ".join(parts)


def watched_queue_document(queue: Queue, last: LastSecond | None) -> WatchedQueueDocument:
    """Write a queue with its last second."""
    (switch, port), priority = queue
    return WatchedQueueDocument(
        switch=switch,
        port=port,
        priority=priority,
        last_second=None
        if last is None
        else LastSecondDocument(
            begins_at=utc(last.begins / _SECOND),
            known_milliseconds=last.known,
            p99_wait_us=last.p99_wait_ns / _US,
            max_depth=last.max_depth,
            drops=last.drops,
        ),
    )


def film_document(incident: Incident, films: Sequence[Film]) -> IncidentFilmDocument:
    """Write the films of an incident, with times since the first of all bins."""
    begins = min((film.bins[0].start_ns for film in films if film.bins), default=incident.began)
    return IncidentFilmDocument(
        number=incident.number, begins_at=utc(begins / _SECOND), films=[_film(film, begins) for film in films]
    )


def top_document(incidents: Iterable[Incident], since: float, most: int) -> TopDocument:
    """What mattered most.

    Args:
        incidents: those to look at.
        since: seconds since 1970; only written.
        most: of each list.
    """
    count = 0
    queues: defaultdict[Queue, _TopQueue] = defaultdict(_TopQueue)
    culprits: defaultdict[FlowId, _TopFlow] = defaultdict(_TopFlow)
    victims: defaultdict[FlowId, _TopFlow] = defaultdict(_TopFlow)
    for incident in incidents:
        count += 1
        for figures in incident.queues:
            if not figures.is_hidden:
                queues[figures.queue].add(figures)
            for found, flows in ((culprits, figures.culprits), (victims, figures.victims)):
                for flow in flows:
                    found[flow.flow].add(flow, incident.number)
    longest = sorted(queues.items(), key=lambda item: (-item[1].congested_ns, item[0]))
    fullest = sorted(culprits.items(), key=lambda item: (-item[1].bytes, str(item[0])))
    slowest = sorted(victims.items(), key=lambda item: (-item[1].max_wait_ns, -item[1].drops, str(item[0])))
    return TopDocument(
        since=utc(since),
        incidents=count,
        queues=[one.document(queue) for queue, one in longest[:most]],
        culprits=[one.document(flow) for flow, one in fullest[:most]],
        victims=[one.document(flow) for flow, one in slowest[:most]],
    )


@dataclass(slots=True)
class _TopQueue:
    incidents: int = 0
    congested_ns: int = 0
    peak_depth: int = 0
    peak_wait_ns: int = 0
    drops: int = 0
    untold_drops: str | None = None

    def add(self, figures: QueueFigures) -> None:
        self.incidents += 1
        self.congested_ns += figures.duration_ns
        self.peak_depth = max(self.peak_depth, figures.peak_depth)
        self.peak_wait_ns = max(self.peak_wait_ns, figures.peak_wait_ns)
        self.drops += figures.drops
        self.untold_drops = self.untold_drops or figures.untold_drops

    def document(self, queue: Queue) -> TopQueueDocument:
        return TopQueueDocument(
            switch=queue.port.switch,
            port=queue.port.port,
            priority=queue.queue,
            incidents=self.incidents,
            congested_seconds=_seconds(self.congested_ns),
            peak_depth=self.peak_depth,
            peak_wait_us=self.peak_wait_ns / _US,
            drops=self.drops if self.untold_drops is None else None,
        )


@dataclass(slots=True)
class _TopFlow:
    names: FlowNames = field(default_factory=FlowNames)
    incidents: set[int] = field(default_factory=set)
    bytes: int = 0
    max_share: float = 0.0
    max_wait_ns: int = 0
    drops: int = 0

    def add(self, figures: FlowFigures, number: int) -> None:
        self.names = figures.names
        self.incidents.add(number)
        self.bytes += figures.bytes
        self.max_share = max(self.max_share, figures.share)
        self.max_wait_ns = max(self.max_wait_ns, figures.max_wait_ns)
        self.drops += figures.drops

    def document(self, flow: FlowId) -> TopFlowDocument:
        return TopFlowDocument(
            **flow_ends(flow),
            tenant=self.names.tenant,
            source_name=self.names.source,
            destination_name=self.names.destination,
            intents=intent_refs(self.names.intents),
            incidents=len(self.incidents),
            bytes=self.bytes,
            max_share=round(self.max_share, 4),
            max_wait_us=self.max_wait_ns / _US,
            drops=self.drops,
        )


def _queue(figures: QueueFigures) -> IncidentQueueDocument:
    (switch, port), priority = figures.queue
    hidden, others = figures.is_hidden, figures.others
    return IncidentQueueDocument(
        switch=None if hidden else switch,
        port=None if hidden else int(port),
        priority=None if hidden else priority,
        root=figures.is_root,
        began_at=utc(figures.began / _SECOND),
        ended_at=utc(figures.ended / _SECOND),
        duration_seconds=_seconds(figures.duration_ns),
        clock_error_seconds=_error(figures.clock_error_ns),
        switch_began_ns=figures.switch_began,
        switch_ended_ns=figures.switch_ended,
        peak_depth=figures.peak_depth,
        peak_depth_at=utc(figures.peak_depth_at / _SECOND),
        peak_wait_us=figures.peak_wait_ns / _US,
        peak_wait_at=utc(figures.peak_wait_at / _SECOND),
        drops=figures.drops if figures.untold_drops is None else None,
        drops_unknown=figures.untold_drops,
        packets=figures.packets,
        bytes=figures.bytes,
        bins=figures.bins,
        late_bins=figures.late_bins,
        reports=figures.reports,
        unreported=figures.unreported,
        culprits=[_flow(flow) for flow in figures.culprits],
        victims=[_flow(flow) for flow in figures.victims],
        participants=[_flow(flow) for flow in figures.participants],
        reports_of_other_flows=figures.reports_of_other_flows,
        others=None
        if others is None
        else OtherFlowsDocument(
            flows=others.flows, bytes=others.bytes, share=round(others.share, 4), drops=others.drops
        ),
    )


def _flow(figures: FlowFigures) -> IncidentFlowDocument:
    return IncidentFlowDocument(
        **flow_ends(figures.flow),
        tenant=figures.names.tenant,
        source_name=figures.names.source,
        destination_name=figures.names.destination,
        intents=intent_refs(figures.names.intents),
        role=_ROLES[figures.role],
        bytes=figures.bytes,
        share=round(figures.share, 4),
        max_wait_us=figures.max_wait_ns / _US,
        drops=figures.drops,
        reports=figures.reports,
    )


def flow_ends(flow: FlowId) -> dict[str, Any]:
    """The fields of a flow itself."""
    vlan, one = flow
    return {
        "protocol": one.protocol_name,
        "source": None if one.source is None else str(one.source),
        "destination": None if one.destination is None else str(one.destination),
        "source_port": int(one.source_port),
        "destination_port": int(one.destination_port),
        "vlan": vlan,
    }


def intent_refs(keys: Iterable[IntentKey]) -> list[IntentRef]:
    """Intents by name."""
    return [IntentRef(kind=key.kind, tenant=key.tenant, name=key.name) for key in keys]


def _film(film: Film, begins: int) -> FilmDocument:
    (switch, port), priority = film.queue
    return FilmDocument(
        switch=switch,
        port=port,
        priority=priority,
        cut=film.is_cut,
        start_ns=[one.start_ns - begins for one in film.bins],
        max_depth=[one.max_depth for one in film.bins],
        max_wait_us=[one.max_wait_ns / _US for one in film.bins],
        packets=[one.packets for one in film.bins],
        bytes=[one.bytes for one in film.bins],
        drops=[one.drops for one in film.bins],
        late=[one.late for one in film.bins],
    )


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / _SECOND, 6)


def _error(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else _seconds(nanoseconds)

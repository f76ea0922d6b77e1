"""How the fabric's values are written as JSON; the models are what OpenAPI shows.

Names are camelCase as in intents, times are RFC 3339 in UTC. This module must never ask the fabric.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from controller.api.base import Document as _Document
from controller.api.base import Time
from controller.api.base import time_text as _time
from controller.api.drops import drop_event_fields
from controller.fabric import Applied, IntentStatus, IntentView, SwitchView
from controller.names import IntentKey, PortRef
from controller.telemetry import events as e
from controller.telemetry.bus import Lost, Published
from controller.telemetry.congestion import Episode, Flow
from controller.telemetry.counters import Count
from controller.topology.model import Host, Link, Topology
from controller.topology.sighting import RefusedClaim

__all__ = [
    "AppliedDocument",
    "AppliedList",
    "CongestionDocument",
    "CountersDocument",
    "EpisodeDocument",
    "ErrorDocument",
    "IntentList",
    "IntentWithStatus",
    "SwitchDocument",
    "SwitchList",
    "TopologyDocument",
    "event_document",
]


class FieldProblem(_Document):
    """One thing that is wrong."""

    field: str
    value: Any
    message: str


class ErrorDocument(_Document):
    """Why a request was refused; nothing of it was done."""

    errors: list[FieldProblem]


class StatusDocument(_Document):
    """How far an intent is."""

    state: str = Field(description="accepted, installing, active or degraded")
    generation: int
    reasons: list[str] = Field(description="why it is degraded")
    since: Time | None

    @classmethod
    def of(cls, status: IntentStatus) -> StatusDocument:
        """Write a status."""
        since = status.since or None
        return cls(
            state=status.state, generation=status.generation, reasons=list(status.reasons), since=since
        )


class IntentWithStatus(_Document):
    """An intent as it was written, and how far it is."""

    kind: str
    name: str
    tenant: str
    spec: dict[str, Any]
    status: StatusDocument

    @classmethod
    def of(cls, view: IntentView) -> IntentWithStatus:
        """Write an intent."""
        status = StatusDocument.of(view.status)
        return cls.model_validate({**view.intent.document(), "status": status})


class IntentList(_Document):
    """Several intents."""

    intents: list[IntentWithStatus]


class AppliedDocument(IntentWithStatus):
    """What became of a document."""

    outcome: str = Field(description="created, changed or unchanged")

    @classmethod
    def of_applied(cls, applied: Applied) -> AppliedDocument:
        """Write what became of a document."""
        intent = IntentWithStatus.of(applied.view)
        return cls(**dict(intent), outcome=applied.outcome)


class AppliedList(_Document):
    """What became of several documents."""

    intents: list[AppliedDocument]


class SwitchDocument(_Document):
    """One switch."""

    name: str
    device_id: int
    role: str
    target: str
    address: str
    ports: list[int] | None = Field(description="those that it has; null where it does not say")
    connected: bool
    state: str = Field(description="disconnected, backup or primary, and why")
    held: str | None = Field(description="why nothing is written to it until the operator decides")
    in_sync: bool
    entries_desired: int
    entries_installed: int
    entries_refused: int
    failures: list[str]
    unknown: list[str] = Field(description="what it holds that this controller cannot read")

    @classmethod
    def of(cls, view: SwitchView) -> SwitchDocument:
        """Write a switch."""
        return cls(
            name=view.name,
            device_id=view.device_id,
            role=view.role,
            target=view.target,
            address=view.address,
            ports=None if view.ports is None else [int(port) for port in view.ports],
            connected=view.connected,
            state=str(view.state),
            held=view.held,
            in_sync=view.in_sync,
            entries_desired=view.desired,
            entries_installed=view.installed,
            entries_refused=view.refused,
            failures=list(view.failures),
            unknown=list(view.unknown),
        )


class SwitchList(_Document):
    """All switches."""

    switches: list[SwitchDocument]


class End(_Document):
    """A port of a switch."""

    switch: str
    port: int


class LinkDocument(_Document):
    """One direction of a link."""

    source: End
    destination: End

    @classmethod
    def of(cls, link: Link) -> LinkDocument:
        """Write a link."""
        here, there = link.source, link.destination
        return cls(
            source=End(switch=here.switch, port=here.port),
            destination=End(switch=there.switch, port=there.port),
        )


class HostDocument(_Document):
    """A host that was learned."""

    mac: str
    tenant: str
    network: str
    switch: str
    port: int
    addresses: list[str]

    @classmethod
    def of(cls, host: Host) -> HostDocument:
        """Write a host."""
        return cls(
            mac=str(host.mac),
            tenant=host.network.tenant,
            network=host.network.name,
            switch=host.attachment.switch,
            port=host.attachment.port,
            addresses=sorted(str(address) for address in host.addresses),
        )


class TopologyDocument(_Document):
    """Switches, links and hosts."""

    switches: list[SwitchDocument]
    links: list[LinkDocument]
    hosts: list[HostDocument]

    @classmethod
    def of(cls, switches: tuple[SwitchView, ...], topology: Topology) -> TopologyDocument:
        """Write a topology."""
        return cls(
            switches=[SwitchDocument.of(switch) for switch in switches],
            links=[LinkDocument.of(link) for link in sorted(topology.links)],
            hosts=[HostDocument.of(host) for _, host in sorted(topology.hosts.items())],
        )


class FlowDocument(_Document):
    """The packets of one 5-tuple."""

    protocol: str
    source: str | None
    destination: str | None
    source_port: int
    destination_port: int
    reports: int

    @classmethod
    def of(cls, flow: Flow, reports: int) -> FlowDocument:
        """Write a flow."""
        return cls(
            protocol=flow.protocol_name,
            source=None if flow.source is None else str(flow.source),
            destination=None if flow.destination is None else str(flow.destination),
            source_port=flow.source_port,
            destination_port=flow.destination_port,
            reports=reports,
        )


class EpisodeDocument(_Document):
    """One time of congestion of one queue."""

    number: int
    switch: str
    port: int
    queue: int
    started_at: Time
    last_report_at: Time
    ended_at: Time | None
    duration_seconds: float
    depth: int = Field(description="packets in the queue, by the last report")
    delay_us: int = Field(description="microseconds that a packet waited, by the last report")
    peak_depth: int
    peak_delay_us: int
    reports: int
    flows: list[FlowDocument] = Field(description="those reported most first")
    reports_of_other_flows: int

    @classmethod
    def of(cls, episode: Episode) -> EpisodeDocument:
        """Write an episode."""
        by_reports = sorted(episode.flows.items(), key=lambda item: -item[1])
        return cls(
            number=episode.number,
            switch=episode.queue.port.switch,
            port=episode.queue.port.port,
            queue=episode.queue.queue,
            started_at=episode.started_at,
            last_report_at=episode.last_report_at,
            ended_at=episode.ended_at,
            duration_seconds=round(episode.duration, 3),
            depth=episode.depth,
            delay_us=episode.delay_us,
            peak_depth=episode.peak_depth,
            peak_delay_us=episode.peak_delay_us,
            reports=episode.reports,
            flows=[FlowDocument.of(flow, reports) for flow, reports in by_reports],
            reports_of_other_flows=episode.reports_of_other_flows,
        )


class CongestionDocument(_Document):
    """Where the fabric is congested, and where it was."""

    active: list[EpisodeDocument]
    over: list[EpisodeDocument] = Field(description="the last ones, the newest first")


class SwitchCount(_Document):
    """One switch's part."""

    packets: int
    bytes: int


class CountDocument(_Document):
    """One thing that is counted, such as a rule."""

    counter: str
    packets: int
    bytes: int
    switches: dict[str, SwitchCount]
    read_at: Time | None = Field(description="the oldest part; null where a switch has never answered")


class CountersDocument(_Document):
    """All that is counted for an intent."""

    kind: str
    tenant: str
    name: str
    counters: list[CountDocument]

    @classmethod
    def of(cls, key: IntentKey, counts: tuple[Count, ...]) -> CountersDocument:
        """Write counts."""
        counters = [
            CountDocument(
                counter=count.label,
                packets=count.packets,
                bytes=count.bytes,
                switches={
                    switch: SwitchCount(packets=part.packets, bytes=part.bytes)
                    for switch, part in sorted(count.by_switch.items())
                },
                read_at=count.read_at,
            )
            for count in counts
        ]
        return cls(kind=key.kind, tenant=key.tenant, name=key.name, counters=counters)


def event_document(item: Published | Lost) -> dict[str, Any]:
    """Write an event, or that some were lost."""
    if isinstance(item, Lost):
        return {"type": "EventsLost", "count": item.count}
    event = item.event
    return {"type": type(event).__name__, "time": _time(item.time), **_event_fields(event)}


def _event_fields(event: e.Event) -> dict[str, Any]:
    match event:
        case e.IntentStatusChanged(key, generation, state, reasons):
            status = {"generation": generation, "state": state, "reasons": list(reasons)}
            return {**_key(key), **status}
        case e.IntentDeleted(key):
            return _key(key)
        case e.SwitchConnected(switch):
            return {"switch": switch}
        case e.SwitchDisconnected(switch, reason):
            return {"switch": switch, "reason": reason}
        case e.LinkUp(link):
            return LinkDocument.of(link).model_dump()
        case e.LinkDown(link, reason):
            return {**LinkDocument.of(link).model_dump(), "reason": reason}
        case e.HostLearned(host) | e.HostForgotten(host):
            return HostDocument.of(host).model_dump()
        case e.HostMoved(host, before):
            return {**HostDocument.of(host).model_dump(), "before": _end(before)}
        case e.AddressMoved(address, host, mac, before):
            was = {"mac": str(mac), **_end(before)}
            return {**HostDocument.of(host).model_dump(), "address": str(address), "before": was}
        case e.AddressClaimRefused(claim):
            return _refused_claim(claim)
        case e.CongestionOnset(episode) | e.CongestionUpdate(episode) | e.CongestionCleared(episode):
            return EpisodeDocument.of(episode).model_dump()
        case e.TrafficDropped() | e.TrafficDropsCleared():
            return drop_event_fields(event)


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


def _end(port: PortRef) -> dict[str, Any]:
    return End(switch=port.switch, port=port.port).model_dump()


def _key(key: IntentKey) -> dict[str, str]:
    return {"kind": key.kind, "tenant": key.tenant, "name": key.name}

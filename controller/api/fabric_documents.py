"""How switches, ports, links, hosts, paths and congestion are written as JSON.

The models are what OpenAPI shows. This module asks the fabric nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p4fabric.controller.documents.fabric import (
    DrainState,
    End,
    EpisodeDocument,
    FlowDocument,
    HostDocument,
    HostFacts,
    LinkDocument,
    LinkEnds,
    PathHop,
    PathsDocument,
    PortDocument,
    QueueDocument,
    SwitchDocument,
    SwitchRole,
)
from p4fabric.controller.documents.intents import (
    StatusReason,
)
from p4fabric.controller.fabric import PortView, SwitchView
from p4fabric.controller.names import PortRef
from p4fabric.controller.telemetry.congestion import Episode
from p4fabric.controller.telemetry.flow import Flow
from p4fabric.controller.times import utc
from p4fabric.controller.topology import drain as topology
from p4fabric.controller.topology.model import Host, Link
from p4fabric.controller.topology.paths import Path

__all__ = [
    "drain_state",
    "episode_document",
    "host_document",
    "host_facts",
    "link_document",
    "link_ends",
    "paths_document",
    "port_document",
    "switch_document",
]


def switch_document(view: SwitchView) -> SwitchDocument:
    """Write a switch."""
    return SwitchDocument(
        name=view.name,
        device_id=view.device_id,
        role=SwitchRole(view.role),
        target=view.target,
        address=view.address,
        ports=None if view.ports is None else [int(port) for port in view.ports],
        ports_unread=view.ports_unread,
        connected=view.connected,
        state=str(view.state),
        held=view.held,
        in_sync=view.in_sync,
        entries_desired=view.desired,
        entries_installed=view.installed,
        entries_refused=view.refused,
        failures=[StatusReason.model_validate(one.as_dict()) for one in view.failures],
        unknown=list(view.unknown),
        drain=drain_state(view.drain),
    )


def drain_state(state: topology.DrainState | None) -> DrainState:
    """Write how far something is with being drained; None: it is in use."""
    return DrainState.IN_USE if state is None else DrainState(state.value)


def link_ends(link: Link) -> LinkEnds:
    """Write one direction of a link."""
    return LinkEnds(source=_end(link.source), destination=_end(link.destination))


def link_document(link: Link, drain: topology.DrainState | None) -> LinkDocument:
    """Write a link that is up, and how far it is with being drained."""
    return LinkDocument(
        source=_end(link.source), destination=_end(link.destination), drain=drain_state(drain)
    )


def host_document(host: Host, name: str | None) -> HostDocument:
    """Write a host and its name."""
    return HostDocument(**host_facts(host).model_dump(), name=name)


def host_facts(host: Host) -> HostFacts:
    """Write a host, for events."""
    return HostFacts(
        mac=str(host.mac),
        tenant=host.network.tenant,
        network=host.network.name,
        switch=host.attachment.switch,
        port=host.attachment.port,
        addresses=sorted(str(address) for address in host.addresses),
    )


def port_document(view: PortView) -> PortDocument:
    """Write a port."""
    count = view.count
    queues = sorted(count.queues.items()) if count is not None else []
    return PortDocument(
        switch=view.ref.switch,
        port=view.ref.port,
        interface=None if count is None else count.interface,
        up=None if count is None else count.up,
        peer=None if view.peer is None else End(switch=view.peer.switch, port=view.peer.port),
        networks=[f"{key.tenant}/{key.name}" for key in view.networks],
        counters={} if count is None else dict(sorted(count.totals.items())),
        rates=None if count is None or count.rates is None else _rounded(count.rates),
        queues=[QueueDocument(name=name, counters={**queue.totals, **queue.now}) for name, queue in queues],
    )


def paths_document(
    ends: tuple[str, str], links: int | None, count: int, paths: Sequence[Path]
) -> PathsDocument:
    """Write paths."""
    hops = [[PathHop(source=_end(h.source), destination=_end(h.destination)) for h in p] for p in paths]
    return PathsDocument(source=ends[0], destination=ends[1], links=links, count=count, paths=hops)


def flow_document(flow: Flow, reports: int) -> FlowDocument:
    """Write a flow."""
    return FlowDocument(
        protocol=flow.protocol_name,
        source=None if flow.source is None else str(flow.source),
        destination=None if flow.destination is None else str(flow.destination),
        source_port=flow.source_port,
        destination_port=flow.destination_port,
        reports=reports,
    )


def episode_document(episode: Episode) -> EpisodeDocument:
    """Write an episode."""
    by_reports = sorted(episode.flows.items(), key=lambda item: -item[1])
    return EpisodeDocument(
        number=episode.number,
        switch=episode.queue.port.switch,
        port=episode.queue.port.port,
        queue=episode.queue.queue,
        started_at=utc(episode.started_at),
        last_report_at=utc(episode.last_report_at),
        ended_at=None if episode.ended_at is None else utc(episode.ended_at),
        active=episode.ended_at is None,
        duration_seconds=round(episode.duration, 3),
        depth=episode.depth,
        delay_us=episode.delay_us,
        peak_depth=episode.peak_depth,
        peak_delay_us=episode.peak_delay_us,
        reports=episode.reports,
        flows=[flow_document(flow, reports) for flow, reports in by_reports],
        reports_of_other_flows=episode.reports_of_other_flows,
    )


def _rounded(rates: Mapping[str, float]) -> dict[str, float]:
    return {name: round(rate, 3) for name, rate in sorted(rates.items())}


def _end(port: PortRef) -> End:
    return End(switch=port.switch, port=port.port)

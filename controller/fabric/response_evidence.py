"""What the closed loop decides from, put together of what is known of queues, hosts, links and ports.

It reads and changes nothing; the time is given. This module decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from p4fabric.controller.compiler.remedy import Remedied, Remedy, RemedyKey
from p4fabric.controller.hosts.attachments import AttachmentIndex
from p4fabric.controller.intents.fields import IpAddress
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.controller.names import PortRef, SwitchName, TenantName
from p4fabric.controller.response import CongestedQueue, Culprit, Evidence, Place, Way
from p4fabric.controller.response.losses import RecentLosses
from p4fabric.controller.telemetry.collector import Collector
from p4fabric.controller.telemetry.incidents import FlowFigures, Incident, QueueFigures
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.series import SeriesRecorder
from p4fabric.controller.topology.model import Host
from p4fabric.controller.topology.paths import Paths
from p4fabric.pipelines.values import Port, VlanId

__all__ = ["EvidenceSources", "ResponseEvidence"]

_SECOND = 1_000_000_000
_MOST_LOST = 0.01
"""Of a switch's reports: from there on they are not relied upon."""
_MOST_LAG = 0.5
"""Seconds from the time in a report to its arrival."""
_MOST_ERROR_NS = 100_000_000
"""By which a switch's clock may be wrong."""
_FRESH = 1.0
"""Seconds for which a queue counts as congested since it was."""


@dataclass(frozen=True)
class EvidenceSources:
    """Who knows what."""

    collector: Collector
    recorder: SeriesRecorder
    incidents: Callable[[], Sequence[Incident]]
    """Those that go on."""
    attachments: AttachmentIndex
    owner: Callable[[TenantName, IpAddress], Host | None]
    paths: Callable[[], Paths]
    peer: Callable[[PortRef], PortRef | None]
    load: Callable[[PortRef], float | None]
    """Bytes a second that leave by a port."""


class ResponseEvidence:
    """Event loop only."""

    def __init__(self, sources: EvidenceSources) -> None:
        """Take who knows what."""
        self._of = sources
        self._losses: dict[SwitchName, RecentLosses] = {}

    def at(
        self, now: float, responses: Sequence[CongestionResponse], remedies: Mapping[RemedyKey, Remedy]
    ) -> Evidence:
        """What is known at a moment, in seconds since 1970."""
        queues = tuple(self._queues())
        congested = {one.queue.port for one in queues if now - one.ended <= _FRESH}
        now_ns, recorder = int(now * 1e9), self._of.recorder
        return Evidence(
            now,
            responses,
            remedies,
            queues,
            dict(self._doubts(now)),
            # Many responses ask the same.
            wait=cache(lambda queue, since, until: recorder.p99(queue, int(since * 1e9), int(until * 1e9))),
            throughput=cache(lambda queue, since: self._throughput(queue, int(since * 1e9), now_ns)),
            ways=cache(lambda leaf, towards: self._ways(leaf, towards, congested)),
        )

    # Whether to believe it.

    def _doubts(self, now: float) -> Iterator[tuple[SwitchName, str]]:
        for name, figures in self._of.collector.nodes.items():
            losses = self._losses.setdefault(name, RecentLosses())
            share = losses.share(now, figures.received, figures.lost)
            clock = self._of.collector.clock(name, int(now * 1e9))
            if share > _MOST_LOST:
                yield name, f"{share:.1%} of the reports of {name} were lost in the last 10 s"
            elif figures.lag.total and figures.lag.last > _MOST_LAG:
                yield name, f"reports of {name} come {figures.lag.last:.1f} s late"
            elif clock is None:
                yield name, f"the clock of {name} is not known"
            elif clock.error is not None and clock.error > _MOST_ERROR_NS:
                yield name, f"nobody knows how wrong the clock of {name} may be"

    # Queues and flows.

    def _queues(self) -> Iterator[CongestedQueue]:
        incidents = self._of.incidents()
        for is_root in (True, False):
            for incident in incidents:
                for figures in incident.queues:
                    if figures.is_root is is_root:
                        yield self._queue(incident.number, figures)

    def _queue(self, incident: int, figures: QueueFigures) -> CongestedQueue:
        port = figures.queue.port
        return CongestedQueue(
            incident,
            figures.queue,
            bool(self._of.attachments.networks_at(port)) or self._of.peer(port) is None,
            figures.began / _SECOND,
            figures.ended / _SECOND,
            tuple(
                Culprit(one.flow, one.names, one.share, self._place(one))
                for one in sorted(figures.culprits, key=lambda one: -one.share)
            ),
            frozenset(one.flow for one in figures.victims),
        )

    def _place(self, figures: FlowFigures) -> Place | str:
        vlan, flow = figures.flow
        tenant = figures.names.tenant
        if flow.source is None or flow.destination is None or tenant is None:
            return "is no flow between hosts that are known"
        network = self._of.attachments.with_vlan(VlanId(vlan)) if 0 < vlan < 1 << VlanId.BITS else None
        if network is None:
            return "is in a network that is not known"
        ends = self._of.owner(tenant, flow.source), self._of.owner(tenant, flow.destination)
        if ends[0] is None or ends[1] is None:
            address = flow.source if ends[0] is None else flow.destination
            return f"{address} is no host that is known"
        ports = flow.source_port, flow.destination_port
        remedied = Remedied(network, flow.source, flow.destination, flow.protocol, *ports)
        return Place(remedied, ends[0].attachment.switch, ends[1].attachment.switch)

    def _throughput(self, queue: Queue, since: int, now: int) -> float | None:
        bins = self._of.recorder.film(queue, since, now).bins
        if not bins:
            return None
        seconds = (bins[-1].start_ns - bins[0].start_ns) / _SECOND
        return sum(one.bytes for one in bins) / max(seconds, 0.001)

    # Ways.

    def _ways(self, leaf: SwitchName, towards: SwitchName, congested: set[PortRef]) -> tuple[Way, ...]:
        paths = self._of.paths()
        return tuple(
            way
            for port in paths.next_hop_ports(leaf, towards)
            if (way := self._way(paths, leaf, port, towards, congested)) is not None
        )

    def _way(
        self, paths: Paths, leaf: SwitchName, port: Port, towards: SwitchName, congested: set[PortRef]
    ) -> Way | None:
        here = PortRef(leaf, port)
        there = self._of.peer(here)
        if there is None:
            return None
        onward = paths.next_hop_ports(there.switch, towards) if there.switch != towards else ()
        on_it = {here, *(PortRef(there.switch, one) for one in onward)}
        return Way(port, there.switch, self._of.load(here), bool(on_it & congested))

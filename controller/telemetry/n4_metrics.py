"""N4 in Prometheus's words: SMFs, their sessions, and what became of their requests.

No label has an address. This module does not know how a value came about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.names import IntentKey

__all__ = ["BufferFigures", "N4Figures", "NodeFigures", "n4_metrics"]


class NodeFigures(NamedTuple):
    """A Upf at one moment."""

    upf: IntentKey
    associations: int
    sessions: int
    idle: int
    """Sessions of which packets go to a buffer."""


class BufferFigures(NamedTuple):
    """A buffer at one moment."""

    name: str
    is_connected: bool
    figures: Mapping[str, int]
    """As it tells them."""


class N4Figures(Protocol):
    """N4 at one moment."""

    def figures(self) -> Iterable[NodeFigures]:
        """All Upfs."""

    def answers(self) -> Mapping[tuple[str, str], int]:
        """Requests that were answered, by type and cause."""

    def buffers(self) -> Iterable[BufferFigures]:
        """All buffers."""

    @property
    def reported(self) -> Mapping[str, int]:
        """Reports that packets wait, by what became of them."""


def n4_metrics(figures: N4Figures) -> Iterator[Metric]:
    """All families."""
    labels = ["tenant", "name"]
    associations = GaugeMetricFamily("p4fabric_upf_associations", "SMFs of a Upf.", labels=labels)
    sessions = GaugeMetricFamily("p4fabric_upf_sessions", "Sessions that stand at a Upf.", labels=labels)
    idle = GaugeMetricFamily(
        "p4fabric_upf_idle_sessions", "Sessions of which packets go to a buffer.", labels=labels
    )
    for upf, smfs, standing, waiting in figures.figures():
        associations.add_metric([upf.tenant, upf.name], smfs)
        sessions.add_metric([upf.tenant, upf.name], standing)
        idle.add_metric([upf.tenant, upf.name], waiting)
    requests = CounterMetricFamily(
        "p4fabric_n4_requests", "Requests of SMFs that were answered.", labels=["type", "cause"]
    )
    for (kind, cause), number in figures.answers().items():
        requests.add_metric([kind, cause], number)
    reports = CounterMetricFamily(
        "p4fabric_n4_downlink_data_reports", "Reports that packets wait, to SMFs.", labels=["result"]
    )
    for result in ("accepted", "refused", "notAnswered"):
        reports.add_metric([result], figures.reported.get(result, 0))
    yield from (associations, sessions, idle, requests, reports)
    yield from _buffer_metrics(figures.buffers())


def _buffer_metrics(buffers: Iterable[BufferFigures]) -> Iterator[Metric]:
    labels = ["buffer"]
    up = GaugeMetricFamily("p4fabric_upf_buffer_up", "Whether a buffer is connected.", labels=labels)
    packets = GaugeMetricFamily("p4fabric_upf_buffer_packets", "Packets that wait there.", labels=labels)
    octets = GaugeMetricFamily("p4fabric_upf_buffer_bytes", "Memory that they take.", labels=labels)
    kept = CounterMetricFamily(
        "p4fabric_upf_buffer_kept_packets", "Packets that waited there.", labels=labels
    )
    sent = CounterMetricFamily("p4fabric_upf_buffer_sent_packets", "Packets sent on to gNBs.", labels=labels)
    dropped = CounterMetricFamily(
        "p4fabric_upf_buffer_dropped_packets", "Packets dropped there.", labels=[*labels, "reason"]
    )
    for one in buffers:
        up.add_metric([one.name], one.is_connected)
        if not one.figures:
            continue
        for family, figure in ((packets, "packets"), (octets, "octets"), (kept, "kept"), (sent, "sent")):
            family.add_metric([one.name], one.figures.get(figure, 0))
        for name, count in one.figures.items():
            if name.startswith("dropped."):
                dropped.add_metric([one.name, name.removeprefix("dropped.")], count)
    yield from (up, packets, octets, kept, sent, dropped)

"""Reports of switches and incidents in Prometheus's words: what came, what is missing, what became of it.

This module does not know how a value came about.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from p4fabric.controller.telemetry.collector import Collector, Refused
from p4fabric.controller.telemetry.incidents import IncidentMachine
from p4fabric.controller.telemetry.reports import Origin

__all__ = ["IncidentFigures", "report_metrics"]


class IncidentFigures(Protocol):
    """Reports and incidents at one moment."""

    @property
    def is_listening(self) -> bool:
        """Whether reports are taken."""

    @property
    def collector(self) -> Collector: ...
    @property
    def machine(self) -> IncidentMachine: ...
    @property
    def began(self) -> int:
        """Incidents since the start."""

    @property
    def export_failures(self) -> int | None:
        """IPFIX messages that were not sent; None where none are."""


def report_metrics(figures: IncidentFigures) -> Iterator[Metric]:
    """All families; those of reports where reports are taken."""
    if figures.is_listening:
        yield from _of_reports(figures.collector)
    yield CounterMetricFamily("p4fabric_incidents", "Incidents of congestion that began.", figures.began)
    yield GaugeMetricFamily("p4fabric_incidents_active", "Incidents that go on.", figures.machine.running)
    unused = CounterMetricFamily(
        "p4fabric_incident_evidence_dropped",
        "Evidence that came when its incident was over (late), or of too many queues (refused).",
        labels=["reason"],
    )
    unused.add_metric(["late"], figures.machine.late)
    unused.add_metric(["refused"], figures.machine.refused)
    yield unused
    if (failures := figures.export_failures) is not None:
        yield CounterMetricFamily("p4fabric_ipfix_failures", "IPFIX messages that were not sent.", failures)


def _of_reports(collector: Collector) -> Iterator[Metric]:
    labels = ["switch", "source"]
    received = CounterMetricFamily(
        "p4fabric_reports_received", "Datagrams of reports that came.", labels=labels
    )
    lost = CounterMetricFamily(
        "p4fabric_reports_lost", "Datagrams of reports that were missing when later ones came.", labels=labels
    )
    late = CounterMetricFamily(
        "p4fabric_reports_late", "Of those, the ones that came after all.", labels=labels
    )
    lag = HistogramMetricFamily(
        "p4fabric_report_lag_seconds", "From the time in a report to its arrival.", labels=["switch"]
    )
    for switch, node in collector.nodes.items():
        for source in dict.fromkeys((*Origin, *node.sequences)):
            name = Origin(source).name.lower() if source in set(Origin) else str(source)
            sequence = node.sequences.get(source)
            received.add_metric([switch, name], 0 if sequence is None else sequence.received)
            lost.add_metric([switch, name], 0 if sequence is None else sequence.lost + sequence.late)
            late.add_metric([switch, name], 0 if sequence is None else sequence.late)
        buckets = [(_bound_text(bound), count) for bound, count in node.lag.buckets()]
        lag.add_metric([switch], buckets, node.lag.sum)
    yield from (received, lost, late, lag)
    refused = CounterMetricFamily(
        "p4fabric_reports_refused", "Datagrams that do not count, by reason.", labels=["reason"]
    )
    for reason in Refused:
        refused.add_metric([reason], collector.refused[reason])
    yield refused
    yield CounterMetricFamily(
        "p4fabric_reports_socket_lost",
        "Datagrams that found the socket's buffer full.",
        collector.socket_lost,
    )


def _bound_text(bound: float) -> str:
    """A bucket's bound as OpenMetrics has it."""
    return "+Inf" if math.isinf(bound) else repr(float(bound))

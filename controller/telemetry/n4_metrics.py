"""N4 in Prometheus's words: SMFs, their sessions, and what became of their requests.

No label has an address. This module does not know how a value came about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.names import IntentKey

__all__ = ["N4Figures", "NodeFigures", "n4_metrics"]


class NodeFigures(NamedTuple):
    """A Upf at one moment."""

    upf: IntentKey
    associations: int
    sessions: int


class N4Figures(Protocol):
    """N4 at one moment."""

    def figures(self) -> Iterable[NodeFigures]:
        """All Upfs."""

    def answers(self) -> Mapping[tuple[str, str], int]:
        """Requests that were answered, by type and cause."""


def n4_metrics(figures: N4Figures) -> Iterator[Metric]:
    """All families."""
    labels = ["tenant", "name"]
    associations = GaugeMetricFamily("p4fabric_upf_associations", "SMFs of a Upf.", labels=labels)
    sessions = GaugeMetricFamily("p4fabric_upf_sessions", "Sessions that stand at a Upf.", labels=labels)
    for upf, smfs, standing in figures.figures():
        associations.add_metric([upf.tenant, upf.name], smfs)
        sessions.add_metric([upf.tenant, upf.name], standing)
    requests = CounterMetricFamily(
        "p4fabric_n4_requests", "Requests of SMFs that were answered.", labels=["type", "cause"]
    )
    for (kind, cause), number in figures.answers().items():
        requests.add_metric([kind, cause], number)
    yield from (associations, sessions, requests)

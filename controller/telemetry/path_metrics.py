"""Paths of followed flows in Prometheus's words; all series are there from the start. No label has a flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.telemetry.flow_paths import PathChange

__all__ = ["PathFigures", "path_metrics"]


class PathFigures(Protocol):
    """Paths at one moment."""

    def states(self) -> tuple[int, int]:
        """Flows that are told of, and those that are silent."""

    @property
    def changes(self) -> Mapping[PathChange, int]:
        """Since the start."""


def path_metrics(figures: PathFigures) -> Iterator[Metric]:
    """All families."""
    flows = GaugeMetricFamily(
        "p4fabric_flow_paths", "Followed flows, by whether any comes.", labels=["state"]
    )
    for state, number in zip(("active", "silent"), figures.states(), strict=True):
        flows.add_metric([state], number)
    changes = CounterMetricFamily(
        "p4fabric_flow_path_changes", "News of the paths of followed flows, by kind.", labels=["change"]
    )
    for change, number in figures.changes.items():
        changes.add_metric([change.value], number)
    yield from (flows, changes)

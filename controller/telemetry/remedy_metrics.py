"""The closed loop in Prometheus's words; all series are there from the start. No label has a flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.compiler.remedy import Action

__all__ = ["RemedyFigures", "remedy_metrics"]


class RemedyFigures(Protocol):
    """The loop at one moment."""

    def counts(self) -> Mapping[Action, int]:
        """Remedies that stand."""

    @property
    def granted(self) -> Mapping[Action, int]:
        """Since the start."""

    @property
    def ended(self) -> Mapping[tuple[Action, str], int]:
        """By action, and why."""

    @property
    def recommended(self) -> Mapping[Action, int]:
        """Once for each flow of an incident."""


def remedy_metrics(figures: RemedyFigures) -> Iterator[Metric]:
    """All families."""
    standing = GaugeMetricFamily("p4fabric_remedies", "Remedies that stand.", labels=["action"])
    granted = CounterMetricFamily("p4fabric_remedies_granted", "Remedies for congestion.", labels=["action"])
    recommended = CounterMetricFamily(
        "p4fabric_remedies_recommended", "Remedies that were only recommended.", labels=["action"]
    )
    ended = CounterMetricFamily(
        "p4fabric_remedies_ended", "Remedies that ended, by why.", labels=["action", "reason"]
    )
    for family, counts in (
        (standing, figures.counts()),
        (granted, figures.granted),
        (recommended, figures.recommended),
    ):
        for action, number in counts.items():
            family.add_metric([action.value], number)
    for (action, reason), number in figures.ended.items():
        ended.add_metric([action.value, _snake(reason)], number)
    yield from (standing, granted, recommended, ended)


def _snake(word: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in word)

"""The dashboards that are shipped, and what they ask Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser

__all__ = ["ALERTS", "DASHBOARDS", "DEPLOY", "Query", "dashboard", "metrics_in", "queries", "variables"]

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus/alerts.yml"
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


@dataclass(frozen=True)
class Query:
    """What a panel asks."""

    where: str
    expr: str
    legend: frozenset[str]
    """Labels that its legend needs."""

    def filled_in(self, *, instance: str = "host:8080", interval: str = "1m") -> str:
        """The expression as Grafana sends it for all switches of a controller."""
        expr = self.expr.replace("$fabric", instance).replace("$switch", ".+")
        return expr.replace("$__rate_interval", interval)


@cache
def dashboard(path: Path) -> dict[str, Any]:
    """A dashboard as Grafana reads it."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def queries(path: Path) -> Iterator[Query]:
    """All that its panels ask."""
    for panel in dashboard(path)["panels"]:
        for target in panel.get("targets", ()):
            where = f"{path.stem}: {panel['title']}"
            yield Query(where, target["expr"], frozenset(re.findall(r"{{(\w+)}}", target["legendFormat"])))


def variables(path: Path, *, instance: str = "host:8080") -> Iterator[tuple[str, str]]:
    """What its variables ask, of a controller: a selector, and the label whose values are wanted."""
    for variable in dashboard(path)["templating"]["list"]:
        if variable["type"] == "query":
            found = _LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert found is not None, variable
            yield found[1].replace("$fabric", instance), found[2]


def metrics_in(expr: str) -> dict[str, set[str]]:
    """The metrics that an expression names, and the labels by which it chooses among their series.

    Raises:
        ValueError: it is not PromQL.
    """
    found: dict[str, set[str]] = {}

    def visit(node: promql_parser.Expr) -> None:
        match node:
            case promql_parser.MatrixSelector():
                visit(node.vector_selector)
            case promql_parser.VectorSelector():
                assert node.name is not None, f"{expr} does not name a metric"
                labels = {matcher.name for matcher in node.matchers.matchers}
                found.setdefault(node.name, set()).update(labels)

    promql_parser.walk(promql_parser.parse(expr), visit)
    return found

"""Grafana takes the dashboards as they are, and all that they ask for is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families as families

from tests.monitoring.dashboards import DASHBOARDS, DEPLOY, dashboard, metrics_in, queries, variables
from tests.unit.northbound.every_metric import every_metric

BY_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
"""Series that it makes itself, of each target."""
OF_TARGETS = {"job", "instance"}
"""Labels that it gives to each series."""
each = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All values of a document, with the way to each."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def as_grafana_reads(document: dict[str, Any]) -> dict[str, Any]:
    """What is left of a document by Grafana's own schema: keys that it does not know are gone."""
    register_default_plugins()
    found: dict[str, Any] = json.loads(JSONEncoder().encode(Dashboard.from_json(document)))
    return found


@each
def test_grafanas_schema_knows_every_key(path: Path) -> None:
    written, read = dict(leaves(dashboard(path))), dict(leaves(as_grafana_reads(dashboard(path))))
    assert {key: read.get(key, "unknown") for key in written} == written


@pytest.mark.parametrize("place", [("panels", 1), ("panels", 1, "targets", 0), ("panels", 1, "options")])
def test_a_misspelt_key_would_be_noticed(place: tuple[str | int, ...]) -> None:
    document = json.loads(DASHBOARDS[0].read_text())
    part = document
    for step in place:
        part = part[step]
    part["legendFromat"] = ""
    assert "legendFromat" not in json.dumps(as_grafana_reads(document))


@each
def test_it_can_be_provisioned_unedited(path: Path) -> None:
    document, text = dashboard(path), path.read_text()
    # What an export "for sharing externally" asks for at the import, files of provisioning never get.
    assert not {"__inputs", "__requires", "__elements", "id", "version"} & document.keys()
    assert "${DS_" not in text
    assert document["uid"] == f"p4fabric-{path.stem}"
    first = document["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    sources = [value for key, value in leaves(document) if key.endswith(".datasource.uid")]
    assert set(sources) == {"${datasource}"}
    assert all(panel["datasource"] for panel in document["panels"] if panel["type"] != "row")


@each
def test_panels_have_numbers_of_their_own_and_do_not_overlap(path: Path) -> None:
    panels = dashboard(path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"]


@each
async def test_each_expression_is_promql_about_metrics_that_the_controller_has(path: Path) -> None:
    known: dict[str, set[str]] = {name: set() for name in BY_PROMETHEUS}
    for family in families(await every_metric()):
        for sample in family.samples:
            known.setdefault(sample.name, set()).update(sample.labels)
    asked = [(query.where, query.filled_in()) for query in queries(path)]
    asked += [("variable", selector) for selector, _ in variables(path)]
    for where, expr in asked:
        for name, labels in metrics_in(expr).items():
            assert name in known, where
            assert labels <= known[name] | OF_TARGETS, where


def test_provisioning_names_the_data_source_and_the_folder_of_the_dashboards() -> None:
    folder = DEPLOY / "grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus" and source["uid"]
    (provider,) = yaml.safe_load((folder / "dashboards/p4fabric.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    # The guide has the same path.
    assert (
        provider["options"]["path"] in (DEPLOY.parent / "docs/how-to/monitor-with-prometheus.md").read_text()
    )
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped

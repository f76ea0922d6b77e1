"""The reference pages name every metric and every event as the code has them, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from p4fabric.controller.api import create_app
from p4fabric.controller.api.event_documents import event_document
from p4fabric.controller.api.problems import STATUS
from p4fabric.controller.reasons import Code
from p4fabric.controller.telemetry.bus import Lost, Published
from tests.unit.northbound.every_event import EVERY_EVENT
from tests.unit.northbound.every_metric import every_metric

CHECKOUT = Path(__file__).parents[3]
DOCS = CHECKOUT / "docs/reference"


def rows(page: str, section: str = "") -> Iterator[list[str]]:
    """The cells of a page's table rows, or of those of a section."""
    text = (DOCS / page).read_text()
    if section:
        text = text.split(f"\n{section}\n")[1].partition("\n## ")[0]
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_of_problems_has_each_code_with_its_status() -> None:
    text = (DOCS / "problems.md").read_text()
    sections = re.findall(r"^### (\S+)\n\n(.+?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert [code for code, _ in sections] == [code.value for code in Code]
    statuses = {code: int(said[1]) for code, about in sections if (said := re.match(r"(\d{3})\. ", about))}
    assert statuses == {code.value: status for code, status in STATUS.items()}


def test_the_page_of_the_api_has_each_route() -> None:
    nothing: Any = SimpleNamespace()
    description = create_app(nothing, nothing).openapi()
    routes = {(method.upper(), path) for path, found in description["paths"].items() for method in found}
    documented = {
        tuple(names(row[0])[0].partition("?")[0].split(" ")) for row in rows("api.md") if " /" in row[0]
    }
    assert documented == routes


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture
async def page() -> str:
    return await every_metric()


def test_the_page_of_metrics_has_each_with_its_type_and_labels(page: str) -> None:
    found = {}
    for family in families(page):
        if family.name.startswith("p4fabric_") and not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = (family.type, labels)
    metrics = [row for row in rows("metrics.md") if row[0].startswith("`p4fabric_")]
    assert {names(row[0])[0]: (row[1], set(names(row[2]))) for row in metrics} == found
    assert all(row[3] for row in metrics)


def test_the_page_of_drops_speaks_of_a_metric_that_there_is(page: str) -> None:
    known = {sample.name for family in families(page) for sample in family.samples}
    used = set(re.findall(r"p4fabric_[a-z_]+", (DOCS / "drops.md").read_text()))
    assert used and used <= known


def test_the_page_of_events_has_each_with_its_fields() -> None:
    episode = [name for row in rows("events.md", "## Episodes") for name in names(row[0])]
    incident = [name for row in rows("incidents.md", "## Fields") for name in names(row[0])]
    path = [name for row in rows("flow-paths.md", "## Fields") for name in names(row[0])]
    documented = {}
    for row in rows("events.md"):
        if len(row) == 4:
            found_there = {
                "an episode": episode,
                "an incident": incident,
                "[an incident](incidents.md)": incident,
                "`change`, [a path](flow-paths.md)": ["change", *path],
                "a path": path,
            }
            documented[names(row[0])[0]] = set(found_there.get(row[3]) or names(row[3]))
    found = [event_document(Published("1", 0.0, event)) for event in EVERY_EVENT] + [
        event_document(Lost(None, None))
    ]
    assert documented == {event["type"]: set(event) - {"type", "time"} for event in found}

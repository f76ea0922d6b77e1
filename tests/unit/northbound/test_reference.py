"""The reference pages name every metric and every event as the code has them, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as families

from p4fabric.controller.api import create_app
from p4fabric.controller.api.event_documents import event_document
from p4fabric.controller.api.problems import STATUS
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.port_samples import COUNTERS, PortSample, QueueSample
from p4fabric.controller.reasons import Code
from p4fabric.controller.severity import Severity
from p4fabric.controller.telemetry.bus import Lost, Published
from p4fabric.controller.telemetry.counters import Count
from p4fabric.controller.telemetry.drop_counts import PointCount
from p4fabric.controller.telemetry.events import EventClass
from p4fabric.controller.telemetry.metrics import Metrics
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.pipelines.values import Port
from tests.unit.northbound.every_event import EPISODE, EVERY_EVENT, NET, POINT

CHECKOUT = Path(__file__).parents[3]
DOCS = CHECKOUT / "docs/reference"
LEAF = SwitchName("leaf1")


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
    """A scrape of a fabric in which everything has happened once."""
    ports = PortCounts([LEAF])
    leaves = ("occupancy", "max-queue-len", "depth-limit", "transmit-pkts", "transmit-octets", "dropped-pkts")
    queue = QueueSample("egress", dict.fromkeys(leaves, 1))
    ports.ports_sampled(LEAF, [PortSample(Port(1), "eth1", True, dict.fromkeys(COUNTERS, 1), (queue,))])
    switch = SimpleNamespace(
        name=LEAF, connected=True, held=None, in_sync=True, desired=1, installed=1, refused=0,
        messages_dropped=0,
    )  # fmt: skip
    of_switch = SimpleNamespace(name=LEAF, severity=Severity.OK, links_expected=2, links_found=2)
    status = SimpleNamespace(severity=Severity.AT_RISK, links_expected=4, links_found=3, switches=[of_switch])
    view: Any = SimpleNamespace(
        status=lambda: status,
        ports=ports, events_lost={EventClass.HOSTS: 0}, events_published={EventClass.HOSTS: 1},
        links_up=2, hosts_known=1, intents_without_series=0, counter_intervals={LEAF: 5.0},
        switch_figures=lambda: [switch],
        intents_by_state=lambda: {("Network", "active"): 1},
        intent_counts=lambda: [(NET, (Count("rule", 1, 100, {}, None),))],
        tenant_counts=lambda: [("Network", "acme", 1, 100)],
        active_congestion=lambda: [EPISODE],
        drops=lambda: [PointCount(POINT, 1, None)],
        drains=lambda: {("switch", "drained"): 1},
    )  # fmt: skip
    metrics = Metrics(view)
    metrics.compiled(0.1)
    metrics.reconciled(LEAF, 0.1)
    metrics.congestion_began(Queue(PortRef(LEAF, Port(1)), 0))
    return (await metrics.page()).decode()


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


def test_the_alerts_and_the_page_of_drops_speak_of_metrics_that_there_are(page: str) -> None:
    known = {sample.name for family in families(page) for sample in family.samples}
    for file in (CHECKOUT / "examples/prometheus/alerts.yml", DOCS / "drops.md"):
        used = set(re.findall(r"p4fabric_[a-z_]+", file.read_text())) - {"p4fabric_congestion_"}
        assert used and used <= known, file
    rules = yaml.safe_load((CHECKOUT / "examples/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in rules)


def test_the_page_of_events_has_each_with_its_fields() -> None:
    episode = [name for row in rows("events.md", "## Episodes") for name in names(row[0])]
    incident = [name for row in rows("incidents.md", "## Fields") for name in names(row[0])]
    documented = {}
    for row in rows("events.md"):
        if len(row) == 4:
            found_there = {
                "an episode": episode,
                "an incident": incident,
                "[an incident](incidents.md)": incident,
            }
            documented[names(row[0])[0]] = set(found_there.get(row[3]) or names(row[3]))
    found = [event_document(Published("1", 0.0, event)) for event in EVERY_EVENT] + [
        event_document(Lost(None, None))
    ]
    assert documented == {event["type"]: set(event) - {"type", "time"} for event in found}

"""Metrics of reports and of queues: what is counted never goes back, and nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from prometheus_client.core import Metric

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.port_samples import PortSample, QueueSample
from p4fabric.controller.telemetry.collector import Collector, CollectorSettings
from p4fabric.controller.telemetry.incidents import IncidentMachine
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.telemetry.port_metrics import port_metrics
from p4fabric.controller.telemetry.report_metrics import report_metrics
from p4fabric.controller.telemetry.reports import FlowReport, Origin, ReportGroup, encode
from p4fabric.pipelines.values import Port

LEAF1, LEAF2 = SwitchName("leaf1"), SwitchName("leaf2")


def values(families: Iterable[Metric | None], name: str, *but: str) -> dict[tuple[str, ...], float]:
    """Of one metric, by those of the labels that are not left out."""
    return {
        tuple(value for label, value in sample.labels.items() if label not in but): sample.value
        for family in families
        if family is not None
        for sample in family.samples
        if sample.name == f"p4fabric_{name}"
    }


class Reports:
    """A collector that is given datagrams of leaf1's program."""

    def __init__(self, *, listening: bool = True) -> None:
        collector = Collector(CollectorSettings({1: LEAF1, 2: LEAF2}), lambda switch, group, arrived: None)
        machine = IncidentMachine(lambda turn, incident: None, clock=collector.clock)
        self._figures: Any = SimpleNamespace(
            is_listening=listening, collector=collector, machine=machine, began=0, export_failures=None
        )
        self.collector = collector

    def came(self, *sequence: int, node: int = 1) -> None:
        for number in sequence:
            group = ReportGroup(
                node, Origin.EGRESS, number, (FlowReport(ingress_port=2, egress_port=1, egress_ns=number),)
            )
            self.collector.take(encode(group), "192.0.2.1", number)

    def shown(self, name: str, *but: str) -> dict[tuple[str, ...], float]:
        return values(report_metrics(self._figures), name, *but)


def test_counters_of_reports_are_there_before_the_first() -> None:
    reports = Reports()
    sources = {"egress", "drops", "tail_drops", "postcards", "queues"}
    for name in ("reports_received_total", "reports_lost_total", "reports_late_total"):
        assert reports.shown(name) == {(leaf, source): 0 for leaf in (LEAF1, LEAF2) for source in sources}
    assert reports.shown("report_lag_seconds_count") == {(LEAF1,): 0, (LEAF2,): 0}
    assert set(reports.shown("reports_refused_total").values()) == {0}
    assert Reports(listening=False).shown("reports_received_total") == {}


def test_a_report_that_comes_late_takes_nothing_back() -> None:
    reports = Reports()
    egress = (LEAF1, "egress")
    reports.came(1, 2, 5)
    assert (reports.shown("reports_received_total")[egress], reports.shown("reports_lost_total")[egress]) == (
        3,
        2,
    )
    reports.came(4)
    received, lost, late = (
        reports.shown(f"reports_{name}_total")[egress] for name in ("received", "lost", "late")
    )
    assert (received, lost, late) == (4, 2, 1)
    reports.came(9, node=7)
    assert reports.shown("reports_refused_total")["node",] == 1
    assert reports.shown("reports_received_total")[LEAF2, "egress"] == 0


def ports(*queues: QueueSample, **counters: int) -> list[Metric | None]:
    counts = PortCounts([LEAF1])
    named = {name.replace("_", "-"): value for name, value in counters.items()}
    counts.ports_sampled(LEAF1, [PortSample(Port(1), "eth1", True, named, queues)])
    return list(port_metrics(counts, counts.unread, lambda port: None))


def test_a_switch_that_tells_priorities_apart_has_nothing_counted_twice() -> None:
    reasons = {"drops/port-down": 1, "drops/send-failed": 0, "drops/beyond-mtu": 2}
    found = ports(
        QueueSample("egress", {"dropped-pkts": 7, "occupancy": 4, "rate-bps": 8000, "rate-pps": 0}),
        QueueSample("priority-0", {"dropped-pkts": 4, "occupancy": 3, **reasons}),
        QueueSample("priority-5", {"dropped-pkts": 3, "occupancy": 1, **reasons}),
        in_discards=9, out_discards=13,
    )  # fmt: skip
    assert values(found, "queue_drops_total", "switch", "port") == {("0",): 4, ("5",): 3}
    assert values(found, "queue_depth_packets", "switch", "port") == {("0",): 3, ("5",): 1}
    assert values(found, "port_drops_total", "switch", "port") == {
        ("ingress", "any"): 9, ("egress", "queue_full"): 7, ("egress", "port_down"): 2,
        ("egress", "send_failed"): 0, ("egress", "beyond_mtu"): 4,
    }  # fmt: skip
    assert values(found, "port_rate_limit_bytes_per_second") == {(LEAF1, "1"): 1000}
    assert not values(found, "port_rate_limit_packets_per_second")


def test_a_switch_that_does_not_has_its_names_and_no_reasons() -> None:
    found = ports(QueueSample("BE1", {"dropped-pkts": 4, "transmit-pkts": 8}), out_discards=5)
    assert values(found, "queue_drops_total", "switch", "port") == {("BE1",): 4}
    assert values(found, "queue_packets_total", "switch", "port") == {("BE1",): 8}
    assert values(found, "port_drops_total", "switch", "port") == {("egress", "any"): 5}

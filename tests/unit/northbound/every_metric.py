"""A scrape of a fabric in which everything has happened once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from p4fabric.controller.compiler.remedy import Action
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.cells import CellRequest, CellsRead
from p4fabric.controller.p4runtime.port_samples import COUNTERS, QUEUE_LEAVES, PortSample, QueueSample
from p4fabric.controller.severity import Severity
from p4fabric.controller.telemetry.balance import balance_of
from p4fabric.controller.telemetry.collector import Collector, CollectorSettings
from p4fabric.controller.telemetry.congestion_series import CongestionSeries, Watched
from p4fabric.controller.telemetry.counters import Count
from p4fabric.controller.telemetry.drop_counts import PointCount
from p4fabric.controller.telemetry.events import EventClass
from p4fabric.controller.telemetry.flow_paths import PathChange
from p4fabric.controller.telemetry.incidents import IncidentMachine
from p4fabric.controller.telemetry.metrics import Metrics
from p4fabric.controller.telemetry.n4_metrics import BufferFigures, NodeFigures
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.telemetry.queue_maxima import QueueMaxima
from p4fabric.controller.telemetry.queue_waits import WaitCounts, WaitPoint
from p4fabric.pipelines.values import Port
from tests.unit.northbound.every_event import EPISODE, NET, POINT, UPF

__all__ = ["every_metric"]

_LEAF = SwitchName("leaf1")


def _ports() -> PortCounts:
    """Two ports with a second between two samples."""
    moments = iter((0.0, 1.0))
    ports = PortCounts([_LEAF], lambda: next(moments))
    leaves = dict.fromkeys(QUEUE_LEAVES, 1)
    queues = (QueueSample("egress", leaves), QueueSample("priority-0", leaves))
    for counted in (1, 2):
        counters = dict.fromkeys(COUNTERS, counted)
        samples = [PortSample(Port(port), f"eth{port}", True, counters, queues) for port in (1, 2)]
        ports.ports_sampled(_LEAF, samples)
    return ports


def _incidents() -> Any:
    collector = Collector(CollectorSettings({1: _LEAF}), lambda switch, group, arrived: None)
    machine = IncidentMachine(lambda turn, incident: None, clock=collector.clock)
    return SimpleNamespace(
        is_listening=True, collector=collector, machine=machine, began=1, export_failures=0
    )


async def no_cells(switch: SwitchName, cells: CellRequest, unless: bytes | None) -> CellsRead | None:
    """A switch that nothing is asked of."""
    raise AssertionError(switch)


async def every_metric() -> str:
    """The page with every metric that there is."""
    ports = _ports()
    switch = SimpleNamespace(
        name=_LEAF, connected=True, held=None, in_sync=True, desired=1, installed=1, refused=0,
        messages_dropped=0,
    )  # fmt: skip
    of_switch = SimpleNamespace(name=_LEAF, severity=Severity.OK, links_expected=2, links_found=2)
    status = SimpleNamespace(severity=Severity.AT_RISK, links_expected=4, links_found=3, switches=[of_switch])
    series = CongestionSeries()
    series.began(EPISODE.queue, 0.0)
    maxima = QueueMaxima()
    maxima.reported(EPISODE.queue, 1, 1.0, 0.0)
    port = EPISODE.queue.port
    waits = WaitCounts([_LEAF], lambda switch: (), no_cells)
    waits.took(_LEAF, {WaitPoint(EPISODE.queue, number): number for number in range(16)}, 0, judge=True)
    view: Any = SimpleNamespace(
        status=lambda: status,
        ports=ports, events_lost={EventClass.HOSTS: 0}, events_published={EventClass.HOSTS: 1},
        links_up=2, hosts_known=1, intents_without_series=0, counter_intervals={_LEAF: 5.0},
        switch_figures=lambda: [switch],
        intents_by_state=lambda: {("Network", "active"): 1},
        intent_counts=lambda: [(NET, (Count("rule", 1, 100, {}, None),))],
        tenant_counts=lambda: [("Network", "acme", 1, 100)],
        watches=lambda: [Watched(port, 1, 1)], congestion_series=series, now=0.0,
        maxima=maxima, waits=waits, incidents=_incidents(),
        drops=lambda: [PointCount(POINT, 1, None)],
        balances=lambda: [balance_of(_LEAF, [Port(1), Port(2)], ports.of(_LEAF))],
        peer_of=lambda port: PortRef(SwitchName("spine1"), Port(1)),
        drains=lambda: {("switch", "drained"): 1},
        remedies=SimpleNamespace(
            counts=lambda: {Action.REROUTE: 1},
            granted={Action.REROUTE: 2},
            recommended={Action.POLICE: 3},
            ended={(Action.REROUTE, "noHelp"): 1},
        ),
        flow_paths=SimpleNamespace(
            states=lambda: (2, 1),
            changes=dict.fromkeys(PathChange, 1),
        ),
        n4=SimpleNamespace(
            figures=lambda: [NodeFigures(UPF, 1, 2, 1)],
            buffers=lambda: [BufferFigures("one", True, {"packets": 3, "dropped.tooOld": 1})],
            reported={"accepted": 1},
            answers=lambda: {("session_establishment", "request_accepted"): 2},
        ),
    )  # fmt: skip
    metrics = Metrics(view)
    metrics.compiled(0.1)
    metrics.reconciled(_LEAF, 0.1)
    return (await metrics.page()).decode()

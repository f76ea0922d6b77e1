"""The fabric in Prometheus's words.

Values are taken at each scrape from a `View`, so that nothing is counted twice; in turns with others on the
event loop, and written as text beside it. The number of series follows switches, ports and tenants, and is
bounded for intents: no label has a flow, a host or a time. What a switch says has a value only while the
switch says it. This module does not know how a value came about and puts nothing secret into a label.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.severity import Severity
from p4fabric.controller.telemetry.balance import Balance
from p4fabric.controller.telemetry.congestion_series import CongestionSeries, Watched, congestion_metrics
from p4fabric.controller.telemetry.counters import Count
from p4fabric.controller.telemetry.drop_counts import PointCount
from p4fabric.controller.telemetry.events import EventClass
from p4fabric.controller.telemetry.families import A_TURN
from p4fabric.controller.telemetry.n4_metrics import N4Figures, n4_metrics
from p4fabric.controller.telemetry.path_metrics import PathFigures, path_metrics
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.telemetry.port_metrics import balance_metrics, port_metrics
from p4fabric.controller.telemetry.queue_maxima import QueueMaxima
from p4fabric.controller.telemetry.queue_waits import WaitCounts, wait_metrics
from p4fabric.controller.telemetry.remedy_metrics import RemedyFigures, remedy_metrics
from p4fabric.controller.telemetry.report_metrics import IncidentFigures, report_metrics
from p4fabric.controller.turns import turn

__all__ = ["CONTENT_TYPE", "Metrics", "SwitchFigures", "View"]

CONTENT_TYPE = CONTENT_TYPE_LATEST


class SwitchFigures(Protocol):
    """One switch at one moment."""

    @property
    def name(self) -> SwitchName: ...
    @property
    def connected(self) -> bool: ...
    @property
    def held(self) -> str | None: ...
    @property
    def in_sync(self) -> bool: ...
    @property
    def desired(self) -> int: ...
    @property
    def installed(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def messages_dropped(self) -> int: ...


class _Severity(Protocol):
    @property
    def severity(self) -> Severity: ...
    @property
    def links_expected(self) -> int: ...
    @property
    def links_found(self) -> int:
        """Of those expected."""


class SwitchStatusFigures(_Severity, Protocol):
    """How one switch is."""

    @property
    def name(self) -> SwitchName: ...


class StatusFigures(_Severity, Protocol):
    """How the fabric is."""

    @property
    def switches(self) -> Iterable[SwitchStatusFigures]: ...


class View(Protocol):
    """The fabric at one moment."""

    def switch_figures(self) -> Iterable[SwitchFigures]: ...
    def status(self) -> StatusFigures: ...
    def intents_by_state(self) -> Mapping[tuple[str, str], int]:
        """How many, by kind and state."""

    def intent_counts(self) -> Iterable[tuple[IntentKey, tuple[Count, ...]]]:
        """Intents with series of their own."""

    def tenant_counts(self) -> Iterable[tuple[str, str, int, int]]:
        """Kind, tenant, packets, bytes."""

    def drains(self) -> Mapping[tuple[str, str], int]:
        """How many switches and links are drained or come back, by kind and state."""

    def watches(self) -> Iterable[Watched | None]:
        """Ports that are watched, of switches that are connected; None: others may have their turn."""

    @property
    def congestion_series(self) -> CongestionSeries: ...
    @property
    def maxima(self) -> QueueMaxima: ...
    @property
    def waits(self) -> WaitCounts: ...
    @property
    def incidents(self) -> IncidentFigures: ...
    @property
    def remedies(self) -> RemedyFigures: ...
    @property
    def flow_paths(self) -> PathFigures: ...
    @property
    def now(self) -> float:
        """Seconds since 1970, as `maxima` is told."""

    def drops(self) -> Iterable[PointCount]:
        """Ports and reasons that are read, of switches that are connected."""

    def balances(self) -> Iterable[Balance | None]:
        """How evenly groups of ports are used; None: others may have their turn."""

    def peer_of(self, port: PortRef) -> PortRef | None:
        """The other end of a port's link."""

    @property
    def n4(self) -> N4Figures | None:
        """What SMFs ask for; None: nobody may."""

    @property
    def ports(self) -> PortCounts: ...
    @property
    def intents_without_series(self) -> int: ...
    @property
    def counter_intervals(self) -> Mapping[SwitchName, float]: ...
    @property
    def events_lost(self) -> Mapping[EventClass, int]: ...
    @property
    def events_published(self) -> Mapping[EventClass, int]: ...
    @property
    def links_up(self) -> int: ...
    @property
    def hosts_known(self) -> int: ...


class Metrics:
    """What is measured where it happens, and the page that Prometheus reads."""

    def __init__(self, view: View) -> None:
        """Take what is asked at each scrape."""
        self._fabric = _FabricFamilies(view)
        self._scraping = asyncio.Lock()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        build = Info("p4fabric_build", "1; the version that runs.", registry=self._registry)
        build.info({"version": version("p4fabric"), "python": platform.python_version()})
        self._reconcile = Histogram(
            "p4fabric_reconcile_seconds",
            "From a new desired state of a switch until it holds exactly that.",
            ["switch"],
            registry=self._registry,
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        for switch in view.switch_figures():
            self._reconcile.labels(switch.name)
        self._compile = Histogram(
            "p4fabric_compile_seconds",
            "One compilation of what changed.",
            registry=self._registry,
            buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )

    def reconciled(self, switch: SwitchName, seconds: float) -> None:
        """A switch holds what is desired of it."""
        self._reconcile.labels(switch).observe(seconds)

    def compiled(self, seconds: float) -> None:
        """A compilation was done."""
        self._compile.observe(seconds)

    async def page(self, only: Callable[[dict[str, str]], bool] | None = None) -> bytes:
        """The exposition, as text; one at a time, whoever asks.

        Args:
            only: says by its labels whether a sample is wanted, asked in a thread; families without any are
                left out.
        """
        async with self._scraping:
            # Each family becomes text at once, so that there are never the samples of all in memory.
            found: list[bytes] = []
            for family in self._fabric.collect():
                if family is None:
                    await turn()
                elif only is None:
                    found.append(await asyncio.to_thread(_text, [family]))
                elif family.samples:
                    found.append(await asyncio.to_thread(_part, family, only))
            if only is None:
                found.append(await asyncio.to_thread(generate_latest, self._registry))
            return b"".join(found)


def _text(families: list[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return generate_latest(registry)


def _part(family: Metric, only: Callable[[dict[str, str]], bool]) -> bytes:
    family.samples = [sample for sample in family.samples if only(sample.labels)]
    return _text([family]) if family.samples else b""


class _Collected(Collector):
    """Families that are there already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering needs no names."""
        return ()

    def collect(self) -> Iterable[Metric]:
        return self._families


class _FabricFamilies:
    """Makes families; None says that this has taken a while, and others may have their turn."""

    def __init__(self, view: View) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric | None]:
        """All families, one after another."""
        yield from self._status()
        yield from self._switches()
        yield from self._intents()
        yield from self._congestion()
        yield from self._drops()
        view = self._view
        yield from port_metrics(view.ports, view.ports.unread, view.peer_of)
        yield from balance_metrics(view.balances())
        yield from remedy_metrics(view.remedies)
        yield from path_metrics(view.flow_paths)
        if view.n4 is not None:
            yield from n4_metrics(view.n4)
        events = CounterMetricFamily("p4fabric_events", "Events published.", labels=["class"])
        lost = CounterMetricFamily(
            "p4fabric_events_lost", "Events that slow subscribers lost.", labels=["class"]
        )
        for family, numbers in ((events, view.events_published), (lost, view.events_lost)):
            for event_class, number in numbers.items():
                family.add_metric([event_class], number)
        yield from (events, lost)
        drains = GaugeMetricFamily(
            "p4fabric_drains", "Switches and links that are drained, or come back.", labels=["kind", "state"]
        )
        for (kind, state), number in view.drains().items():
            drains.add_metric([kind, state], number)
        yield drains
        yield GaugeMetricFamily("p4fabric_links", "Directions of links that are up.", view.links_up)
        yield GaugeMetricFamily("p4fabric_hosts", "Hosts that are known.", view.hosts_known)

    def _status(self) -> Iterator[Metric]:
        status = self._view.status()
        words = ", ".join(f"{severity.rank}: {severity}" for severity in Severity)
        yield GaugeMetricFamily("p4fabric_severity", f"How the fabric is. {words}.", status.severity.rank)
        links = GaugeMetricFamily(
            "p4fabric_fabric_links", "Links between switches: expected, and found of these.", labels=["state"]
        )
        links.add_metric(["expected"], status.links_expected)
        links.add_metric(["found"], status.links_found)
        severity = GaugeMetricFamily(
            "p4fabric_switch_severity", f"How the switch is. {words}.", labels=["switch"]
        )
        links_of = GaugeMetricFamily(
            "p4fabric_switch_links",
            "Links of the switch: expected, and found of these.",
            labels=["switch", "state"],
        )
        for switch in status.switches:
            severity.add_metric([switch.name], switch.severity.rank)
            links_of.add_metric([switch.name, "expected"], switch.links_expected)
            links_of.add_metric([switch.name, "found"], switch.links_found)
        yield from (links, severity, links_of)

    def _switches(self) -> Iterator[Metric]:
        labels = ["switch"]
        connected = GaugeMetricFamily(
            "p4fabric_switch_connected", "1 while this controller is primary.", labels=labels
        )
        held = GaugeMetricFamily(
            "p4fabric_switch_held",
            "1 while nothing is written to it, as too much of what it holds is not in the store.",
            labels=labels,
        )
        in_sync = GaugeMetricFamily(
            "p4fabric_switch_in_sync", "1 while it holds exactly what is desired.", labels=labels
        )
        entries = GaugeMetricFamily(
            "p4fabric_switch_entries",
            "Entities: desired, installed as desired, refused by the switch.",
            labels=["switch", "state"],
        )
        dropped = CounterMetricFamily(
            "p4fabric_switch_messages_dropped", "Packet-ins and digests not taken.", labels=labels
        )
        for switch in self._view.switch_figures():
            connected.add_metric([switch.name], switch.connected)
            held.add_metric([switch.name], switch.held is not None)
            in_sync.add_metric([switch.name], switch.in_sync)
            entries.add_metric([switch.name, "desired"], switch.desired)
            if switch.connected:
                entries.add_metric([switch.name, "installed"], switch.installed)
                entries.add_metric([switch.name, "refused"], switch.refused)
            dropped.add_metric([switch.name], switch.messages_dropped)
        yield from (connected, held, in_sync, entries, dropped)

    def _intents(self) -> Iterator[Metric | None]:
        intents = GaugeMetricFamily("p4fabric_intents", "Intents, by state.", labels=["kind", "state"])
        for (kind, state), number in self._view.intents_by_state().items():
            intents.add_metric([kind, state], number)
        yield intents
        yield from self._counts_of_tenants()
        yield from self._counts_of_intents()
        yield GaugeMetricFamily(
            "p4fabric_intents_without_series",
            "Intents that found no room for series of their own.",
            self._view.intents_without_series,
        )
        intervals = GaugeMetricFamily(
            "p4fabric_switch_read_interval_seconds",
            "Between two reads of the counters of intents.",
            labels=["switch"],
        )
        for switch, seconds in self._view.counter_intervals.items():
            intervals.add_metric([switch], seconds)
        yield intervals

    def _counts_of_tenants(self) -> Iterator[Metric | None]:
        names = ["kind", "tenant"]
        packets = CounterMetricFamily(
            "p4fabric_tenant_packets", "Packets counted for all intents of a kind.", labels=names
        )
        octets = CounterMetricFamily(
            "p4fabric_tenant_bytes", "Bytes counted for all intents of a kind.", labels=names
        )
        for number, (kind, tenant, counted, counted_bytes) in enumerate(self._view.tenant_counts(), 1):
            packets.add_metric([kind, tenant], counted)
            octets.add_metric([kind, tenant], counted_bytes)
            if number % A_TURN == 0:
                yield None
        yield from (packets, octets)

    def _counts_of_intents(self) -> Iterator[Metric | None]:
        names = ["kind", "tenant", "name", "counter"]
        packets = CounterMetricFamily(
            "p4fabric_intent_packets", "Packets counted for an intent.", labels=names
        )
        octets = CounterMetricFamily("p4fabric_intent_bytes", "Bytes counted for an intent.", labels=names)
        added = 0
        for key, counts in self._view.intent_counts():
            for count in counts:
                labels = [key.kind, key.tenant, key.name, count.label]
                packets.add_metric(labels, count.packets)
                octets.add_metric(labels, count.bytes)
            added += len(counts)
            if added >= A_TURN:
                added = 0
                yield None
        yield from (packets, octets)

    def _congestion(self) -> Iterator[Metric | None]:
        view = self._view
        connected = frozenset(switch.name for switch in view.switch_figures() if switch.connected)
        yield from congestion_metrics(view.watches(), view.congestion_series)
        yield from view.maxima.families(connected, view.now)
        ports = (watched and watched.port for watched in view.watches())
        yield from wait_metrics(ports, view.waits)
        yield from report_metrics(view.incidents)

    def _drops(self) -> Iterator[Metric | None]:
        dropped = CounterMetricFamily(
            "p4fabric_program_drops",
            "Packets that the program dropped, by port and reason.",
            labels=["switch", "port", "direction", "reason"],
        )
        for number, count in enumerate(self._view.drops(), 1):
            port, direction, reason = count.point
            dropped.add_metric([port.switch, str(port.port), direction, reason.label], count.packets)
            if number % A_TURN == 0:
                yield None
        yield dropped

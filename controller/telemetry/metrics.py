"""The fabric in Prometheus's words.

Values are taken at each scrape from a `View`, so that nothing is counted twice. This module must
never know how a value came about, nor put anything secret into a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from controller.names import IntentKey, SwitchName
from controller.telemetry.congestion import Episode, Queue
from controller.telemetry.counters import Count
from controller.telemetry.drop_counts import PointCount

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


class View(Protocol):
    """The fabric at one moment."""

    def switch_figures(self) -> Iterable[SwitchFigures]: ...
    def intents_by_state(self) -> Mapping[tuple[str, str], int]:
        """How many, by kind and state."""

    def all_counts(self) -> Iterable[tuple[IntentKey, tuple[Count, ...]]]: ...
    def active_congestion(self) -> Iterable[Episode]: ...
    def drops(self) -> Iterable[PointCount]:
        """Ports and reasons that have dropped at least one packet."""

    @property
    def events_lost(self) -> int: ...
    @property
    def events_published(self) -> int: ...
    @property
    def links_up(self) -> int: ...
    @property
    def hosts_known(self) -> int: ...


class Metrics:
    """What is measured where it happens, and the page that Prometheus reads."""

    def __init__(self, view: View) -> None:
        """Take what is asked at each scrape."""
        self._registry = CollectorRegistry()
        self._registry.register(_FabricCollector(view, self))
        self._episodes: dict[Queue, int] = {}
        self._reconcile = Histogram(
            "p4fabric_reconcile_seconds",
            "From a new desired state of a switch until it holds exactly that.",
            ["switch"],
            registry=self._registry,
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
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

    def congestion_began(self, queue: Queue) -> None:
        """An episode began."""
        self._episodes[queue] = self._episodes.get(queue, 0) + 1

    @property
    def episodes(self) -> Mapping[Queue, int]:
        """Episodes so far, by queue."""
        return self._episodes

    def page(self) -> bytes:
        """The exposition, as text."""
        return generate_latest(self._registry)


class _FabricCollector(Collector):
    def __init__(self, view: View, metrics: Metrics) -> None:
        self._view, self._metrics = view, metrics

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are known at the first scrape, and registering must not ask the view."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._switches()
        yield from self._intents()
        yield from self._congestion()
        yield self._drops()
        view = self._view
        yield CounterMetricFamily("p4fabric_events", "Events published.", view.events_published)
        yield CounterMetricFamily(
            "p4fabric_events_dropped", "Events that slow subscribers lost.", view.events_lost
        )
        yield GaugeMetricFamily("p4fabric_links", "Directions of links that are up.", view.links_up)
        yield GaugeMetricFamily("p4fabric_hosts", "Hosts that are known.", view.hosts_known)

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
            entries.add_metric([switch.name, "installed"], switch.installed)
            entries.add_metric([switch.name, "refused"], switch.refused)
            dropped.add_metric([switch.name], switch.messages_dropped)
        yield from (connected, held, in_sync, entries, dropped)

    def _intents(self) -> Iterator[Metric]:
        intents = GaugeMetricFamily("p4fabric_intents", "Intents, by state.", labels=["kind", "state"])
        for (kind, state), number in self._view.intents_by_state().items():
            intents.add_metric([kind, state], number)
        names = ["kind", "tenant", "name", "counter"]
        packets = CounterMetricFamily(
            "p4fabric_intent_packets", "Packets counted for an intent.", labels=names
        )
        octets = CounterMetricFamily("p4fabric_intent_bytes", "Bytes counted for an intent.", labels=names)
        for key, counts in self._view.all_counts():
            for count in counts:
                labels = [key.kind, key.tenant, key.name, count.label]
                packets.add_metric(labels, count.packets)
                octets.add_metric(labels, count.bytes)
        yield from (intents, packets, octets)

    def _congestion(self) -> Iterator[Metric]:
        names = ["switch", "port", "queue"]
        episodes = CounterMetricFamily("p4fabric_congestion_episodes", "Times of congestion.", labels=names)
        depth = GaugeMetricFamily(
            "p4fabric_congestion_depth_packets", "By the last report; 0 without congestion.", labels=names
        )
        delay = GaugeMetricFamily(
            "p4fabric_congestion_delay_seconds", "By the last report; 0 without congestion.", labels=names
        )
        active = {episode.queue: episode for episode in self._view.active_congestion()}
        for queue, number in self._metrics.episodes.items():
            labels = [queue.port.switch, str(queue.port.port), str(queue.queue)]
            episode = active.get(queue)
            episodes.add_metric(labels, number)
            depth.add_metric(labels, episode.depth if episode else 0)
            delay.add_metric(labels, episode.delay_us / 1e6 if episode else 0)
        yield from (episodes, depth, delay)

    def _drops(self) -> Metric:
        dropped = CounterMetricFamily(
            "p4fabric_dropped_packets",
            "Packets that a switch dropped, by port and reason.",
            labels=["switch", "port", "direction", "reason"],
        )
        for count in self._view.drops():
            port, direction, reason = count.point
            dropped.add_metric([port.switch, str(port.port), direction, reason.label], count.packets)
        return dropped

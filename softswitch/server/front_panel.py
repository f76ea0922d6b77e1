"""The front panel: what the operator may turn while the switch runs, and what each port shows.

Knows a port's settings and figures, with and without a pipeline; a port that is switched off is taken out of
the engine, so it neither receives nor sends. Must not know P4Runtime or gNMI. Settings belong to the thread
that owns the switch's state; figures may be read anywhere.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from p4fabric.softswitch.engine.api import (
    CaptureStats,
    Engine,
    PortError,
    PortStats,
    QueueCounts,
    ReportStats,
)
from p4fabric.softswitch.engine.api.queues import REPORT_DEPTH, REPORT_WAIT_US
from p4fabric.softswitch.server.port_changes import PortChanges
from p4fabric.softswitch.server.ports import Ports
from p4fabric.softswitch.server.queue_figures import NO_QUEUES, QueueFigures, added, gone
from p4fabric.softswitch.server.reporting import Reporting, set_up

DEFAULT_DEPTH = 1024
"""Packets in each of a port's queues, as new ports of the engine have it."""


@dataclass(frozen=True, slots=True)
class PortSettings:
    """What can be set. Rates of 0 are unlimited; the lower of `speed_bps` and `rate_bps` counts."""

    enabled: bool = True
    speed_bps: int = 0
    rate_bps: int = 0
    rate_pps: int = 0
    depth: int = DEFAULT_DEPTH
    watch: bool = False
    """Whether the port's queues are kept in bins; reported from where on, see `ports.QueueWatch`."""
    report_depth: int = REPORT_DEPTH
    report_wait_us: int = REPORT_WAIT_US

    @property
    def limit_bps(self) -> int:
        """The egress rate that comes of it."""
        return min((one for one in (self.speed_bps, self.rate_bps) if one), default=0)


@dataclass(frozen=True, slots=True)
class PortFigures:
    """What a port shows. Counts go on when a port is switched off and on again."""

    number: int
    name: str
    interface: str | None
    ifindex: int
    settings: PortSettings
    up: bool
    unplugged: bool = False
    """Its interface is one that comes and goes, and not there."""
    in_packets: int = 0
    in_bytes: int = 0
    in_discards: int = 0
    out_packets: int = 0
    out_bytes: int = 0
    out_discards: int = 0
    waiting: int = 0
    most_waiting: int = 0
    tail_drops: int = 0
    too_long: int = 0
    """Of `in_discards`: longer than the switch takes."""
    offload: int = 0
    """Of `in_discards`: left to a card to cut up, in a way that the switch cannot."""
    beyond_mtu: int = 0
    """Of `out_discards`: longer than the interface sends."""
    counted_since: int = 0
    """When all of these were 0, in nanoseconds since 1970."""
    queues: QueueFigures = field(default_factory=QueueFigures, compare=False)
    """By priority."""


@dataclass(frozen=True, slots=True)
class ReportFigures:
    """What the switch shows of its own reports."""

    settings: Reporting = field(default_factory=Reporting)
    node: int = 0
    """The switch's number in reports."""
    sent: ReportStats = field(default_factory=lambda: ReportStats(0, 0, 0, 0))
    clock_ns: int = 0
    """The clock of bins, reports and the program's timestamps, now: nanoseconds since a time of its own."""


_REASONS = ("too_long", "offload", "beyond_mtu")
_COUNTS = (
    *("in_packets", "in_bytes", "in_discards", "out_packets", "out_bytes", "out_discards"),
    *("most_waiting", "tail_drops", *_REASONS),
)
_IN_DISCARDS = ("no_buffer", "too_long", "offload")


class FrontPanel:
    """All ports of one switch."""

    def __init__(
        self,
        ports: Ports,
        changes: PortChanges | None = None,
        *,
        reporting: Reporting | None = None,
        node: int = 0,
    ) -> None:
        """`changes` is signalled when a port's status or settings change; `node` is the switch's number in
        its reports."""
        self.ports = ports
        self.node = node & 0xFFFFFFFF
        self.initial_reporting = self._reporting = reporting or Reporting()
        self._changes = changes or PortChanges()
        self.names = {number: interface or f"port{number}" for number, interface in ports.interfaces.items()}
        self.initial = {number: _initial(ports, number) for number in ports.interfaces}
        self._settings = dict(self.initial)
        self._counted_since = time.time_ns()
        self._before: dict[int, dict[str, int]] = {}
        self._queues_before: dict[int, tuple[QueueCounts, ...]] = {}
        self._engine: Engine | None = None
        self._lock = threading.Lock()  # of what `figures` needs to see together

    @property
    def settings(self) -> Mapping[int, PortSettings]:
        """By port number."""
        return self._settings

    @property
    def reporting(self) -> Reporting:
        """What the switch reports by itself."""
        return self._reporting

    def use(self, engine: Engine) -> None:
        """Put all ports that are on into an engine, and have it report. `PortError` or `OSError` names what
        fails, and no port is there then."""
        try:
            if self.ports.pcap is not None:
                engine.capture(self.ports.pcap)
            for number, settings in self._settings.items():
                if settings.enabled:
                    self._add(engine, number, settings)
            set_up(engine, Reporting(), self._reporting, self.node)
        except (PortError, OSError):
            for number in engine.port_stats():
                engine.remove_port(number)
            raise
        engine.watch_ports(self._changes.descriptor)
        with self._lock:
            self._engine = engine
        self._changes.signal()

    def apply(self, wanted: Mapping[int, PortSettings], reporting: Reporting | None = None) -> None:
        """Set ports otherwise, and what is reported. `PortError` or `OSError` says what cannot be had;
        nothing is changed then."""
        done: dict[int, PortSettings] = {}
        try:
            for number, settings in wanted.items():
                before = self._settings[number]
                self._change(number, before, settings)
                done[number] = before
            if reporting is not None:
                self._report(reporting)
        except (PortError, OSError):
            for number, before in done.items():
                self._change(number, self._settings[number], before)
            raise
        self._changes.signal()

    def figures(self) -> list[PortFigures]:
        """Every port's, in the order of their numbers."""
        with self._lock:
            engine, settings = self._engine, dict(self._settings)
            stats = engine.port_stats() if engine is not None else {}
            found = []
            for number in sorted(settings):
                counts = dict(self._before.get(number, {}))
                waiting = 0
                if engine is not None and number in stats:
                    waiting = stats[number].queue.depth
                    _add_up(counts, stats[number])
                found.append(self._figures(number, settings[number], stats.get(number), counts, waiting))
        return found

    def reports(self) -> ReportFigures:
        """What the switch reports by itself, and has reported."""
        with self._lock:
            engine, settings = self._engine, self._reporting
        if engine is None:
            return ReportFigures(settings, self.node)
        return ReportFigures(settings, self.node, engine.queues.reports(), engine.queues.now_ns())

    def captures(self) -> list[CaptureStats]:
        """Every pcap file."""
        with self._lock:
            return self._engine.captures() if self._engine is not None and self.ports.pcap is not None else []

    def _figures(
        self,
        number: int,
        settings: PortSettings,
        stats: PortStats | None,
        counts: Mapping[str, int],
        waiting: int,
    ) -> PortFigures:
        interface = self.ports.interfaces[number]
        ifindex = _ifindex(interface)
        return PortFigures(
            number=number,
            name=self.names[number],
            interface=interface,
            ifindex=ifindex,
            settings=settings,
            up=stats.up if stats is not None else False,
            unplugged=not ifindex and number in self.ports.plugged,
            waiting=waiting,
            counted_since=self._counted_since,
            queues=self._queues(number, self._engine if stats is not None else None),
            **counts,
        )

    def _queues(self, number: int, engine: Engine | None) -> QueueFigures:
        before = self._queues_before.get(number, NO_QUEUES)
        if engine is None:
            return QueueFigures(before)
        return QueueFigures(
            before,
            lambda: engine.queues.counts(number),
            lambda priority, after: engine.queues.bins(number, priority, after),
        )

    def _report(self, reporting: Reporting) -> None:
        with self._lock:
            if self._engine is not None:
                set_up(self._engine, self._reporting, reporting, self.node)
            self._reporting = reporting

    def _change(self, number: int, before: PortSettings, settings: PortSettings) -> None:
        with self._lock:
            if self._engine is not None and before != settings:
                if before.enabled and not settings.enabled:
                    self._remove(self._engine, number)
                elif settings.enabled and not before.enabled:
                    self._add(self._engine, number, settings)
                elif settings.enabled:
                    _set_queues(self._engine, number, settings)
            self._settings[number] = settings

    def _add(self, engine: Engine, number: int, settings: PortSettings) -> None:
        engine.add_port(
            number,
            self.ports.interfaces[number],
            xdp=number in self.ports.xdp,
            plugged=number in self.ports.plugged,
        )
        _set_queues(engine, number, settings)

    def _remove(self, engine: Engine, number: int) -> None:
        counts = self._before.setdefault(number, {})
        _add_up(counts, engine.port_stats()[number])
        before = self._queues_before.get(number, NO_QUEUES)
        self._queues_before[number] = gone(added(before, engine.queues.counts(number)))
        engine.remove_port(number)


def _initial(ports: Ports, number: int) -> PortSettings:
    settings = PortSettings()
    if (limits := ports.queues.get(number)) is not None:
        depth = limits.depth if limits.depth is not None else DEFAULT_DEPTH
        settings = replace(
            settings, rate_bps=limits.rate_bps or 0, rate_pps=limits.rate_pps or 0, depth=depth
        )
    if (watch := ports.watches.get(number)) is not None:
        settings = replace(
            settings, watch=True, report_depth=watch.report_depth, report_wait_us=watch.report_wait_us
        )
    return settings


def _set_queues(engine: Engine, number: int, settings: PortSettings) -> None:
    engine.set_queue(number, rate_bps=settings.limit_bps, rate_pps=settings.rate_pps, depth=settings.depth)
    if settings.watch:
        engine.queues.watch(
            number, report_depth=settings.report_depth, report_wait_us=settings.report_wait_us
        )
    else:
        engine.queues.unwatch(number)


def _add_up(counts: dict[str, int], stats: PortStats) -> None:
    """Add what a port has counted since it was put into the engine."""
    discards = sum(stats.drops[reason] for reason in _IN_DISCARDS)
    now = (
        *(stats.rx_packets, stats.rx_bytes, discards),
        *(stats.tx_packets, stats.tx_bytes, sum(stats.drops.values()) - discards),
        *(0, stats.queue.drops, *(stats.drops[reason] for reason in _REASONS)),
    )
    for name, value in zip(_COUNTS, now, strict=True):
        counts[name] = counts.get(name, 0) + value
    counts["most_waiting"] = max(counts["most_waiting"], stats.queue.max_depth)


def _ifindex(interface: str | None) -> int:
    if interface is None:
        return 0
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0

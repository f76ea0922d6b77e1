"""The fabric at one moment, as metrics and the API ask for it. Reads only; this module changes nothing."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from p4fabric.controller.fabric.flow_path_service import FlowPathService
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.fabric.views import SwitchView
from p4fabric.controller.intents import KINDS
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.status import IntentState
from p4fabric.controller.status.fabric_status import FabricStatus, SwitchFacts
from p4fabric.controller.targets import Target
from p4fabric.controller.telemetry.balance import Balance, balance_of
from p4fabric.controller.telemetry.congestion_series import CongestionSeries, Watched
from p4fabric.controller.telemetry.counters import Count
from p4fabric.controller.telemetry.drop_counts import PointCount
from p4fabric.controller.telemetry.events import EventClass
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.telemetry.queue_maxima import QueueMaxima
from p4fabric.controller.telemetry.queue_waits import WaitCounts
from p4fabric.controller.topology.drain import DrainState
from p4fabric.pipelines.entities import EntityKey
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import EcmpGroupId, Port

if TYPE_CHECKING:
    from p4fabric.controller.fabric.fabric import Fabric
    from p4fabric.controller.fabric.incident_service import IncidentService
    from p4fabric.controller.fabric.n4_service import N4Service
    from p4fabric.controller.fabric.observation import Observation
    from p4fabric.controller.fabric.response_service import ResponseService

__all__ = ["Figures", "switch_facts", "switch_view", "watches_of"]

_FAILURES_SHOWN = 20
_FAILURES_TOLD = 3


class Figures:
    """What metrics ask of a fabric at each scrape."""

    def __init__(self, fabric: Fabric, switches: Collection[FabricSwitch], ports: PortCounts) -> None:
        """Take the fabric, its switches, and what their ports have counted."""
        self._fabric, self._switches, self.ports = fabric, switches, ports

    @property
    def _observation(self) -> Observation:
        return self._fabric.observation

    @property
    def n4(self) -> N4Service | None:
        """None: the configuration has no place for SMFs."""
        return self._fabric.n4

    def switch_figures(self) -> Collection[FabricSwitch]:
        """All switches."""
        return self._switches

    def status(self) -> FabricStatus:
        """How the fabric is, with links as they were looked at last."""
        return self._fabric.latest_status()

    def intents_by_state(self) -> Mapping[tuple[str, str], int]:
        """How many intents there are, by kind and state."""
        states = [state.value for state in IntentState]
        none = {(kind, state): 0 for kind in KINDS for state in states}
        return {**none, **self._fabric.intents.by_state()}

    def drains(self) -> Mapping[tuple[str, str], int]:
        """How many switches and links are drained or come back, by kind and state."""
        return self._fabric.drains.counts()

    def intent_counts(self) -> Iterator[tuple[IntentKey, tuple[Count, ...]]]:
        """Intents with metrics of their own, as their counters were read last."""
        for key in self._observation.series:
            yield key, self._observation.totals.counts(key)

    def tenant_counts(self) -> Iterator[tuple[str, str, int, int]]:
        """Kind, tenant, packets and bytes of all that was counted for intents."""
        return self._observation.totals.tallies()

    @property
    def intents_without_series(self) -> int:
        """Intents that found no room for metrics of their own."""
        return self._observation.series.waiting

    @property
    def counter_intervals(self) -> Mapping[SwitchName, float]:
        """Seconds between two reads of the counters of each switch."""
        return self._observation.turns.intervals

    def watches(self) -> Iterator[Watched | None]:
        """Ports that are watched, of switches that are connected; None after each switch."""
        for switch in self._switches:
            if switch.connected:
                for watch in watches_of(switch):
                    yield Watched(
                        PortRef(switch.name, watch.egress_port), watch.action.depth, watch.action.delay
                    )
            yield None

    @property
    def waits(self) -> WaitCounts:
        """How long packets waited in queues that are watched."""
        return self._observation.waits

    @property
    def congestion_series(self) -> CongestionSeries:
        """What congestion reports add up to."""
        return self._observation.congestion_series

    @property
    def maxima(self) -> QueueMaxima:
        """The deepest that queues were."""
        return self._fabric.incidents.maxima

    @property
    def incidents(self) -> IncidentService:
        """Reports, and what they come to."""
        return self._fabric.incidents

    @property
    def remedies(self) -> ResponseService:
        """What is done about congestion."""
        return self._fabric.responses

    @property
    def flow_paths(self) -> FlowPathService:
        """Which ways followed flows take."""
        return self._fabric.flow_paths

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def drops(self) -> Iterator[PointCount]:
        """What was dropped, by port and reason, of switches that are connected."""
        for switch in self._switches:
            if switch.connected:
                yield from self._observation.drops.counts_of(switch.name)

    def balances(self) -> Iterator[Balance | None]:
        """Groups of equal-cost ports of switches that are connected; None after each switch."""
        keys = [_group_key(group) for group in dict.fromkeys(self._fabric.groups)]
        for switch in self._switches:
            if switch.connected:
                found = (switch.wanted(key) for key in keys)
                groups = {
                    tuple(sorted(member.action.port for member in group.action))
                    for group in found
                    if isinstance(group, b.EcmpGroups)
                }
                counts = self.ports.of(switch.name)
                for ports in sorted(groups):
                    if (balance := balance_of(switch.name, ports, counts)) is not None:
                        yield balance
            yield None

    def peer_of(self, port: PortRef) -> PortRef | None:
        """The other end of a port's link."""
        return self._fabric.peer_of(port)

    @property
    def events_lost(self) -> Mapping[EventClass, int]:
        """By slow subscribers, by class."""
        return self._fabric.bus.lost

    @property
    def events_published(self) -> Mapping[EventClass, int]:
        """Since the start, by class."""
        return self._fabric.bus.published

    @property
    def links_up(self) -> int:
        """Directions of links."""
        return self._fabric.links_up

    @property
    def hosts_known(self) -> int:
        """Hosts that were learned."""
        return self._fabric.hosts_known


def watches_of(switch: FabricSwitch) -> Iterator[b.CongestionWatch]:
    """The ports of a switch that should be watched."""
    for key in _watch_keys():
        watch = switch.wanted(key)
        if isinstance(watch, b.CongestionWatch):
            yield watch


@cache
def _watch_keys() -> tuple[EntityKey, ...]:
    """Where the watch of each port is among what a switch should hold."""
    ports = map(Port, Target.front_ports)
    return tuple((b.CongestionWatch.TABLE_ID, port, 0) for port in ports)


@cache
def _group_key(group: EcmpGroupId) -> EntityKey:
    return b.EcmpGroups(group, ()).key


def switch_view(
    switch: FabricSwitch,
    ports: frozenset[Port] | None,
    ports_unread: str | None,
    drain: DrainState | None,
) -> SwitchView:
    """A switch with the ports that it has, for people."""
    config = switch.config
    return SwitchView(
        name=switch.name,
        device_id=config.device_id,
        role=config.role,
        target=config.target,
        address=config.address,
        ports=None if ports is None else tuple(sorted(ports)),
        ports_unread=ports_unread,
        connected=switch.connected,
        state=switch.state,
        held=switch.held,
        in_sync=switch.in_sync,
        desired=switch.desired,
        installed=switch.installed,
        failures=tuple(switch.failures.values())[:_FAILURES_SHOWN],
        refused=switch.refused,
        unknown=switch.unknown,
        drain=drain,
    )


def switch_facts(switch: FabricSwitch, since: float, is_gone: bool, may_be_off: bool) -> SwitchFacts:
    """What its status follows from.

    Args:
        switch: which one.
        since: when it was connected or went away, in seconds since 1970.
        is_gone: an operator declared it gone.
        may_be_off: it is drained, and nobody needs it.
    """
    return SwitchFacts(
        name=switch.name,
        connected=switch.connected,
        since=since,
        reason="" if switch.connected else switch.state.reason,
        is_gone=is_gone,
        held=switch.held,
        error=switch.error,
        desired=switch.desired,
        installed=switch.installed,
        failing=switch.refused,
        first_failures=tuple(islice(switch.failures.values(), _FAILURES_TOLD)),
        left_alone=switch.left_alone,
        unknown=switch.unknown,
        may_be_off=may_be_off,
    )

"""Puts postcards together: each switch tells of a flow by itself, and links say who is next.

A switch tells again only when something has changed or a second has passed, so what it told last holds until
then. A path is told when it is whole, so that nobody hears of a way that is half the old one and half the new
one; one that does not become whole is told as it is after a while.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from p4fabric.controller.names import PortRef, SwitchName, TenantName
from p4fabric.controller.telemetry.collector import ClockEstimate
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.flow_paths.ends import FarEnds
from p4fabric.controller.telemetry.flow_paths.values import (
    FlowPath,
    Hop,
    PathChange,
    PathNames,
    Step,
    Way,
)
from p4fabric.controller.telemetry.incidents.evidence import flow_of
from p4fabric.controller.telemetry.reports import FlowReport
from p4fabric.pipelines.values import Port

__all__ = ["NamePath", "PathAssembler", "PathSink"]

_MS, _SECOND = 1_000_000, 1_000_000_000
_HOLDS = 3 * _SECOND
"""A switch that packets reach tells again within a second; what it told longer before the first is over."""
_SETTLES = _SECOND
"""How long a path may be less than whole before it is told so."""
_LATENCY_PAUSE = _SECOND // 2
"""Between two tellings of nothing but latencies."""
_SILENT = 5 * _SECOND
_FORGOTTEN = 600 * _SECOND
_MOST_FLOWS, _MOST_REWRITTEN = 4096, 256
_HIGHEST_PORT = (1 << Port.BITS) - 1


_Place = tuple[PortRef, int, int, object, int]
"""A port, and of a flow that comes there all that a service does not rewrite where it leaves the fabric."""


class NamePath(Protocol):
    """Says whose a flow is."""

    def __call__(self, flow: FlowId, port: PortRef, translated: bool) -> PathNames:
        """Say it, by the port that the flow's packets came in by, and whether a service has rewritten it."""


class PathSink(Protocol):
    """Is told paths; must not block."""

    def changed(self, change: PathChange, path: FlowPath) -> None:
        """A flow's path is another one."""

    def silent(self, path: FlowPath) -> None:
        """A flow was not told of for some seconds."""


class _Followed:
    """A flow: what switches told of it last, and what was told of that."""

    def __init__(self, number: int, flow: FlowId, now: int) -> None:
        self.number, self.flow, self.first_seen, self.heard = number, flow, now, now
        self.hops: dict[SwitchName, Hop] = {}
        self.places: dict[SwitchName, _Place] = {}
        """Where its packets come when they leave each switch."""
        self.told: FlowPath | None = None
        """With what is known since."""
        self.steps_told: tuple[int, ...] = ()
        self.before: Way = ()
        self.whole_way: Way = ()
        """The last that was told whole, and the one before it."""
        self.whole_ways = 0
        self.told_at = 0
        self.latency_waits = False
        """There are latencies that were told too lately to be told already."""
        self.settles_at: int | None = None
        """When a path that is not whole is told."""
        self.tenant: TenantName | None = None

    def is_pending(self, now: int) -> bool:
        """Whether there may be something to tell though no postcard came."""
        if self.settles_at is not None:
            return now >= self.settles_at
        return self.latency_waits


class PathAssembler:
    """Give it postcards, and the time now and then."""

    def __init__(
        self,
        sink: PathSink,
        *,
        peer_of: Callable[[PortRef], PortRef | None],
        clock: Callable[[SwitchName, int], ClockEstimate | None],
        name: NamePath,
        most: int = _MOST_FLOWS,
    ) -> None:
        """Take who is told, and whom to ask.

        Args:
            sink: is told of changes.
            peer_of: the other end of a port's link; None: it is an edge port.
            clock: what is known of a switch's clock at a moment.
            name: whose a flow is.
            most: flows that are kept; those of whoever has most of them go first, the longest silent first.
        """
        self._sink, self._ends, self._clock, self._name = sink, FarEnds(peer_of), clock, name
        self._most = most
        self._flows: dict[FlowId, _Followed] = {}
        self._numbers: dict[int, _Followed] = {}
        self._of_tenants: dict[TenantName | None, OrderedDict[FlowId, None]] = {}
        """In the order in which they were heard of."""
        self._places: dict[_Place, FlowId] = {}
        self._rewritten: OrderedDict[_Place, tuple[Hop, FlowId]] = OrderedDict()
        """What was told by the switch where a service has rewritten a packet, before the one in front of it
        told anything."""
        self.began = 0
        """Flows so far."""
        self.unread = 0
        """Postcards that say too little."""

    def __len__(self) -> int:
        return len(self._flows)

    @property
    def paths(self) -> list[FlowPath]:
        """Of all flows that are known, in the order of their numbers."""
        return [flow.told for flow in self._numbers.values() if flow.told is not None]

    def get(self, number: int) -> FlowPath | None:
        """One of them."""
        flow = self._numbers.get(number)
        return None if flow is None else flow.told

    def take(self, switch: SwitchName, report: FlowReport, arrived: int) -> None:
        """A switch tells of a packet of a followed flow."""
        ports = report.ingress_port, report.egress_port
        if None in ports or max(port or 0 for port in ports) > _HIGHEST_PORT or report.egress_ns is None:
            self.unread += 1
            return
        seen = flow_of(report)
        if seen.flow.source is None:
            self.unread += 1
            return
        hop = self._hop(switch, report, report.egress_ns, arrived)
        flow = self._flow(seen, hop, arrived)
        if flow is not None:
            self._add(flow, hop, arrived)

    def _add(self, flow: _Followed, hop: Hop, now: int) -> None:
        flow.hops[hop.switch] = hop
        flow.heard = now
        self._of_tenants[flow.tenant].move_to_end(flow.flow)
        if (far := self._ends.far_end(hop.left_by, now)) is not None:
            place = _place(far, flow.flow)
            if (before := flow.places.get(hop.switch)) not in (None, place):
                self._places.pop(before, None)
            flow.places[hop.switch] = place
            self._places[place] = flow.flow
            waiting, _ = self._rewritten.pop(place, (None, None))
            if waiting is not None and now - waiting.heard < _SETTLES:
                flow.hops[waiting.switch] = waiting
        self._look(flow, now)

    def advance(self, now: int) -> None:
        """The time goes on: paths that do not become whole are told, flows are silent, and are forgotten."""
        for flow in list(self._flows.values()):
            if flow.is_pending(now):
                self._look(flow, now)
            told = flow.told
            if told is not None and told.is_active and now - flow.heard >= _SILENT:
                flow.told = replace(told, is_active=False, last_seen=flow.heard)
                self._sink.silent(flow.told)
            if now - flow.heard >= _FORGOTTEN:
                self._forget(flow)

    def _hop(self, switch: SwitchName, report: FlowReport, egress_ns: int, arrived: int) -> Hop:
        clock, words = self._clock(switch, arrived), report.flow
        return Hop(
            Step(switch, Port(report.ingress_port or 0), Port(report.egress_port or 0)),
            report.latency_us or 0,
            report.queue or 0,
            report.depth or 0,
            arrived if clock is None else clock(egress_ns),
            egress_ns,
            None if clock is None else clock.error,
            arrived,
            report.suppressed or 0,
            words is not None and words.translated,
            words is not None and words.tunnelled,
        )

    def _flow(self, seen: FlowId, hop: Hop, now: int) -> _Followed | None:
        """The flow that a postcard is about; None: that is not known yet."""
        known = self._flows.get(seen)
        if known is not None:
            return known
        if hop.translated and self._ends.far_end(hop.came_by, now) is not None:
            # A service has rewritten the source where the packet leaves; the switch before knows it.
            place = _place(hop.came_by, seen)
            before = self._places.get(place)
            if before is not None:
                return self._flows[before]
            self._rewritten[place] = hop, seen
            if len(self._rewritten) > _MOST_REWRITTEN:
                self._rewritten.popitem(last=False)
            return None
        if len(self._flows) >= self._most:
            fullest = max(self._of_tenants.values(), key=len)
            self._forget(self._flows[next(iter(fullest))])
        self.began += 1
        flow = _Followed(self.began, seen, now)
        flow.tenant = self._name(seen, hop.came_by, hop.translated).flow.tenant
        self._flows[seen] = self._numbers[flow.number] = flow
        self._of_tenants.setdefault(flow.tenant, OrderedDict())[seen] = None
        return flow

    def _forget(self, flow: _Followed) -> None:
        del self._flows[flow.flow], self._numbers[flow.number]
        kept = self._of_tenants[flow.tenant]
        del kept[flow.flow]
        if not kept:
            del self._of_tenants[flow.tenant]
        for place in flow.places.values():
            if self._places.get(place) == flow.flow:
                del self._places[place]

    def _look(self, flow: _Followed, now: int) -> None:
        """Tell what has changed, if it is time for that."""
        hops, is_whole = self._way(flow, now)
        told = flow.told
        if told is None or told.way != tuple(hop.step for hop in hops) or told.is_whole != is_whole:
            if flow.settles_at is None:
                flow.settles_at = now + _SETTLES
            if is_whole or now >= flow.settles_at:
                self._tell(flow, hops, is_whole, now)
            return
        flow.settles_at = None
        is_active = now - flow.heard < _SILENT
        is_resumed = is_active and not told.is_active
        flow.told = path = replace(
            told, hops=hops, last_seen=flow.heard, is_active=told.is_active or is_active
        )
        if is_resumed:
            self._sent(flow, PathChange.RESUMED, path, now)
        elif path.steps == flow.steps_told:
            flow.latency_waits = False
        elif now - flow.told_at >= _LATENCY_PAUSE:
            self._sent(flow, PathChange.LATENCY, path, now)
        else:
            flow.latency_waits = True

    def _sent(self, flow: _Followed, change: PathChange, path: FlowPath, now: int) -> None:
        first = path.hops[0]
        flow.told = replace(path, names=self._name(path.flow, first.came_by, first.translated))
        flow.steps_told, flow.told_at, flow.latency_waits = path.steps, now, False
        self._sink.changed(change, flow.told)

    def _tell(self, flow: _Followed, hops: tuple[Hop, ...], is_whole: bool, now: int) -> None:
        told, flow.settles_at = flow.told, None
        way = tuple(hop.step for hop in hops)
        if is_whole and way != flow.whole_way:
            flow.whole_ways += 1
            flow.before, flow.whole_way = flow.whole_way, way
        path = FlowPath(
            flow.number,
            flow.flow,
            PathNames(),
            hops,
            is_whole,
            now - flow.heard < _SILENT,
            flow.first_seen,
            told.changed if told is not None and told.way == way else now,
            flow.heard,
            flow.whole_ways,
            flow.before if is_whole else flow.whole_way,
        )
        self._sent(flow, PathChange.NEW if told is None else PathChange.PATH, path, now)

    def _way(self, flow: _Followed, now: int) -> tuple[tuple[Hop, ...], bool]:
        """The hops in the order in which packets pass them, and whether that is all of them."""
        entries = [hop for hop in flow.hops.values() if self._ends.far_end(hop.came_by, now) is None]
        begins = bool(entries)
        hop = max(entries, key=lambda one: one.heard) if entries else self._first(flow, now)
        way, passed = [hop], {hop.switch}
        while (far := self._ends.far_end(hop.left_by, now)) is not None:
            following = flow.hops.get(far.switch)
            if (
                following is None
                or far.switch in passed
                or following.came_by != far
                or following.heard < way[0].heard - _HOLDS
            ):
                return tuple(way), False
            hop = following
            way.append(hop)
            passed.add(hop.switch)
        return tuple(way), begins

    def _first(self, flow: _Followed, now: int) -> Hop:
        """Where what is known begins, if the switch where the flow enters has told nothing: go back from the
        newest."""
        hop = max(flow.hops.values(), key=lambda one: one.heard)
        passed = {hop.switch}
        while (far := self._ends.far_end(hop.came_by, now)) is not None:
            before = flow.hops.get(far.switch)
            if before is None or before.left_by != far or before.switch in passed:
                break
            hop = before
            passed.add(hop.switch)
        return hop


def _place(port: PortRef, flow: FlowId) -> _Place:
    vlan, one = flow
    return port, vlan, one.protocol, one.destination, one.destination_port

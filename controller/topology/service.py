"""The topology: switches, and the links between them, as a service that tells each change by its key.

It keeps an index; what it tells and gives away are values. A change costs what it touches. This module knows
nothing of hosts, networks or entries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.cables import SeenCables
from p4fabric.controller.topology.damping import Damping
from p4fabric.controller.topology.discovery import LinkDiscovery, Timing
from p4fabric.controller.topology.drain import NOTHING, Avoided
from p4fabric.controller.topology.model import Cable, Link, Switch, Topology
from p4fabric.controller.topology.paths import PathChange, Paths
from p4fabric.controller.topology.redundancy import Redundancy, redundancy
from p4fabric.pipelines.values import Port

__all__ = ["CableChanged", "LinkChanged", "LinksKnown", "SwitchChanged", "TopologyChange", "TopologyService"]


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """One direction of a link is up, or it is down for a reason. Its key is the link."""

    link: Link
    up: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwitchChanged:
    """Something else is known of a switch: its control channel, or its ports. Its key is the name."""

    switch: Switch


@dataclass(frozen=True, slots=True)
class CableChanged:
    """A cable was seen for the first time; or its ports are used otherwise now, so that it is expected no
    more. Its key is the cable."""

    cable: Cable
    seen: bool


TopologyChange = LinkChanged | SwitchChanged | CableChanged


@dataclass(frozen=True, slots=True)
class LinksKnown:
    """The links at one moment, for whoever looks at them beside the event loop."""

    paths: Paths
    expected: frozenset[Cable]
    flapping: frozenset[Cable]
    drained: Avoided = NOTHING
    """What is drained, or is to be."""
    ends: frozenset[SwitchName] = frozenset()
    """Switches where packets enter and leave the fabric."""

    def redundancy(self) -> Redundancy:
        """How much can fail. Takes its time in a large fabric."""
        return redundancy(self.paths, self.expected, self.flapping, self.drained, self.ends)


class TopologyService:
    """`restore` it, then `run` it in a TaskGroup; feed it what switches say. One event loop only."""

    def __init__(
        self,
        switches: Iterable[Switch],
        send: Callable[[PortRef, bytes], Awaitable[None]],
        on_change: Callable[[TopologyChange], None],
        *,
        ask: Callable[[SwitchName], Awaitable[None]],
        key: bytes | None = None,
        expected: Collection[Cable] = (),
        is_edge: Callable[[PortRef], bool] = lambda port: False,
        timing: Timing | None = None,
        damping: Damping | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Make it, knowing the switches only.

        Args:
            switches: all of the fabric's.
            send: puts a frame out of a port.
            on_change: told each change, after it is in the index.
            ask: see LinkDiscovery.
            key: signs probes.
            expected: links that should be up; if none are named, those that were seen before.
            is_edge: ports that tenants use; tell changes with `edge_changed`.
            timing, damping, clock: see LinkDiscovery.

        Raises:
            ValueError: two switches with one name or one device id.
        """
        self._switches = dict(Topology.of(switches).switches)
        self._on_change = on_change
        self._configured = frozenset(expected)
        self._seen = SeenCables()
        self._links: dict[PortRef, Link] = {}
        """By source."""
        self._is_edge = is_edge
        self._discovery = LinkDiscovery(
            send,
            self._link_up,
            self._link_down,
            ask=ask,
            is_edge=is_edge,
            key=key,
            timing=timing,
            damping=damping,
            clock=clock,
        )
        self._paths = Paths({name: switch.role for name, switch in self._switches.items()}, ())
        self._up: set[Cable] = set()
        self._down: set[Cable] = set()
        """What `_paths` does not know yet."""
        self._avoided = NOTHING
        self._snapshot: Topology | None = None

    # What there is.

    @property
    def switches(self) -> Mapping[SwitchName, Switch]:
        """By name. A view, which changes with the topology."""
        return MappingProxyType(self._switches)

    @property
    def links(self) -> Mapping[PortRef, Link]:
        """The directions of links that are up, by source. A view, which changes with the topology."""
        return MappingProxyType(self._links)

    def is_down(self, port: PortRef) -> bool:
        """Whether a switch said that a port cannot send."""
        return self._discovery.is_down(port)

    @property
    def expected(self) -> frozenset[Cable]:
        """The links that should be up: configured, or seen before, unless others took their ports since."""
        return self._configured or self.seen

    @property
    def snapshot(self) -> Topology:
        """Switches and links as a value; made once for all changes since the last one."""
        if self._snapshot is None:
            self._snapshot = Topology(MappingProxyType(dict(self._switches)), frozenset(self._links.values()))
        return self._snapshot

    @property
    def paths(self) -> Paths:
        """The ways over all links that are up in both directions."""
        self.update_paths()
        return self._paths

    def update_paths(self) -> PathChange:
        """Bring the paths up to date, for all changes of links since the last call or use of `paths`."""
        up, down = self._up - self._paths.cables, self._down & self._paths.cables
        self._up, self._down = set(), set()
        change = self._paths.changed(up, down, self._avoided)
        self._paths = change.paths
        return change

    def avoid(self, avoided: Avoided) -> None:
        """Ways go around this from now on, wherever there are others."""
        self._avoided = avoided

    @property
    def known(self) -> LinksKnown:
        """Links that are up, expected, and held down because they flap, as a value."""
        expected = self.expected
        flapping = frozenset(
            cable for cable in expected if any(self._discovery.held(end) for end in (cable.one, cable.other))
        )
        return LinksKnown(self.paths, expected, flapping)

    @property
    def seen(self) -> frozenset[Cable]:
        """The last cable that was seen at each port."""
        return frozenset(self._seen)

    @property
    def configured(self) -> frozenset[Cable]:
        """The links that the configuration names."""
        return self._configured

    def is_up(self, cable: Cable) -> bool:
        """Whether a link is up in one direction at least."""
        links = (self._links.get(end) for end in (cable.one, cable.other))
        return any(link is not None and link.cable == cable for link in links)

    def is_cut_off(self, name: SwitchName) -> bool:
        """Whether every link that a switch had is down, as its neighbors or the switch itself have shown."""
        cables = self._seen.of(name)
        return bool(cables) and not any(map(self.is_up, cables))

    def far_end(self, port: PortRef) -> PortRef | None:
        """The other end of the link at a port that is up; None: there is none."""
        link = self._links.get(port)
        return link.destination if link is not None else None

    # What is told to it.

    def restore(self, links: Iterable[Link], seen: Iterable[Cable] = ()) -> None:
        """Believe what was known before a restart, as far as its switches are still there; nobody is told.

        Args:
            links: those that were up. They stay until evidence ends them.
            seen: links that have been up before, so that they are expected.
        """
        for cable in seen:
            if {cable.one.switch, cable.other.switch} <= self._switches.keys():
                self._seen.put(cable)
        for link in links:
            ends = (link.source, link.destination)
            if all(end.switch in self._switches and not self._is_edge(end) for end in ends):
                self._discovery.restore([link])
                self._add(link)
                self._seen.put(link.cable)

    async def run(self) -> None:
        """Probe for ever. Ends by cancellation only."""
        await self._discovery.run()

    def switch_connected(self, name: SwitchName) -> None:
        """A switch can be probed."""
        switch = self._switches[name]
        self._discovery.switch_connected(name, switch.link_ports, present=switch.ports)
        self._update(replace(switch, connected=True))

    def switch_ready(self, name: SwitchName) -> None:
        """A connected switch holds all its entries: a probe that it does not pass on is missing."""
        self._discovery.switch_ready(name)

    def switch_disconnected(self, name: SwitchName) -> None:
        """A switch cannot be probed; its links stay."""
        self._discovery.switch_disconnected(name)
        self._update(replace(self._switches[name], connected=False))

    def ports_known(self, name: SwitchName, ports: frozenset[Port]) -> None:
        """A switch said which ports it has; that stays known while it is away."""
        switch = self._switches[name]
        if switch.ports != ports:
            self._update(replace(switch, ports=ports))
            self._discovery.switch_has(name, ports)

    def port_status(self, port: PortRef, up: bool) -> None:
        """A switch said whether a port can send."""
        self._discovery.port_status(port, up)

    def received(self, port: PortRef, frame: bytes) -> None:
        """A frame came from a switch."""
        self._discovery.received(port, frame)

    def edge_changed(self, ports: Iterable[PortRef]) -> None:
        """Networks were opened or closed at ports."""
        for port in ports:
            if self._is_edge(port) and (cable := self._seen.at(port)) is not None:
                self._seen.forget(cable)
                self._on_change(CableChanged(cable, seen=False))
            self._discovery.edge_changed([port])

    def declared_gone(self, cable: Cable) -> None:
        """An operator says that a link that was seen will not come back: it is expected no more.

        One that has come up meanwhile is expected as before, which is told.
        """
        if self.is_up(cable):
            self._on_change(CableChanged(cable, seen=True))
        else:
            self._seen.forget(cable)

    # What follows.

    def _link_up(self, link: Link) -> None:
        self._add(link)
        if self._seen.at(link.source) != link.cable:
            for displaced in self._seen.put(link.cable):
                self._on_change(CableChanged(displaced, seen=False))
            self._on_change(CableChanged(link.cable, seen=True))
        self._on_change(LinkChanged(link, up=True))

    def _link_down(self, link: Link, reason: str) -> None:
        self._links.pop(link.source, None)
        self._down.add(link.cable)
        self._up.discard(link.cable)
        self._snapshot = None
        self._on_change(LinkChanged(link, up=False, reason=reason))

    def _add(self, link: Link) -> None:
        self._links[link.source] = link
        self._snapshot = None
        cable = link.cable
        if self._links.get(link.destination) == link.reverse:
            self._up.add(cable)
            self._down.discard(cable)

    def _update(self, switch: Switch) -> None:
        if self._switches[switch.name] != switch:
            self._switches[switch.name] = switch
            self._snapshot = None
            self._on_change(SwitchChanged(switch))

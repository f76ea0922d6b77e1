"""Fabrics of any shape in memory, whose frames are followed after each update that any switch performs.

One network has a port at some of the switches, with one host each. What each switch would do with a frame for
each of them, and with one for all, follows from the entries that it holds at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from p4fabric.controller.compiler.delta import FabricDelta
from p4fabric.controller.core import Capacity, Core, asked_changes, step_changes
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.state import Phase
from p4fabric.controller.reconcile import Barrier, Progress, Reconciler
from p4fabric.controller.reconcile.session import Timing
from p4fabric.controller.state import Change
from p4fabric.controller.topology.drain import Drained
from p4fabric.controller.topology.model import Cable, Link, Role, Switch
from p4fabric.pipelines.entities import MulticastGroup
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.values import MacAddress, Port, VlanId
from tests.unit.southbound.simulated_switch import SimulatedSwitch

__all__ = ["EDGE", "WaysWorld"]

EDGE = Port(31)
"""Where the host of a switch is, if it has one."""
_QUICK = Timing(audit=1000.0, first_retry=0.5, longest_retry=2.0, patience=0.2)
_RULES = FabricRules()


class Astray(AssertionError):
    """A frame was lost, came back to where it was, or came out twice."""


class WaysWorld:
    """Make it inside of a running event loop with a held clock, then `start` it."""

    def __init__(
        self,
        roles: Mapping[SwitchName, Role],
        cables: Collection[Cable],
        edges: Sequence[SwitchName],
        seed: int,
    ) -> None:
        self.edges = edges
        self.links: dict[PortRef, Link] = {link.source: link for cable in cables for link in cable.links}
        self.may_lose = False
        """Whether frames may be lost now: a link has failed."""
        self._random = Random(seed)
        self.core = Core(Capacity({}))
        self._macs = {name: MacAddress(0x020000000000 + n) for n, name in enumerate(sorted(roles), 1)}
        self._switches = {
            name: Switch(name, n, role) for n, (name, role) in enumerate(sorted(roles.items()), 1)
        }
        self.sessions = {
            name: SimulatedSwitch(name, connected=True, random=self._random) for name in self._switches
        }
        self._tasks: list[asyncio.Future[None]] = []
        self._reconcilers: dict[SwitchName, Reconciler] = {}
        self._since: int | None = None
        """The revision of the first step that not all switches may have followed."""
        self._watching = False

    async def start(self) -> None:
        """All switches get all that is desired; from then on, frames are followed."""
        view = self.core.view
        self.core.plan(
            [
                *(Change(view.switches, name, switch) for name, switch in self._switches.items()),
                *(Change(view.links, port, link) for port, link in self.links.items()),
            ]
        )
        attachments = [
            {"switch": name, "port": int(EDGE), "mac": str(self._macs[name])} for name in self.edges
        ]
        network = {"kind": "Network", "name": "n", "tenant": "t", "spec": {"attachments": attachments}}
        self.core.plan_apply([parse_intent(network)])
        barrier = Barrier(self._far_end)
        for name, session in self.sessions.items():
            session.delay = lambda: self._random.choice((0.0, 0.001, 0.05))
            session.watch = lambda update, name=name: self._performed(f"{name}: {update}")  # type: ignore[misc]
            reconciler = Reconciler(session, _RULES, barrier, self._progressed, timing=_QUICK)
            self._reconcilers[name] = reconciler
            reconciler.begin(dict(self.core.compiler.desired(name)), self.core.compiler.revision)
            self._tasks.append(asyncio.ensure_future(reconciler.run()))
        await asyncio.sleep(30)
        self.vlan = VlanId(next(self.core.view.numbers.given.rows())[1])
        self._watching = True
        self.follow_all("the start")

    async def stop(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def ask(self, drained: Drained, wanted: bool) -> None:
        """Drain something, or use it again."""
        plan = self.core.plan_with_room(asked_changes(self.core, drained, wanted, 1.0), "drain")
        if self._since is None:
            self._since = plan.delta.revision
        self._deliver(plan.delta)

    def link(self, cable: Cable, *, up: bool) -> None:
        """A link comes or goes."""
        changes = []
        for link in cable.links:
            if up:
                self.links[link.source] = link
            else:
                self.links.pop(link.source, None)
            changes.append(Change(self.core.view.links, link.source, link if up else None))
        self._deliver(self.core.plan(changes).delta)

    def toggle(self, name: SwitchName) -> None:
        """The connection to a switch is lost, or comes back; frames go on."""
        session = self.sessions[name]
        if session.state.phase is Phase.PRIMARY:
            session.disconnect()
        else:
            session.connect()

    def connect_all(self) -> None:
        for name, session in self.sessions.items():
            if session.state.phase is not Phase.PRIMARY:
                self.toggle(name)

    @property
    def is_settled(self) -> bool:
        """Whether there is no step of a drain left."""
        return all(drain.is_settled for _, drain in self.core.view.drains.rows())

    def step(self) -> None:
        """Take the next step of drains, if all switches send as is wished."""
        if self._since is None or not all(
            one.directs_as_wished(self._since) for one in self._reconcilers.values()
        ):
            return
        self._since = None
        if not self.is_settled:
            plan = self.core.plan(step_changes(self.core))
            self._since = plan.delta.revision
            self._deliver(plan.delta)

    def _deliver(self, delta: FabricDelta) -> None:
        for name, change in delta.switches.items():
            self._reconcilers[name].change(change)
        asyncio.get_running_loop().call_soon(self.step)

    def _progressed(self, progress: Progress) -> None:
        asyncio.get_running_loop().call_soon(self.step)

    def _far_end(self, port: PortRef) -> PortRef | None:
        link = self.links.get(port)
        return None if link is None else link.destination

    # Frames.

    def _performed(self, after: str) -> None:
        if self._watching:
            self.follow_all(after)

    def follow_all(self, after: str) -> None:
        """Each host sends a frame to each other one, and one to all."""
        for here in self.edges:
            for there in self.edges:
                if here != there:
                    self._follow(here, there, (), after)
            self._flood(here, after)

    def uses(self) -> Iterator[Drained]:
        """Switches that are crossed, and links that are taken, by frames between hosts."""
        for here in self.edges:
            for there in self.edges:
                yield from self._used(here, there, here, there)
            yield from self._flooded(here)

    def _used(
        self, start: SwitchName, end: SwitchName, here: SwitchName, there: SwitchName
    ) -> Iterator[Drained]:
        if here == there:
            return
        if here != start:
            yield here
        for port in self._next(here, there) or ():
            link = self.links[PortRef(here, port)]
            yield link.cable
            yield from self._used(start, end, link.destination.switch, there)

    def _flooded(self, start: SwitchName) -> Iterator[Drained]:
        waiting = [(start, EDGE)]
        while waiting:
            here, came_by = waiting.pop()
            if here not in self.edges:
                yield here
            for port in self._tree_ports(here, came_by):
                if (link := self.links.get(PortRef(here, port))) is not None:
                    yield link.cable
                    waiting.append((link.destination.switch, link.destination.port))

    def _entry(self, name: SwitchName, table: Any, *key: object) -> Any:
        return self.sessions[name].entities.get((table.TABLE_ID, *key, 0))

    def _next(self, here: SwitchName, there: SwitchName) -> tuple[Port, ...] | None:
        """The ports by which a switch sends what is for the host at another one; None: it does not know."""
        if self._entry(here, b.Networks, int(self.vlan)) is None:
            return None
        bridging = self._entry(here, b.Bridging, int(self.vlan), self._macs[there])
        if bridging is None or not isinstance(bridging.action, b.ToEcmpGroup):
            return None
        group = self._entry(here, b.EcmpGroups, int(bridging.action.group))
        return None if group is None else tuple(Port(member.action.port) for member in group.action)

    def _follow(self, here: SwitchName, there: SwitchName, way: tuple[SwitchName, ...], after: str) -> None:
        """By every choice that switches have."""
        if here == there:
            return
        if here in way:
            raise Astray(f"after {after}\na frame for {there} goes round: {' -> '.join((*way, here))}")
        ports = self._next(here, there)
        for port in ports or ():
            far = self._far_end(PortRef(here, port))
            if far is not None:
                self._follow(far.switch, there, (*way, here), after)
            elif not self.may_lose:
                raise Astray(f"after {after}\na frame for {there} is sent to port {port} of {here}: no link")
        if not ports and not self.may_lose:
            raise Astray(f"after {after}\na frame for {there} is lost: {' -> '.join((*way, here))}")

    def _tree_ports(self, here: SwitchName, came_by: Port) -> list[Port]:
        group = self.sessions[here].entities.get(("multicast_group", int(self.vlan)))
        if self._entry(here, b.Networks, int(self.vlan)) is None or group is None:
            return []
        assert isinstance(group, MulticastGroup)
        return [Port(replica.port) for replica in group.replicas if replica.port != came_by]

    def _flood(self, start: SwitchName, after: str) -> None:
        """No copy comes twice to where it is sent on, or out."""
        been: set[SwitchName] = set()
        waiting = [(start, EDGE)]
        while waiting:
            here, came_by = waiting.pop()
            ports = self._tree_ports(here, came_by)
            if ports and here in been:
                raise Astray(f"after {after}\na frame of {start} for all comes to {here} twice")
            been.add(here)
            for port in ports:
                far = self._far_end(PortRef(here, port))
                if far is not None:
                    waiting.append((far.switch, far.port))

    def floods_to_all(self) -> bool:
        """Whether a frame for all comes to all."""
        for start in self.edges:
            been, waiting = {start}, [(start, EDGE)]
            while waiting:
                here, came_by = waiting.pop()
                for port in self._tree_ports(here, came_by):
                    if (far := self._far_end(PortRef(here, port))) is not None:
                        been.add(far.switch)
                        waiting.append((far.switch, far.port))
            if not been.issuperset(self.edges):
                return False
        return True

"""The whole control core with switches in memory: no sockets, no store file, and time that is held.

`World` does what a running fabric does with a plan, and keeps what its store would. After every single update
that a switch performs, all packets are followed through what all switches hold, and judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from random import Random
from typing import Any

from p4fabric.controller.compiler.delta import SwitchDelta
from p4fabric.controller.core import Capacity, Core, PersistedRow, Plan, asked_changes, step_changes
from p4fabric.controller.fabric.control import Control
from p4fabric.controller.intents import IntentDocument, parse_all
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.numbers import Number
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.p4runtime.state import Phase
from p4fabric.controller.p4runtime.update import Code, Update
from p4fabric.controller.reconcile import Barrier, Progress, Reconciler
from p4fabric.controller.reconcile.diff import same
from p4fabric.controller.reconcile.session import Timing
from p4fabric.controller.state import Change
from p4fabric.controller.status import IntentState, IntentStatus, SwitchStatusChanged
from p4fabric.controller.topology.drain import Drained
from p4fabric.controller.topology.model import Host, HostKey, Link
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.fabric.rules import FabricRules
from tests.unit.southbound.simulated_switch import SimulatedSwitch

from .data_plane import DataPlane, Read, SwitchTables
from .packets import LINKS, NAMES, PACKETS, SWITCHES, Sent
from .permissions import Version, may_pass

__all__ = ["Leak", "World"]

QUICK = Timing(audit=5.0, first_retry=0.5, longest_retry=2.0, patience=0.2)
RULES = FabricRules()
KEPT = ("metadata", "numbers", "resting numbers", "rule places", "gone switches", "drains")
"""Tables that are loaded; intents are documents, and hosts and links are what is seen."""


class Leak(AssertionError):
    """A packet came out where neither the old intents nor the new ones allow it."""


class WatchedSwitch:
    """A simulated switch, its reconciler, and how its entries differ from what is desired."""

    def __init__(self, name: SwitchName, world: World) -> None:
        self.name, self.world = name, world
        self.session = SimulatedSwitch(name, connected=False, random=Random(0))
        self.session.watch = self._performed
        self.desired: dict[EntityKey, Entity] = {}
        self.differing: set[EntityKey] = set()
        self.whole = 0
        """The number of the version that it held wholly last."""
        self.reconciler: Reconciler | None = None
        self.failures: dict[EntityKey, str] = {}

    @property
    def connected(self) -> bool:
        return self.session.state.phase is Phase.PRIMARY

    @property
    def epoch(self) -> int | None:
        return self.session.state.epoch if self.connected else None

    def begin(self, desired: Mapping[EntityKey, Entity], revision: int, barrier: Barrier) -> Reconciler:
        self.reconciler = Reconciler(
            self.session, self.world.rules, barrier, self.world.progressed, timing=QUICK
        )
        self.desired, self.failures = dict(desired), {}
        self.differing = {
            key
            for key in {*self.desired, *self.session.entities}
            if not _same(self.desired.get(key), self.session.entities.get(key))
        }
        self.reconciler.begin(dict(desired), revision)
        return self.reconciler

    def change(self, delta: SwitchDelta) -> None:
        self.desired.update(delta.wanted)
        for key in delta.unwanted:
            self.desired.pop(key, None)
        for key in (*delta.wanted, *delta.unwanted):
            self._compare(key)
        if self.reconciler is not None:
            self.reconciler.change(delta)

    def may_hold(self, number: Number) -> bool:
        return self.reconciler is None or self.reconciler.may_hold(number)

    def known_to_hold(self, key: EntityKey, entity: Entity | None) -> bool:
        return self.reconciler is not None and self.reconciler.known_to_hold(key, entity)

    def restart(self) -> None:
        """It comes back with nothing."""
        self.session.restart()
        self.differing = set(self.desired)
        self.world.tables[self.name].clear()
        self.world.look_again(self.name)

    def holds(self, entity: Entity) -> bool:
        return _same(entity, self.session.entities.get(entity.key))

    def _compare(self, key: EntityKey) -> None:
        if _same(self.desired.get(key), self.session.entities.get(key)):
            self.differing.discard(key)
        else:
            self.differing.add(key)

    def _performed(self, update: Update) -> None:
        key = update.entity.key
        read = self.world.tables[self.name].put(key, self.session.entities.get(key))
        self._compare(key)
        self.world.performed(self, update, read)


class World:
    """Make it inside of a running event loop with a held clock, then `start` it."""

    def __init__(self, *, packets: Sequence[Sent] = PACKETS, rules: FabricRules = RULES) -> None:
        self.rules = rules
        self.packets = packets
        self.switches = {name: WatchedSwitch(name, self) for name in NAMES}
        self.tables = {name: SwitchTables(name) for name in NAMES}
        self._data_plane = DataPlane(self.tables)
        self.updates = 0
        self.versions = [Version(0, {}, {})]
        self.intents: dict[IntentKey, IntentDocument] = {}
        self.rows: dict[tuple[str, Any], Any] = {}
        """All other rows by table and key; both are what a store keeps."""
        self.links: dict[PortRef, Link] = {link.source: link for link in LINKS}
        self.heard: dict[HostKey, Host] = {}
        self.tasks: list[asyncio.Future[None]] = []
        self._undirected: int | None = None
        """The revision of the first step of a drain that not all switches may follow yet; None: they do."""
        self._out: dict[Sent, frozenset[PortRef]] = {}
        self._reads: dict[Sent, set[Read]] = {}
        self._readers: dict[Read, set[Sent]] = {}
        self._judged: set[tuple[Sent, PortRef, int, int, int]] = set()
        for sent in packets:
            self._follow(sent)

    # The controller.

    async def start(self) -> None:
        """A controller starts with what the store kept; another one that ran is gone."""
        await self.stop()
        self.core = Core(Capacity({}))
        self.statuses: dict[IntentKey, IntentStatus] = {}
        self.deleted: list[IntentKey] = []
        self._observed: list[Change] = []
        self.take_in_at_once = True
        for switch in self.switches.values():
            switch.reconciler, switch.desired = None, {}
            switch.differing = set(switch.session.entities)
        self.control = Control(self.core, NAMES, self.switches.get, self, self._observe)
        loaded = self.core.load(*_kept(self))
        assert not loaded.unreadable
        self._take_intents(loaded.plan)
        self._keep(loaded.plan)
        self._new_version()
        view = self.core.view
        self._keep(
            self.core.plan(
                [
                    *(Change(view.switches, name, switch) for name, switch in SWITCHES.items()),
                    *(Change(view.links, port, link) for port, link in self.links.items()),
                    *(Change(view.heard_hosts, key, host) for key, host in self.heard.items()),
                ]
            )
        )
        self.control.begin(self.core)
        drains = [drain for _, drain in self.core.view.drains.rows()]
        self._undirected = None if all(drain.is_settled for drain in drains) else 0
        self.tasks.append(asyncio.ensure_future(self.control.statuses.run()))
        barrier = Barrier(self._far_end)
        wanted = self.core.compiler.wanted.entities
        for name, switch in self.switches.items():
            reconciler = switch.begin(wanted.get(name, {}), self.core.compiler.revision, barrier)
            self.tasks.append(asyncio.ensure_future(reconciler.run()))
            self.control.connection(name, switch.epoch)
        self.take_in()

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []

    def apply(self, *documents: Mapping[str, Any]) -> None:
        """Accept intents.

        Raises:
            IntentError: they are wrong, or do not stand together.
        """
        self._adopt(self.core.plan_apply(parse_all(documents)))
        self._forget_hosts()

    def delete(self, *keys: IntentKey) -> None:
        """Take intents out.

        Raises:
            IntentError: they are not there, or are needed.
        """
        self._adopt(self.core.plan_delete(keys))
        self._forget_hosts()

    def hear(self, host: Host) -> None:
        """A host speaks at a port of its network."""
        self.heard[host.key] = host
        self._adopt(self.core.plan([Change(self.core.view.heard_hosts, host.key, host)]))

    def forget(self, key: HostKey) -> None:
        """A host was silent for long."""
        del self.heard[key]
        self._adopt(self.core.plan([Change(self.core.view.heard_hosts, key, None)]))

    def link(self, link: Link, *, up: bool) -> None:
        """A link comes or goes, in both directions."""
        changes = []
        for one in (link, link.reverse):
            if up:
                self.links[one.source] = one
            else:
                self.links.pop(one.source, None)
            changes.append(Change(self.core.view.links, one.source, one if up else None))
        self._adopt(self.core.plan(changes))

    def declare_gone(self, name: SwitchName) -> None:
        """The operator says that a switch will not come back with what it holds."""
        self._adopt(self.core.plan([Change(self.core.gone, name, 1.0)]))
        self.take_in()

    def drain(self, drained: Drained, *, wanted: bool) -> None:
        """An operator drains a switch or a link, or has it used again."""
        self._adopt(self.core.plan_with_room(asked_changes(self.core, drained, wanted, 1.0), "drain"))
        self.step_drains()

    def step_drains(self) -> None:
        """The next step of drains, if all switches send as they should by the one before."""
        while (since := self._undirected) is not None and all(
            name in self.control.gone
            or (switch.reconciler is not None and switch.reconciler.directs_as_wished(since))
            for name, switch in self.switches.items()
        ):
            self._undirected = None
            self._adopt(self.core.plan(step_changes(self.core)))

    # Switches.

    def connect(self, *names: SwitchName) -> None:
        for name in names or NAMES:
            if not self.switches[name].connected:
                self.switches[name].session.connect()
                self.control.connection(name, self.switches[name].epoch)
                self.take_in()

    def disconnect(self, name: SwitchName) -> None:
        self.switches[name].session.disconnect()
        self.control.connection(name, None)

    def refuse(self, name: SwitchName, which: Callable[[Update], bool]) -> None:
        """A switch refuses some updates, until it is told otherwise."""
        self.switches[name].session.refuse = lambda update: (
            (Code.INTERNAL, "not today") if which(update) else None
        )

    def perform_all(self, *names: SwitchName) -> None:
        for name in names or NAMES:
            session = self.switches[name].session
            session.refuse = lambda update: None
            session.rooms.clear()
            session.break_after = None
            session.answered.set()

    def check_tasks(self) -> None:
        for task in self.tasks:
            if task.done():
                task.result()

    # What follows.

    def _take_intents(self, plan: Plan) -> None:
        for key, intent in plan.intents.items():
            self.control.take_intent(key, intent, plan.metadata.get(key))

    def _adopt(self, plan: Plan) -> None:
        self._keep(plan)
        if plan.drains and self._undirected is None:
            self._undirected = plan.delta.revision
        self._new_version()
        self._take_intents(plan)
        self.control.adopt(plan)
        for switch in self.switches.values():
            if not switch.differing:
                self._is_whole(switch)

    def _keep(self, plan: Plan) -> None:
        for row in plan.rows:
            is_intent = row.table == "intents"
            rows: dict[Any, Any] = self.intents if is_intent else self.rows
            place = row.key if is_intent else (row.table, row.key)
            if row.value is None:
                rows.pop(place, None)
            else:
                rows[place] = row.value

    def _new_version(self) -> None:
        last = self.versions[-1]
        number = len(self.versions)
        born = {key: last.born.get(key, number) for key in self.intents}
        self.versions.append(Version(number, dict(self.intents), dict(self.heard), born))

    def _forget_hosts(self) -> None:
        """What may not be heard any more is forgotten."""
        for key, host in list(self.heard.items()):
            if not self.may_be_heard(host):
                self.forget(key)

    def may_be_heard(self, host: Host) -> bool:
        """Whether a host's port is its network's, and its MAC address is not stated to be at another one."""
        network = self.core.view.catalogue.get(host.network)
        if not isinstance(network, Network):
            return False
        attachments = network.spec.attachments
        stated = {attachment.ref for attachment in attachments if attachment.mac == host.mac}
        return host.attachment in (stated or {attachment.ref for attachment in attachments})

    def _observe(self, *changes: Change) -> None:
        self._observed += changes

    def progressed(self, progress: Progress) -> None:
        """A reconciler reports."""
        failures = self.switches[progress.switch].failures
        for key in progress.recovered:
            failures.pop(key, None)
        failures.update(progress.failures)
        self.control.connection(progress.switch, self.switches[progress.switch].epoch)
        self.step_drains()
        self.control.progressed(progress)
        self.take_in()

    def _far_end(self, port: PortRef) -> PortRef | None:
        link = self.links.get(port)
        return None if link is None else link.destination

    def take_in(self) -> None:
        """Make changes of what was observed."""
        while self._observed and self.take_in_at_once:
            changes, self._observed = self._observed, []
            self._adopt(self.core.plan(changes))

    def hold_observed(self) -> list[Change]:
        """Take away what was observed and is no change yet."""
        found, self._observed = self._observed, []
        return found

    def observed(self, changes: list[Change]) -> None:
        """Make a change of what was taken away."""
        self._adopt(self.core.plan(changes))

    # StatusListener.

    def status_changed(self, key: IntentKey, status: IntentStatus) -> None:
        self.statuses[key] = status
        if status.state is IntentState.ACTIVE:
            self._is_active(key, NAMES)

    def _is_active(self, key: IntentKey, switches: Collection[SwitchName]) -> None:
        for output in self.core.compiler.outputs(key):
            for name, entities in output.entities.items():
                for entity in entities if name in switches and name not in self.control.gone else ():
                    wanted = self.core.compiler.desired(name).get(entity.key)
                    assert wanted is None or self.switches[name].holds(wanted), (
                        f"{key} is active, and {name} lacks {wanted}"
                    )

    def intent_deleted(self, key: IntentKey) -> None:
        self.statuses.pop(key, None)
        self.deleted.append(key)

    def switch_status_changed(self, change: SwitchStatusChanged) -> None:
        for key in self.control.statuses:
            if self.control.statuses.status_of(key).state is IntentState.ACTIVE:
                self._is_active(key, [change.switch])

    def state(self, key: IntentKey) -> IntentState:
        return self.control.statuses.status_of(key).state

    def held(self, name: SwitchName) -> Collection[Entity]:
        """All entries of a switch."""
        return self.switches[name].session.entities.values()

    def comes_out(self, sent: Sent) -> frozenset[PortRef]:
        """The edge ports where a packet comes out now."""
        return self._data_plane.follow(sent)[0]

    # Judging.

    def performed(self, switch: WatchedSwitch, update: Update, read: Read) -> None:
        """A switch performed one update: whatever looked there is followed again."""
        self.updates += 1
        for sent in list(self._readers.get(read, ())):
            self._follow(sent)
            self._judge(sent, f"{switch.name}: {update}")
        if not switch.differing:
            self._is_whole(switch)

    def look_again(self, name: SwitchName) -> None:
        """A switch holds something else altogether."""
        for sent, reads in self._reads.items():
            if any(read[0] == name for read in reads):
                self._follow(sent)

    def _is_whole(self, switch: WatchedSwitch) -> None:
        if switch.whole == self.versions[-1].number:
            return
        switch.whole = self.versions[-1].number
        for sent, out in self._out.items():
            if out and (sent.port.switch == switch.name or any(port.switch == switch.name for port in out)):
                self._judge(sent, f"{switch.name} holds all of version {switch.whole}")

    def _follow(self, sent: Sent) -> None:
        out, reads = self._data_plane.follow(sent)
        before = self._reads.get(sent, set())
        for read in before - reads:
            self._readers[read].discard(sent)
        for read in reads - before:
            self._readers.setdefault(read, set()).add(sent)
        self._out[sent], self._reads[sent] = out, reads

    def _judge(self, sent: Sent, after: str) -> None:
        here = self.switches[sent.port.switch].whole
        for out in self._out[sent]:
            there = self.switches[out.switch].whole
            case = (sent, out, here, there, len(self.versions))
            if case in self._judged:
                continue
            if not may_pass(sent, out, self.versions[here:], self.versions[there:]):
                raise Leak(
                    f"after {after}\n{sent} comes out at {out}\n"
                    f"{sent.port.switch} held version {here} wholly, {out.switch} {there}; "
                    f"the newest is {self.versions[-1].number}"
                )
            self._judged.add(case)

    def leaks_nothing(self) -> None:
        """Judge all packets once more."""
        for sent in self.packets:
            self._judge(sent, "all")


def _same(one: Entity | None, other: Entity | None) -> bool:
    if one is None or other is None:
        return one is other
    return same(one, other)


def _kept(world: World) -> tuple[list[PersistedRow], dict[IntentKey, object]]:
    """What a store gives back: rows, and documents."""
    rows = [PersistedRow(*place, value) for place, value in world.rows.items() if place[0] in KEPT]
    return rows, {key: intent.document() for key, intent in world.intents.items()}


def derived_at_once(world: World) -> Mapping[SwitchName, Mapping[EntityKey, Entity]]:
    """What switches should hold, derived from all rows in one step."""
    core = Core(Capacity({}))
    view = core.view
    core.load(*_kept(world))
    changes: Iterable[Change] = [
        *(Change(view.heard_hosts, key, host) for key, host in world.heard.items()),
        *(Change(view.links, port, link) for port, link in world.links.items()),
        *(Change(view.switches, name, switch) for name, switch in SWITCHES.items()),
    ]
    core.plan(changes)
    return {name: dict(core.compiler.desired(name)) for name in NAMES}

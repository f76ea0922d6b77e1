"""The running controller: intents in, desired states out to the switches, statuses and events back.

One lock orders all changes of what is desired; compilation runs beside the loop. This module wires
the parts together. It must never know HTTP, a table or an encoding.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from controller.compiler import Compiler
from controller.compiler.desired import CompileError, CounterSource, DesiredState, counters_of
from controller.config import FabricConfig
from controller.fabric.announcements import StatusAnnouncements
from controller.fabric.edge import Edge
from controller.fabric.figures import Figures, switch_view
from controller.fabric.ledger import IntentConflict, Ledger, Outcome, Revision, parse_all
from controller.fabric.observation import Observation
from controller.fabric.sight import Sight
from controller.fabric.status import IntentState, IntentStatus, StatusBoard
from controller.fabric.switch import FabricSwitch
from controller.fabric.views import Applied, IntentView, SwitchView
from controller.intents import FieldError, IntentDocument
from controller.names import IntentKey, PortRef, SwitchName, TenantName
from controller.p4runtime import PacketIn, Phase, SessionState
from controller.reconcile import Progress, RemovalGuard
from controller.store import Snapshot, SqliteStore, Store, StoreError
from controller.telemetry.bus import EventBus
from controller.telemetry.congestion import CongestionMonitor, Queue
from controller.telemetry.counters import Count
from controller.telemetry.drop_counts import PointCount
from controller.telemetry.drop_watch import DropWatch
from controller.telemetry.drops import DropPoint, drop_points
from controller.telemetry.events import (
    IntentDeleted,
    IntentStatusChanged,
    SwitchConnected,
    SwitchDisconnected,
)
from controller.telemetry.metrics import Metrics
from controller.topology.model import Topology
from pipelines.entities import Counter, DigestMessage, EntityKey, TableEntry
from pipelines.fabric.bindings import CongestionReport, CongestionWatch, HostSeen
from pipelines.values import Port

__all__ = ["Fabric", "running_fabric"]

_log = logging.getLogger(__name__)

_GATHER = 0.05
"""Seconds in which changes of the topology are gathered before one compilation."""
_FAILURES_SHOWN = 20


@asynccontextmanager
async def running_fabric(
    config: FabricConfig, *, new_store: bool = False, confirm_removal: bool = False
) -> AsyncIterator[Fabric]:
    """Run a fabric while the body does.

    Args:
        config: the fabric.
        new_store: begin with no intents, though the store's file is empty.
        confirm_removal: remove what switches hold and the store does not know, however much that is.

    Raises:
        StoreError: the store cannot be used.
    """
    store = await SqliteStore.open(config.store.path, new=new_store)
    try:
        fabric = await Fabric.load(config, store, confirm_removal=confirm_removal)
        async with asyncio.TaskGroup() as tasks:
            main = tasks.create_task(fabric.run(), name="fabric")
            try:
                yield fabric
            finally:
                fabric.close()
                main.cancel()
    finally:
        await store.close()


class Fabric:
    """Make it with `load`, then `run` it in a TaskGroup; `running_fabric` does both."""

    def __init__(self, config: FabricConfig, store: Store, key: bytes, guard: RemovalGuard) -> None:
        """Make an empty one; `key` signs link probes, `guard` says which switches may be written to."""
        self._store = store
        self._ledger = Ledger()
        self._compiler = Compiler()
        self._desired = DesiredState({}, {})
        self._announcements = StatusAnnouncements(self._announce)
        self._board = StatusBoard(self._announcements.changed)
        self._guard = guard
        self._switches = {
            switch.switch_name: FabricSwitch(switch, self, self._progressed, guard)
            for switch in config.switches
        }
        self._observation = Observation(
            config.telemetry,
            Figures(self, self._switches.values()),
            report_interval=self._report_interval,
            read_counters=self._read_counters,
            all_sources=self._all_sources,
            switches=tuple(self._switches),
            drop_points=self._drop_points,
            read_cells=lambda name, cells: self._switches[name].read_cells(cells),
        )
        self._sight = Sight(
            (switch.switch() for switch in config.switches),
            key,
            self._send,
            self.bus.publish,
            self._topology_changed,
            lambda switch, since: self._switches[switch].heard_all(since),
        )
        self._changing = asyncio.Lock()
        self._dirty = asyncio.Event()
        self._waiting_since: dict[SwitchName, float] = {}
        """Connected switches that do not hold yet what is desired, and since when."""

    @classmethod
    async def load(cls, config: FabricConfig, store: Store, *, confirm_removal: bool = False) -> Fabric:
        """Take up what the store kept, and compile it, before any switch is touched.

        Raises:
            StoreError: the store cannot be read, or holds what this version does not understand.
        """
        guard = RemovalGuard((s.switch_name for s in config.switches), confirmed=confirm_removal)
        fabric = cls(config, store, await store.secret("link probes"), guard)
        await fabric._take_up(await store.load())
        return fabric

    async def _take_up(self, kept: Snapshot) -> None:
        self._ledger = Ledger.of(kept)
        self._sight.restore(kept.hosts, kept.links, Edge(self._ledger.catalogue, self._ledger.allocations))
        try:
            desired = await self._compile(self._ledger)
        except CompileError as error:
            raise StoreError(f"the intents in the store do not stand together: {error}") from error
        for key, generation in self._ledger.generations.items():
            self._board.accept(key, generation)
        self._guard.begin(desired.entities)
        self._adopt(desired)
        self._dirty.set()

    def close(self) -> None:
        """Tell nobody anything more; readers of events end."""
        self._announcements.close()
        self.bus.close()

    async def run(self) -> None:
        """Control the fabric for ever. Ends by cancellation only; switches keep what they have."""
        async with asyncio.TaskGroup() as tasks:
            for switch in self._switches.values():
                tasks.create_task(switch.run(), name=f"switch {switch.name}")
            tasks.create_task(self._sight.run(), name="sight")
            tasks.create_task(self._follow_topology(), name="recompilation")
            tasks.create_task(self._observation.run(), name="observation")

    # Intents.

    async def apply(self, documents: Sequence[object], *, dry_run: bool = False) -> list[Applied]:
        """Accept documents, all or none; one that is there already as it is changes nothing.

        Raises:
            IntentError: a document is wrong by itself.
            IntentConflict: they do not stand together, or not with the others.
            StoreError: they cannot be kept.
        """
        intents = parse_all(documents)
        async with self._changing:
            revision = self._ledger.apply(intents)
            changed = any(outcome is not Outcome.UNCHANGED for outcome in revision.outcomes.values())
            if changed:
                desired = await self._compile_or_refuse(revision.ledger, intents)
                if not dry_run:
                    await self._store.commit(revision.change)
                    self._ledger = revision.ledger
                    for stored in revision.change.intents:
                        self._board.accept(stored.key, stored.generation)
                    self._adopt_with_edge(desired)
            return [self._applied(intent, revision, dry_run) for intent in intents]

    async def delete(self, key: IntentKey, *, dry_run: bool = False) -> None:
        """Take an intent out.

        Raises:
            UnknownIntent: there is none.
            IntentConflict: others still need it.
            StoreError: the change cannot be kept.
        """
        async with self._changing:
            revision = self._ledger.delete(key)
            desired = await self._compile_or_refuse(revision.ledger, [])
            if dry_run:
                return
            await self._store.commit(revision.change)
            self._ledger = revision.ledger
            self._board.forget(key)
            self._announcements.forget(key)
            self.bus.publish(IntentDeleted(key))
            self._adopt_with_edge(desired)

    def get(self, key: IntentKey) -> IntentView | None:
        """An intent, or None."""
        intent = self._ledger.catalogue.get(key)
        return None if intent is None else IntentView(intent, self._board.of(key))

    def intents(self, kind: str | None = None, tenant: TenantName | None = None) -> list[IntentView]:
        """All intents, or some, in order of keys."""
        return [
            IntentView(self._ledger.catalogue[key], self._board.of(key))
            for key in sorted(self._ledger.catalogue)
            if kind in (None, key.kind) and tenant in (None, key.tenant)
        ]

    async def counters(self, key: IntentKey) -> tuple[Count, ...]:
        """Read the counters that speak for an intent now; a switch that is away gives its last answer."""
        return await self._observation.read(self._sources(key))

    def last_counters(self, key: IntentKey) -> tuple[Count, ...]:
        """The counters that speak for an intent, as they were read last."""
        return self._observation.last_read(self._sources(key))

    # What there is.

    @property
    def topology(self) -> Topology:
        """Switches, links and hosts."""
        return self._sight.topology

    @property
    def switches(self) -> tuple[SwitchView, ...]:
        """All switches, as configured."""
        known = self.topology.switches
        return tuple(switch_view(switch, known[name].ports) for name, switch in self._switches.items())

    @property
    def congestion(self) -> CongestionMonitor:
        """Episodes that go on, and the last ones."""
        return self._observation.congestion

    async def drops(self) -> DropWatch:
        """What switches drop, by port and reason."""
        return await self._observation.read_drops()

    def last_drops(self) -> tuple[PointCount, ...]:
        """What was dropped, as it was read last; the worst first."""
        return self._observation.drops.counts()

    @property
    def bus(self) -> EventBus:
        """Where events are published."""
        return self._observation.bus

    @property
    def metrics(self) -> Metrics:
        """For Prometheus."""
        return self._observation.metrics

    # What switches say (SessionListener).

    def state_changed(self, switch: SwitchName, state: SessionState) -> None:
        """A session's state is another one."""
        connected = state.phase is Phase.PRIMARY
        before = self.topology.switches[switch].connected
        self._board.hold(switch, self._guard.reason(switch))
        self._board.connection(switch, connected)
        if connected:
            # Also where it was connected before: it may be another switch now, or have another pipeline.
            self._waiting_since[switch] = time.monotonic()
            self._sight.connected(switch, self._switches[switch].config.ports)
        else:
            self._waiting_since.pop(switch, None)
            self._sight.disconnected(switch)
        if connected and not before:
            self.bus.publish(SwitchConnected(switch))
        elif before and not connected:
            self.bus.publish(SwitchDisconnected(switch, state.reason))

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        """A switch said which ports it has."""
        self._sight.ports_known(switch, ports)
        known = self.topology.switches[switch]
        for port in self._switches[switch].config.ports or ():
            if (lack := known.lacks(port)) is not None:
                _log.warning("%s, but its configuration says that port %d may have a link", lack, port)

    async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
        """A frame came from a switch."""
        self._sight.frame(PortRef(switch, packet.port), packet.frame)

    async def digests(self, switch: SwitchName, messages: Sequence[DigestMessage]) -> None:
        """A switch reports hosts or congestion."""
        for message in messages:
            if isinstance(message, HostSeen):
                self._sight.host_seen(switch, message)
            elif isinstance(message, CongestionReport):
                self._observation.report(switch, message)

    # What follows from what.

    def _progressed(self, progress: Progress) -> None:
        self._board.hold(progress.switch, self._guard.reason(progress.switch))
        self._board.report(progress)
        if progress.in_sync:
            since = self._waiting_since.pop(progress.switch, None)
            if since is not None:
                self.metrics.reconciled(progress.switch, time.monotonic() - since)

    def _announce(self, key: IntentKey, status: IntentStatus) -> None:
        self.bus.publish(IntentStatusChanged(key, status.generation, status.state, status.reasons))

    def _topology_changed(self) -> None:
        self._dirty.set()

    async def _follow_topology(self) -> None:
        """Compile anew when the topology has changed, once for all changes of a short while."""
        while True:
            await self._dirty.wait()
            await asyncio.sleep(_GATHER)
            self._dirty.clear()
            try:
                async with self._changing:
                    await self._save_topology()
                    self._adopt(await self._compile(self._ledger))
            except CompileError as error:
                _log.error("switches keep what they have: %s", error)
            except Exception:
                _log.exception("the topology's change was not taken up; the next one will be")

    async def _save_topology(self) -> None:
        """Kept before it is acted upon: after a crash the same entries are compiled again."""
        topology, unsaved = self.topology, self._sight.unsaved()
        if not unsaved:
            return
        try:
            await self._store.commit(unsaved)
        except StoreError as error:
            _log.error("the topology is not kept: %s", error)
        else:
            self._sight.saved(topology)

    async def _compile(self, ledger: Ledger) -> DesiredState:
        """Compile a ledger with the topology of now; hold `_changing`."""
        started = time.monotonic()
        desired = await asyncio.to_thread(
            self._compiler.compile, ledger.catalogue, ledger.allocations, self.topology
        )
        self.metrics.compiled(time.monotonic() - started)
        return desired

    async def _compile_or_refuse(self, ledger: Ledger, intents: Sequence[IntentDocument]) -> DesiredState:
        try:
            return await self._compile(ledger)
        except CompileError as error:
            _log.error("admission let something through: %s", error)
            name = intents[0].name if intents else None
            raise IntentConflict([FieldError("spec", name, f"cannot be compiled: {error}")]) from None

    def _adopt(self, desired: DesiredState) -> None:
        """Make it so."""
        before, self._desired = self._desired, desired
        self._board.adopt(desired)
        for name, switch in self._switches.items():
            entities = desired.entities.get(name, {})
            if name not in before.entities or entities is not before.entities[name]:
                if switch.connected:
                    self._waiting_since.setdefault(name, time.monotonic())
                switch.set_desired(entities)

    def _adopt_with_edge(self, desired: DesiredState) -> None:
        self._adopt(desired)
        self._sight.open_edge(Edge(self._ledger.catalogue, self._ledger.allocations))

    def _applied(self, intent: IntentDocument, revision: Revision, dry_run: bool) -> Applied:
        if dry_run:
            status = IntentStatus(IntentState.ACCEPTED, revision.ledger.generations[intent.key])
        else:
            status = self._board.of(intent.key)
        return Applied(IntentView(intent, status), revision.outcomes[intent.key])

    def _sources(self, key: IntentKey) -> list[CounterSource]:
        intent = self._ledger.catalogue.get(key)
        return [] if intent is None else counters_of(intent, self._desired)

    def _all_sources(self) -> list[CounterSource]:
        return [source for key in self._ledger.catalogue for source in self._sources(key)]

    def _report_interval(self, queue: Queue) -> float:
        """Seconds between the reports that a queue was asked for."""
        key = (CongestionWatch.TABLE_ID, queue.port.port, 0)
        watch = self._desired.entities.get(queue.port.switch, {}).get(key)
        return watch.action.interval / 1e6 if isinstance(watch, CongestionWatch) else 0.0

    async def _send(self, port: PortRef, frame: bytes) -> None:
        await self._switches[port.switch].packet_out(port.port, frame)

    async def _read_counters(
        self, switch: SwitchName, entries: Collection[TableEntry]
    ) -> Mapping[EntityKey, Counter]:
        return await self._switches[switch].read_counters(entries)

    def _drop_points(self, switch: SwitchName) -> list[DropPoint]:
        return drop_points(self.topology.switches[switch], self._sight.edge_ports(switch))

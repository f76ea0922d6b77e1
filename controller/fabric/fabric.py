"""The running controller: intents in, changes out to the switches, statuses and events back.

What is asked for and what is seen becomes a change of the core's state; a change is planned on the core's
thread, committed to the store, and then given to statuses and switches (`StateChanges`). This module wires
the parts together. It knows nothing of HTTP, tables or encodings.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from p4fabric.controller.compiler.output import CounterSource
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.core import Capacity, Core, Plan
from p4fabric.controller.explain.question import Question
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.control import Control
from p4fabric.controller.fabric.core_thread import CoreThread
from p4fabric.controller.fabric.errors import (
    LinkIsThere,
    SwitchIsConnected,
    UnknownLink,
    UnknownRecord,
    UnknownSwitch,
)
from p4fabric.controller.fabric.explaining import ExplainedFlow, FlowExplainer
from p4fabric.controller.fabric.figures import Figures, switch_facts, switch_view
from p4fabric.controller.fabric.intent_log import IntentLog
from p4fabric.controller.fabric.kept import documents_of, rows_of
from p4fabric.controller.fabric.observation import Observation
from p4fabric.controller.fabric.observed import ObservedChanges
from p4fabric.controller.fabric.physical import PhysicalFabric
from p4fabric.controller.fabric.pipeline import table_limits
from p4fabric.controller.fabric.plans import Guard, IntentPlans
from p4fabric.controller.fabric.preview import ChangePreview, Previews
from p4fabric.controller.fabric.refused import RefusedIntents
from p4fabric.controller.fabric.status_events import StatusEvents
from p4fabric.controller.fabric.status_service import StatusService
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.fabric.unsettled import UnsettledSwitches
from p4fabric.controller.fabric.views import (
    Applied,
    Deleted,
    IntentPage,
    IntentView,
    PortView,
    RefusedIntent,
    SwitchView,
)
from p4fabric.controller.intents import FieldError, IntentDocument
from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.p4runtime import PacketIn, Phase, SessionState
from p4fabric.controller.p4runtime.gate import ConnectGate
from p4fabric.controller.reconcile import Barrier, Progress, RemovalGuard
from p4fabric.controller.resources import (
    ANY,
    Condition,
    Filter,
    Resource,
    ResourceIndex,
    Write,
)
from p4fabric.controller.state import Change
from p4fabric.controller.status import IntentState, IntentStatus
from p4fabric.controller.status.fabric_status import FabricFacts, FabricStatus
from p4fabric.controller.store import SqliteStore, Store
from p4fabric.controller.store.known import KnownRevisions
from p4fabric.controller.store.records import Contents, StoredIntent, key_of, read
from p4fabric.controller.telemetry.bus import EventBus
from p4fabric.controller.telemetry.congestion import CongestionMonitor, Queue
from p4fabric.controller.telemetry.counters import Count, Source
from p4fabric.controller.telemetry.drop_counts import PointCount
from p4fabric.controller.telemetry.drop_watch import DropWatch
from p4fabric.controller.telemetry.drops import DropPoint, DropPoints
from p4fabric.controller.telemetry.events import (
    SwitchConnected,
    SwitchDisconnected,
)
from p4fabric.controller.telemetry.metrics import Metrics
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.topology.model import Host, Link, Topology
from p4fabric.controller.topology.paths import Paths
from p4fabric.controller.topology.redundancy import Redundancy
from p4fabric.controller.turns import in_turns
from p4fabric.pipelines.entities import DigestMessage
from p4fabric.pipelines.fabric.bindings import CongestionReport, CongestionWatch, HostSeen, PacketInMetadata
from p4fabric.pipelines.values import Port

__all__ = ["Fabric", "running_fabric"]

_log = logging.getLogger(__name__)


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

    def __init__(
        self, config: FabricConfig, store: Store, contents: Contents, key: bytes, guard: RemovalGuard
    ) -> None:
        """Make an empty one.

        Args:
            config: the fabric.
            store: that keeps its state.
            contents: what it keeps now.
            key: signs link probes.
            guard: says which switches may be written to.
        """
        self.store = store
        """Where it keeps its state; others may keep theirs there under prefixes of their own."""
        self._guard = guard
        self._thread = CoreThread()
        self._core = Core(Capacity(table_limits(), config.tables.tenant_share))
        self._resources = ResourceIndex()
        """All intents, and those that are deleted and not gone everywhere."""
        self._refused = RefusedIntents(contents)
        self.intent_log = IntentLog(self.get)
        """What becomes of intents."""
        self._status_events = StatusEvents(
            lambda event: self.bus.publish(event),
            self._deleted,
            self.intent_log.touch,
            self.intent_log.touch_all,
        )
        self._control = Control(
            self._core,
            [switch.switch_name for switch in config.switches],
            lambda name: self._switches.get(name),
            self._status_events,
            lambda *changes: self._observed.change(*changes),
        )
        self._statuses = self._control.statuses
        self._port_counts = PortCounts([switch.switch_name for switch in config.switches])
        self._points = DropPoints()
        barrier, gate = Barrier(lambda port: self._physical.links.far_end(port)), ConnectGate()
        self._switches = {
            switch.switch_name: FabricSwitch(
                switch,
                self,
                self._progressed,
                guard,
                barrier,
                self._port_counts,
                config.telemetry.port_interval,
                self._refused.may_stand,
                gate,
                len(config.switches),
            )
            for switch in config.switches
        }
        self.observation = Observation(
            config.telemetry,
            Figures(self, self._switches.values(), self._port_counts),
            report_interval=self._report_interval,
            read_counters=lambda name, wanted, take: self._switches[name].read_counters(wanted, take),
            counter_epoch=lambda name: self._switches[name].counter_epoch,
            switches=tuple(self._switches),
            drop_points=self._drop_points,
            read_cells=lambda name, cells, unless: self._switches[name].read_cells(cells, unless),
        )
        self._physical = PhysicalFabric(
            config,
            self._core,
            key,
            self._send,
            lambda switch: self._switches[switch].ask(),
            self.bus.publish,
            self._seen_change,
            lambda switch, since: self._switches[switch].heard_all(since),
        )
        self._changes = StateChanges(
            self._core,
            self._thread,
            store,
            KnownRevisions(contents),
            UnsettledSwitches.of(stored.value for stored in contents.unsettled),
            lambda: [name for name, switch in self._switches.items() if switch.in_sync],
            self._adopt,
            lambda seconds: self.metrics.compiled(seconds),
        )
        self._plans = IntentPlans(self._core, self._resources, self._refused)
        self._previews = Previews(self._changes, self._control, self.get)
        self._observed = ObservedChanges(self._core, self._changes)
        self._status = StatusService(lambda: self._physical.links.known, self._facts, self.bus.publish)
        self._connection_changed = dict.fromkeys(self._switches, time.time())
        """When each switch was connected or went away, in seconds since 1970."""
        self._waiting_since: dict[SwitchName, float] = {}
        """Connected switches that do not hold yet what is desired, and since when."""
        self._explainer = FlowExplainer(
            self._core,
            self._thread,
            self._changes,
            self._switches,
            self._physical.links,
            self._connection_changed,
            self._statuses.status_of,
        )

    @classmethod
    async def load(cls, config: FabricConfig, store: Store, *, confirm_removal: bool = False) -> Fabric:
        """Take up what the store kept, and compile it, before any switch is touched.

        Raises:
            StoreError: the store cannot be read.
        """
        guard = RemovalGuard((s.switch_name for s in config.switches), confirmed=confirm_removal)
        key = await store.secret("link probes")
        listing = await store.list()
        contents = await asyncio.to_thread(read, listing)
        for record in contents.not_understood:
            _log.error("cannot read %s in the store, leaving it as it is: %s", record.key, record.reason)
        fabric = cls(config, store, contents, key, guard)
        await fabric._take_up(contents)
        return fabric

    async def _take_up(self, contents: Contents) -> None:
        documents = documents_of(contents)
        loaded = await self._thread.run(
            lambda: self._core.load(rows_of(contents), documents, contents.unreadable_numbers)
        )
        for key, error in loaded.unreadable.items():
            _log.error("%s in the store is not understood by this version: %s", key, error)
            self._refused.add(RefusedIntent(key, documents[key], error))
        revisions = {stored.value.key: stored.modified for stored in contents.intents}
        await self._take_intents(loaded.plan, lambda key: revisions.get(key, contents.revision))
        for key in self._refused:
            metadata = self._core.metadata[key]
            self._resources.put(Resource(self._refused[key], metadata, revisions[key]))
        self._resources.revision = contents.revision
        # Hosts of intents that are refused are kept for a version that knows better.
        forgotten = [host for host in self._physical.restore(contents) if host.network not in self._refused]
        await self._changes.take_up(loaded.plan, list(self._physical.seen(contents)), forgotten)
        # Statuses hear of what there is now, not of the way there.
        self._control.begin(self._core)
        self._say_problems(self._core.compiler.problems())
        await self._count({key: self._core.compiler.counters(key) for key in self._resources})
        desired = self._core.compiler.wanted.entities
        self._guard.begin(
            {name: len(held) for name, held in desired.items()},
            {stored.value.switch: stored.value.entries for stored in contents.unsettled},
        )
        for name, switch in self._switches.items():
            switch.begin(desired.get(name, {}), self._core.compiler.revision)
        await self.intent_log.begin(self._view(resource) for resource in self._resources.all(Filter()))

    def end_streams(self) -> None:
        """Whoever follows events or intents gets what is there, and then no more."""
        self.intent_log.close()
        self.bus.close()

    def close(self) -> None:
        """Tell nobody anything more; readers of events end."""
        self._status_events.close()
        self.end_streams()

    async def run(self) -> None:
        """Control the fabric for ever. Ends by cancellation only; switches keep what they have."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for switch in self._switches.values():
                    tasks.create_task(switch.run(), name=f"switch {switch.name}")
                tasks.create_task(self._statuses.run(), name="statuses")
                tasks.create_task(self.intent_log.run(), name="history of intents")
                tasks.create_task(self._physical.run(), name="links and hosts")
                tasks.create_task(self._status.run(), name="status of the fabric")
                tasks.create_task(self._observed.run(), name="observed changes")
                tasks.create_task(self.observation.run(), name="observation")
        finally:
            self._thread.close()

    # Intents.

    async def write(self, writes: Sequence[Write], guard: Guard | None = None) -> list[Applied]:
        """Accept documents, all or none; one that is there already as it is changes nothing.

        Args:
            writes: what to do.
            guard: may refuse what they come to; called on the core's thread.

        Raises:
            IntentError: a document is wrong by itself.
            PreconditionFailed: an intent is not as its write expects it.
            OwnedByOthers: somebody else owns fields that would change.
            UnknownIntent: there is nothing to patch.
            IntentConflict: they do not stand together, or not with the others, or switches have no room.
            StoreError: they cannot be kept.
        """
        intents: list[IntentDocument] = []

        def plan() -> Plan:
            prepared, planned = self._plans.write(writes, guard)
            intents.extend(prepared)
            return planned

        made = await self._changes.make(plan)
        version = self.version
        return [self._applied(intent, made, version) async for intent in in_turns(intents)]

    async def apply(self, documents: Sequence[object], *, owner: str = "operator") -> list[Applied]:
        """Apply documents in somebody's name; see `write`."""
        return await self.write([Write(document, owner) for document in documents])

    async def delete(self, key: IntentKey, *, condition: Condition = ANY) -> Deleted:
        """Take an intent out; what goes with it.

        Raises:
            UnknownIntent: there is none.
            PreconditionFailed: it is not as it is expected.
            IntentConflict: others still need it.
            StoreError: the change cannot be kept.
        """
        return await self._delete(lambda: self._plans.delete(key, condition), [key])

    async def delete_all(self, keys: Collection[IntentKey]) -> Deleted:
        """Take several intents out, all or none, in whatever order they are named; see `delete`.

        Raises:
            IntentError: what `delete` would raise, or one can only be deleted by itself.
        """
        return await self._delete(lambda: self._plans.delete_all(keys), keys)

    async def _delete(self, plan: Callable[[], Plan], keys: Collection[IntentKey]) -> Deleted:
        views: list[IntentView] = []

        def looked_at() -> Plan:
            views.extend(view for key in dict.fromkeys(keys) if (view := self.get(key)) is not None)
            return plan()

        made = await self._changes.make(looked_at)
        deltas = made.delta.switches.items()
        removed = {name: len(delta.unwanted) for name, delta in deltas if delta.unwanted}
        changed = {name: len(delta.wanted) for name, delta in deltas if delta.wanted}
        return Deleted(tuple(views), removed, changed)

    async def preview_write(
        self, writes: Sequence[Write], most_entries: int, guard: Guard | None = None
    ) -> ChangePreview:
        """What `write` would do, and nothing of it.

        Args:
            writes: as `write` takes them.
            most_entries: to list, of all switches together.
            guard: as `write` takes it.

        Raises:
            IntentError: what `write` would raise.
        """
        return await self._previews.of(lambda: self._plans.write(writes, guard)[1], most_entries)

    async def preview_delete(
        self, key: IntentKey, most_entries: int, *, condition: Condition = ANY
    ) -> ChangePreview:
        """What `delete` would do, and nothing of it.

        Raises:
            IntentError: what `delete` would raise.
        """
        return await self._previews.of(lambda: self._plans.delete(key, condition), most_entries)

    async def preview_delete_all(self, keys: Collection[IntentKey], most_entries: int) -> ChangePreview:
        """What `delete_all` would do, and nothing of it.

        Raises:
            IntentError: what `delete_all` would raise.
        """
        return await self._previews.of(lambda: self._plans.delete_all(keys), most_entries)

    def get(self, key: IntentKey) -> IntentView | None:
        """An intent, or None."""
        resource = self._resources.get(key)
        return None if resource is None else self._view(resource)

    def intents(self, kind: str | None = None, tenant: TenantName | None = None) -> list[IntentView]:
        """All intents, or some, in order of keys; `page` is for many."""
        return [self._view(resource) for resource in self._resources.all(Filter(kind, tenant))]

    def page(
        self, wanted: Filter, limit: int, after: IntentKey | None = None, state: IntentState | None = None
    ) -> IntentPage:
        """The next intents that pass a filter.

        Args:
            wanted: the filter.
            limit: at most so many; there may be fewer though there are more, even none.
            after: the key behind which to begin.
            state: only those in this state.
        """
        self.intent_log.settle()
        views: list[IntentView] = []

        def passes(resource: Resource) -> bool:
            # What is left out is compared as well: that it does not pass may be news.
            view = self._shown(resource)
            if state not in (None, view.status.state):
                return False
            views.append(view)
            return True

        page = self._resources.page(wanted, limit, after, passes)
        return IntentPage(tuple(views), page.after, self.version)

    @property
    def version(self) -> int:
        """What becomes of intents after this number is news to who looks at them now."""
        self.intent_log.settle()
        return self.intent_log.number

    @property
    def revision(self) -> int:
        """The store's: `get` gives everything up to it, if not of a later one."""
        return self._resources.revision

    def _shown(self, resource: Resource) -> IntentView:
        """A view of which the history must know."""
        view = self._view(resource)
        self.intent_log.show(view)
        return view

    def _view(self, resource: Resource) -> IntentView:
        return IntentView(resource, self._status_of(resource))

    def _status_of(self, resource: Resource) -> IntentStatus:
        if (refused := self._refused.get(resource.key)) is not None:
            return refused.status(resource.metadata.generation)
        return self._statuses.status_of(resource.key)

    async def counters(self, key: IntentKey) -> tuple[Count, ...]:
        """Read the counters that speak for an intent now; a switch that is away gives its last answer."""
        return await self.observation.read(key)

    async def delete_record(self, key: str) -> None:
        """Delete a record of the store that this version cannot read, or the intent of one that it refuses.

        What switches hold of it goes when nothing else is left that cannot be read or is refused.

        Args:
            key: the record's, such as `intents/Network/acme/web`.

        Raises:
            UnknownRecord: there is no such record, or it is in use.
            StoreError: the change cannot be kept.
        """
        record = self._refused.record(key)
        if record is None:
            refused = next(
                (one for one in self._refused if key_of(StoredIntent(one, {}, Metadata(0, 0.0))) == key), None
            )
            if refused is None:
                raise UnknownRecord(key)
            await self.delete(refused)
            return

        def plan() -> Plan:
            if record.number is not None:
                return self._core.plan_rest(*record.number)
            if record.intent is not None:
                return self._core.plan_forget(record.intent, is_last=self._refused.is_last(record))
            return self._core.plan(())

        await self._changes.make(plan, unread=[key])
        self._refused.remove_record(key)
        self._look_again()

    async def explain(self, question: Question) -> ExplainedFlow:
        """What becomes of a flow, by what switches hold now, and because of whom.

        Raises:
            QuestionError: the question cannot be answered as it is.
        """
        return await self._explainer.explain(question)

    def _accept_again(self, key: IntentKey) -> None:
        """An intent, if it was refused, is deleted or replaced."""
        if key in self._refused:
            self._refused.remove(key)
            self._look_again()

    def _look_again(self) -> None:
        """What was left alone for something refused or unread may go."""
        if not self._refused.may_stand():
            for switch in self._switches.values():
                switch.look_again()
        self._status.changed()

    # Switches and links that are gone.

    async def declare_gone(self, name: SwitchName) -> None:
        """An operator says that a switch will not come back with what it holds: nothing waits for it.

        It is part of the fabric again once it is connected.

        Raises:
            UnknownSwitch: there is none.
            SwitchIsConnected: it is there.
            StoreError: that cannot be kept.
        """
        if name not in self._switches:
            raise UnknownSwitch(name, self._switches)
        if self._switches[name].connected:
            raise SwitchIsConnected(name)
        if name not in self._control.gone:
            change = Change(self._core.gone, name, time.time())
            await self._changes.make(lambda: self._core.plan([change]))

    async def declare_link_gone(self, port: PortRef) -> None:
        """An operator says that the link that was seen at a port will not come back: nobody misses it.

        It is expected again once it is up.

        Raises:
            UnknownSwitch: there is no such switch.
            UnknownLink: no link is expected at the port.
            LinkIsThere: it is up, or the configuration names it.
            StoreError: that cannot be kept.
        """
        if port.switch not in self._switches:
            raise UnknownSwitch(port.switch, self._switches)
        links = self._physical.links
        cable = next((one for one in links.expected if port in (one.one, one.other)), None)
        if cable is None:
            raise UnknownLink(port)
        if cable in links.configured:
            raise LinkIsThere(f"the configuration names {cable} in `links`: remove it there")
        if links.is_up(cable):
            raise LinkIsThere(f"{cable} is up: it is not gone")
        await self._changes.make(lambda: self._core.plan([Change(self._core.cables, cable, None)]))
        links.declared_gone(cable)
        self._status.changed()

    # What there is.

    async def status(self) -> FabricStatus:
        """How the fabric and each of its switches are, and what is at risk."""
        return await self._status.status()

    def latest_status(self) -> FabricStatus:
        """The same at once, with links as they were looked at last."""
        return self._status.latest()

    def _facts(self, links: Redundancy) -> FabricFacts:
        changed, gone, quarantine = self._connection_changed, self._control.gone, self._control.quarantine
        return FabricFacts(
            [switch_facts(switch, changed[name], name in gone) for name, switch in self._switches.items()],
            links,
            len(quarantine),
            quarantine.blocked(),
            self._refused.reasons,
            self._refused.unread,
            self._changes.store_failure,
            self._changes.failing_since,
        )

    @property
    def topology(self) -> Topology:
        """Switches, links and hosts."""
        return self._physical.topology

    @property
    def hosts_known(self) -> int:
        """How many hosts there are."""
        return len(self._physical.hosts.directory.hosts)

    @property
    def links_up(self) -> int:
        """How many directions of links there are."""
        return len(self._physical.links.links)

    @property
    def switches(self) -> tuple[SwitchView, ...]:
        """All switches, as configured."""
        known, unread = self._physical.links.switches, self._port_counts.unread
        return tuple(
            switch_view(switch, known[name].ports, unread[name]) for name, switch in self._switches.items()
        )

    def has_switch(self, name: SwitchName) -> bool:
        """Whether the configuration names a switch."""
        return name in self._switches

    def switch(self, name: SwitchName) -> SwitchView:
        """One switch.

        Raises:
            UnknownSwitch: there is none.
        """
        if name not in self._switches:
            raise UnknownSwitch(name, self._switches)
        ports, unread = self._physical.links.switches[name].ports, self._port_counts.unread[name]
        return switch_view(self._switches[name], ports, unread)

    def ports(self, name: SwitchName) -> list[PortView]:
        """The ports of a switch that it has, that have a link, or at which a network is open.

        Raises:
            UnknownSwitch: there is none.
        """
        if name not in self._switches:
            raise UnknownSwitch(name, self._switches)
        links, attachments = self._physical.links, self._physical.attachments
        known = links.switches[name].ports or frozenset()
        linked = {source.port for source in links.links if source.switch == name}
        counts = self._port_counts.of(name)
        views = []
        for port in sorted({*known, *counts, *linked, *attachments.ports_of(name)}):
            ref = PortRef(name, port)
            link = links.links.get(ref)
            peer = link.destination if link is not None else None
            views.append(PortView(ref, counts.get(port), peer, tuple(sorted(attachments.networks_at(ref)))))
        return views

    def networks_at(self, port: PortRef) -> Collection[IntentKey]:
        """The networks that are open at a port."""
        return self._physical.attachments.networks_at(port)

    def networks_of(self, name: SwitchName) -> Iterable[IntentKey]:
        """The networks that are open at any port of a switch; each as often as it has ports there."""
        attachments = self._physical.attachments
        return (
            key for port in attachments.ports_of(name) for key in attachments.networks_at(PortRef(name, port))
        )

    @property
    def links(self) -> Iterable[Link]:
        """The directions of links that are up."""
        return self._physical.links.links.values()

    @property
    def hosts(self) -> Iterable[Host]:
        """All hosts, stated and heard."""
        return self._physical.hosts.directory.hosts

    @property
    def paths(self) -> Paths:
        """The ways over all links that are up in both directions."""
        return self._physical.links.paths

    @property
    def congestion(self) -> CongestionMonitor:
        """Episodes that go on, and the last ones."""
        return self.observation.congestion

    async def drops(self) -> DropWatch:
        """What switches drop, by port and reason."""
        return await self.observation.read_drops()

    def last_drops(self) -> tuple[PointCount, ...]:
        """What was dropped, as it was read last; the worst first."""
        return self.observation.drops.counts()

    def intents_by_state(self) -> Mapping[tuple[str, str], int]:
        """How many intents there are, by kind and state."""
        counts = Counter({(kind, state.value): n for (kind, state), n in self._statuses.by_state().items()})
        counts.update((key.kind, IntentState.DEGRADED.value) for key in self._refused)
        return counts

    @property
    def bus(self) -> EventBus:
        """Where events are published."""
        return self.observation.bus

    @property
    def metrics(self) -> Metrics:
        """For Prometheus."""
        return self.observation.metrics

    # What switches say (SessionListener).

    def state_changed(self, switch: SwitchName, state: SessionState) -> None:
        """A session's state is another one."""
        connected = state.phase is Phase.PRIMARY
        before = self._physical.links.switches[switch].connected
        self._statuses.hold(switch, self._guard.reason(switch))
        self._control.connection(switch, connected)
        self._status.changed()
        if connected is not before:
            self._connection_changed[switch] = time.time()
        self._physical.connection(switch, connected)
        if connected:
            # Also where it was connected before: it may be another switch now, or have another pipeline.
            self._waiting_since[switch] = time.monotonic()
        else:
            self._waiting_since.pop(switch, None)
        if connected and not before:
            self.bus.publish(SwitchConnected(switch))
        elif before and not connected:
            self.bus.publish(SwitchDisconnected(switch, state.reason))

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        """A switch said which ports it has."""
        self._physical.ports_known(switch, ports)

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        """A port went up or down; None: nobody can say any more."""
        self._physical.port_status(switch, port, up)

    async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
        """A frame came from a switch."""
        if isinstance(packet.header, PacketInMetadata):
            self._physical.frame(PortRef(switch, packet.header.ingress_port), packet.frame)

    async def digests(self, switch: SwitchName, messages: Sequence[DigestMessage]) -> None:
        """A switch reports hosts or congestion."""
        for message in messages:
            if isinstance(message, HostSeen):
                self._physical.host_seen(switch, message)
            elif isinstance(message, CongestionReport):
                self.observation.report(switch, message)

    def _seen_change(self, change: Change) -> None:
        """What is seen of the fabric becomes a change of the state."""
        self._observed.change(change)
        self._status.changed()

    # What follows from a change of the state.

    async def _adopt(self, plan: Plan, revision: int | None) -> None:
        """Act upon a change that was committed."""
        await self._take_intents(plan, lambda key: revision or self._resources.revision)
        await self._count(plan.counters)
        if revision is not None:
            self._resources.revision = revision
        for name in plan.delta.switches:
            if name in self._switches and self._switches[name].connected:
                self._waiting_since.setdefault(name, time.monotonic())
        # In one turn: what opens on one switch waits for what closes on another only if both are known.
        self._control.adopt(plan)
        judged = plan.compiled.judged.items()
        self._say_problems({key: found for key, found in judged if plan.intents.get(key, found) is not None})
        self._status.changed()

    def _say_problems(self, problems: Mapping[IntentKey, Sequence[FieldError]]) -> None:
        """What is wrong with intents among the others, which an older version let in; nothing: they stand."""
        self._statuses.problems({key: [one.reason() for one in found] for key, found in problems.items()})

    async def _take_intents(self, plan: Plan, revision_of: Callable[[IntentKey], int]) -> None:
        async for key, intent in in_turns(plan.intents.items()):
            metadata = plan.metadata.get(key)
            self._control.take_intent(key, intent, metadata)
            if intent is not None and metadata is not None:
                self._accept_again(key)
                self._resources.put(Resource(intent, metadata, revision_of(key)))
            elif (was := self._resources.get(key)) is not None:
                self._resources.put(replace(was, revision=revision_of(key), is_deleted=True))
            self.intent_log.touch(key)
            self._physical.take_intent(key, intent, plan.vlans.get(key))
        async for key, described in in_turns(plan.metadata.items()):
            self.intent_log.touch(key)
            was = self._resources.get(key)
            if described is None and key in self._refused:
                self._resources.remove(key)
                self._accept_again(key)
            elif described is not None and was is not None and key not in plan.intents:
                self._resources.put(replace(was, metadata=described, revision=revision_of(key)))

    async def _count(self, counters: Mapping[IntentKey, Sequence[CounterSource]]) -> None:
        async for key, sources in in_turns(counters.items()):
            self.observation.counts(
                key, (Source(label, switch, entry) for label, names, entry in sources for switch in names)
            )

    def _progressed(self, progress: Progress) -> None:
        self._statuses.hold(progress.switch, self._guard.reason(progress.switch))
        self._control.progressed(progress)
        self._status.changed()
        if progress.summary.in_sync:
            self._physical.links.switch_ready(progress.switch)
            since = self._waiting_since.pop(progress.switch, None)
            if since is not None:
                self.metrics.reconciled(progress.switch, time.monotonic() - since)

    def _deleted(self, key: IntentKey) -> None:
        self._resources.remove(key)
        self.intent_log.touch(key)
        self.observation.forget(key)

    def _applied(self, intent: IntentDocument, plan: Plan, version: int) -> Applied:
        outcome = plan.outcomes[intent.key]
        standing = self._resources.get(intent.key)
        if standing is not None:
            return Applied(self._shown(standing), outcome, version)
        # Somebody has deleted it since, and no switch holds anything of it.
        metadata = plan.metadata.get(intent.key)
        assert metadata is not None
        resource = Resource(intent, metadata, self._resources.revision)
        view = IntentView(resource, IntentStatus(IntentState.ACCEPTED, metadata.generation))
        return Applied(view, outcome, version)

    def _report_interval(self, queue: Queue) -> float:
        """Seconds between the reports that a queue was asked for."""
        switch = self._switches.get(queue.port.switch)
        watch = switch.wanted((CongestionWatch.TABLE_ID, queue.port.port, 0)) if switch is not None else None
        return watch.action.interval / 1e6 if isinstance(watch, CongestionWatch) else 0.0

    async def _send(self, port: PortRef, frame: bytes) -> None:
        await self._switches[port.switch].packet_out(port.port, frame)

    def _drop_points(self, name: SwitchName) -> Sequence[DropPoint]:
        edge = self._physical.attachments.ports_of(name)
        return self._points.of(self._physical.links.switches[name], edge)

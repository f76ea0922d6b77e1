"""The running controller: intents in, changes out to the switches, statuses and events back.

What is asked for and what is seen becomes a change of the core's state; a change is planned on the core's
thread, committed to the store, and then given to statuses and switches (`StateChanges`). This module wires
the parts together. It knows nothing of HTTP, tables or encodings.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from p4fabric.controller.compiler.output import CounterSource
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.core import Capacity, Core, Plan
from p4fabric.controller.explain.question import Question
from p4fabric.controller.fabric.acknowledged import Acknowledgements
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.control import Control
from p4fabric.controller.fabric.core_thread import CoreThread
from p4fabric.controller.fabric.drains import Drains
from p4fabric.controller.fabric.end_markers import EndMarkers
from p4fabric.controller.fabric.explaining import ExplainedFlow, FlowExplainer
from p4fabric.controller.fabric.fabric_views import FabricViews
from p4fabric.controller.fabric.figures import Figures, switch_facts
from p4fabric.controller.fabric.flow_names import FlowNamer
from p4fabric.controller.fabric.flow_path_service import FlowPathService
from p4fabric.controller.fabric.followed_flows import FollowedFlows
from p4fabric.controller.fabric.incident_service import IncidentService, kept_incidents
from p4fabric.controller.fabric.intents import Intents
from p4fabric.controller.fabric.ipfix_export import IpfixExport
from p4fabric.controller.fabric.kept import documents_of, rows_of
from p4fabric.controller.fabric.n4_counters import SessionCounters
from p4fabric.controller.fabric.n4_errors import ErrorIndications
from p4fabric.controller.fabric.n4_service import N4Service
from p4fabric.controller.fabric.n4_solicitations import Solicitations
from p4fabric.controller.fabric.observation import Observation
from p4fabric.controller.fabric.observed import ObservedChanges
from p4fabric.controller.fabric.operations import Operations
from p4fabric.controller.fabric.physical import PhysicalFabric
from p4fabric.controller.fabric.pipeline import SharedPipelines, table_limits
from p4fabric.controller.fabric.preview import Previews
from p4fabric.controller.fabric.refused import RefusedIntents
from p4fabric.controller.fabric.response_evidence import EvidenceSources, ResponseEvidence
from p4fabric.controller.fabric.response_service import ResponseService
from p4fabric.controller.fabric.static_sessions import StaticSessions
from p4fabric.controller.fabric.status_events import StatusEvents
from p4fabric.controller.fabric.status_service import StatusService
from p4fabric.controller.fabric.still_used import still_used
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.fabric.switch_reports import SwitchReports
from p4fabric.controller.fabric.telemetry_sources import TelemetrySources
from p4fabric.controller.fabric.unsettled import UnsettledSwitches
from p4fabric.controller.fabric.upf_views import UpfViews
from p4fabric.controller.fabric.views import RefusedIntent
from p4fabric.controller.fabric.watched_queues import WatchedQueues
from p4fabric.controller.intents import FieldError
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.p4runtime.gate import ConnectGate
from p4fabric.controller.reasons import Reason
from p4fabric.controller.reconcile import Barrier, RemovalGuard
from p4fabric.controller.state import Change
from p4fabric.controller.status.fabric_status import FabricFacts, FabricStatus
from p4fabric.controller.store import SqliteStore, Store
from p4fabric.controller.store.known import KnownRevisions
from p4fabric.controller.store.records import Contents, read
from p4fabric.controller.telemetry.archive import IncidentArchive
from p4fabric.controller.telemetry.bus import EventBus
from p4fabric.controller.telemetry.congestion import CongestionMonitor
from p4fabric.controller.telemetry.counters import Count, Source
from p4fabric.controller.telemetry.drop_watch import DropWatch
from p4fabric.controller.telemetry.metrics import Metrics
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.topology.crossings import Crossings
from p4fabric.controller.topology.drain import Drained, Moment
from p4fabric.controller.topology.redundancy import Redundancy
from p4fabric.controller.topology.service import LinksKnown
from p4fabric.controller.turns import in_turns

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
        async with kept_incidents(config) as archive:
            fabric = await Fabric.load(config, store, confirm_removal=confirm_removal, archive=archive)
            async with asyncio.TaskGroup() as tasks:
                main = tasks.create_task(fabric.run(), name="fabric")
                try:
                    yield fabric
                finally:
                    fabric.close()
                    main.cancel()
    finally:
        await store.close()


class Fabric(FabricViews):
    """Make it with `load`, then `run` it in a TaskGroup; `running_fabric` does both."""

    def __init__(
        self,
        config: FabricConfig,
        store: Store,
        contents: Contents,
        key: bytes,
        guard: RemovalGuard,
        archive: IncidentArchive | None = None,
        first_incident: int = 1,
    ) -> None:
        """Make an empty one.

        Args:
            config: the fabric.
            store: that keeps its state.
            contents: what it keeps now.
            key: signs link probes.
            guard: says which switches may be written to.
            archive: keeps incidents; None: they are in memory only.
            first_incident: the number of the first one.
        """
        self.store = store
        """Where it keeps its state; others may keep theirs there under prefixes of their own."""
        self._guard = guard
        names = [switch.switch_name for switch in config.switches]
        self._thread = CoreThread()
        self._core = Core(Capacity(table_limits(), config.tables.tenant_share))
        self._refused = RefusedIntents(contents)
        self._status_events = StatusEvents(
            lambda event: self.bus.publish(event),
            self._deleted,
            lambda key: self.intents.log.touch(key),
            lambda: self.intents.log.touch_all(),
        )
        switches: dict[SwitchName, FabricSwitch] = {}
        self._switches = switches
        self._control = Control(
            self._core,
            names,
            self._switches.get,
            self._status_events,
            lambda *changes: self._observed.change(*changes),
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
        self._observed = ObservedChanges(self._core, self._changes)
        self.intents = Intents(
            self._core,
            self._changes,
            self._control,
            self._refused,
            lambda key, intent, vlan: self._physical.take_intent(key, intent, vlan),
            self._look_again,
        )
        """What is asked of them, and those that stand."""
        self._port_counts = PortCounts(names)
        self._sources = TelemetrySources(self._switches, self._port_counts)
        self.observation = Observation(
            config.telemetry,
            Figures(self, self._switches.values(), self._port_counts),
            report_interval=self._sources.report_interval,
            read_counters=lambda name, wanted, take: self._switches[name].read_counters(wanted, take),
            counter_epoch=lambda name: self._switches[name].counter_epoch,
            switches=names,
            drop_points=lambda name: self._sources.drop_points(name, self._physical),
            wait_points=self._sources.wait_points,
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
            self._control.gone.__contains__,
        )
        nodes = {switch.device_id: switch.switch_name for switch in config.switches}
        untold_drops = {one.switch_name: one.make_target().untold_drops for one in config.switches}
        collector = config.telemetry.ipfix.collector
        namer = FlowNamer(self._physical.hosts, self.name_of)
        self.flow_paths = FlowPathService(
            self.bus.publish,
            peer_of=self.peer_of,
            clock=lambda switch, now: self.incidents.clock(switch, now),
            name=FollowedFlows(self, namer),
        )
        """Ways that packets of followed flows take."""
        self.incidents = IncidentService(
            config.telemetry.reports,
            nodes,
            self.bus.publish,
            congested=self.observation.congested,
            thresholds=self._sources.thresholds,
            report_interval=self._sources.report_interval,
            name=namer,
            untold_drops=untold_drops.get,
            followed=self.flow_paths.reported,
            exchange=self._sources.exchange_clock,
            listening=lambda: self._watched.look_at_all(),
            export=None if collector is None else IpfixExport(collector, nodes),
            archive=archive,
            first_number=first_incident,
        )
        """What congestion comes to."""
        self._watched = WatchedQueues(
            self._switches, config.telemetry.reports.collector, lambda: self.incidents.listening_at
        )
        self._status = StatusService(self._known_links, self._facts, self.bus.publish)
        self.drains = Drains(
            self._core,
            self._changes,
            Previews(self._changes, self._control, self.intents.get),
            self._switches,
            self._physical.links,
            self._control.gone.__contains__,
            self._known_links,
            self._crossings,
            self._still_used,
            self.bus.publish,
        )
        """Switches and links that are drained, or come back."""
        looks = ResponseEvidence(
            EvidenceSources(
                self.incidents.collector,
                self.incidents.recorder,
                lambda: self.incidents.machine.active,
                self._physical.attachments,
                self._physical.hosts.directory.owner,
                lambda: self.paths,
                self.peer_of,
                self._sources.load,
            )
        )
        self.responses = ResponseService(self._core, self._changes, looks.at, self.bus.publish)
        """What is done about congestion."""
        self._acknowledgements = Acknowledgements(self._switches.get, self._control.gone.__contains__)
        self._static_sessions = StaticSessions()
        self._errors = ErrorIndications(self._physical.attachments, self._send, self._static_sessions)
        self._solicitations = Solicitations(self._physical.attachments, self._send, self._static_sessions)
        self._reports = SwitchReports(
            names,
            self._control,
            self._physical,
            self.observation,
            self.incidents,
            guard,
            self._changed_by_switch,
            self._acknowledgements.progressed,
            self._errors,
            self._solicitations,
        )
        barrier, gate, pipelines = Barrier(self._physical.links.far_end), ConnectGate(), SharedPipelines()
        for switch in config.switches:
            switches[switch.switch_name] = FabricSwitch(
                switch,
                self._reports,
                self._reports.progressed,
                guard,
                barrier,
                self._port_counts,
                config.telemetry.port_interval,
                self._refused.may_stand,
                gate,
                len(config.switches),
                pipelines.of,
            )
        self.operations = Operations(
            self._core,
            self._changes,
            self._control,
            self._switches,
            self._physical.links,
            self.intents,
            self._refused,
            self._status.changed,
            self._look_again,
        )
        """What an operator says that nobody can see."""
        self.n4 = (
            None
            if config.n4 is None
            else N4Service(
                config.n4,
                self._core,
                self._changes,
                self._acknowledgements,
                self._physical.attachments.network,
                self._errors,
                self._solicitations,
                EndMarkers(self._physical.hosts.directory, self._send),
                self.bus.publish,
                SessionCounters(self._core, self._thread, self._changes, self._switches),
            )
        )
        """What SMFs ask for; None: the configuration has no place to listen at."""
        self.upfs = UpfViews(
            self._core,
            self._thread,
            self._changes,
            self._switches,
            self._control.gone.__contains__,
            lambda: () if self.n4 is None else self.n4.nodes(),
        )
        """What SMFs have established."""
        self._explainer = FlowExplainer(
            self._core,
            self._thread,
            self._changes,
            self._switches,
            self._physical.links,
            self._reports.connection_changed,
            self._control.statuses.status_of,
        )

    @classmethod
    async def load(
        cls,
        config: FabricConfig,
        store: Store,
        *,
        confirm_removal: bool = False,
        archive: IncidentArchive | None = None,
    ) -> Fabric:
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
        first = 1 if archive is None else await archive.last_number() + 1
        fabric = cls(config, store, contents, key, guard, archive, first)
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
        await self.intents.take_up(loaded.plan, contents)
        # Hosts of intents that are refused are kept for a version that knows better.
        forgotten = [host for host in self._physical.restore(contents) if host.network not in self._refused]
        self.drains.restore(contents)
        seen = [*self._physical.seen(contents), *self.responses.expired(contents)]
        await self._changes.take_up(loaded.plan, seen, forgotten)
        # Statuses hear of what there is now, not of the way there.
        self._control.begin(self._core)
        self._say_problems(self._core.compiler.problems())
        await self._count({key: self._core.compiler.counters(key) for key in self.intents})
        desired = self._core.compiler.wanted.entities
        self._guard.begin(
            {name: len(held) for name, held in desired.items()},
            {stored.value.switch: stored.value.entries for stored in contents.unsettled},
        )
        for name, switch in self._switches.items():
            switch.begin(desired.get(name, {}), self._core.compiler.revision)
        self._watched.look_at_all()
        for session in contents.sessions:
            self._physical.hosts.session_changed(session.value.key, session.value.served)
        self.responses.begin()
        self._static_sessions.begin(intent for _, intent in self._core.view.catalogue.table.rows())
        if self.n4 is not None:
            self.n4.begin()
        await self.intents.begin()

    def end_streams(self) -> None:
        """Whoever follows events or intents gets what is there, and then no more."""
        self.intents.log.close()
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
                tasks.create_task(self._control.statuses.run(), name="statuses")
                tasks.create_task(self.intents.log.run(), name="history of intents")
                tasks.create_task(self._physical.run(), name="links and hosts")
                tasks.create_task(self._status.run(), name="status of the fabric")
                tasks.create_task(self.drains.run(), name="drains")
                tasks.create_task(self._observed.run(), name="observed changes")
                tasks.create_task(self.observation.run(), name="observation")
                tasks.create_task(self.incidents.run(), name="incidents")
                tasks.create_task(self.flow_paths.run(), name="paths of flows")
                tasks.create_task(self.responses.run(), name="responses to congestion")
                tasks.create_task(self._errors.run(), name="error indications")
                tasks.create_task(self._solicitations.run(), name="solicitations of UEs")
                if self.n4 is not None:
                    tasks.create_task(self.n4.run(), name="N4")
        finally:
            self._thread.close()

    async def counters(self, key: IntentKey) -> tuple[Count, ...]:
        """Read the counters that speak for an intent now; a switch that is away gives its last answer."""
        return await self.observation.read(key)

    async def explain(self, question: Question) -> ExplainedFlow:
        """What becomes of a flow, by what switches hold now, and because of whom.

        Raises:
            QuestionError: the question cannot be answered as it is.
        """
        return await self._explainer.explain(question)

    def _look_again(self) -> None:
        """What was left alone for something refused or unread may go."""
        if not self._refused.may_stand():
            for switch in self._switches.values():
                switch.look_again()
        self._status.changed()

    # What there is.

    async def status(self) -> FabricStatus:
        """How the fabric and each of its switches are, and what is at risk."""
        return await self._status.status()

    def latest_status(self) -> FabricStatus:
        """The same at once, with links as they were looked at last."""
        return self._status.latest()

    def _facts(self, links: Redundancy) -> FabricFacts:
        changed, gone = self._reports.connection_changed, self._control.gone
        quarantine = self._control.quarantine
        drains = self.drains.facts(links.crossings)
        off = {one.about for one in drains if one.may_be_off}
        return FabricFacts(
            [
                switch_facts(switch, changed[name], name in gone, name in off)
                for name, switch in self._switches.items()
            ],
            links,
            len(quarantine),
            quarantine.blocked(),
            self._refused.reasons,
            self._refused.unread,
            self._changes.store_failure,
            self._changes.failing_since,
            drains,
        )

    def _known_links(self) -> LinksKnown:
        edges = self._physical.attachments.switches
        drained = self.drains.avoided(Moment.NEXT)
        return replace(self._physical.links.known, drained=drained, ends=frozenset(edges))

    async def _crossings(self) -> Crossings:
        return (await self._status.links()).crossings

    def _still_used(self, drained: Drained, crossings: Crossings) -> tuple[Reason, ...]:
        return still_used(
            drained,
            crossings,
            lambda name: (host for host in self.hosts if host.attachment.switch == name),
            lambda name: frozenset(self.networks_of(name)),
        )

    @property
    def congestion(self) -> CongestionMonitor:
        """Episodes that go on, and the last ones."""
        return self.observation.congestion

    def bins_problem(self, name: SwitchName) -> str | None:
        """Why a switch does not tell what its watched queues do; None: it does, or none are watched."""
        return self._watched.problem(name)

    async def drops(self) -> DropWatch:
        """What switches drop, by port and reason."""
        return await self.observation.read_drops()

    @property
    def bus(self) -> EventBus:
        """Where events are published."""
        return self.observation.bus

    @property
    def metrics(self) -> Metrics:
        """For Prometheus."""
        return self.observation.metrics

    def _changed_by_switch(self) -> None:
        """A switch came, went, or has acknowledged something."""
        self.drains.progressed()
        self._status.changed()

    def _seen_change(self, change: Change) -> None:
        """What is seen of the fabric becomes a change of the state."""
        self._observed.change(change)
        self._status.changed()

    # What follows from a change of the state.

    async def _adopt(self, plan: Plan, revision: int | None) -> None:
        """Act upon a change that was committed."""
        await self.intents.take(plan, revision)
        async for row in in_turns(plan.rows):
            if row.table == self._core.view.upf_sessions.name:
                self._physical.hosts.session_changed(row.key, row.value)
        await self._count(plan.counters)
        for name in plan.delta.switches:
            if name in self._switches and self._switches[name].connected:
                self._reports.is_waiting(name)
        # In one turn: what opens on one switch waits for what closes on another only if both are known.
        self._control.adopt(plan)
        for name, delta in plan.delta.switches.items():
            if name in self._switches:
                self._watched.changed(name, {key[0] for key in (*delta.wanted, *delta.unwanted)})
        for name in plan.gone:
            self._acknowledgements.progressed(name)
        self.drains.adopt(plan, revision)
        self.responses.adopt(plan)
        self._static_sessions.adopt(plan.intents)
        if self.n4 is not None:
            self.n4.adopt(plan)
        judged = plan.compiled.judged.items()
        self._say_problems({key: found for key, found in judged if plan.intents.get(key, found) is not None})
        self._status.changed()

    def _say_problems(self, problems: Mapping[IntentKey, Sequence[FieldError]]) -> None:
        """What is wrong with intents among the others, which an older version let in; nothing: they stand."""
        self._control.statuses.problems(
            {key: [one.reason() for one in found] for key, found in problems.items()}
        )

    async def _count(self, counters: Mapping[IntentKey, Sequence[CounterSource]]) -> None:
        async for key, sources in in_turns(counters.items()):
            self.observation.counts(
                key, (Source(label, switch, entry) for label, names, entry in sources for switch in names)
            )

    def _deleted(self, key: IntentKey) -> None:
        self.intents.gone(key)
        self.observation.forget(key)

    async def _send(self, port: PortRef, frame: bytes) -> None:
        await self._switches[port.switch].packet_out(port.port, frame)

"""One switch of the running fabric: its session and its reconciler, kept going whatever happens.

A fault ends this switch's tasks only; they are started again, and other switches are not affected. This
module knows nothing of intents or the topology.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from p4fabric.controller.cancellation import in_own_task
from p4fabric.controller.compiler import SwitchDelta
from p4fabric.controller.fabric.pipeline import fabric_pipeline
from p4fabric.controller.intents.numbers import Number
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import (
    Phase,
    Pipeline,
    SessionListener,
    SessionState,
    SwitchSession,
    SwitchUnavailable,
)
from p4fabric.controller.p4runtime.backoff import Backoff
from p4fabric.controller.p4runtime.cells import CellRequest, CellsRead
from p4fabric.controller.p4runtime.counter_reads import TakeCounter, WantedCounters
from p4fabric.controller.p4runtime.gate import ConnectGate
from p4fabric.controller.p4runtime.port_samples import PortWatcher
from p4fabric.controller.p4runtime.queue_bins import QueueBins
from p4fabric.controller.p4runtime.timing import Timing as SessionTiming
from p4fabric.controller.reasons import Reason
from p4fabric.controller.reconcile import Barrier, Held, Progress, Reconciler, RemovalGuard, Summary
from p4fabric.controller.reconcile.session import Timing as ReconcilerTiming
from p4fabric.controller.switch_config import SwitchConfig
from p4fabric.controller.targets import Target, TargetError
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.fabric.bindings import PacketOutMetadata
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.values import Port

__all__ = ["FabricSwitch"]

_log = logging.getLogger(__name__)

_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0
_FAILURES_KEPT = 1000
_LOOKS_A_SECOND, _AUDITS_A_SECOND = 10.0, 10.0
"""At cookies of pipelines, and of tables, in the whole fabric: about 1 % of a core each."""


@cache
def _rules() -> FabricRules:
    """For all switches: they hold no state, and to make them takes a millisecond."""
    return FabricRules()


class FabricSwitch:
    """`begin` it, then `run` it in a TaskGroup."""

    def __init__(
        self,
        config: SwitchConfig,
        listener: SessionListener,
        on_progress: Callable[[Progress], None],
        guard: RemovalGuard,
        barrier: Barrier,
        watcher: PortWatcher,
        sample_interval: float,
        keep_unclaimed: Callable[[], bool],
        gate: ConnectGate | None = None,
        switches: int = 1,
        pipeline_of: Callable[[Target], Pipeline] = fabric_pipeline,
    ) -> None:
        """Make it; nothing is connected before `run`.

        Args:
            config: the switch.
            listener: told what it says.
            on_progress: told what it has acknowledged.
            guard: says whether it may be written to.
            barrier: the fabric's.
            watcher: told what ports have counted.
            sample_interval: seconds between samples of ports; 0: none.
            keep_unclaimed: whether what nobody asked for is to stay.
            gate: passed to connect.
            switches: in the fabric: with very many, each is looked at less often.
            pipeline_of: makes what it should run, in any thread.
        """
        self._gate, self._pipeline_of = gate, pipeline_of
        looks, reads = SessionTiming(), ReconcilerTiming()
        self._session_timing = replace(looks, probe=max(looks.probe, switches / _LOOKS_A_SECOND))
        self._reconciler_timing = replace(reads, audit=max(reads.audit, switches / _AUDITS_A_SECOND))
        self._keep_unclaimed = keep_unclaimed
        self.config = config
        self._watcher, self._sample_interval = watcher, sample_interval
        self._guard, self._barrier = guard, barrier
        self._summary = Summary()
        self._error: str | None = None
        self.failures: dict[EntityKey, Reason] = {}
        """What it refused or what waits, and why: the first of them."""
        self._listener = listener
        self._on_progress = on_progress
        target = config.make_target()
        self.bins = QueueBins(target.port_number_leaf, target.has_queue_bins)
        """What it is to keep of its queues."""
        self._desired: dict[EntityKey, Entity] = {}
        self._revision = 0
        self._leaving: dict[EntityKey, None] = {}
        """Wanted no more, and not reported to be gone."""
        self._outdated = True
        """Something else is desired than what was reported last."""
        self._filled: tuple[int, float] | None = None
        """The session's epoch in which all that was desired was written first, and when that was done."""
        self._session: SwitchSession | None = None
        self._reconciler: Reconciler | None = None
        self._was_reconciled = False
        self._dropped_before = 0
        self._pushes_before = 0
        self._fault = SessionState(Phase.DISCONNECTED, "not started")

    @property
    def name(self) -> SwitchName:
        """The switch's name."""
        return self.config.switch_name

    @property
    def state(self) -> SessionState:
        """How the session stands."""
        return self._session.state if self._session is not None else self._fault

    @property
    def connected(self) -> bool:
        """Whether it can be written to."""
        return self.state.phase is Phase.PRIMARY

    @property
    def epoch(self) -> int | None:
        """Of its session, while it can be written to; None: it cannot."""
        return self.state.epoch if self.connected else None

    @property
    def is_read(self) -> bool:
        """Whether what was reported last is what it holds: it is connected, and was read since."""
        return self.connected and self._summary.epoch == self.state.epoch

    @property
    def in_sync(self) -> bool:
        """Whether it holds exactly what is desired."""
        return self.is_read and self._summary.in_sync and not self._outdated

    @property
    def desired(self) -> int:
        """How many entities it should hold."""
        return len(self._desired)

    @property
    def installed(self) -> int:
        """How many of them it has acknowledged, by its last report."""
        return self._summary.installed

    @property
    def refused(self) -> int:
        """How many entities it refused, or wait for others."""
        return self._summary.failing

    @property
    def unknown(self) -> tuple[str, ...]:
        """What it holds that this controller cannot read, and leaves alone."""
        return self._summary.unknown

    @property
    def left_alone(self) -> int:
        """How many entries it held before that may be of intents that are refused, and stay."""
        return self._summary.left_alone

    @property
    def error(self) -> str | None:
        """Why the last attempt to read or write broke off, while it is connected."""
        return self._error if self.connected else None

    @property
    def held(self) -> str | None:
        """Why nothing is written to it for now, though it could be; or None."""
        return self._guard.reason(self.name)

    @property
    def messages_dropped(self) -> int:
        """Packet-ins and digests that were not taken."""
        now = self._session.dropped_messages if self._session is not None else 0
        return self._dropped_before + now

    def heard_all(self, since: float) -> bool:
        """Whether no report since a moment of the event loop's clock waits, or may be lost.

        A switch that is being filled does not report all that its hosts say: what lets them speak may be
        lacking. A switch that is away says nothing, and nothing of it waits.
        """
        if self._session is None:
            return True
        state = self._session.state
        if state.phase is Phase.PRIMARY:
            epoch, filled_at = self._filled or (None, 0.0)
            if epoch != state.epoch or since < filled_at:
                return False
        return self._session.heard_all(since)

    def may_hold(self, number: Number) -> bool:
        """Whether it may hold an entity that mentions a number."""
        return self._reconciler is None or self._reconciler.may_hold(number)

    def known_to_hold(self, key: EntityKey, entity: Entity | None) -> bool:
        """Whether it is known to hold just this under a key; None: nothing."""
        return self._reconciler is not None and self._reconciler.known_to_hold(key, entity)

    def directs_as_wished(self, since: int) -> bool:
        """Whether it sends packets on as was wished since a revision, as far as anybody can say."""
        return self._reconciler is not None and self._reconciler.directs_as_wished(since)

    def first_failure(self) -> Reason | None:
        """What it refused, or what waits, and why: the first of it."""
        return next(iter(self.failures.values()), None)

    def wanted(self, key: EntityKey) -> Entity | None:
        """What it should hold under a key."""
        return self._desired.get(key)

    @property
    def is_hash_known(self) -> bool:
        """Whether its choices among members follow from the program alone."""
        return self.config.make_target().is_hash_known

    @property
    def wishes(self) -> Mapping[EntityKey, Entity]:
        """What it should hold, by key. It changes."""
        return self._desired

    @property
    def holdings(self) -> Held | None:
        """What it holds, as reads and acknowledgements tell; None: it was never read. It changes."""
        return self._reconciler.held if self._reconciler is not None else None

    def begin(self, desired: Mapping[EntityKey, Entity], revision: int) -> None:
        """Say all that it should hold, once."""
        self._desired, self._revision = dict(desired), revision

    def change(self, delta: SwitchDelta) -> None:
        """Say what changes of what it should hold; not blocking."""
        self._outdated, self._revision = True, delta.revision
        self._desired.update(delta.wanted)
        for key in delta.wanted:
            self._leaving.pop(key, None)
        for key in delta.unwanted:
            self._desired.pop(key, None)
            self._leaving[key] = None
        if self._reconciler is not None:
            self._reconciler.change(delta)

    def look_again(self) -> None:
        """What was left alone may have to go."""
        if self._reconciler is not None:
            self._reconciler.look_again()

    async def packet_out(self, port: Port, frame: bytes) -> None:
        """Send a frame out of a port.

        Raises:
            P4RuntimeError: the session is not primary.
        """
        await self._connected_session().packet_out(PacketOutMetadata(port), frame)

    async def ask(self) -> None:
        """Have the switch answer anything.

        Raises:
            P4RuntimeError: it did not.
        """
        await self._connected_session().ask()

    @property
    def counter_epoch(self) -> int:
        """Another one says that the switch's counters began with zero again."""
        return self._pushes_before + (self._session.pushes if self._session is not None else 0)

    async def read_counters(self, wanted: WantedCounters, take: TakeCounter) -> float:
        """Read direct counters; returns the seconds for which this kept the event loop busy.

        Raises:
            P4RuntimeError: the switch did not answer.
        """
        return await self._connected_session().read_counters(wanted, take)

    async def switch_clock(self) -> tuple[int, int, int] | None:
        """Ask it for its time: see `SwitchSession.switch_clock`.

        Raises:
            P4RuntimeError: the switch did not answer.
            ValueError: what came is no time.
        """
        return await self._connected_session().switch_clock()

    async def read_cells(self, cells: CellRequest, unless: bytes | None) -> CellsRead | None:
        """Read cells of indirect counters; None where the answer has the digest `unless`.

        Raises:
            P4RuntimeError: the switch did not answer.
        """
        return await self._connected_session().read_cells(cells, unless)

    async def run(self) -> None:
        """Run session and reconciler for ever. Ends by cancellation only."""
        backoff = Backoff(_FIRST_RETRY, _LONGEST_RETRY)
        now = asyncio.get_running_loop().time
        while True:
            started = now()
            try:
                await in_own_task(self._run_once())
            except (TargetError, OSError, ValueError) as error:
                self._failed(str(error))
            except Exception as error:
                _log.exception("%s: the session failed; restarting it", self.name)
                self._failed(f"fault in the controller: {error!r}")
            backoff.lasted(now() - started)
            await asyncio.sleep(backoff.next())

    async def _run_once(self) -> None:
        target = self.config.make_target()
        pipeline = await asyncio.to_thread(self._pipeline_of, target)
        # A restarted controller beats what it was before, also while the old connection lingers.
        session = SwitchSession(
            self.config.endpoint(),
            target,
            pipeline,
            self._listener,
            election_id=time.time_ns(),
            push_objection=self._push_objection,
            watcher=self._watcher,
            sample_interval=self._sample_interval,
            expected=len(self._desired),
            gate=self._gate,
            bins=self.bins,
            timing=self._session_timing,
        )
        reconciler = Reconciler(
            session,
            _rules(),
            self._barrier,
            self._report,
            guard=self._guard,
            keep_unclaimed=self._keep_unclaimed,
            timing=self._reconciler_timing,
        )
        reconciler.begin(dict(self._desired), self._revision)
        if self._leaving:
            reconciler.change(SwitchDelta(self._revision, {}, tuple(self._leaving)))
        if self._was_reconciled:
            # This one knows nothing of what the last one had acknowledged.
            self._summary, lost = Summary(), tuple(self._desired)
            self._on_progress(Progress(self.name, (), lost, (), {}, tuple(self.failures), self._summary))
            self.failures.clear()
        self._was_reconciled = True
        self._session, self._reconciler, self._filled = session, reconciler, None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.run(), name=f"session {self.name}")
                tasks.create_task(reconciler.run(), name=f"reconciler {self.name}")
        except ExceptionGroup as faults:
            raise _first(faults) from None
        finally:
            self._dropped_before += session.dropped_messages
            self._pushes_before += session.pushes
            self._session = self._reconciler = None

    def _push_objection(self, entries: int) -> str | None:
        hold = self._guard.judge_push(self.name, entries, self.desired)
        return hold.reason if hold is not None else None

    def _report(self, progress: Progress) -> None:
        self._summary, self._outdated = progress.summary, False
        # While it is not connected, its state says why; that is no error any more once it is.
        self._error = progress.summary.error if self.connected else None
        self._note_filled(progress.summary)
        for key in progress.gone:
            self._leaving.pop(key, None)
        for key in progress.recovered:
            self.failures.pop(key, None)
        for key, reason in progress.failures.items():
            if key in self.failures or len(self.failures) < _FAILURES_KEPT:
                self.failures[key] = reason
        self._on_progress(progress)

    def _note_filled(self, summary: Summary) -> None:
        epoch = self._session.state.epoch if self._session is not None else None
        if epoch is None or summary.epoch != epoch or (self._filled and self._filled[0] == epoch):
            return
        # What it refuses may never be there.
        if summary.installed + summary.failing >= summary.desired:
            self._filled = epoch, asyncio.get_running_loop().time()

    def _failed(self, reason: str) -> None:
        self._fault = SessionState(Phase.DISCONNECTED, reason)
        self._listener.state_changed(self.name, self._fault)

    def _connected_session(self) -> SwitchSession:
        if self._session is None:
            raise SwitchUnavailable(f"{self.name} is {self.state}")
        return self._session


def _first(faults: BaseExceptionGroup[BaseException]) -> BaseException:
    """The fault that ended all tasks; its own traceback says where it was."""
    first = faults.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first

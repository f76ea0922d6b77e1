"""One switch of the running fabric: its session and its reconciler, kept going whatever happens.

A fault in here ends with this switch's tasks, which are started again; the others never notice. This
module must never know intents or the topology.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping

from controller.config import SwitchConfig
from controller.names import SwitchName
from controller.p4runtime import (
    Phase,
    Pipeline,
    SessionListener,
    SessionState,
    SwitchSession,
    SwitchUnavailable,
)
from controller.p4runtime.backoff import Backoff
from controller.reconcile import Progress, Reconciler, RemovalGuard
from controller.targets import TargetError
from pipelines import fabric
from pipelines.entities import Counter, CounterCell, Entity, EntityKey, TableEntry
from pipelines.values import Port

__all__ = ["FabricSwitch"]

_log = logging.getLogger(__name__)


class FabricSwitch:
    """`run` it in a TaskGroup."""

    def __init__(
        self,
        config: SwitchConfig,
        listener: SessionListener,
        on_progress: Callable[[Progress], None],
        guard: RemovalGuard,
    ) -> None:
        """Make it; nothing is connected before `run`."""
        self.config = config
        self._guard = guard
        self.progress: Progress | None = None
        self._listener = listener
        self._on_progress = on_progress
        self._desired: Mapping[EntityKey, Entity] | None = None
        self._outdated = True
        """Something else is desired than what `progress` speaks of."""
        self._session: SwitchSession | None = None
        self._reconciler: Reconciler | None = None
        self._dropped_before = 0
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
    def in_sync(self) -> bool:
        """Whether it holds exactly what is desired."""
        synced = self.progress is not None and self.progress.in_sync
        return self.connected and synced and not self._outdated

    @property
    def desired(self) -> int:
        """How many entities it should hold."""
        return len(self._desired or ())

    @property
    def installed(self) -> int:
        """How many of them it has acknowledged, by its last report."""
        if self.progress is None:
            return 0
        return len(self.progress.installed & (self._desired or {}).keys())

    @property
    def failures(self) -> Mapping[EntityKey, str]:
        """What it refused, and why."""
        return self.progress.failures if self.progress is not None else {}

    @property
    def refused(self) -> int:
        """How many entities it refused."""
        return len(self.failures)

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
        """Whether no digest since a moment of the event loop's clock waits, or may be lost."""
        return self._session is None or self._session.heard_all(since)

    def set_desired(self, desired: Mapping[EntityKey, Entity]) -> None:
        """Ask for another state; not blocking."""
        self._desired, self._outdated = desired, True
        if self._reconciler is not None:
            self._reconciler.set_desired(desired)

    async def packet_out(self, port: Port, frame: bytes) -> None:
        """Send a frame out of a port.

        Raises:
            P4RuntimeError: the session is not primary.
        """
        await self._connected_session().packet_out(port, frame)

    async def read_counters(self, entries: Collection[TableEntry]) -> Mapping[EntityKey, Counter]:
        """Read direct counters.

        Raises:
            P4RuntimeError: the switch did not answer.
        """
        return await self._connected_session().read_counters(entries)

    async def read_cells(self, cells: Collection[CounterCell]) -> Mapping[EntityKey, Counter]:
        """Read cells of indirect counters.

        Raises:
            P4RuntimeError: the switch did not answer.
        """
        return await self._connected_session().read_cells(cells)

    async def run(self) -> None:
        """Run session and reconciler for ever. Ends by cancellation only."""
        backoff = Backoff(1.0, 30.0)
        while True:
            try:
                await self._run_once()
            except (TargetError, OSError, ValueError) as error:
                self._failed(str(error))
            except Exception as error:
                _log.exception("%s: the session broke off; it is started again", self.name)
                self._failed(f"fault in the controller: {error!r}")
            await asyncio.sleep(backoff.next())

    async def _run_once(self) -> None:
        target = self.config.make_target()
        pipeline = await asyncio.to_thread(Pipeline.of, fabric.p4info(), fabric.device_config(), target)
        # A restarted controller beats what it was before, also while the old connection lingers.
        session = SwitchSession(
            self.config.endpoint(),
            target,
            pipeline,
            self._listener,
            election_id=time.time_ns(),
            push_objection=self._push_objection,
        )
        reconciler = Reconciler(session, self._report, guard=self._guard)
        if self._desired is not None:
            reconciler.set_desired(self._desired)
        self._session, self._reconciler = session, reconciler
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.run(), name=f"session {self.name}")
                tasks.create_task(reconciler.run(), name=f"reconciler {self.name}")
        except ExceptionGroup as faults:
            raise _first(faults) from None
        finally:
            self._dropped_before += session.dropped_messages
            self._session = self._reconciler = None

    def _push_objection(self, entries: int) -> str | None:
        hold = self._guard.judge_push(self.name, entries, self.desired)
        return hold.reason if hold is not None else None

    def _report(self, progress: Progress) -> None:
        self.progress, self._outdated = progress, False
        self._on_progress(progress)

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

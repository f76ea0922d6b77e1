"""Keeps one switch equal to what is desired of it.

This module knows when to read, write and try again. What to write in which order is `diff`'s and
`order`'s; connections are the session's. It must never know an intent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from controller.names import SwitchName
from controller.p4runtime.backoff import Backoff
from controller.p4runtime.errors import P4RuntimeError
from controller.p4runtime.read import ReadResult
from controller.p4runtime.state import Phase as SessionPhase
from controller.p4runtime.state import SessionState
from controller.p4runtime.update import Code, Update, UpdateError, UpdateKind
from controller.reconcile.diff import Difference, difference, same
from controller.reconcile.guard import Hold, RemovalGuard
from controller.reconcile.order import Phase, Step, references, steps
from pipelines.entities import Entity, EntityKey

__all__ = ["Progress", "Reconciler", "Session", "Timing"]

_log = logging.getLogger(__name__)

_CORRECTIONS = 2
"""Times that a key may turn out to be there, or not, against what was read, before it is a failure."""


class Session(Protocol):
    """What a reconciler needs of a SwitchSession."""

    @property
    def name(self) -> SwitchName: ...

    @property
    def state(self) -> SessionState: ...

    async def wait_until(self, wanted: Callable[[SessionState], bool]) -> SessionState: ...

    async def write(self, updates: Sequence[Update], *, in_order: bool = False) -> list[UpdateError]: ...

    async def read(self) -> ReadResult: ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    audit: float = 60.0
    """Between reads of a switch that is in sync."""
    first_retry: float = 1.0
    """Of an entity that the switch refused, and of a pass that broke off; doubles from there."""
    longest_retry: float = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a switch is, after each pass and each change of the session's state."""

    switch: SwitchName
    installed: frozenset[EntityKey]
    """What the switch has acknowledged, exactly as desired."""
    failures: Mapping[EntityKey, str]
    """What it refused, and why, in its own words."""
    in_sync: bool
    """It holds all that is desired, and nothing else."""
    error: str | None
    """Why nothing can be written now; None while the session is primary."""
    unknown: tuple[str, ...] = ()
    """What it holds that this controller cannot read, and leaves alone."""


@dataclass(slots=True)
class _Failure:
    wanted: Entity | None
    """As it was when it failed (None: to be gone); another wish is tried at once."""
    reason: str
    backoff: Backoff
    retry_at: float


@dataclass(slots=True)
class _Known:
    """What the switch holds, as far as reads and acknowledged writes tell."""

    entities: dict[EntityKey, Entity]
    unknown: tuple[str, ...]
    epoch: int
    read_at: float
    doubtful: bool = False
    corrections: dict[EntityKey, int] = field(default_factory=dict)


class Reconciler:
    """`run` it in a TaskGroup, beside its session's `run`."""

    def __init__(
        self,
        session: Session,
        on_progress: Callable[[Progress], None],
        *,
        timing: Timing | None = None,
        guard: RemovalGuard | None = None,
    ) -> None:
        """Nothing is written before the first `set_desired`: what a switch has stays until then.

        Args:
            session: with the switch.
            on_progress: told after each pass.
            timing: how often, and how patient.
            guard: asked before each pass whether the switch may be written to.
        """
        self._session = session
        self._guard = guard
        self._on_progress = on_progress
        self._timing = timing or Timing()
        self._desired: Mapping[EntityKey, Entity] | None = None
        self._known: _Known | None = None
        self._failures: dict[EntityKey, _Failure] = {}
        self._waiting: dict[EntityKey, str] = {}
        """Held back in the last pass, because of a failure of what they refer to."""
        self._wake = asyncio.Event()
        self._broke_off: str | None = None
        self._retry = Backoff(self._timing.first_retry, self._timing.longest_retry)

    def set_desired(self, desired: Mapping[EntityKey, Entity]) -> None:
        """Ask for another state; of several calls in a row only the last one counts. Not blocking.

        Args:
            desired: each entity under its own key. Not to be changed afterwards.
        """
        self._desired = desired
        self._wake.set()

    async def run(self) -> None:
        """Reconcile for ever. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_session())
            tasks.create_task(self._reconcile())

    async def _follow_session(self) -> None:
        state = self._session.state
        while True:
            state = await self._session.wait_until(lambda now, before=state: now != before)  # type: ignore[misc]
            self._wake.set()

    async def _reconcile(self) -> None:
        while True:
            self._wake.clear()
            until = await self._one_pass()
            self._report()
            timeout = None if until is None else max(0.0, until - self._now())
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _one_pass(self) -> float | None:
        """Read if need be and write what differs; returns when to look again at the latest."""
        state = self._session.state
        if state.phase is not SessionPhase.PRIMARY or self._desired is None:
            return None
        try:
            hold = await self._close_gap(self._desired, state.epoch)
        except P4RuntimeError as error:
            # Nobody knows what was performed; what was known before is the best guess until it is read.
            if self._known is not None:
                self._known.doubtful = True
            self._broke_off = str(error)
            return self._now() + self._retry.next()
        self._broke_off = None
        self._retry.reset()
        assert self._known is not None
        if self._known.doubtful:
            return self._now()
        retries = [failure.retry_at for failure in self._failures.values()]
        if hold is not None and hold.seconds is not None:
            retries.append(self._now() + hold.seconds)
        return min([self._known.read_at + self._timing.audit, *retries])

    async def _close_gap(self, desired: Mapping[EntityKey, Entity], epoch: int) -> Hold | None:
        """Write what differs, or say why nothing may be written."""
        known = await self._known_state(epoch)
        if self._guard is not None:
            hold = self._guard.judge(self._session.name, known.entities, desired)
            if hold is not None:
                return hold
        self._forget_old_failures(desired)
        gap = self._without_failures(difference(known.entities, desired))
        self._waiting = {}
        failed: set[Phase] = set()
        for step in steps(gap):
            if step.phase is Phase.OPEN and failed & {Phase.CLOSE, Phase.BREAK}:
                # What should have gone is still there: opening now would let two networks meet.
                self._hold_back(step.updates, "waits until old entries are gone")
                continue
            if not await self._perform(known, step, after_failures=bool(failed or self._failures)):
                failed.add(step.phase)
        return None

    async def _known_state(self, epoch: int) -> _Known:
        """What the switch holds; read where it is unknown, doubtful or old."""
        known = self._known
        now = self._now()
        audit = known is not None and now - known.read_at >= self._timing.audit
        if known is not None and known.epoch == epoch and not known.doubtful and not audit:
            return known
        found = await self._session.read()
        corrections = known.corrections if known is not None and known.epoch == epoch else {}
        fresh = _Known(dict(found.entities), found.unknown, epoch, now, corrections=corrections)
        if known is not None and known.epoch == epoch and not known.doubtful:
            self._warn_of_drift(difference(known.entities, fresh.entities))
        for reason in found.unknown:
            _log.warning("%s holds what is left alone: %s", self._session.name, reason)
        self._known = fresh
        return fresh

    def _warn_of_drift(self, drift: Difference) -> None:
        if drift:
            _log.warning(
                "%s was changed by somebody else: %d added, %d changed, %d removed",
                self._session.name,
                len(drift.missing),
                len(drift.changed),
                len(drift.surplus),
            )

    async def _perform(self, known: _Known, step: Step, *, after_failures: bool) -> bool:
        """Write a step and note what came of it; returns whether all of it was performed."""
        updates = self._permitted(known, step.updates) if after_failures else step.updates
        if not updates:
            return not step.updates
        errors = await self._session.write(updates, in_order=step.in_order)
        refused = {error.key: error for error in errors}
        for update in updates:
            key = update.entity.key
            error = refused.get(key)
            gone = update.kind is UpdateKind.DELETE
            if error is None or (gone and error.code is Code.NOT_FOUND):
                if gone:
                    known.entities.pop(key, None)
                else:
                    known.entities[key] = update.entity
                self._failures.pop(key, None)
            if error is None:
                known.corrections.pop(key, None)
            else:
                self._refused(known, update, error)
        return not errors and len(updates) == len(step.updates)

    def _refused(self, known: _Known, update: Update, error: UpdateError) -> None:
        key = update.entity.key
        if error.code in (Code.ALREADY_EXISTS, Code.NOT_FOUND):
            tries = known.corrections[key] = known.corrections.get(key, 0) + 1
            if tries <= _CORRECTIONS:
                known.doubtful = True
                return
        wanted = None if update.kind is UpdateKind.DELETE else update.entity
        failure = self._failures.get(key)
        if failure is None or failure.wanted != wanted:
            backoff = Backoff(self._timing.first_retry, self._timing.longest_retry)
            failure = self._failures[key] = _Failure(wanted, "", backoff, 0.0)
        failure.reason = f"{update.kind.name.lower()}: {error}"
        failure.retry_at = self._now() + failure.backoff.next()
        _log.warning("%s: %s: %s", self._session.name, update.entity, failure.reason)

    def _permitted(self, known: _Known, updates: Collection[Update]) -> list[Update]:
        """Hold back what would leave an entry without what it refers to, as an earlier update failed."""
        needed = {reference for entity in known.entities.values() for reference in references(entity)}
        permitted: list[Update] = []
        for update in updates:
            if update.kind is UpdateKind.DELETE:
                held = update.entity.key in needed
            else:
                held = any(reference not in known.entities for reference in references(update.entity))
            if held:
                self._hold_back([update], "waits for another entry, which failed")
            else:
                permitted.append(update)
        return permitted

    def _hold_back(self, updates: Collection[Update], reason: str) -> None:
        self._waiting.update((update.entity.key, reason) for update in updates)

    def _forget_old_failures(self, desired: Mapping[EntityKey, Entity]) -> None:
        for key, failure in list(self._failures.items()):
            if failure.wanted != desired.get(key):
                del self._failures[key]

    def _without_failures(self, gap: Difference) -> Difference:
        """Leave out what failed and is not to be tried again yet."""
        now = self._now()
        resting = {key for key, failure in self._failures.items() if failure.retry_at > now}
        if not resting:
            return gap
        return Difference(
            {key: entity for key, entity in gap.missing.items() if key not in resting},
            {key: change for key, change in gap.changed.items() if key not in resting},
            {key: entity for key, entity in gap.surplus.items() if key not in resting},
        )

    def _report(self) -> None:
        state, known, desired = self._session.state, self._known, self._desired or {}
        installed: frozenset[EntityKey] = frozenset()
        surplus = True
        if known is not None:
            installed = frozenset(
                key
                for key, entity in desired.items()
                if key in known.entities and same(known.entities[key], entity)
            )
            surplus = len(known.entities) > len(installed)
        connected = state.phase is SessionPhase.PRIMARY
        failures = {key: failure.reason for key, failure in self._failures.items()} | self._waiting
        self._on_progress(
            Progress(
                self._session.name,
                installed,
                MappingProxyType(failures),
                connected
                and known is not None
                and known.epoch == state.epoch
                and not (known.doubtful or surplus)
                and len(installed) == len(desired),
                self._broke_off if connected else str(state),
                known.unknown if known is not None else (),
            )
        )

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

"""Keeps one switch equal to what is desired of it, change by change.

This module knows when to read, write and try again. What may be written when is the graph's; connections
are the session's. It knows no intent and no table.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

from p4fabric.controller.compiler.delta import SwitchDelta
from p4fabric.controller.p4runtime.backoff import Backoff
from p4fabric.controller.p4runtime.errors import P4RuntimeError
from p4fabric.controller.p4runtime.read import ReadResult
from p4fabric.controller.p4runtime.state import Phase
from p4fabric.controller.p4runtime.update import Update, UpdateError, UpdateKind
from p4fabric.controller.reconcile.audit import Audit
from p4fabric.controller.reconcile.barrier import Barrier
from p4fabric.controller.reconcile.changes import SLICE, Changes
from p4fabric.controller.reconcile.diff import same
from p4fabric.controller.reconcile.findings import Findings
from p4fabric.controller.reconcile.graph import PendingOperations
from p4fabric.controller.reconcile.guard import RemovalGuard
from p4fabric.controller.reconcile.held import Held
from p4fabric.controller.reconcile.known import Known
from p4fabric.controller.reconcile.operations import Operation
from p4fabric.controller.reconcile.progress import News, Progress, Summary
from p4fabric.controller.reconcile.refusals import Refusals, jitter
from p4fabric.controller.reconcile.session import Session, Timing
from p4fabric.controller.reconcile.unclaimed import Unclaimed
from p4fabric.controller.reconcile.wishes import Wishes
from p4fabric.controller.turns import turn
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.safety import Number, SafetyRules, Scope

__all__ = ["Reconciler"]

_log = logging.getLogger(__name__)

_BATCH = 250
"""Updates in one write."""
_WRITES = 4
"""Writes in flight at once."""
_GATHERING = 0.1
"""Seconds in which news is gathered while writes are on their way: their answers are more of it."""


class Reconciler:
    """`run` it in a TaskGroup, beside its session's `run`."""

    def __init__(
        self,
        session: Session,
        rules: SafetyRules,
        barrier: Barrier,
        on_progress: Callable[[Progress], None],
        *,
        timing: Timing | None = None,
        guard: RemovalGuard | None = None,
        keep_unclaimed: Callable[[], bool] = lambda: False,
    ) -> None:
        """Nothing is written before `begin`: what a switch has stays until then.

        Args:
            session: with the switch.
            rules: the pipeline's.
            barrier: the fabric's, which this switch joins.
            on_progress: told whenever there is news.
            timing: how often, and how patient.
            guard: asked whether the switch may be written to at first.
            keep_unclaimed: whether to leave alone what the first read shows and nobody has asked for; call
                `look_again` once it says no.
        """
        self._session = session
        self.name = session.name
        """The switch's name."""
        self._barrier = barrier
        self._on_progress = on_progress
        self._timing = timing or Timing()
        self._wake = asyncio.Event()
        self._changes = Changes()
        self._begun = False
        self._wishes = Wishes(rules, guard)
        self._known = Known(rules)
        self._unclaimed = Unclaimed(keep_unclaimed)
        self._refusals = Refusals(session.name, self._timing.first_retry, self._timing.longest_retry)
        self._to_correct: set[EntityKey] = set()
        self._news = News()
        self._unnoted: set[EntityKey] = set()
        """Keys of which it is to be seen after the next read whether there is news."""
        self._told_epoch: int | None = None
        """The session's epoch in which the switch was read last, once there is no more news of that."""
        self._broke_off: str | None = None
        self._hold: str | None = None
        self._resume_at = 0.0
        self._backoff = Backoff(self._timing.first_retry, self._timing.longest_retry)
        self._tell_waiting_at: float | None = None
        self._tell_at: float | None = None
        """When to tell what has been gathered."""
        barrier.join(self)
        self._graph = PendingOperations(
            session.name,
            rules,
            self._known.held,
            self._wishes.entities,
            barrier,
            revision_of=self._wishes.revision_of,
            on_ready=self._wake.set,
            left_alone=self._unclaimed,
        )
        self._findings = Findings(session.name, self._known, self._wishes, self._unclaimed, self._look_at)
        self._audit = Audit(
            session,
            self._known,
            self._timing.audit,
            in_flight=self._graph.in_flight,
            is_certain=lambda: self._is_certain,
            take_over=self._take_over,
        )

    def begin(self, desired: Mapping[EntityKey, Entity], revision: int) -> None:
        """Say all that is desired, once, before all changes. Not blocking; not to be changed afterwards."""
        if self._begun:
            raise RuntimeError(f"{self.name} has begun already: say what changed")
        self._begun = True
        self.change(SwitchDelta(revision, desired, ()))

    def change(self, delta: SwitchDelta) -> None:
        """Say what changed. Not blocking; several changes in a row come to one.

        The changes that one revision makes on all switches are to be said in one turn of the event loop:
        what opens on one switch waits for what closes on the others only if both are known.
        """
        self._changes.say(delta)
        self._barrier.changed(self.name)
        self._wake.set()

    def look_again(self) -> None:
        """Something else may be left alone than before."""
        self._wake.set()

    def may_hold(self, number: Number) -> bool:
        """Whether the switch may hold an entity that mentions a number; True while it was never read."""
        return self._known.may_mention(number)

    def known_to_hold(self, key: EntityKey, entity: Entity | None) -> bool:
        """Whether the switch is known to hold just this under a key; None: nothing."""
        known = self._known
        if known.epoch is None or known.doubtful or key in self._graph.in_flight:
            return False
        held = known.held.get(key)
        return held is entity or (held is not None and entity is not None and same(held, entity))

    @property
    def circles_broken(self) -> int:
        """How often something was closed for a moment, since changes waited for each other."""
        return self._graph.circles_broken

    @property
    def held(self) -> Held | None:
        """What the switch holds, as reads and acknowledgements tell; None while it was never read.

        It changes: nobody may keep what it says for another turn of the event loop.
        """
        return self._known.held if self._known.epoch is not None else None

    def is_writable(self) -> bool:
        """Whether the switch can be written to now."""
        return self._session.state.phase is Phase.PRIMARY

    def is_settled(self) -> bool:
        """Whether the switch is connected, was read since, and all changes were taken in."""
        return self.is_writable() and not self._changes and self._known.epoch == self._session.state.epoch

    def lacks_knowledge_of(self, scope: Scope, revision: int) -> bool:
        """Whether protectors of a scope, of this revision or an older one, may be lacking unnamed."""
        if self._changes.has_of(revision):
            return True
        return self._known.epoch != self._session.state.epoch and self._wishes.protects(scope)

    def is_known(self) -> bool:
        """Whether it is known what the switch holds, or held when it went away, and all changes are known."""
        known, state = self._known, self._session.state
        is_current = known.epoch == state.epoch or (known.epoch is not None and not self.is_writable())
        return self._begun and is_current and not (self._changes or known.doubtful)

    def pending(self, key: EntityKey) -> tuple[Entity, bool] | None:
        """What is to be written under a key, or (True) deleted; None: nothing."""
        operation = self._graph.get(key)
        return None if operation is None else (operation.entity, operation.kind is UpdateKind.DELETE)

    def held_under(self, key: EntityKey) -> Entity | None:
        """What the switch holds under a key."""
        return self._known.held.get(key)

    def wishes_under(self, key: EntityKey) -> Entity | None:
        """What the switch should hold under a key."""
        return self._wishes.entities.get(key)

    def directs_as_wished(self, since: int) -> bool:
        """Whether the switch sends packets on as was wished since a revision, as far as anybody can say."""
        return self.is_known() and not self._graph.directs_otherwise(since)

    async def run(self) -> None:
        """Reconcile for ever. Ends by cancellation only; what was in flight then is read when run again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_session())
            tasks.create_task(self._audit.run())
            while True:
                self._wake.clear()
                until = await self._turn(tasks)
                self._tell_in_time()
                moments = [one for one in (until, self._tell_at) if one is not None]
                await self._wait(min(moments, default=None))

    async def _wait(self, until: float | None) -> None:
        """Wait until there is something to do, or it is `until`."""
        timer = None if until is None else asyncio.get_running_loop().call_at(until, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _follow_session(self) -> None:
        while True:
            state = self._session.state
            self._resume_at = 0.0
            self._barrier.changed(self.name)
            self._wake.set()
            await self._session.wait_until(lambda now, before=state: now != before)  # type: ignore[misc]

    async def _turn(self, tasks: asyncio.TaskGroup) -> float | None:
        """Do what can be done now; returns when to look again at the latest."""
        if self._changes:
            await self._take_in()
        if self._unclaimed:
            await self._release()
        state = self._session.state
        if state.phase is not Phase.PRIMARY or not self._begun:
            return None
        if self._resume_at and self._now() < self._resume_at:
            return self._resume_at
        if self._known.epoch != state.epoch or self._known.doubtful:
            if not self._known.writes:
                await self._read(state.epoch)
                self._wake.set()
            return None
        hold = self._wishes.hold(self.name, len(self._known.held))
        self._hold = None if hold is None else hold.reason
        if hold is not None:
            return None if hold.seconds is None else self._now() + hold.seconds
        if self._refusals:
            for key in self._refusals.due(self._now(), _BATCH):
                self._graph.try_again(key)
        await self._write_ready(tasks, state.epoch)
        if not self._known.writes and self._graph.may_be_circular and await self._graph.break_circles():
            await self._write_ready(tasks, state.epoch)
        return self._next_look()

    async def _write_ready(self, tasks: asyncio.TaskGroup, epoch: int) -> None:
        while self._may_write(epoch):
            found = self._graph.ready(_BATCH, 2 * _BATCH)
            if found:
                self._send(tasks, found)
            if len(found) > SLICE or self._graph.has_candidates:
                await turn()

    def _may_write(self, epoch: int) -> bool:
        if not self._graph.has_candidates or self._known.writes >= _WRITES:
            return False
        state = self._session.state
        is_ours = state.phase is Phase.PRIMARY and state.epoch == epoch
        return is_ours and not (self._changes or self._known.doubtful)

    def _next_look(self) -> float | None:
        """When to try again, or to tell what waits."""
        moments = [] if (due := self._refusals.next_due()) is None else [due]
        if self._graph.has_newly_blocked():
            now = self._now()
            if self._known.writes:
                # It may wait for what is on its way: of a large change nearly everything does for a while.
                self._tell_waiting_at = None
            elif self._tell_waiting_at is None:
                self._tell_waiting_at = now + self._timing.patience
            elif self._tell_waiting_at <= now:
                for key, reason in self._graph.newly_blocked(SLICE):
                    self._news.failed(key, reason)
                if not self._graph.has_newly_blocked():
                    self._tell_waiting_at = None
        if self._tell_waiting_at is not None:
            moments.append(self._tell_waiting_at)
        return min(moments, default=None)

    def _send(self, tasks: asyncio.TaskGroup, found: Sequence[tuple[EntityKey, Operation]]) -> None:
        self._graph.sent(found)
        self._known.writing(each.entity for _, each in found)
        tasks.create_task(self._write([key for key, _ in found], [each.update() for _, each in found]))

    async def _write(self, keys: Sequence[EntityKey], updates: Sequence[Update]) -> None:
        unanswered = deque(keys)
        try:
            errors = {error.key: error for error in await self._session.write(updates)}
            self._goes_on()
            moment, wait = self._now(), jitter()
            while unanswered:
                key = unanswered.popleft()
                self._take_answer(key, errors.get(key), moment, wait)
                if unanswered and len(unanswered) % SLICE == 0:
                    self._tell()
                    await turn()
        except P4RuntimeError as error:
            self._break_off(error)
        finally:
            self._wake.set()
            # Failed or cancelled: what was performed is read before anything else is done.
            self._known.written(in_doubt=bool(unanswered))
            for key in unanswered:
                self._graph.lost(key)
                self._note(key)

    def _take_answer(self, key: EntityKey, error: UpdateError | None, now: float, wait: float) -> None:
        operation = self._graph.in_flight[key]
        self._known.answered(operation.entity)
        if self._graph.answered(key, error):
            self._refusals.forget(key)
            if operation.kind is not UpdateKind.INSERT:
                waiting = self._refusals.made_room(key)
                if waiting is not None:
                    self._graph.try_again(waiting)
        elif self._graph.get(key) == operation:
            assert error is not None
            if self._refusals.may_be_corrected(key, error):
                self._known.doubtful = True
                self._to_correct.add(key)
                return
            reason = self._refusals.add(key, operation, error, now, wait)
            self._news.failed(key, reason)
            _log.warning("%s", reason)
        self._note(key)

    def _break_off(self, error: P4RuntimeError) -> None:
        self._broke_off = str(error)
        self._resume_at = self._now() + self._backoff.next()

    def _goes_on(self) -> None:
        self._broke_off = None
        self._backoff.reset()

    async def _take_in(self) -> None:
        """Take all changes in: what is written next leads to what is desired now, not to half of a change."""
        await self._changes.take_in(self._wish)
        self._barrier.changed(self.name)

    @property
    def _is_certain(self) -> bool:
        """Whether what is known of the switch, but for writes in flight, is to be believed."""
        return (
            self.is_writable() and self._known.epoch == self._session.state.epoch and not self._known.doubtful
        )

    async def _take_over(
        self, audited: ReadResult, touched: Collection[EntityKey], goes_on: Callable[[], bool]
    ) -> None:
        self._findings.warn_of_drift(await self._findings.take_over(audited, touched, goes_on))
        self._wake.set()

    async def _release(self) -> None:
        for number, key in enumerate(self._unclaimed.release()):
            self._look_at(key)
            if number % SLICE == 0:
                await turn()

    def _wish(self, key: EntityKey, entity: Entity | None, revision: int) -> None:
        self._unclaimed.wish_changed(key)
        self._wishes.put(key, entity, revision)
        self._news.wish_changed(key, wanted=entity is not None)
        self._refusals.forget(key)
        self._look_at(key)

    def _look_at(self, key: EntityKey) -> None:
        self._graph.look_at(key)
        self._wishes.compare(key, None if key in self._unclaimed else self._known.held.get(key))
        self._note(key)

    def _note(self, key: EntityKey) -> None:
        """See whether there is news of a key; after the next read, if what is known is in doubt."""
        if self._known.epoch is None or self._known.doubtful:
            self._unnoted.add(key)
        elif self._graph.get(key) is not None:
            self._news.unsettled(key)
        else:
            self._news.settled(key, wanted=key in self._wishes.entities)

    async def _read(self, epoch: int) -> None:
        """Read the switch, with nothing in flight, and believe what it says."""
        try:
            result = await self._session.read(self._known.decoded)
        except P4RuntimeError as error:
            self._break_off(error)
            return
        drift = await self._findings.take_over(result)
        self._unclaimed.first_read_done()
        if self._known.epoch == epoch and not self._known.doubtful:
            self._findings.warn_of_drift(drift)
        again = {*self._to_correct, *(self._refusals if self._known.epoch != epoch else ())}
        self._known.certain(epoch)
        self._goes_on()
        for number, key in enumerate(again):
            self._graph.try_again(key)
            if number % SLICE == 0:
                await turn()
        self._to_correct.clear()
        for number, key in enumerate(list(self._unnoted), 1):
            self._unnoted.discard(key)
            self._note(key)
            if number % SLICE == 0:
                self._tell()
                await turn()
        self._told_epoch = epoch
        self._barrier.changed(self.name)

    def _tell_in_time(self) -> None:
        """Tell what is news at once, or in a while, if it is little, nothing is lost, and there will be more.

        What is released is told of at once: no change of what is desired says that the switch is not in sync.
        """
        is_urgent = self._news.has_missing or len(self._unclaimed) != self._news.told.left_alone
        if self._known.writes and not is_urgent and len(self._news) < _BATCH:
            now = self._now()
            if self._tell_at is None:
                self._tell_at = now + _GATHERING
            if now < self._tell_at:
                return
        self._tell()

    def _tell(self) -> None:
        self._tell_at = None
        state = self._session.state
        idle = not (len(self._graph) or self._known.writes or self._known.doubtful)
        summary = Summary(
            self._begun and self.is_settled() and idle,
            len(self._wishes),
            self._news.installed,
            self._news.failing,
            (self._hold or self._broke_off) if state.phase is Phase.PRIMARY else str(state),
            self._known.unknown,
            len(self._unclaimed),
            self._told_epoch,
        )
        progress = self._news.take(self.name, summary, self._changes.keys())
        if progress is not None:
            self._on_progress(progress)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

"""The pending operations of one switch, and which of them may be written now.

Each pending operation waits for at most one other at a time (its blocker; `waits` has the rules), and is
looked at again when that has changed. So a change costs what depends on it, whatever else is pending or
stands. Of what may be written, old openers have the first turn, then protectors, then all else: a packet that
is judged by several tables meets the stricter verdict of each while they change.

Operations that may be written at the same time are independent: whichever of them the switch performs or
refuses, in any order, the result is safe. This module does not know when something is written or read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from itertools import islice

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.update import Code, UpdateError, UpdateKind
from p4fabric.controller.reasons import Reason
from p4fabric.controller.reconcile.barrier import Barrier
from p4fabric.controller.reconcile.blocked import Blocked
from p4fabric.controller.reconcile.diff import same
from p4fabric.controller.reconcile.held import Held
from p4fabric.controller.reconcile.operations import Blocker, Cause, Operation
from p4fabric.controller.reconcile.waits import Waits
from p4fabric.controller.turns import turn
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.safety import SafetyRules

__all__ = ["PendingOperations"]

_log = logging.getLogger(__name__)

_CLOSINGS, _PROTECTORS, _ALL_ELSE = 0, 1, 2
"""In whose turn operations are written."""
_PATIENCE = 8
"""So often all else lets the others go first where they do not end."""


class PendingOperations:
    """The difference between what a switch holds and what is desired of it, kept up to date key by key."""

    def __init__(
        self,
        switch: SwitchName,
        rules: SafetyRules,
        held: Held,
        desired: Mapping[EntityKey, Entity],
        barrier: Barrier,
        *,
        revision_of: Callable[[EntityKey], int],
        on_ready: Callable[[], None],
        left_alone: Container[EntityKey] = (),
    ) -> None:
        """Start with nothing pending; call `look_at` for each key that differs.

        Args:
            switch: whose operations these are; it has joined the barrier.
            rules: the pipeline's.
            held: what the switch holds; kept up to date by the caller, as `desired` is.
            desired: what it should hold.
            barrier: the fabric's.
            revision_of: the revision in which the wish for a key last changed.
            on_ready: told when an operation that waited for another switch is to be looked at again.
            left_alone: keys of what is not to be deleted; kept up to date by the caller.
        """
        self._left_alone = left_alone
        self._switch = switch
        self._rules = rules
        self._held = held
        self._desired = desired
        self._barrier = barrier
        self._revision_of = revision_of
        self._waits = Waits(switch, rules, held, desired, barrier, revision_of)
        self._on_ready = on_ready
        self._pending: dict[EntityKey, Operation] = {}
        self._in_flight: dict[EntityKey, Operation] = {}
        self._outdated: set[EntityKey] = set()
        """Keys in flight of which something else is desired by now."""
        self._candidates: tuple[dict[EntityKey, None], ...] = ({}, {}, {})
        """What `ready` is to look at: what takes old openers away, new protectors, all else."""
        self._sent = [0, 0, 0]
        """How many of each are in flight."""
        self._passed_over = 0
        """How often others had their turn while all else waited for its own."""
        self._blocked = Blocked(switch)
        self._circular: set[EntityKey] = set()
        """Keys that wait for each other, and of which none may go first."""
        self.circles_broken = 0
        """How often something was closed for a moment, since changes waited for each other."""

    def __len__(self) -> int:
        return len(self._pending)

    def get(self, key: EntityKey) -> Operation | None:
        """What is to be written under a key."""
        return self._pending.get(key)

    def directs_otherwise(self, since: int) -> bool:
        """Whether something is not there yet that decides where packets go, and was wished since a revision.

        It costs what is pending, up to the first that is so.
        """
        return any(
            wish is not None and self._rules.directs(wish) and self._revision_of(key) >= since
            for key in self._pending
            for wish in (self._desired.get(key),)
        )

    @property
    def in_flight(self) -> Mapping[EntityKey, Operation]:
        """What was sent and not answered yet."""
        return self._in_flight

    @property
    def has_candidates(self) -> bool:
        """Whether `ready` has something to look at."""
        return self._turn() is not None

    def look_at(self, key: EntityKey) -> None:
        """See what is to be written under a key, after what is held or desired there changed.

        While an operation of the key is in flight, it stays pending: what comes after it shows when it is
        answered. If that is more than nothing, all else waits for the answer.
        """
        sent = self._in_flight.get(key)
        if sent is not None:
            if self._leads_to_what_is_desired(key, sent):
                self._outdated.discard(key)
            else:
                self._outdated.add(key)
            return
        old, new = self._pending.get(key), self._operation(key)
        if old == new:
            self._blocked.remove(key)
            self._candidate(key)
            return
        lacking = self._forget(key) if old is not None else None
        if new is not None:
            self._pending[key] = new
            self._waits.add(key, new, lacking)
            self._candidate(key)
        for waiting in self._blocked.release(key):
            self._candidate(waiting)
        if (old is not None and old.reopens) is not (new is not None and new.reopens):
            for referrer in tuple(self._held.referrers(key)):
                self.look_at(referrer)

    def try_again(self, key: EntityKey) -> None:
        """Look again at an operation that was refused."""
        if key not in self._in_flight and key not in self._blocked:
            self._candidate(key)

    def ready(self, most: int, looks: int) -> list[tuple[EntityKey, Operation]]:
        """Operations that may be written now, at the same time and with those in flight.

        Args:
            most: not more than so many.
            looks: not more candidates are looked at; `has_candidates` tells whether some are left.
        """
        while (whose := self._turn()) is not None:
            candidates = self._candidates[whose]
            found = self._ready_of(candidates, most, looks)
            if whose == _ALL_ELSE:
                self._passed_over = 0
            else:
                self._passed_over += bool(found and self._candidates[_ALL_ELSE])
            if found or candidates:
                return found
        return []

    def _turn(self) -> int | None:
        """Whose turn it is; None: nobody's, before an answer has come."""
        if self._outdated:
            return None
        others = bool(self._candidates[_ALL_ELSE])
        for first in (_CLOSINGS, _PROTECTORS):
            if self._candidates[first] and not (others and self._passed_over >= _PATIENCE):
                return first
            if self._sent[first]:
                return None
        return _ALL_ELSE if others else None

    def _ready_of(
        self, candidates: dict[EntityKey, None], most: int, looks: int
    ) -> list[tuple[EntityKey, Operation]]:
        found: list[tuple[EntityKey, Operation]] = []
        for key in list(islice(candidates, looks)):
            if len(found) == most:
                break
            del candidates[key]
            blocker = self._waits.blocker(key, self._pending[key], self._pending)
            if blocker is None:
                found.append((key, self._pending[key]))
            else:
                self._block(key, blocker)
        return found

    def sent(self, operations: Iterable[tuple[EntityKey, Operation]]) -> None:
        """These are in flight."""
        for key, operation in operations:
            self._in_flight[key] = operation
            self._sent[self._turn_of(key, operation)] += 1

    def answered(self, key: EntityKey, error: UpdateError | None) -> bool:
        """Take note of an answer; returns whether the operation was performed, or was not needed.

        What was refused, and is still to be done, is no candidate before `try_again`.
        """
        operation = self._land(key)
        gone = operation.kind is UpdateKind.DELETE
        performed = error is None or (gone and error.code is Code.NOT_FOUND)
        if performed:
            self._held.put(key, None if gone else operation.entity)
        if performed or self._operation(key) != operation:
            self.look_at(key)
        return performed

    def lost(self, key: EntityKey) -> None:
        """The operation is no longer in flight, and nobody knows whether it was performed."""
        self._land(key)
        self.look_at(key)

    def _land(self, key: EntityKey) -> Operation:
        operation = self._in_flight.pop(key)
        self._outdated.discard(key)
        self._sent[self._turn_of(key, operation)] -= 1
        return operation

    @property
    def may_be_circular(self) -> bool:
        """Whether something has come to wait since `break_circles` looked."""
        return self._blocked.has_unfollowed

    async def break_circles(self) -> bool:
        """See that nothing waits for itself by way of others: where it does, what closes goes first.

        To be called when nothing can be written, and nothing is in flight. Returns whether something can now.
        """
        before = self.circles_broken
        for circle in self._blocked.circles():
            if circle is None:
                await turn()
                continue
            closing = next((key for key in circle if self._may_go_first(key)), None)
            if closing is None:
                self._circular.update(circle)
                _log.error(
                    "%s: operations wait for each other: %s", self._switch, [*map(self._reason, circle)]
                )
                continue
            _log.info(
                "%s: to be done first of %d that wait for each other: %s", self._switch, len(circle), closing
            )
            self._blocked.remove(closing)
            self._waits.let_close(closing)
            self._candidate(closing)
            self.circles_broken += 1
        return self.circles_broken > before

    def _may_go_first(self, key: EntityKey) -> bool:
        waits_for_its_table = self._blocked[key].cause is Cause.PRECEDENCE
        return waits_for_its_table and self._waits.only_closes(key, self._pending[key])

    def has_newly_blocked(self) -> bool:
        """Whether `newly_blocked` may have something to say."""
        return self._blocked.has_untold

    def newly_blocked(self, most: int) -> list[tuple[EntityKey, Reason]]:
        """Some of what has come to wait and was not told yet, and for what."""
        return [(key, self._reason(key)) for key in self._blocked.untold(most)]

    def _reason(self, key: EntityKey) -> Reason:
        blocker = self._blocked[key]
        other: object = blocker.key
        if blocker.key is not None:
            pending = self._pending.get(blocker.key)
            entity = pending.entity if pending is not None else None
            other = entity or self._desired.get(blocker.key) or self._held.get(blocker.key) or other
        return blocker.reason(self._switch, self._pending[key], other, circular=key in self._circular)

    # What is to be done with a key.

    def _leads_to_what_is_desired(self, key: EntityKey, sent: Operation) -> bool:
        desired = self._desired.get(key)
        if desired is None or sent.kind is UpdateKind.DELETE:
            return desired is None and sent.kind is UpdateKind.DELETE
        return same(sent.entity, desired)

    def _operation(self, key: EntityKey) -> Operation | None:
        held, desired = self._held.get(key), self._desired.get(key)
        if held is None:
            return None if desired is None else Operation(UpdateKind.INSERT, desired)
        if desired is None:
            if key in self._left_alone:
                return None
            return Operation(UpdateKind.DELETE, held, closing=any(True for _ in self._rules.opens(held)))
        equal = same(held, desired)
        reopening = self._waits.reopening
        if reopening and any(target in reopening for target in self._rules.references(held)):
            return Operation(UpdateKind.DELETE, held, closing=True, reopens=True)
        if equal:
            return None
        opened, opens = set(self._rules.opens(held)), set(self._rules.opens(desired))
        if opened and opens and opened != opens:
            return Operation(UpdateKind.DELETE, held, closing=True, reopens=True)
        first = self._waits.first_step(held, desired)
        return Operation(UpdateKind.MODIFY, first, closing=bool(opened and not opens))

    def _forget(self, key: EntityKey) -> int | None:
        """Forget what is pending; returns since which revision it lacks, if it is a protector."""
        self._candidates[self._turn_of(key, self._pending.pop(key))].pop(key, None)
        self._blocked.remove(key)
        self._circular.discard(key)
        return self._waits.remove(key)

    def _candidate(self, key: EntityKey) -> None:
        operation = self._pending.get(key)
        if operation is not None and key not in self._in_flight:
            self._candidates[self._turn_of(key, operation)][key] = None

    def _turn_of(self, key: EntityKey, operation: Operation) -> int:
        """When an operation has its turn among those that may be written."""
        if operation.closing:
            return _CLOSINGS
        return _PROTECTORS if self._waits.is_protector(key) else _ALL_ELSE

    def _block(self, key: EntityKey, blocker: Blocker) -> None:
        self._blocked.add(key, blocker)
        if blocker.obstacle is not None:
            self._barrier.wait(blocker.obstacle, self._obstacle_gone, key)

    def _obstacle_gone(self, key: EntityKey) -> None:
        blocker = self._blocked.get(key)
        if blocker is not None and blocker.obstacle is not None:
            self._blocked.remove(key)
            self._candidate(key)
            self._on_ready()

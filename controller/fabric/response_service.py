"""The closed loop of the running fabric: looks some times a second, and changes the state as was decided.

A remedy is a row of the state: it is kept in the store before any switch is told, and it has an end. What a
controller did not end, the next one does. This module decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from p4fabric.controller.compiler.remedy import Action, Remedy, RemedyKey
from p4fabric.controller.core import Core, IntentConflict, Plan, changed_remedy
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.errors import UnknownRemedy
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.controller.names import IntentKey
from p4fabric.controller.response import Decisions, Ended, Evidence, Finding, Grant, Responder, Verdict
from p4fabric.controller.state import Change
from p4fabric.controller.store.errors import StoreError
from p4fabric.controller.store.records import Contents
from p4fabric.controller.telemetry.events import Event, RemedyEnded, RemedyGranted, RemedyRecommended

__all__ = ["RemedyView", "ResponseService"]

_log = logging.getLogger(__name__)

_STEP = 0.1
"""Seconds between two looks."""
_RETRY = 1.0
"""Seconds after a step that could not be kept."""
_REMEMBERED = 256
"""Remedies that are over and still shown."""

Looks = Callable[[float, list[CongestionResponse], Mapping[RemedyKey, Remedy]], Evidence]


@dataclass(frozen=True, slots=True)
class RemedyView:
    """A remedy that stands, or is over."""

    key: RemedyKey
    remedy: Remedy
    helped: bool | None
    """None: not known, or not yet."""
    ended: Ended | None = None
    ended_at: float | None = None
    reason: str = ""
    """Why it ended."""


class ResponseService:
    """`begin` it, then `run` it in a TaskGroup. One event loop only."""

    def __init__(
        self,
        core: Core,
        changes: StateChanges,
        look: Looks,
        publish: Callable[[Event], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make it.

        Args:
            core: the state; it is changed on its thread only.
            changes: change it.
            look: tells what is known now.
            publish: told of what is done, and of what would be.
            clock: seconds since 1970.
        """
        self._core, self._changes, self._look = core, changes, look
        self._publish, self._clock = publish, clock
        self._responder = Responder(clock())
        self._responses: dict[IntentKey, CongestionResponse] = {}
        self._standing: dict[RemedyKey, Remedy] = {}
        self._over: deque[RemedyView] = deque(maxlen=_REMEMBERED)
        self._ending: dict[RemedyKey, tuple[Ended, str]] = {}
        """Why remedies that are about to end do."""
        self._recommended: set[tuple[IntentKey, int, object, object]] = set()
        self._next = 1
        self._news = asyncio.Event()
        self.findings: tuple[Finding, ...] = ()
        """What was made of queues that are congested now."""
        self.granted: Counter[Action] = Counter(dict.fromkeys(Action, 0))
        """Remedies since the start."""
        self.ended: Counter[tuple[Action, str]] = Counter(dict.fromkeys(product(Action, Ended), 0))
        self.recommended: Counter[Action] = Counter(dict.fromkeys(Action, 0))

    # What there was before.

    def expired(self, contents: Contents) -> Iterator[Change]:
        """What a controller before did not end, though it is over: taken out before any switch is told."""
        now = self._clock()
        for stored in contents.remedies:
            if stored.value.remedy.expires <= now:
                self._ending[stored.value.key] = (
                    Ended.EXPIRED,
                    "its lease was over before the controller began",
                )
                yield changed_remedy(self._core.view, stored.value.key, None)

    def begin(self) -> None:
        """Take up responses and remedies that there are; the state does not change meanwhile."""
        view = self._core.view
        for key, intent in view.catalogue.table.rows():
            if isinstance(intent, CongestionResponse):
                self._responses[key] = intent
        for remedy_key, remedy in view.remedies.rows():
            self._standing[remedy_key] = remedy
        self._next = max((key.number for key in self._standing), default=0) + 1
        self._ending.clear()
        self._wake()

    # What there is.

    def views(self) -> list[RemedyView]:
        """Remedies that stand, in order, and those that are over, the last one first."""
        standing = [
            RemedyView(key, remedy, self._responder.helped(key))
            for key, remedy in sorted(self._standing.items(), key=lambda item: item[0].number)
        ]
        return [*standing, *reversed(self._over)]

    def standing(self) -> Mapping[tuple[str, str], int]:
        """How many stand, by action and tenant of the response."""
        return Counter((it.action.value, key.response.tenant) for key, it in self._standing.items())

    def counts(self) -> Mapping[Action, int]:
        """How many stand, by action, with those of which there are none."""
        found = Counter(dict.fromkeys(Action, 0))
        found.update(remedy.action for remedy in self._standing.values())
        return found

    def get(self, number: int) -> RemedyView:
        """A remedy that stands.

        Raises:
            UnknownRemedy: there is none of that number.
        """
        for view in self.views():
            if view.key.number == number and view.ended is None:
                return view
        raise UnknownRemedy(number)

    async def revoke(self, number: int) -> None:
        """End a remedy; its flow is left alone for a while.

        Raises:
            UnknownRemedy: there is none of that number.
            StoreError: it cannot be kept.
        """
        view = self.get(number)
        response = self._responses.get(view.key.response)
        hold = response.spec.hold_seconds if response is not None else 0
        self._responder.revoked(view.key, view.remedy, hold, self._clock())
        await self._carry_out((), ((view.key, Ended.REVOKED, "it was revoked"),))

    # What follows.

    def adopt(self, plan: Plan) -> None:
        """Take note of a change that was committed."""
        for key, intent in plan.intents.items():
            if isinstance(intent, CongestionResponse):
                self._responses[key] = intent
            else:
                self._responses.pop(key, None)
        for row in plan.rows:
            if row.table == self._core.view.remedies.name:
                self._took(row.key, row.value)
        self._wake()

    def _took(self, key: RemedyKey, remedy: Remedy | None) -> None:
        before = self._standing.get(key)
        if remedy is not None:
            if before is None:
                self.granted[remedy.action] += 1
                self._publish(RemedyGranted(key, remedy))
            self._standing[key] = remedy
            return
        if before is None:
            return
        del self._standing[key]
        ended, reason = self._ending.pop(key, (Ended.WITHDRAWN, "its response is gone"))
        self.ended[before.action, ended] += 1
        helped = self._responder.helped(key)
        self._over.append(RemedyView(key, before, helped, ended, self._clock(), reason))
        self._publish(RemedyEnded(key, before, ended.value, reason))

    def _wake(self) -> None:
        if self._responses or self._standing:
            self._news.set()

    async def run(self) -> None:
        """Look and act, for ever. Ends by cancellation only; the next controller ends what stands."""
        while True:
            if not (self._responses or self._standing):
                self.findings = ()
                self._news.clear()
                await self._news.wait()
            try:
                await self.step()
            except StoreError as error:
                _log.error("remedies cannot be kept; nothing is done: %s", error)
                await asyncio.sleep(_RETRY)
            await asyncio.sleep(_STEP)

    async def step(self) -> Decisions:
        """Look once, and do what follows.

        Raises:
            StoreError: it cannot be kept, and was not done.
        """
        responses = [self._responses[key] for key in sorted(self._responses)]
        made = self._responder.decide(self._look(self._clock(), responses, dict(self._standing)))
        self.findings = made.findings
        self._recommend(made.findings)
        if made.grants or made.ends:
            try:
                await self._carry_out(made.grants, made.ends)
            except IntentConflict as error:
                _log.warning("tables have no room for a remedy: %s", error)
                if made.ends:
                    await self._carry_out((), made.ends)
        return made

    async def _carry_out(self, grants: Iterable[Grant], ends: Iterable[tuple[RemedyKey, Ended, str]]) -> None:
        numbered = []
        for grant in grants:
            numbered.append((RemedyKey(grant.response, self._next), grant.remedy))
            self._next += 1
        for key, ended, reason in ends:
            self._ending[key] = ended, reason
        ending = [key for key, _, _ in ends]

        def plan() -> Plan:
            view = self._core.view
            made: list[Change] = [changed_remedy(view, key, None) for key in ending]
            # Its response may have gone since it was looked at.
            made += [
                changed_remedy(view, key, remedy)
                for key, remedy in numbered
                if view.catalogue.get(key.response) is not None
            ]
            return self._core.plan_with_room(made, "response")

        try:
            await self._changes.make(plan)
        except BaseException:
            for key in ending:
                self._ending.pop(key, None)
            raise

    def _recommend(self, findings: Iterable[Finding]) -> None:
        """Say once of each incident what would be done about a flow."""
        told = set()
        for one in findings:
            if one.verdict is not Verdict.RECOMMENDS or one.action is None or one.flow is None:
                continue
            what = (one.response, one.incident, one.action, one.flow)
            told.add(what)
            if what not in self._recommended:
                self.recommended[one.action] += 1
                self._publish(
                    RemedyRecommended(
                        one.response, one.incident, one.queue, one.action, one.flow, one.tenant, one.reason
                    )
                )
        current = {one.incident for one in findings}
        self._recommended = told | {what for what in self._recommended if what[1] in current}

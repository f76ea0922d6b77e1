"""The state of each intent: its wanted entries, compared with what switches have acknowledged.

A change or a report costs the entries that it names. A switch that comes, goes or is read costs nothing per
intent: its effect on an intent is computed when the status is read, and there is one announcement for all.
Large changes are processed in order and in steps, so that they do not block the event loop. This module does
not know what an entity or an intent means and never talks to a switch.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from p4fabric.controller.compiler.delta import FabricDelta
from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.reasons import Reason
from p4fabric.controller.status.backlog import Backlog
from p4fabric.controller.status.census import Census, Group
from p4fabric.controller.status.entries import EntryCounts, IntentEntries
from p4fabric.controller.status.outlook import KnownToHold, Outlook, outlook
from p4fabric.controller.status.reasons import MOST_REASONS, Rank, bounded
from p4fabric.controller.status.switch_trouble import SwitchTrouble
from p4fabric.controller.status.values import (
    IntentState,
    IntentStatus,
    StatusListener,
    SwitchProgress,
    SwitchStatusChanged,
)

__all__ = ["IntentStatuses"]

_STEP = 500
"""Intents of which is told before others have their turn: a few milliseconds' work."""


@dataclass(slots=True)
class _Intent:
    """What is known of an intent beside its entries."""

    generation: int
    entries: IntentEntries
    is_new: bool = True
    """What is wanted does not follow from it yet."""
    is_deleting: bool = False
    told: IntentStatus = field(default_factory=lambda: IntentStatus(IntentState.ACCEPTED, 0))
    """As it was when anything changed of the intent itself."""
    group: Group[IntentState | None] | None = None


class IntentStatuses:
    """Tell it what is wanted and what switches say; it tells what changes.

    Every switch counts as not connected until it is said to be.
    """

    def __init__(self, listener: StatusListener, *, clock: Callable[[], float] = time.time) -> None:
        """Take who is told, and a clock: seconds since 1970."""
        self._listener = listener
        self._clock = clock
        self._counts = EntryCounts()
        self._intents: dict[IntentKey, _Intent] = {}
        self._new: dict[IntentKey, None] = {}
        self._problems: dict[IntentKey, tuple[Reason, ...]] = {}
        self._switches: dict[SwitchName, SwitchTrouble] = {}
        self._troubled: dict[SwitchName, None] = {}
        """Not known, or held; those that are gone for good trouble nobody."""
        self._last_changed = 0.0
        """When a switch came, went, was read, held or released last."""
        self._census: Census[IntentState | None] = Census()
        self._backlog = Backlog()

    async def run(self) -> None:
        """Work off large changes and reports, step by step, beside others. Ends by cancellation only."""
        await self._backlog.run()

    @property
    def is_settled(self) -> bool:
        """Whether all that was said is worked off."""
        return not self._backlog

    # Asking.

    def __contains__(self, key: object) -> bool:
        return key in self._intents

    def __iter__(self) -> Iterator[IntentKey]:
        return iter(self._intents)

    def __len__(self) -> int:
        return len(self._intents)

    def status_of(self, key: IntentKey) -> IntentStatus:
        """How far an intent is.

        Raises:
            KeyError: it is not known.
        """
        intent = self._intents[key]
        state, reasons = self._judge(intent)
        # Of the intent itself nothing has changed since that was told; of a switch it may have.
        return IntentStatus(state, intent.generation, reasons, self._since(intent))

    def by_state(self) -> Mapping[tuple[str, IntentState], int]:
        """How many intents there are of each kind in each state.

        Costs as much as there are different sets of switches that intents concern, not intents.
        """
        troubled = self._troubled.keys()
        unknown = {name for name in troubled if not self._switches[name].is_known}
        gone = {name for name, switch in self._counts.switches.items() if switch.is_gone}
        counts: Counter[tuple[str, IntentState]] = Counter()
        for group, count in self._census.groups():
            state = group.own_state
            if state is None:
                if group.concerned & unknown or group.behind & troubled:
                    state = IntentState.DEGRADED
                else:
                    state = IntentState.INSTALLING if group.behind - gone else IntentState.ACTIVE
            counts[group.kind, state] += count
        return counts

    # What is wanted.

    def accept(self, key: IntentKey, generation: int) -> None:
        """An intent was stored; it is `accepted` until what follows from it is adopted."""
        entries = self._counts.intent(key)
        before = self._intents.get(key)
        self._intents[key] = intent = _Intent(generation, entries)
        if before is not None:
            intent.told, intent.group = before.told, before.group
        self._new[key] = None
        self._tell(entries)

    def remove(self, key: IntentKey) -> None:
        """An intent was deleted. Call it before what follows from that is adopted.

        Raises:
            KeyError: it is not known.
        """
        intent = self._intents[key]
        self._new.pop(key, None)
        self._backlog.do(self._remove(intent))

    def _remove(self, intent: _Intent) -> Iterator[None]:
        key = intent.entries.key
        if self._intents.get(key) is intent:
            intent.is_deleting, intent.is_new = True, False
            self.problems({key: ()})
        yield from ()

    def problems(self, found: Mapping[IntentKey, Collection[Reason]]) -> None:
        """Intents do not stand with the others, or (no reasons) do again."""
        for key, reasons in found.items():
            entries = self._counts.intent(key)
            for reason in self._problems.pop(key, ()):
                entries.discard_reason(Rank.PROBLEM, reason)
            for reason in reasons:
                entries.add_reason(Rank.PROBLEM, reason)
            if reasons:
                self._problems[key] = tuple(reasons)
            self._tell(entries)

    def adopt(self, delta: FabricDelta) -> None:
        """Something else is wanted from now on. Call it before reconcilers are told."""
        new, self._new = self._new, {}
        self._backlog.do(self._adopt(delta, new))

    def _adopt(self, delta: FabricDelta, new: Mapping[IntentKey, object]) -> Iterator[None]:
        for name in delta.switches:
            self._switch(name)
        yield from self._counts.adopt(delta)
        for number, key in enumerate(new, 1):
            intent = self._intents.get(key)
            if intent is not None and key not in self._new:
                intent.is_new = False
                self._counts.touched[intent.entries] = None
            if number % _STEP == 0:
                yield
        yield from self._tell_all()

    async def outlook(
        self, delta: FabricDelta, asked: Mapping[IntentKey, bool], known_to_hold: KnownToHold
    ) -> dict[IntentKey, Outlook]:
        """What intents would be once a change is made, and acknowledged by all switches that are connected.

        Args:
            delta: the change; it is not made.
            asked: intents to tell of, and whether the change deletes them.
            known_to_hold: whether a switch is known to hold just this under a key.

        Returns:
            Those, and all others that would be something else than without the change.
        """
        found: asyncio.Future[dict[IntentKey, Outlook]] = asyncio.get_running_loop().create_future()
        self._backlog.do(self._outlook(delta, asked, known_to_hold, found))
        return await found

    def _outlook(
        self,
        delta: FabricDelta,
        asked: Mapping[IntentKey, bool],
        known_to_hold: KnownToHold,
        answer: asyncio.Future[dict[IntentKey, Outlook]],
    ) -> Iterator[None]:
        for name in delta.switches:
            self._switch(name)
        try:
            found = yield from outlook(
                self._counts,
                delta,
                asked,
                lambda key: self._intents[key].is_deleting if key in self._intents else None,
                self._reasons,
                lambda name: name not in self._troubled,
                known_to_hold,
            )
        except Exception as fault:  # It is the asker's; what is counted is as it was.
            if not answer.done():
                answer.set_exception(fault)
        else:
            if not answer.done():
                answer.set_result(
                    {key: one for key, one in found.items() if key in asked or key in self._intents}
                )

    # What switches say, and what is said of them.

    def progress(self, progress: SwitchProgress) -> None:
        """A switch said how far it is."""
        self._backlog.do(self._progress(progress))

    def _progress(self, progress: SwitchProgress) -> Iterator[None]:
        self._switch(progress.switch)
        yield from self._counts.progress(progress)
        self._set_read(progress.switch, progress.epoch)
        yield from self._tell_all()

    def connection(self, name: SwitchName, epoch: int | None) -> None:
        """A switch can be written to now, or not any more. One that was declared gone is back by that.

        Args:
            name: which one.
            epoch: of its session: what it holds is not known before a report of this epoch. None: it cannot
                be written to.
        """
        entries, switch = self._counts.switch(name), self._switch(name)
        if switch.epoch == epoch and not (epoch is not None and entries.is_gone):
            return
        if epoch is not None:
            entries.is_gone = False
        self._set_epoch(name, epoch)
        self._note_trouble(name)
        self._announce(name, entries.intents)

    def hold(self, name: SwitchName, why: str | None) -> None:
        """Nothing is written to a switch, for a reason; or (None) it is again."""
        entries, switch = self._counts.switch(name), self._switch(name)
        if switch.held != why:
            self._last_changed = self._clock()
            switch.hold(why, self._last_changed)
            self._note_trouble(name)
            self._announce(name, entries.behind)

    def gone(self, name: SwitchName) -> None:
        """The operator declared a switch gone: nothing waits for it, until it is connected again."""
        self._switch(name)
        entries = self._counts.switch(name)
        if not entries.is_gone:
            entries.is_gone = True
            self._set_epoch(name, None)
            self._note_trouble(name)
            self._backlog.do(self._give_up(name, Counter(entries.intents)))

    def _give_up(self, name: SwitchName, concerned: Counter[TenantName]) -> Iterator[None]:
        # Where it is connected again by now, what it still holds is waited for again.
        if self._counts.switch(name).is_gone:
            yield from self._counts.give_up(name)
            yield from self._tell_all(quietly=True)
        self._announce(name, concerned)

    def _set_epoch(self, name: SwitchName, epoch: int | None) -> None:
        self._last_changed = self._clock()
        self._switches[name].connected_as(epoch, self._last_changed)

    def _set_read(self, name: SwitchName, epoch: int | None) -> None:
        now = self._clock()
        if self._switches[name].read_in(epoch, now):
            self._last_changed = now
            self._note_trouble(name)
            self._announce(name, self._counts.switch(name).intents)

    def _note_trouble(self, name: SwitchName) -> None:
        entries, switch = self._counts.switch(name), self._switches[name]
        entries.is_told_of = not entries.is_gone and (not switch.is_known or switch.held is not None)
        if entries.is_told_of:
            self._troubled[name] = None
        else:
            self._troubled.pop(name, None)

    def _announce(self, name: SwitchName, concerned: Counter[TenantName]) -> None:
        if concerned:
            trouble = self._switches[name].reason if name in self._troubled else None
            self._listener.switch_status_changed(SwitchStatusChanged(name, dict(concerned), trouble))

    def _switch(self, name: SwitchName) -> SwitchTrouble:
        switch = self._switches.get(name)
        if switch is None:
            switch = self._switches[name] = SwitchTrouble(name, self._clock())
            self._troubled[name] = None
            self._counts.switch(name).is_told_of = True
        return switch

    def _since(self, intent: _Intent) -> float:
        since = intent.told.since
        if self._last_changed < since:
            return since
        for name, share in intent.entries.shares.items():
            switch = self._switches[name]
            since = max(since, switch.changed, switch.held_changed if share.is_behind else 0.0)
        return since

    # Judging and telling.

    def _judge(self, intent: _Intent) -> tuple[IntentState, tuple[Reason, ...]]:
        if intent.is_new:
            return IntentState.ACCEPTED, ()
        reasons = self._reasons(intent.entries)
        if intent.is_deleting:
            return IntentState.DELETING, reasons
        if reasons:
            return IntentState.DEGRADED, reasons
        return (IntentState.INSTALLING if self._is_behind(intent.entries) else IntentState.ACTIVE), ()

    def _is_behind(self, entries: IntentEntries) -> bool:
        switches = self._counts.switches
        return any(not switches[name].is_gone for name in entries.behind)

    def _reasons(self, entries: IntentEntries) -> tuple[Reason, ...]:
        """Problems, then switches that are not known or held, then notes, then single entries."""
        own = entries.reasons
        troubled = self._troubled.keys() & entries.shares.keys()
        if own is None and not troubled:
            return ()
        of_switches = []
        for name in sorted(troubled):
            if (reason := self._switches[name].reason_for(entries.shares[name])) is not None:
                of_switches.append(reason)
        if own is None:
            return bounded(of_switches, len(of_switches))
        problems = own.count(Rank.PROBLEM)
        first = own.first(min(problems, MOST_REASONS))
        first += of_switches
        first += own.first(MOST_REASONS, start=problems)
        return bounded(first, len(of_switches) + len(own))

    def _tell_all(self, *, quietly: bool = False) -> Iterator[None]:
        """Tell of all that was touched, in steps; quietly: only of what is gone."""
        touched, self._counts.touched = self._counts.touched, {}
        for number, entries in enumerate(touched, 1):
            self._tell(entries, quietly=quietly)
            if number % _STEP == 0:
                yield

    def _tell(self, entries: IntentEntries, *, quietly: bool = False) -> None:
        """Tell what became of an intent; quietly: only if it is gone."""
        intent = self._intents.get(entries.key)
        if intent is None:
            # Parts of an intent that is not known may come before it, or go after it.
            if not entries.shares and entries.reasons is None:
                self._counts.intents.pop(entries.key, None)
            return
        if intent.is_deleting and not entries.shares:
            self._census.move(intent.group, None)
            del self._intents[entries.key]
            self._tell(entries)
            self._listener.intent_deleted(entries.key)
            return
        intent.group = self._census.move(intent.group, self._group(intent))
        state, reasons = self._judge(intent)
        told = intent.told
        if state is told.state and reasons == told.reasons and intent.generation == told.generation:
            return
        intent.told = IntentStatus(state, intent.generation, reasons, self._clock())
        if not quietly:
            self._listener.status_changed(entries.key, intent.told)

    @staticmethod
    def _group(intent: _Intent) -> Group[IntentState | None]:
        entries, own = intent.entries, None
        if intent.is_new:
            own = IntentState.ACCEPTED
        elif intent.is_deleting:
            own = IntentState.DELETING
        elif entries.reasons is not None:
            own = IntentState.DEGRADED
        return Group(entries.key.kind, own, entries.concerned, entries.behind)

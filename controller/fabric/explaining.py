"""Explains flows of the running fabric: by what switches hold now, and by the state that was committed.

The fabric's state is asked on the core's thread; packets are followed on the event loop, one switch at a
time. This module knows no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from p4fabric.controller.core import Core
from p4fabric.controller.explain.answer import Explanation, explain
from p4fabric.controller.explain.behind import EntryRef, Reason, reasons
from p4fabric.controller.explain.frame import Site
from p4fabric.controller.explain.places import Places
from p4fabric.controller.explain.question import Question
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.core_thread import CoreThread
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.status import IntentStatus
from p4fabric.controller.status.values import time_text
from p4fabric.controller.topology.service import TopologyService

__all__ = ["ExplainedFlow", "FlowExplainer", "SwitchNote"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SwitchNote:
    """A switch that an explanation is about, and how far what is known of it is to be believed."""

    name: SwitchName
    connected: bool
    in_sync: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExplainedFlow:
    """An explanation, with all that its entries stand for."""

    explanation: Explanation
    reasons: Mapping[EntryRef, tuple[Reason, ...]]
    """The intents behind each entry that a packet met, or would have."""
    statuses: Mapping[IntentKey, IntentStatus]
    """How far these intents are."""
    switches: tuple[SwitchNote, ...]


class FlowExplainer:
    """`explain` for one fabric. The event loop's only."""

    def __init__(
        self,
        core: Core,
        thread: CoreThread,
        changes: StateChanges,
        switches: Mapping[SwitchName, FabricSwitch],
        links: TopologyService,
        changed_at: Mapping[SwitchName, float],
        status_of: Callable[[IntentKey], IntentStatus],
    ) -> None:
        """Take what it asks.

        Args:
            core: the state.
            thread: that it is asked on.
            changes: whose changes it waits for.
            switches: by name.
            links: as they are.
            changed_at: when each switch was connected or went away, in seconds since 1970.
            status_of: how far an intent is.
        """
        self._core, self._thread, self._changes = core, thread, changes
        self._switches, self._links, self._changed_at = switches, links, changed_at
        self._status_of = status_of

    async def explain(self, question: Question) -> ExplainedFlow:
        """Explain a flow.

        Raises:
            QuestionError: the question cannot be answered as it is.
        """
        found = await explain(question, self, self._ask)
        entries = list(dict.fromkeys(_entries(found)))
        behind = await self._ask(lambda places: reasons(places.compiler, entries))
        owners = sorted({one.intent for found in behind.values() for one in found if one.intent is not None})
        names = dict.fromkeys(
            hop.switch
            for way in (found.forward, found.reply)
            for walk in ((way.resolution, way.walk) if way is not None else ())
            for hop in (walk.hops if walk is not None else ())
        )
        return ExplainedFlow(
            found,
            behind,
            {key: self._status_of(key) for key in owners},
            tuple(self._note(name) for name in names),
        )

    async def _ask(self, look: Callable[[Places], T]) -> T:
        async with self._changes.alone():
            return await self._thread.run(lambda: look(Places(self._core.compiler)))

    def _note(self, name: SwitchName) -> SwitchNote:
        switch = self._switches.get(name)
        if switch is None:
            return SwitchNote(name, False, False, ("it is not configured",))
        notes = []
        if switch.holdings is None:
            notes.append("it was not read since the controller started: nobody knows what it holds")
        elif not switch.connected:
            since = time_text(self._changed_at[name])
            notes.append(f"it is away since {since}: this is what it held then")
        elif not switch.is_read:
            since = time_text(self._changed_at[name])
            notes.append(
                f"it was not read yet since it was connected at {since}: this is what it held before"
            )
        if switch.held is not None:
            notes.append(f"nothing is written to it: {switch.held}")
        if switch.error is not None:
            notes.append(f"the last read or write broke off: {switch.error}")
        if not switch.in_sync and (lacking := switch.desired - switch.installed) > 0:
            notes.append(f"it has not acknowledged {lacking} of {switch.desired} entries that it should hold")
        if switch.refused:
            first = next(iter(switch.failures.values()), "")
            notes.append(f"{switch.refused} entries were refused, or wait for others: {first}")
        return SwitchNote(name, switch.connected, switch.in_sync, tuple(notes))

    # Surroundings.

    def site(self, name: SwitchName) -> Site | None:
        """What is known of a switch."""
        switch = self._switches.get(name)
        held = switch.holdings if switch is not None else None
        if switch is None or held is None:
            return None
        return Site(name, held, switch.wishes, switch.is_hash_known, self._links.is_down)

    def far_end(self, port: PortRef) -> PortRef | None:
        """Where a link leads."""
        link = self._links.links.get(port)
        return link.destination if link is not None else None


def _entries(found: Explanation) -> Iterator[EntryRef]:
    for way in (found.forward, found.reply):
        for switch, step in way.steps() if way is not None else ():
            for entity in (step.entry, step.lacking):
                if entity is not None:
                    yield EntryRef(switch, entity.key)

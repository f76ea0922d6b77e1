"""Drains and undrains switches and links, step by step.

    asked ──► ways around are made ready ──► packets move ──► ways over it are let go of

Each step is a change of the state, and is taken once all switches send as they should by the one before.
This module does not know what a step means for entries (`compiler/view`, `topology/paths`), nor in which
order they are written (`reconcile`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from p4fabric.controller.core import Core, Plan, asked_changes, step_changes
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.errors import UnknownLink, UnknownSwitch
from p4fabric.controller.fabric.preview import ChangePreview, Previews
from p4fabric.controller.fabric.views import DrainView
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.state import Change
from p4fabric.controller.status.fabric_status import DrainFacts
from p4fabric.controller.store.errors import StoreError
from p4fabric.controller.store.records import Contents
from p4fabric.controller.telemetry.events import Event, LinkDrainChanged, SwitchDrainChanged
from p4fabric.controller.topology.crossings import Crossings, crossings
from p4fabric.controller.topology.drain import Avoided, Drain, Drained, DrainState, Moment
from p4fabric.controller.topology.model import Cable
from p4fabric.controller.topology.paths import Paths
from p4fabric.controller.topology.service import LinksKnown, TopologyService

__all__ = ["DrainedSwitch", "Drains"]

_log = logging.getLogger(__name__)

_PACE = 0.02
"""Seconds between two looks at switches while they report."""
_ARRIVE = 1.0
"""Seconds for packets that are on their way, also in queues, before what carries them loses its entries."""
_RETRY = 1.0
"""Seconds after a step that could not be kept."""


class DrainedSwitch(Protocol):
    """A switch, as far as drains go."""

    @property
    def connected(self) -> bool:
        """Whether it can be written to."""

    @property
    def held(self) -> str | None:
        """Why nothing is written to it for now, though it could be."""

    def directs_as_wished(self, since: int) -> bool:
        """Whether it sends packets on as was wished since a revision, as far as anybody can say."""

    def first_failure(self) -> Reason | None:
        """What it refused, or what waits, and why: the first of it."""


class _Known(NamedTuple):
    drain: Drain
    revision: int
    """Of the store."""


class Drains:
    """`restore` it, then `run` it in a TaskGroup. One event loop only."""

    def __init__(
        self,
        core: Core,
        changes: StateChanges,
        previews: Previews,
        switches: Mapping[SwitchName, DrainedSwitch],
        links: TopologyService,
        is_gone: Callable[[SwitchName], bool],
        known_links: Callable[[], LinksKnown],
        crossings: Callable[[], Awaitable[Crossings]],
        still_used: Callable[[Drained, Crossings], tuple[Reason, ...]],
        publish: Callable[[Event], None],
        *,
        arrive: float = _ARRIVE,
    ) -> None:
        """Make it, with nothing drained.

        Args:
            core: the state; it is changed on its thread only.
            changes: change it.
            previews: tell what a change would do.
            switches: all of the fabric's.
            links: told what ways go around.
            is_gone: whether a switch was declared gone, so that nothing waits for it.
            known_links: as they are now.
            crossings: what drains cannot avoid now.
            still_used: the same of one of them, in words.
            publish: told of each step.
            arrive: seconds that packets may be on their way.
        """
        self._core, self._changes, self._previews = core, changes, previews
        self._switches, self._links, self._is_gone = switches, links, is_gone
        self._known_links, self._crossings, self._still_used = known_links, crossings, still_used
        self._publish, self._arrive = publish, arrive
        self._known: dict[Drained, _Known] = {}
        self._since: int | None = None
        """The revision of the first step that not all switches may follow yet; None: they do."""
        self._news = asyncio.Event()

    def restore(self, contents: Contents) -> None:
        """Go on with what the store kept."""
        for switch in contents.drained_switches:
            self._known[switch.value.name] = _Known(switch.value.drain, switch.modified)
        for link in contents.drained_links:
            self._known[link.value.cable] = _Known(link.value.drain, link.modified)
        self._links.avoid(self.avoided(Moment.NOW))
        if not self._is_settled:
            self._since = 0
            self._news.set()

    # What may be asked.

    def switch(self, name: SwitchName) -> SwitchName:
        """A switch that may be drained.

        Raises:
            UnknownSwitch: there is none.
        """
        if name not in self._switches and name not in self._known:
            raise UnknownSwitch(name, self._switches)
        return name

    def link(self, port: PortRef) -> Cable:
        """The link at a port that may be drained: one that is up, was drained, or is expected.

        Raises:
            UnknownSwitch: there is no such switch.
            UnknownLink: there is no link at the port.
        """
        self.switch(port.switch)
        link = self._links.links.get(port)
        if link is not None:
            return link.cable
        for cable in (*(one for one in self._known if isinstance(one, Cable)), *self._links.expected):
            if port in cable.ports:
                return cable
        raise UnknownLink(port)

    async def ask(self, drained: Drained, wanted: bool) -> DrainView:
        """Drain a switch or a link, or (False) use it again; returns at once.

        Raises:
            IntentConflict: tables have no room for what the ways around need.
            StoreError: it cannot be kept.
        """
        await self._changes.make(lambda: self._asked(drained, wanted))
        return await self.view(drained)

    async def preview(
        self, drained: Drained, wanted: bool, most_entries: int
    ) -> tuple[ChangePreview, tuple[Reason, ...]]:
        """What `ask` would lead to in the end, and for whom there would be no other way; nothing is done.

        Raises:
            IntentConflict: what `ask` would raise.
        """

        def plan() -> Plan:
            self._core.discard(self._asked(drained, wanted))
            after = Drain(0.0, wanted=True, avoided=True, was_avoided=True) if wanted else None
            return self._core.plan([Change(self._core.view.drains, drained, after)])

        found = await self._previews.of(plan, most_entries)
        if not wanted:
            return found, ()
        now = self._known_links()
        around = Avoided.of([*now.drained.switches, *now.drained.cables, drained])
        paths = Paths(now.paths.roles, now.paths.cables, around)
        return found, self._still_used(drained, await asyncio.to_thread(crossings, paths, now.ends))

    def _asked(self, drained: Drained, wanted: bool) -> Plan:
        return self._core.plan_with_room(asked_changes(self._core, drained, wanted, time.time()), "drain")

    # What there is.

    async def views(self) -> list[DrainView]:
        """All that is drained or comes back, switches first."""
        found, waiting = await self._crossings(), self._waiting()
        return [self._view(drained, found, waiting) for drained in self._in_order()]

    async def view(self, drained: Drained) -> DrainView:
        """One of them, or something that is in use."""
        return self._view(drained, await self._crossings(), self._waiting())

    def state(self, drained: Drained) -> DrainState | None:
        """How far something is with being drained; None: it is in use."""
        known = self._known.get(drained)
        return None if known is None else known.drain.state

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many there are, by kind (`switch`, `link`) and state."""
        return Counter(
            ("link" if isinstance(drained, Cable) else "switch", known.drain.state.value)
            for drained, known in self._known.items()
        )

    def facts(self, found: Crossings) -> list[DrainFacts]:
        """What the status of the fabric follows from."""
        waiting = self._waiting()
        return [_facts(self._view(drained, found, waiting)) for drained in self._in_order()]

    def avoided(self, moment: Moment) -> Avoided:
        """What packets go around by the ways of a moment."""
        return Avoided.of(one for one, known in self._known.items() if known.drain.is_avoided(moment))

    def _in_order(self) -> list[Drained]:
        return sorted(self._known, key=lambda one: (isinstance(one, Cable), str(one)))

    def _view(self, drained: Drained, found: Crossings, waiting: tuple[Reason, ...]) -> DrainView:
        known = self._known.get(drained)
        if known is None:
            return DrainView(drained, None, None, (), ())
        drain, revision = known
        used = self._still_used(drained, found) if drain.wanted else ()
        return DrainView(drained, drain, revision, () if drain.is_settled else waiting, used)

    def _waiting(self) -> tuple[Reason, ...]:
        return () if self._since is None else tuple(self._lagging(self._since))

    # What follows.

    def adopt(self, plan: Plan, revision: int | None) -> None:
        """Take note of a change that was committed, after switches were told."""
        if not plan.drains:
            self.progressed()  # a switch may have been declared gone
            return
        for drained, drain in plan.drains.items():
            if drain is None:
                self._known.pop(drained, None)
            else:
                before = self._known.get(drained)
                kept = revision if revision is not None else before.revision if before is not None else 0
                self._known[drained] = _Known(drain, kept)
            self._publish(_event(drained, drain))
        self._links.avoid(self.avoided(Moment.NOW))
        if self._since is None:
            self._since = plan.delta.revision
        self._news.set()

    def progressed(self) -> None:
        """A switch has acknowledged something, or came, or went, or was declared gone; costs nothing."""
        if self._since is not None:
            self._news.set()

    async def run(self) -> None:
        """Take the next step whenever all switches follow, for ever. Ends by cancellation only."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._go_on()
            except StoreError as error:
                _log.error("the next step of a drain cannot be kept; trying again: %s", error)
                await asyncio.sleep(_RETRY)
                self._news.set()
            await asyncio.sleep(_PACE)

    async def _go_on(self) -> None:
        since = self._since
        if since is None or self._lags(since):
            return
        states = {known.drain.state for known in self._known.values()}
        if states & {DrainState.MOVING, DrainState.RETURNING}:
            await asyncio.sleep(self._arrive)
            if self._lags(since):
                return
        self._since = None
        if self._is_settled:
            return
        try:
            await self._changes.make(lambda: self._core.plan(step_changes(self._core)))
        except BaseException:
            self._since = since
            raise

    @property
    def _is_settled(self) -> bool:
        return all(known.drain.is_settled for known in self._known.values())

    def _lags(self, since: int) -> bool:
        return any(True for _ in self._lagging(since))

    def _lagging(self, since: int) -> Iterator[Reason]:
        """Switches that may not send as they should, and why."""
        for name, switch in self._switches.items():
            if self._is_gone(name) or switch.directs_as_wished(since):
                continue
            if not switch.connected:
                text = f"{name} is not connected: it may send as before"
                yield Reason(Code.SWITCH_DISCONNECTED, text, switch=name)
            elif switch.held is not None:
                yield Reason(Code.SWITCH_HELD, switch.held, switch=name)
            else:
                text, failure = f"{name} has not acknowledged all of its new ways", switch.first_failure()
                yield Reason(Code.ENTRY_WAITING, f"{text}: {failure}" if failure else text, switch=name)


def _facts(view: DrainView) -> DrainFacts:
    drained, drain = view.drained, view.drain
    assert drain is not None
    ends = (drained.one.switch, drained.other.switch) if isinstance(drained, Cable) else (drained,)
    return DrainFacts(str(drained), ends, drain.state, drain.since, view.waiting_for, view.still_used)


def _event(drained: Drained, drain: Drain | None) -> Event:
    state = None if drain is None else drain.state
    if isinstance(drained, Cable):
        return LinkDrainChanged(drained.links[0], state)
    return SwitchDrainChanged(drained, state)

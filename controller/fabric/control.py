"""Acts upon committed changes, and upon what switches report about them.

    Plan ──────► statuses, quarantine, reconcilers
    Progress ──► statuses, quarantine ──► numbers that may be given again

Each in one turn of the event loop, so that no switch hears of an opener before another hears of what
closes. Nothing here blocks. This module knows nothing of sessions, the store, hosts or links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from p4fabric.controller.compiler import FabricDelta, SwitchDelta
from p4fabric.controller.core import Core, Plan
from p4fabric.controller.intents import IntentDocument
from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.intents.numbers import Number
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reconcile import Progress
from p4fabric.controller.state import Change
from p4fabric.controller.status import IntentStatuses, Outlook, StatusListener
from p4fabric.controller.status.quarantine import Quarantine
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["Control", "ControlledSwitch"]


class ControlledSwitch(Protocol):
    """A switch, as its part of a change is told to it."""

    @property
    def epoch(self) -> int | None:
        """Of its session, while it can be written to; None: it cannot."""

    def change(self, delta: SwitchDelta) -> None:
        """Say what changes of what it should hold; not blocking."""

    def may_hold(self, number: Number) -> bool:
        """Whether it may hold an entity that mentions a number."""

    def known_to_hold(self, key: EntityKey, entity: Entity | None) -> bool:
        """Whether it is known to hold just this under a key; None: nothing."""


class Control:
    """One for the fabric; event loop only."""

    def __init__(
        self,
        core: Core,
        switches: Iterable[SwitchName],
        switch: Callable[[SwitchName], ControlledSwitch | None],
        listener: StatusListener,
        observe: Callable[..., None],
    ) -> None:
        """Make it, for an empty state.

        Args:
            core: whose changes these are; it is not changed here.
            switches: all of the fabric's.
            switch: finds one of them.
            listener: told of statuses.
            observe: takes `Change`s of the state that follow from what was seen; not blocking.
        """
        self.statuses = IntentStatuses(listener)
        self.quarantine = Quarantine(switches)
        self.gone: set[SwitchName] = set()
        """Switches that an operator declared gone, and that were not connected since."""
        self._core, self._switch, self._observe = core, switch, observe
        self._freeing: set[Number] = set()
        """Numbers that were observed to be free, which is no change of the state yet."""

    def take_intent(self, key: IntentKey, intent: IntentDocument | None, metadata: Metadata | None) -> None:
        """An intent is another one now, or (None) gone. Call it before what follows from that is adopted."""
        if intent is None or metadata is None:
            self.statuses.remove(key)
        else:
            self.statuses.accept(key, metadata.generation)

    def begin(self, core: Core) -> None:
        """Take up a state that was loaded, before any switch is touched."""
        self.quarantine.rest(number for number, _ in core.view.numbers.resting.rows())
        self.statuses.adopt(core.compiler.whole())
        for name, _ in core.gone.rows():
            self.declared_gone(name)

    def adopt(self, plan: Plan) -> None:
        """Act upon a change that was committed."""
        self.quarantine.rest(plan.resting)
        self.quarantine.release(plan.freed)
        self._freeing.difference_update(plan.freed)
        for name in plan.gone:
            self.declared_gone(name)
        self.statuses.adopt(plan.delta)
        for name, delta in plan.delta.switches.items():
            switch = self._switch(name)
            if switch is not None:
                switch.change(delta)
        if plan.resting:
            self._free_numbers(None)

    async def outlook(self, delta: FabricDelta, asked: Mapping[IntentKey, bool]) -> dict[IntentKey, Outlook]:
        """What intents would be once a change is made, and acknowledged by all switches that are connected.

        Args:
            delta: the change; it is not made.
            asked: intents to tell of, and whether the change deletes them.

        Returns:
            Those, and all others that would be something else than without the change.
        """
        return await self.statuses.outlook(delta, asked, self._known_to_hold)

    def progressed(self, progress: Progress) -> None:
        """Take note of what a switch reports."""
        self.statuses.progress(progress)
        if progress.gone or progress.summary.in_sync:
            self._free_numbers(progress.switch)

    def connection(self, name: SwitchName, epoch: int | None) -> None:
        """A switch can be written to now, or not any more; one that was declared gone is back by that.

        Args:
            name: which one.
            epoch: of its session; None: it cannot be written to.
        """
        self.statuses.connection(name, epoch)
        if epoch is not None and name in self.gone:
            self.gone.discard(name)
            self.quarantine.returned(name)
            self._observe(Change(self._core.gone, name, None))

    def declared_gone(self, name: SwitchName) -> None:
        """The operator says that a switch will not come back with what it held."""
        switch = self._switch(name)
        if switch is None:
            return  # It is no longer one of the fabric's.
        self.gone.add(name)
        self.statuses.gone(name)
        self.quarantine.declare_gone(name)
        self._free_numbers(None)
        if switch.epoch is not None:  # It came back while that was being stored.
            self.connection(name, switch.epoch)

    def _free_numbers(self, reported: SwitchName | None) -> None:
        """Numbers that no switch can hold any more may be given again."""
        # Once each: one that is given, and given back, meanwhile must not be freed by what was said before.
        free = [n for n in self.quarantine.free(self._may_hold, reported) if n not in self._freeing]
        self._freeing.update(free)
        self._observe(*(Change(self._core.view.numbers.resting, number, None) for number in free))

    def _known_to_hold(self, name: SwitchName, key: EntityKey, entity: Entity | None) -> bool:
        switch = self._switch(name)
        return switch is not None and switch.known_to_hold(key, entity)

    def _may_hold(self, name: SwitchName, number: Number) -> bool:
        switch = self._switch(name)
        return switch is None or switch.may_hold(number)

"""What a change would do, as it is shown: entries by the names of the P4 program, and what intents would be.

This module knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from p4fabric.controller.compiler.output import Slot
from p4fabric.controller.core import (
    EntryChange,
    NumberChange,
    Outcome,
    Plan,
    Preview,
    SwitchPreview,
    TableRoom,
    TableShare,
)
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.control import Control
from p4fabric.controller.fabric.views import IntentView
from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.resources import Resource
from p4fabric.controller.status import Expected, IntentStatus, Outlook
from p4fabric.controller.turns import in_turns
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import Entity
from p4fabric.softswitch.client.entities import plain_entity, show_entity, where
from p4fabric.softswitch.client.program import Program

__all__ = [
    "MOST_OTHERS",
    "ChangePreview",
    "IntentChange",
    "Previews",
    "ShownChange",
    "ShownEntry",
    "ShownPart",
    "ShownRoom",
    "ShownShare",
    "ShownSwitch",
    "show_preview",
]

MOST_OTHERS = 100
"""Other intents that are listed of those that would be something else than without the change."""


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as `p4fabric switch` shows it."""

    table: str
    """Its table, or `multicast_group`, `clone_session` or `digest`."""
    text: str
    plain: Mapping[str, object]
    """The same with whole names, for programs."""


@dataclass(frozen=True, slots=True)
class ShownPart:
    """What wants an entry: a part of an intent, one of its hosts, or (no intent) the fabric itself."""

    intent: IntentKey | None
    part: str


@dataclass(frozen=True, slots=True)
class ShownChange:
    """An entry that would be written."""

    before: ShownEntry | None
    """None: it would be added."""
    now: ShownEntry | None
    """None: it would be removed."""
    parts: tuple[ShownPart, ...]
    more_parts: int


@dataclass(frozen=True, slots=True)
class ShownSwitch:
    """What would be written to one switch."""

    added: int
    changed: int
    removed: int
    entries: tuple[ShownChange, ...]
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class ShownRoom:
    """Room in one table of one switch, in entries."""

    switch: SwitchName
    table: str
    before: int
    after: int
    peak: int
    """While old entries stand until new ones do."""
    size: int | None
    """None where the program does not limit it."""


@dataclass(frozen=True, slots=True)
class ShownShare:
    """Room in one tenant's share of one table of one switch, in entries."""

    switch: SwitchName
    tenant: TenantName
    table: str
    before: int
    after: int
    size: int
    """What the tenant may have."""


@dataclass(frozen=True, slots=True)
class IntentChange:
    """One intent that a change is about."""

    before: IntentView | None
    """None: it would be created."""
    now: IntentView | None
    """With the status that is expected; None: it would be deleted."""
    outcome: Outcome | None
    """None: it would be deleted."""
    expected: Expected | None
    """What it would be; None: it would be gone."""

    @property
    def key(self) -> IntentKey:
        """Which one."""
        view = self.now or self.before
        assert view is not None
        return view.key


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """A change that was not made."""

    intents: tuple[IntentChange, ...]
    switches: Mapping[SwitchName, ShownSwitch]
    rooms: tuple[ShownRoom, ...]
    shares: tuple[ShownShare, ...]
    """None where tenants have no shares."""
    numbers: tuple[NumberChange, ...]
    others: Mapping[IntentKey, Outlook]
    """Of other intents that would be something else than without the change: the first MOST_OTHERS."""
    more_others: int
    """How many there are beyond those."""


class Previews:
    """Of one fabric."""

    def __init__(
        self, changes: StateChanges, control: Control, view: Callable[[IntentKey], IntentView | None]
    ) -> None:
        """Make it.

        Args:
            changes: make a change and take it back.
            control: says what intents would be.
            view: an intent as it is.
        """
        self._changes, self._control, self._view = changes, control, view

    async def of(self, plan: Callable[[], Plan], most_entries: int) -> ChangePreview:
        """What a plan would do; nothing of it is done.

        Args:
            plan: changes the core.
            most_entries: to list, of all switches together.

        Raises:
            Exception: what the plan raised.
        """
        standing: dict[IntentKey, IntentView] = {}

        async def judge(found: Preview) -> Mapping[IntentKey, Outlook]:
            async for key in in_turns(found.asked):
                if (view := self._view(key)) is not None and not view.resource.is_deleted:
                    standing[key] = view
            return await self._control.outlook(found.plan.delta, found.asked)

        found, outlooks = await self._changes.preview(plan, most_entries, judge)
        return await asyncio.to_thread(show_preview, found, standing, outlooks)


def show_preview(
    found: Preview, standing: Mapping[IntentKey, IntentView], outlooks: Mapping[IntentKey, Outlook]
) -> ChangePreview:
    """Put names to what was found. It may take long: call it beside the event loop.

    Args:
        found: the change.
        standing: the intents that it is about, as they are.
        outlooks: of these, and of others that it concerns.
    """
    asked = found.asked
    others = sorted(key for key in outlooks if key not in asked)
    return ChangePreview(
        tuple(_intent(found, key, standing.get(key), outlooks[key].expected) for key in asked),
        {name: _switch(one) for name, one in found.switches.items()},
        tuple(map(_room, found.rooms)),
        tuple(map(_share, found.shares)),
        found.numbers,
        {key: outlooks[key] for key in others[:MOST_OTHERS]},
        max(0, len(others) - MOST_OTHERS),
    )


def _intent(
    found: Preview, key: IntentKey, before: IntentView | None, expected: Expected | None
) -> IntentChange:
    outcome, metadata = found.outcomes.get(key), found.plan.metadata.get(key)
    if outcome is None or expected is None:
        return IntentChange(before, None, None, expected)
    was = before.resource if before is not None else None
    intent = found.plan.intents.get(key) or (was.intent if was is not None else None)
    metadata = metadata or (was.metadata if was is not None else None)
    assert intent is not None and metadata is not None
    resource = Resource(intent, metadata, was.revision if was is not None else 0)
    status = IntentStatus(expected.state, metadata.generation, expected.reasons)
    return IntentChange(before, IntentView(resource, status), outcome, expected)


@cache
def _program() -> Program:
    return Program(fabric.p4info())


def _switch(one: SwitchPreview) -> ShownSwitch:
    entries = tuple(map(_change, one.entries))
    return ShownSwitch(one.added, one.changed, one.removed, entries, one.is_truncated)


def _change(one: EntryChange) -> ShownChange:
    return ShownChange(_entry(one.before), _entry(one.now), tuple(map(_part, one.parts)), one.more_parts)


def _entry(entity: Entity | None) -> ShownEntry | None:
    if entity is None:
        return None
    program, message = _program(), entity.encode()
    return ShownEntry(where(program, message), show_entity(program, message), plain_entity(program, message))


def _part(slot: Slot) -> ShownPart:
    if isinstance(slot.key, IntentKey):
        _, _, part = slot.source.partition("/")
        return ShownPart(slot.owner, part)
    key = slot.key[-1] if isinstance(slot.key, tuple) else slot.key
    return ShownPart(slot.owner, f"{slot.source} {key}")


def _room(room: TableRoom) -> ShownRoom:
    return ShownRoom(room.switch, _table(room.table), room.before, room.after, room.peak, room.size)


def _share(share: TableShare) -> ShownShare:
    return ShownShare(share.switch, share.tenant, _table(share.table), share.before, share.after, share.size)


def _table(table: object) -> str:
    return _program().table_by_id(table).short if isinstance(table, int) else str(table)

"""What an operator says of the fabric that nobody can see: switches and links that are gone for good.

And what only an operator can decide: that a record which this version cannot read is deleted. This module
knows nothing of entries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from p4fabric.controller.core import Core, Plan
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.control import Control, ControlledSwitch
from p4fabric.controller.fabric.errors import (
    LinkIsThere,
    SwitchIsConnected,
    UnknownLink,
    UnknownRecord,
    UnknownSwitch,
)
from p4fabric.controller.fabric.intents import Intents
from p4fabric.controller.fabric.refused import RefusedIntents
from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.state import Change
from p4fabric.controller.store.records import key_of
from p4fabric.controller.store.values import StoredIntent
from p4fabric.controller.topology.service import TopologyService

__all__ = ["Operations"]


class Operations:
    """On one fabric. Event loop only."""

    def __init__(
        self,
        core: Core,
        changes: StateChanges,
        control: Control,
        switches: Mapping[SwitchName, ControlledSwitch],
        links: TopologyService,
        intents: Intents,
        refused: RefusedIntents,
        status_changed: Callable[[], None],
        unread_changed: Callable[[], None],
    ) -> None:
        """Make it.

        Args:
            core: the state that is changed.
            changes: makes the changes.
            control: knows which switches were declared gone.
            switches: by name.
            links: as they are seen.
            intents: deletes those that are refused.
            refused: what this version does not accept of what the store keeps.
            status_changed: told when the status of the fabric may be another one.
            unread_changed: told when a record was deleted that could not be read.
        """
        self._core, self._changes, self._control = core, changes, control
        self._switches, self._links = switches, links
        self._intents, self._refused = intents, refused
        self._status_changed, self._unread_changed = status_changed, unread_changed

    async def declare_gone(self, name: SwitchName) -> None:
        """An operator says that a switch will not come back with what it holds: nothing waits for it.

        It is part of the fabric again once it is connected.

        Raises:
            UnknownSwitch: there is none.
            SwitchIsConnected: it is there.
            StoreError: that cannot be kept.
        """
        if name not in self._switches:
            raise UnknownSwitch(name, self._switches)
        if self._switches[name].epoch is not None:
            raise SwitchIsConnected(name)
        if name not in self._control.gone:
            change = Change(self._core.gone, name, time.time())
            await self._changes.make(lambda: self._core.plan([change]))

    async def declare_link_gone(self, port: PortRef) -> None:
        """An operator says that the link that was seen at a port will not come back: nobody misses it.

        It is expected again once it is up.

        Raises:
            UnknownSwitch: there is no such switch.
            UnknownLink: no link is expected at the port.
            LinkIsThere: it is up, or the configuration names it.
            StoreError: that cannot be kept.
        """
        if port.switch not in self._switches:
            raise UnknownSwitch(port.switch, self._switches)
        links = self._links
        cable = next((one for one in links.expected if port in (one.one, one.other)), None)
        if cable is None:
            raise UnknownLink(port)
        if cable in links.configured:
            raise LinkIsThere(f"the configuration names {cable} in `links`: remove it there")
        if links.is_up(cable):
            raise LinkIsThere(f"{cable} is up: it is not gone")
        await self._changes.make(lambda: self._core.plan([Change(self._core.cables, cable, None)]))
        links.declared_gone(cable)
        self._status_changed()

    async def delete_record(self, key: str) -> None:
        """Delete a record of the store that this version cannot read, or the intent of one that it refuses.

        What switches hold of it goes when nothing else is left that cannot be read or is refused.

        Args:
            key: the record's, such as `intents/Network/acme/web`.

        Raises:
            UnknownRecord: there is no such record, or it is in use.
            StoreError: the change cannot be kept.
        """
        record = self._refused.record(key)
        if record is None:
            await self._intents.delete(self._refused_intent(key))
            return

        def plan() -> Plan:
            if record.number is not None:
                return self._core.plan_rest(*record.number)
            if record.intent is not None:
                return self._core.plan_forget(record.intent, is_last=self._refused.is_last(record))
            return self._core.plan(())

        await self._changes.make(plan, unread=[key])
        self._refused.remove_record(key)
        self._unread_changed()

    def _refused_intent(self, record: str) -> IntentKey:
        """The refused intent that a record keeps.

        Raises:
            UnknownRecord: it keeps none.
        """
        for refused in self._refused:
            if key_of(StoredIntent(refused, {}, Metadata(0, 0.0))) == record:
                return refused
        raise UnknownRecord(record)

"""Changes of intents' statuses as events on the bus, and for who keeps a history of them.

This module knows nothing of entries or sessions.
"""

from __future__ import annotations

from collections.abc import Callable

from p4fabric.controller.fabric.announcements import StatusAnnouncements
from p4fabric.controller.fabric.status_changes import MOST_TENANTS
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status import IntentState, IntentStatus, SwitchStatusChanged
from p4fabric.controller.telemetry.events import Event, IntentDeleted, IntentsStatusChanged

__all__ = ["StatusEvents"]


class StatusEvents:
    """A `StatusListener` that publishes."""

    def __init__(
        self,
        publish: Callable[[Event], None],
        on_deleted: Callable[[IntentKey], None],
        on_changed: Callable[[IntentKey], None],
        on_switch_changed: Callable[[], None],
    ) -> None:
        """Make it.

        Args:
            publish: takes events.
            on_deleted: told of each intent that is gone from all switches, before the event.
            on_changed: told of each intent whose status is another one, at once.
            on_switch_changed: told when a switch changed the statuses of whichever intents.
        """
        self._publish, self._on_deleted = publish, on_deleted
        self._on_changed, self._on_switch_changed = on_changed, on_switch_changed
        self._announcements = StatusAnnouncements(publish)

    def close(self) -> None:
        """Publish nothing more."""
        self._announcements.close()

    def status_changed(self, key: IntentKey, status: IntentStatus) -> None:
        """An intent is in another state, or there for other reasons."""
        self._on_changed(key)
        self._announcements.changed(key, status)

    def intent_deleted(self, key: IntentKey) -> None:
        """A deleted intent is gone from all switches."""
        self._on_deleted(key)
        self._announcements.forget(key)
        self._publish(IntentDeleted(key))

    def switch_status_changed(self, change: SwitchStatusChanged) -> None:
        """A switch changed the statuses of several intents at once."""
        self._on_switch_changed()
        state = IntentState.DEGRADED if change.trouble is not None else IntentState.ACTIVE
        reasons = () if change.trouble is None else (change.trouble,)
        is_back = Reason(Code.SWITCH_DISCONNECTED, f"{change.switch} is not connected", switch=change.switch)
        cleared = () if reasons else (is_back,)
        concerned = change.intents_concerned
        told = concerned if len(concerned) <= MOST_TENANTS else {}
        tenants = {str(tenant): count for tenant, count in told.items()}
        count = sum(concerned.values())
        self._publish(IntentsStatusChanged(state, count, {}, reasons, cleared, (), tenants))

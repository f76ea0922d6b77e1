"""Idle timeouts (specification, sections 9.1.9 and 16.5): which entries no packet has hit for their time.

Asks the engine from time to time while a pipeline runs whose tables have timeouts. Must not know streams:
notifications go to a callback.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from finsy.proto import p4r

from p4fabric.softswitch.server.pipeline import Forwarding
from p4fabric.softswitch.server.timers import LoopTimers, Timers

_log = logging.getLogger(__name__)

INTERVAL = 0.05
"""Seconds between two looks ..."""
MOST_OF_THE_TIME = 20
"""... or so many times what a look takes, when that is longer: millions of entries take milliseconds."""
SPACING_NS = 1_000_000
"""Between two looks where the clock is held: it does not stop for each end of timeouts of a nanosecond."""
MOST_AT_ONCE = 1000
"""Entries of one look; the others are named by the next."""

Notifications: TypeAlias = list[p4r.IdleTimeoutNotification]


class IdleTimeouts:
    """The idle timeouts of the running pipeline."""

    def __init__(
        self,
        in_state: Callable[[Callable[[], Notifications]], Awaitable[Notifications]],
        deliver: Callable[[p4r.IdleTimeoutNotification], object],
        timers: Timers,
    ) -> None:
        """`in_state` runs something in the thread that owns the state."""
        self._in_state = in_state
        self._deliver = deliver
        self._timers = timers
        self._watched: Forwarding | None = None
        self._looked_ns = -SPACING_NS
        self._watch: asyncio.Task[None] | None = None

    def use(self, forwarding: Forwarding) -> None:
        """Another pipeline runs."""
        self.stop()
        if any(table.has_idle_timeout for table in forwarding.schema.tables.values()):
            self._watched = forwarding
            if isinstance(self._timers, LoopTimers):
                self._watch = asyncio.create_task(self._look(forwarding))
                self._watch.add_done_callback(_report)

    def stop(self) -> None:
        """Look no longer; before the engine is closed."""
        self._watched = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def due_ns(self) -> int | None:
        """When a timeout is over by the engine's clock, where that is held; None: never."""
        due = self._watched.engine.idle_due_ns() if self._watched is not None else None
        return None if due is None else max(due, self._looked_ns + SPACING_NS)

    async def look(self) -> None:
        """Name what is idle now."""
        due, watched = self.due_ns(), self._watched
        if watched is None or due is None or due > self._timers.timestamp_ns():
            return
        while found := await self._in_state(lambda: idle_notifications(watched, self._timers)):
            for notification in found:
                self._deliver(notification)
        self._looked_ns = self._timers.timestamp_ns()

    async def _look(self, forwarding: Forwarding) -> None:
        while True:
            begin = time.monotonic()
            for notification in await self._in_state(lambda: idle_notifications(forwarding, self._timers)):
                self._deliver(notification)
            await asyncio.sleep(max(INTERVAL, MOST_OF_THE_TIME * (time.monotonic() - begin)))


def idle_notifications(forwarding: Forwarding, timers: Timers) -> Notifications:
    """What is idle now, one message for each table; in the thread that owns the state."""
    found: dict[str, list[int]] = defaultdict(list)
    for one in forwarding.engine.idle_entries(MOST_AT_ONCE):
        found[one.table].append(one.handle)
    if not found:
        return []
    notifications = []
    for table in forwarding.schema.tables.values():
        state = forwarding.store.tables[table.id]
        keys = [state.keys[handle] for handle in found.get(table.name, ()) if handle in state.keys]
        if keys:
            entries = [_named(state.entries[key]) for key in keys]
            stamp = timers.timestamp_ns()
            notifications.append(p4r.IdleTimeoutNotification(timestamp=stamp, table_entry=entries))
    return notifications


def _named(content: bytes) -> p4r.TableEntry:
    entry = p4r.TableEntry.FromString(content)
    entry.ClearField("action")
    entry.ClearField("is_const")
    return entry


def _report(watch: asyncio.Task[None]) -> None:
    if not watch.cancelled() and (error := watch.exception()) is not None:
        _log.error("idle timeouts are not watched any more", exc_info=error)

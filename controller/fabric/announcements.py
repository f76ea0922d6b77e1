"""Decides when changes of intents' statuses become events, and how many.

Entries that follow from what is heard (a new host, another path) come and go in moments, many times a minute
in a busy network: an intent that is active, and will be again at once, is no news. Where one cause changes
many intents within a moment (a switch is lost, a file of intents is applied), one event tells of all of
them. What each is at each moment can always be asked. This module does not know what a status is made of.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator

from p4fabric.controller.fabric.status_changes import HANDFUL, StatusChanges, one_change
from p4fabric.controller.names import IntentKey
from p4fabric.controller.status import IntentState, IntentStatus
from p4fabric.controller.telemetry.events import IntentsStatusChanged, IntentStatusChanged

__all__ = ["SETTLING", "StatusAnnouncements"]

SETTLING = 1.0
"""Seconds that an active intent may be installing, in the same generation, before anybody is told."""
GATHERING = 0.05
"""Seconds in which changes are gathered before anybody is told of them."""
_A_PART = 250
"""Changes looked at before others have their turn: about 2 ms."""


class StatusAnnouncements:
    """Feed it every change of a status; it tells the lasting ones, in order for each intent."""

    def __init__(
        self,
        announce: Callable[[IntentStatusChanged | IntentsStatusChanged], None],
        *,
        settling: float = SETTLING,
        gathering: float = GATHERING,
    ) -> None:
        """Take who is told, and how long to wait, in seconds."""
        self._announce = announce
        self._settling, self._gathering = settling, gathering
        self._told: dict[IntentKey, IntentStatus] = {}
        self._passing: OrderedDict[IntentKey, tuple[float, IntentStatus]] = OrderedDict()
        """What may pass, and when it has not, in order of that."""
        self._settle: asyncio.TimerHandle | None = None
        self._gathered: dict[IntentKey, list[IntentStatus]] = {}
        """What is to be told of each intent, in order of the first changes."""
        self._order: list[IntentKey] = []
        self._telling: dict[IntentKey, list[IntentStatus]] = {}
        """What was gathered and is being told of, a part at a time."""
        self._tell: asyncio.Handle | None = None

    def changed(self, key: IntentKey, status: IntentStatus) -> None:
        """A status is another one now."""
        self._passing.pop(key, None)
        last = self._last(key)
        if status == last:
            return
        if last is not None and _is_passing(last, status):
            loop = asyncio.get_running_loop()
            self._passing[key] = (loop.time() + self._settling, status)
            if self._settle is None:
                self._settle = loop.call_later(self._settling, self._settled)
        else:
            self._gather(key, status)

    def forget(self, key: IntentKey) -> None:
        """An intent is gone; what was to be told of it is told now, before its end."""
        self._passing.pop(key, None)
        self._telling.pop(key, None)
        for status in self._gathered.pop(key, ()):
            self._announce(one_change(key, status))
        self._told.pop(key, None)

    def close(self) -> None:
        """Tell nobody anything more."""
        for timer in (self._settle, self._tell):
            if timer is not None:
                timer.cancel()
        self._settle = self._tell = None
        for waiting in (self._passing, self._gathered, self._telling):
            waiting.clear()
        self._order.clear()

    def _last(self, key: IntentKey) -> IntentStatus | None:
        """What is known, or about to be."""
        for waiting in (self._gathered, self._telling):
            if statuses := waiting.get(key):
                return statuses[-1]
        return self._told.get(key)

    def _settled(self) -> None:
        """Tell what did not pass."""
        loop = asyncio.get_running_loop()
        self._settle = None
        while self._passing:
            key = next(iter(self._passing))
            due, status = self._passing[key]
            if due > loop.time():
                self._settle = loop.call_at(due, self._settled)
                return
            del self._passing[key]
            self._gather(key, status)

    def _gather(self, key: IntentKey, status: IntentStatus) -> None:
        gathered = self._gathered.setdefault(key, [])
        gathered.append(status)
        self._order.append(key)
        if self._tell is None:
            self._tell = asyncio.get_running_loop().call_later(self._gathering, self._flush)

    def _flush(self) -> None:
        """Tell what was gathered: one by one, or in parts that do not keep others waiting."""
        gathered, self._gathered = self._gathered, {}
        order, self._order = self._order, []
        if len(gathered) > HANDFUL:
            self._telling = gathered
            self._tell_on(self._summarize(gathered))
            return
        self._tell = None
        self._told.update((key, statuses[-1]) for key, statuses in gathered.items())
        for key in order:
            if statuses := gathered.get(key):
                self._announce(one_change(key, statuses.pop(0)))

    def _tell_on(self, parts: Iterator[None]) -> None:
        loop = asyncio.get_running_loop()
        if next(parts, True) is None:
            self._tell = loop.call_soon(self._tell_on, parts)
        else:
            self._tell = loop.call_later(self._gathering, self._flush) if self._gathered else None

    def _summarize(self, gathered: dict[IntentKey, list[IntentStatus]]) -> Iterator[None]:
        """Tell of many changes; yields whenever it has taken a while."""
        changes = StatusChanges()
        for number, key in enumerate(list(gathered)):
            if number % _A_PART == _A_PART - 1:
                yield
            if statuses := gathered.pop(key, None):
                before, now = self._told.get(key), statuses[-1]
                self._told[key] = now
                if now != before:
                    changes.add(key, before, now)
        for event in changes.events():
            if event is None:
                yield
            else:
                self._announce(event)


def _is_passing(told: IntentStatus, now: IntentStatus) -> bool:
    same = told.generation == now.generation
    return same and told.state is IntentState.ACTIVE and now.state is IntentState.INSTALLING

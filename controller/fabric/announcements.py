"""When a change of an intent's status becomes an event.

Entries that follow from what is heard (a new host, another path) come and go in moments, many times a minute
in a busy network: an intent that is active, and will be again at once, is no news. What it is at each
moment can always be asked. This module must never know what a status is made of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from controller.fabric.status import IntentState, IntentStatus
from controller.names import IntentKey

__all__ = ["SETTLING", "StatusAnnouncements"]

SETTLING = 1.0
"""Seconds that an active intent may be installing, in the same generation, before anybody is told."""


class StatusAnnouncements:
    """Feed it every change of a status; it tells the lasting ones, in order for each intent."""

    def __init__(
        self, announce: Callable[[IntentKey, IntentStatus], None], *, settling: float = SETTLING
    ) -> None:
        """Take who is told."""
        self._announce = announce
        self._settling = settling
        self._told: dict[IntentKey, IntentStatus] = {}
        self._waiting: dict[IntentKey, asyncio.TimerHandle] = {}

    def changed(self, key: IntentKey, status: IntentStatus) -> None:
        """A status is another one now."""
        self._stop_waiting(key)
        told = self._told.get(key)
        if status == told:
            return
        if told is not None and _is_passing(told, status):
            loop = asyncio.get_running_loop()
            self._waiting[key] = loop.call_later(self._settling, self._tell, key, status)
        else:
            self._tell(key, status)

    def forget(self, key: IntentKey) -> None:
        """An intent is gone."""
        self._stop_waiting(key)
        self._told.pop(key, None)

    def close(self) -> None:
        """Tell nobody anything more."""
        for key in list(self._waiting):
            self._stop_waiting(key)

    def _tell(self, key: IntentKey, status: IntentStatus) -> None:
        self._waiting.pop(key, None)
        self._told[key] = status
        self._announce(key, status)

    def _stop_waiting(self, key: IntentKey) -> None:
        timer = self._waiting.pop(key, None)
        if timer is not None:
            timer.cancel()


def _is_passing(told: IntentStatus, now: IntentStatus) -> bool:
    same = told.generation == now.generation
    return same and told.state is IntentState.ACTIVE and now.state is IntentState.INSTALLING

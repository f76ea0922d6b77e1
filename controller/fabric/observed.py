"""Gathers observations of the fabric while an earlier change is in progress.

Of several changes of one row the last one counts. This module does not know what was seen.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from p4fabric.controller.core import Core
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.state import Change

__all__ = ["ObservedChanges"]

_log = logging.getLogger(__name__)

_RETRY = 1.0
"""Seconds after a change that failed."""


class ObservedChanges:
    """`run` it in a TaskGroup."""

    def __init__(self, core: Core, changes: StateChanges) -> None:
        """Make it, with nothing seen."""
        self._core, self._changes = core, changes
        self._waiting: dict[tuple[int, Any], Change] = {}
        self._news = asyncio.Event()

    def change(self, *changes: Change) -> None:
        """Something was seen; not blocking."""
        for change in changes:
            self._waiting[id(change.table), change.key] = change
        if changes:
            self._news.set()

    async def run(self) -> None:
        """Take in what is seen, for ever. Ends by cancellation only."""
        while True:
            await self._news.wait()
            try:
                await self.take_in()
            except Exception:
                _log.exception("applying observed changes failed; retrying")
                await asyncio.sleep(_RETRY)

    async def take_in(self) -> None:
        """Take in what was seen so far."""
        self._news.clear()
        taken, self._waiting = self._waiting, {}
        if not taken:
            return
        try:
            await self._changes.observe(lambda: self._core.plan(taken.values()))
        except Exception:
            self._waiting = {**taken, **self._waiting}
            self._news.set()
            raise

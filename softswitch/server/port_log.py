"""Logs ports that come up and go down. Must not know why they do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from softswitch.server.front_panel import PortFigures
from softswitch.server.logs import BoundedLog

_log = logging.getLogger(__name__)
INTERVAL = 0.5
"""Seconds between two looks: what lasts shorter may go unseen."""
MOST_LINES = 120
"""In `logs.PERIOD`: a port that flaps fills no disk."""


class PortLog:
    """The ports of one switch."""

    def __init__(self, figures: Callable[[], Iterable[PortFigures]]) -> None:
        """`figures` may be called in another thread."""
        self._figures = figures
        self._lines = BoundedLog(_log, MOST_LINES)
        self._up: dict[int, bool] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look(await asyncio.to_thread(self._figures))
            await asyncio.sleep(INTERVAL)

    def look(self, figures: Iterable[PortFigures]) -> None:
        """Log what has changed; a port is down before it is seen."""
        for port in figures:
            if port.up != self._up.get(port.number, False):
                self._lines.info("port %s (%s): %s", port.number, port.name, "up" if port.up else "down")
            self._up[port.number] = port.up

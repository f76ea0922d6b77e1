"""Logs ports that come up and go down, and once for each port that frames do not pass for their size. Must
not know why ports come and go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from p4fabric.softswitch.server.front_panel import PortFigures
from p4fabric.softswitch.server.logs import BoundedLog

_log = logging.getLogger(__name__)
INTERVAL = 0.5
"""Seconds between two looks: what lasts shorter may go unseen."""
MOST_LINES = 120
"""In `logs.PERIOD`: a port that flaps fills no disk."""
_SIZES = {
    "too_long": "dropped a frame of more than 9216 bytes, the most that the switch takes",
    "beyond_mtu": "dropped a frame that is longer than the interface's MTU: raise that, or lower "
    "the senders'",
    "offload": "dropped a packet whose sender left segmentation to its card, in a form that the switch "
    "cannot segment: turn it off there (ethtool -K INTERFACE tso off gso off)",
}
"""Drops that somebody has to see to, by their names in `PortFigures`."""


class PortLog:
    """The ports of one switch."""

    def __init__(self, figures: Callable[[], Iterable[PortFigures]]) -> None:
        """`figures` may be called in another thread."""
        self._figures = figures
        self._lines = BoundedLog(_log, MOST_LINES)
        self._up: dict[int, bool] = {}
        self._said: set[tuple[int, str]] = set()

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
            for reason, text in _SIZES.items():
                if getattr(port, reason) and (port.number, reason) not in self._said:
                    self._said.add((port.number, reason))
                    line = "port %s (%s): " + text
                    self._lines.write(logging.WARNING, line, port.number, port.name)

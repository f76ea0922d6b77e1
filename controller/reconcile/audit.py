"""Reads a switch now and then, while nothing is written to it, to find what others have changed.

A switch that answers with the same bytes as before is not looked at more closely, and neither is an entry.
This module does not know what a difference leads to.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Protocol

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.errors import P4RuntimeError
from p4fabric.controller.p4runtime.read import Decoded, ReadResult
from p4fabric.controller.p4runtime.rounds import sleep_until_round
from p4fabric.controller.reconcile.known import Known

__all__ = ["Audit", "Readable"]

_log = logging.getLogger(__name__)

_MISSES = 3
"""Audits that were of no use since something was written meanwhile, before one is made while nothing is."""


class Readable(Protocol):
    """What can be audited."""

    @property
    def name(self) -> SwitchName:
        """The switch's name."""

    async def read_if_changed(self, digest: bytes | None, decoded: Decoded | None) -> ReadResult | None:
        """Read all, beside others; None where the answer has the digest of an earlier one."""


class Audit:
    """The audits of one switch: at an interval, each a quarter of it sooner or later, at random."""

    def __init__(
        self,
        switch: Readable,
        known: Known,
        interval: float,
        *,
        may_start: Callable[[], bool],
        on_news: Callable[[], None],
    ) -> None:
        """Make it; nothing is read before `run`.

        Args:
            switch: what to read.
            known: what is known of it; marked as doubtful where audits keep being in vain.
            interval: seconds.
            may_start: whether the switch can be read now, and has nothing on its way.
            on_news: told when there is something to `take`, or doubt.
        """
        self._switch, self._known, self._interval = switch, known, interval
        self._may_start, self._on_news = may_start, on_news
        self._found: tuple[int, ReadResult] | None = None

    def take(self) -> ReadResult | None:
        """What an audit found that differs from the last read, if nothing was written since."""
        found, self._found = self._found, None
        if found is None or found[0] != self._known.version:
            return None
        return found[1]

    async def run(self) -> None:
        """Audit for ever. Ends by cancellation only."""
        misses = 0
        wait = random.uniform(0.0, 1.0)
        while True:
            await sleep_until_round(wait * self._interval)
            wait = random.uniform(0.75, 1.25)
            if not self._may_start():
                continue
            version = self._known.version
            try:
                result = await self._switch.read_if_changed(self._known.digest, self._known.decoded)
            except P4RuntimeError as error:
                _log.info("%s could not be audited: %s", self._switch.name, error)
                continue
            if version == self._known.version:
                misses = 0
                if result is not None:
                    self._found = (version, result)
                    self._on_news()
            elif (misses := misses + 1) >= _MISSES:
                misses = 0
                self._known.doubtful = True
                self._on_news()

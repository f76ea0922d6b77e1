"""Reads a switch now and then, beside what is written to it, to find what others have changed.

Nothing waits for an audit: of keys that are written meanwhile, it says nothing. A switch that answers with
the same bytes as before is not looked at more closely, and neither is an entry.
This module does not know what a difference leads to.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.errors import P4RuntimeError
from p4fabric.controller.p4runtime.read import Decoded, ReadResult
from p4fabric.controller.p4runtime.rounds import sleep_until_round
from p4fabric.controller.reconcile.known import Known
from p4fabric.pipelines.entities import EntityKey

__all__ = ["Audit", "Readable", "TakeOver"]

_log = logging.getLogger(__name__)


class Readable(Protocol):
    """What can be audited."""

    @property
    def name(self) -> SwitchName:
        """The switch's name."""

    async def read_if_changed(self, digest: bytes | None, decoded: Decoded | None) -> ReadResult | None:
        """Read all, beside others; None where the answer has the digest of an earlier one."""


TakeOver = Callable[[ReadResult, Collection[EntityKey], Callable[[], bool]], Awaitable[None]]
"""Told what was read, the keys that were written since, and whether what was read is still worth anything."""


class Audit:
    """The audits of one switch: at an interval, each a quarter of it sooner or later, at random."""

    def __init__(
        self,
        switch: Readable,
        known: Known,
        interval: float,
        *,
        in_flight: Collection[EntityKey],
        is_certain: Callable[[], bool],
        take_over: TakeOver,
    ) -> None:
        """Make it; nothing is read before `run`.

        Args:
            switch: what to read.
            known: what is known of it.
            interval: seconds.
            in_flight: keys of which writes are on their way, as they are now.
            is_certain: whether the switch can be read, and what is known of it is to be believed.
            take_over: believes what was found, but of keys that were written meanwhile.
        """
        self._switch, self._known, self._interval = switch, known, interval
        self._in_flight, self._is_certain, self._take_over = in_flight, is_certain, take_over

    async def run(self) -> None:
        """Audit for ever. Ends by cancellation only."""
        wait = random.uniform(0.0, 1.0)
        while True:
            await sleep_until_round(wait * self._interval)
            wait = random.uniform(0.75, 1.25)
            if not self._is_certain():
                continue
            epoch, certainties = self._known.epoch, self._known.certainties

            def goes_on(epoch: int | None = epoch, certainties: int = certainties) -> bool:
                known = self._known
                return self._is_certain() and (known.epoch, known.certainties) == (epoch, certainties)

            with self._known.touching(self._in_flight) as touched:
                try:
                    result = await self._switch.read_if_changed(self._known.digest, self._known.decoded)
                except P4RuntimeError as error:
                    _log.info("%s could not be audited: %s", self._switch.name, error)
                    continue
                if result is not None and goes_on():
                    await self._take_over(result, touched, goes_on)

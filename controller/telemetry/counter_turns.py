"""Reads the counters of all switches again and again, each at its own pace.

A switch that is slow or away keeps no other waiting. How often one is read follows what a read costs, so that
reading never takes more than a share of the time: of the switch's, and of the event loop's. This module
does not know what is counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice

from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.p4runtime.counter_reads import TakeCounter, WantedCounters
from p4fabric.controller.p4runtime.errors import NotPrimary, P4RuntimeError, SwitchUnavailable
from p4fabric.controller.p4runtime.rounds import round_after
from p4fabric.controller.telemetry.counters import CounterTotals, Sample
from p4fabric.controller.turns import turn
from p4fabric.pipelines.entities import EntityKey

__all__ = ["CounterTurns", "ReadCounters"]

_log = logging.getLogger(__name__)

_A_SLICE = 1000
"""Entries looked at before others get their turn on the loop."""

ReadCounters = Callable[[SwitchName, WantedCounters, TakeCounter], Awaitable[float]]
"""Reads counters of a switch; returns the seconds for which that kept the event loop busy."""


class CounterTurns:
    """`run` it in a TaskGroup, or `refresh` an owner's counters on request."""

    def __init__(
        self,
        switches: Sequence[SwitchName],
        totals: CounterTotals,
        read: ReadCounters,
        epoch: Callable[[SwitchName], int],
        now: Callable[[], float],
        *,
        interval: float,
        share: float,
    ) -> None:
        """Make it; nothing is read yet.

        Args:
            switches: all of the fabric's.
            totals: what is wanted, and where counts go.
            read: reads counters; a P4RuntimeError of it is put up with.
            epoch: of a switch's counters; with another one, all of them began with zero.
            now: seconds since 1970, never going back.
            interval: seconds between two reads of a switch, at least.
            share: of the time that reading may take at most, above 0.
        """
        self._switches, self._totals, self._read = tuple(switches), totals, read
        self._epoch, self._now = epoch, now
        self._interval, self._share = interval, share
        self._busy: dict[SwitchName, float] = {}
        self._intervals: dict[SwitchName, float] = {}
        self._refusals: dict[SwitchName, str] = {}
        self._line: list[tuple[float, int, SwitchName]] = []
        """Whose turn is when, by the loop's clock; a heap."""
        self._lined_up = 0
        self._wake = asyncio.Event()

    @property
    def intervals(self) -> Mapping[SwitchName, float]:
        """Seconds from the last read of each switch to the next, of those that were read."""
        return self._intervals

    async def run(self) -> None:
        """Read all switches. Ends by cancellation only."""
        for number, switch in enumerate(self._switches):
            self._line_up(switch, self._interval * (number + 1) / len(self._switches))
        now = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                while self._line and self._line[0][0] <= now():
                    _, _, switch = heappop(self._line)
                    if len(self._totals.wanted(switch)):
                        tasks.create_task(self._take_turn(switch), name=f"counters {switch}")
                    else:
                        self._busy.pop(switch, None)
                        self._intervals[switch] = self._interval
                        self._line_up(switch, self._interval)
                try:
                    async with asyncio.timeout_at(self._line[0][0] if self._line else None):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    async def refresh(self, owner: IntentKey) -> None:
        """Read the counters of one owner now; a switch that does not answer keeps what it said last."""
        async with asyncio.TaskGroup() as tasks:
            for switch, entries in self._totals.entries(owner).items():
                tasks.create_task(self._take(switch, WantedCounters(entries)))

    async def turn(self, switch: SwitchName) -> float:
        """Read a switch once; returns the seconds to wait before the next time."""
        started = self._now()
        wanted = self._totals.wanted(switch)
        self._busy[switch] = await self._take(switch, wanted) if len(wanted) else 0.0
        took = self._now() - started
        # A pause so long that the switch answers us, and we look at what all switches answer, a share
        # of the time at most.
        pause = max(took, sum(self._busy.values())) / self._share - took
        self._intervals[switch] = max(self._interval, pause)
        return self._intervals[switch]

    async def _take_turn(self, switch: SwitchName) -> None:
        try:
            pause = await self.turn(switch)
        except Exception:
            _log.exception("%s: counters were not read", switch)
            pause = self._interval
        self._line_up(switch, pause)
        self._wake.set()

    def _line_up(self, switch: SwitchName, pause: float) -> None:
        """It is a switch's turn after so many seconds."""
        self._lined_up += 1
        heappush(self._line, (round_after(pause), self._lined_up, switch))

    async def _take(self, switch: SwitchName, wanted: WantedCounters) -> float:
        """Read some counters of a switch; returns the seconds for which that kept the event loop busy."""
        sample = Sample(switch, self._epoch(switch), self._now())
        expected, taken = len(wanted), 0

        def take(entry: EntityKey, packets: int, octets: int) -> None:
            nonlocal taken
            taken += 1
            self._totals.take(sample, entry, packets, octets, self._now())

        try:
            busy = await self._read(switch, wanted, take)
        except (SwitchUnavailable, NotPrimary) as error:
            _log.debug("%s: counters were not read: %s", switch, error)
            return 0.0
        except P4RuntimeError as error:
            if self._refusals.get(switch) != str(error):
                self._refusals[switch] = str(error)
                _log.warning("%s: counters were not read: %s", switch, error)
            return 0.0
        self._refusals.pop(switch, None)
        if taken < expected:
            await self._begin_again(sample, wanted)
        return busy

    async def _begin_again(self, sample: Sample, wanted: WantedCounters) -> None:
        """Entries that the switch does not have will count from zero once it has them."""
        entries = iter(list(wanted))
        while part := list(islice(entries, _A_SLICE)):
            self._totals.absent(sample, part, self._now())
            await turn()

"""Reads cells of every switch again and again, each at its own moment.

A switch that does not answer is asked again at the next turn; the others never wait for it. This module does
not know what is counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.cells import CellRequest, CellsRead
from p4fabric.controller.p4runtime.errors import NotPrimary, P4RuntimeError, SwitchUnavailable
from p4fabric.controller.p4runtime.rounds import sleep_until_round
from p4fabric.pipelines.entities import CounterCell, EntityKey

__all__ = ["CellRounds", "ReadCells", "TakesCells"]

_log = logging.getLogger(__name__)

_READS_A_SECOND = 10.0
"""Of switches in the whole fabric at most: about 1 % of a core where nothing is counted."""
_CELLS_A_SECOND = 1500.0
"""The same of cells of switches that count something, which have to be looked at: about 2 % of a core."""

ReadCells = Callable[[SwitchName, CellRequest, bytes | None], Awaitable[CellsRead | None]]
"""Reads cells of a switch; None where the answer has the digest of an earlier one."""


class _Point(Protocol):
    @property
    def cell(self) -> CounterCell:
        """What is read of it."""


Point = TypeVar("Point", bound=_Point)
Taken = TypeVar("Taken")


class TakesCells(Protocol[Taken]):
    """What becomes of what is read."""

    def took(self, switch: SwitchName, cells: Mapping[Taken, int], epoch: int, *, judge: bool) -> bool:
        """These packets were counted; returns whether the same answer would tell nothing new."""

    def stands(self, switch: SwitchName) -> None:
        """The switch was read, and has counted nothing since."""

    def unanswered(self, switch: SwitchName) -> None:
        """The switch was not read."""


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Point]):
    """What a switch is asked for, made once for the points that it has."""

    points: Sequence[Point]
    keys: Sequence[EntityKey]
    request: CellRequest

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Asked[Point]:
        cells = [point.cell for point in points]
        return cls(points, [cell.key for cell in cells], CellRequest(cells))


@dataclass(frozen=True, slots=True)
class _Still(Generic[Point]):
    """An answer after which nothing is left to be told, unless the next one differs."""

    points: Sequence[Point]
    epoch: int
    digest: bytes


class CellRounds(Generic[Point]):
    """`run` it in a TaskGroup, or `refresh` it on request."""

    def __init__(
        self,
        what: str,
        switches: Sequence[SwitchName],
        points: Callable[[SwitchName], Sequence[Point]],
        read: ReadCells,
        takes: TakesCells[Point],
        epoch: Callable[[SwitchName], int],
    ) -> None:
        """Make it; nothing is read yet.

        Args:
            what: is read, as the log puts it.
            switches: all of the fabric's.
            points: what to read of a switch; the same object as long as it is the same.
            read: reads cells of a switch; a P4RuntimeError of it is put up with.
            takes: what was read.
            epoch: of a switch's counters; in another one, all of them began with zero.
        """
        self._what, self._switches, self._points, self._read = what, tuple(switches), points, read
        self._takes, self._epoch = takes, epoch
        self._reading = {name: asyncio.Lock() for name in self._switches}
        self._refusals: dict[SwitchName, str] = {}
        self._asked: dict[SwitchName, _Asked[Point]] = {}
        self._still: dict[SwitchName, _Still[Point]] = {}

    async def run(self, interval: float) -> None:
        """Read all switches, each once an interval (seconds), or more rarely where there are very many.

        Ends by cancellation only.
        """
        spread = max(interval, len(self._switches) / _READS_A_SECOND)
        async with asyncio.TaskGroup() as tasks:
            for number, name in enumerate(self._switches):
                delay = spread * number / len(self._switches)
                tasks.create_task(self._follow(name, delay, interval), name=f"{self._what} {name}")

    async def refresh(self) -> None:
        """Read all switches now, and have nothing judged: two requests may be too close to make a rate."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._switches:
                tasks.create_task(self._take(name, judge=False), name=f"{self._what} {name}")

    async def _follow(self, name: SwitchName, delay: float, interval: float) -> None:
        await sleep_until_round(delay)
        while True:
            await self._take(name, judge=True)
            await sleep_until_round(max(interval, self._fair_interval(name)))

    def _fair_interval(self, name: SwitchName) -> float:
        """Seconds between reads of a switch that keep the fabric's reads within their rates."""
        reads = 1.0 / _READS_A_SECOND
        if name not in self._still and name in self._asked:
            reads = max(reads, len(self._asked[name].points) / _CELLS_A_SECOND)
        return reads * len(self._switches)

    async def _take(self, name: SwitchName, *, judge: bool) -> None:
        try:
            async with self._reading[name]:
                await self._take_one(name, judge)
        except Exception as error:
            self._takes.unanswered(name)
            self._still.pop(name, None)
            self._tell(name, error)
        else:
            self._refusals.pop(name, None)

    async def _take_one(self, name: SwitchName, judge: bool) -> None:
        points, epoch = self._points(name), self._epoch(name)
        asked = self._asked.get(name)
        if asked is None or asked.points is not points:
            asked = self._asked[name] = _Asked.of(points)
        still = self._still.pop(name, None)
        if still is not None and (still.points is not points or still.epoch != epoch):
            still = None
        result = await self._read(name, asked.request, None if still is None else still.digest)
        if result is None:
            assert still is not None
            self._takes.stands(name)
            self._still[name] = still
            return
        found = result.counters
        cells = {
            point: found[key].packets for point, key in zip(points, asked.keys, strict=True) if key in found
        }
        if self._takes.took(name, cells, epoch, judge=judge):
            self._still[name] = _Still(points, epoch, result.digest)

    def _tell(self, name: SwitchName, error: Exception) -> None:
        """Log why a switch was not read: a refusal once, a fault in here always, what is expected hardly."""
        match error:
            case SwitchUnavailable() | NotPrimary():
                _log.debug("%s: %s were not read: %s", name, self._what, error)
            case P4RuntimeError():
                if self._refusals.get(name) != str(error):
                    self._refusals[name] = str(error)
                    _log.warning("%s: %s were not read: %s", name, self._what, error)
            case _:
                _log.error("%s: %s were not read", name, self._what, exc_info=error)

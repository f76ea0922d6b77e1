"""How long packets waited in the queues of watched ports, as switches count it.

The pipeline counts each packet that leaves a watched port's queue by its wait (`p4src/include/telemetry.p4`,
`queue_waits`). Totals never go back: a switch that restarts counts from zero, and another epoch or a cell
that is smaller than before says so. This module does not know how cells are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.core import HistogramMetricFamily, Metric

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.cell_rounds import CellRounds, ReadCells
from p4fabric.controller.telemetry.congestion_series import PRIORITIES
from p4fabric.controller.telemetry.families import Filling, handed_on
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.pipelines.fabric.bindings import QueueWaits
from p4fabric.pipelines.values import Port

__all__ = ["BOUNDS", "WaitCounts", "WaitPoint", "WaitPoints", "wait_metrics"]

_CELL_BITS, _QUEUE_BITS = 4, 3
"""A queue has 16 cells, a port 8 queues."""
_FIRST_BOUND = 16
_MICROSECONDS = 1e6
BOUNDS = tuple((_FIRST_BOUND << number) / _MICROSECONDS for number in range((1 << _CELL_BITS) - 1))
"""Seconds that the packets of each cell waited less than; those of the last cell waited longer."""
_QUEUES_A_TURN = 16


class WaitPoint(NamedTuple):
    """What one cell counts."""

    queue: Queue
    number: int
    """Of the queue's cells, by the length of the wait."""

    @property
    def cell(self) -> QueueWaits:
        """The cell."""
        queue = int(self.queue.port.port) << _QUEUE_BITS | self.queue.queue
        return QueueWaits(queue << _CELL_BITS | self.number)


class WaitPoints:
    """What is worth reading, made anew only where other ports are watched: it is asked for often."""

    def __init__(self) -> None:
        """Begin with nothing made."""
        self._made: dict[SwitchName, tuple[frozenset[Port], Sequence[WaitPoint]]] = {}

    def of(self, switch: SwitchName, ports: Collection[Port]) -> Sequence[WaitPoint]:
        """The cells of some ports of a switch: the same object as before where they are the same."""
        wanted, made = frozenset(ports), self._made.get(switch)
        if made is None or made[0] != wanted:
            points = tuple(
                WaitPoint(Queue(PortRef(switch, port), priority), number)
                for port in sorted(wanted)
                for priority in PRIORITIES
                for number in range(1 << _CELL_BITS)
            )
            made = self._made[switch] = wanted, points
        return made[1]


class _Known(NamedTuple):
    cell: int
    total: int
    epoch: int


class WaitCounts:
    """`run` it in a TaskGroup. Of a switch that has no watched port, nothing is read."""

    def __init__(
        self,
        switches: Sequence[SwitchName],
        points: Callable[[SwitchName], Sequence[WaitPoint]],
        read: ReadCells,
        epoch: Callable[[SwitchName], int] = lambda switch: 0,
    ) -> None:
        """Make it; nothing is read yet.

        Args:
            switches: all of the fabric's.
            points: what to read of a switch; the same object as long as it is the same.
            read: reads cells of a switch; a P4RuntimeError of it is put up with.
            epoch: of a switch's counters; in another one, all of them began with zero.
        """
        self._rounds = CellRounds("waiting times", switches, points, read, self, epoch)
        self._known: dict[WaitPoint, _Known] = {}
        self._used: dict[Queue, None] = {}
        """Queues that packets have left."""

    async def run(self, interval: float) -> None:
        """Read all switches, each once an interval (seconds). Ends by cancellation only."""
        await self._rounds.run(interval)

    async def refresh(self) -> None:
        """Read all switches now."""
        await self._rounds.refresh()

    def of(self, queue: Queue) -> list[int] | None:
        """Packets by cell; None: it was not read, or has carried none and is not the usual one."""
        if WaitPoint(queue, 0) not in self._known or (queue.queue and queue not in self._used):
            return None
        return [self._known[WaitPoint(queue, number)].total for number in range(1 << _CELL_BITS)]

    def took(self, switch: SwitchName, cells: Mapping[WaitPoint, int], epoch: int, *, judge: bool) -> bool:
        """Add up what was read; returns whether nothing has changed since."""
        is_still = True
        for point, cell in cells.items():
            before = self._known.get(point)
            is_still = is_still and before is not None and (cell, epoch) == (before.cell, before.epoch)
            if before is None:
                self._known[point] = _Known(cell, cell, epoch)
            elif cell != before.cell or epoch != before.epoch:
                goes_on = cell >= before.cell and epoch == before.epoch
                new = cell - before.cell if goes_on else cell
                self._known[point] = _Known(cell, before.total + new, epoch)
            if cell:
                self._used[point.queue] = None
        return is_still

    def stands(self, switch: SwitchName) -> None:
        """No packet has left a watched queue since the last read."""

    def unanswered(self, switch: SwitchName) -> None:
        """What was counted stays."""


def wait_metrics(ports: Iterable[PortRef | None], counts: WaitCounts) -> Iterator[Metric | None]:
    """The family, of ports that are watched, and None for others to have their turn.

    Args:
        ports: of switches that are connected: of others nobody knows how they are. None is for a turn.
        counts: what was read.
    """
    return handed_on(_filled(ports, counts))


def _filled(ports: Iterable[PortRef | None], counts: WaitCounts) -> Filling:
    family = HistogramMetricFamily(
        "p4fabric_queue_delay_seconds",
        "Time that packets waited in a watched port's queue. Switches do not add it up: there is no sum.",
        labels=("switch", "port", "priority"),
    )
    bounds = [*map(str, BOUNDS), "+Inf"]
    added = 0
    for port in ports:
        if port is None or added >= _QUEUES_A_TURN:
            added = 0
            yield None
        if port is None:
            continue
        for priority in PRIORITIES:
            cells = counts.of(Queue(port, priority))
            if cells is None:
                continue
            added += 1
            total, buckets = 0, []
            for bound, packets in zip(bounds, cells, strict=True):
                total += packets
                buckets.append((bound, total))
            labels = [port.switch, str(port.port), str(priority)]
            family.add_metric(labels, buckets, sum_value=None)
    return [family]

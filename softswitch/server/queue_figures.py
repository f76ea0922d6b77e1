"""A port's queues as they are shown: counts that go on when the port is switched off and on again, and bins.

Read when they are asked for, since most readers of ports ask for other things. Must not know gNMI.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from p4fabric.softswitch.engine.api import Bin, PortError, QueueCounts
from p4fabric.softswitch.engine.api.queues import PRIORITIES
from p4fabric.softswitch.engine.native import DROP_REASONS

NO_QUEUES = tuple(
    QueueCounts(priority, 0, 0, 0, 0, dict.fromkeys(DROP_REASONS, 0), 0) for priority in range(PRIORITIES)
)
"""Of a port that has not been there yet."""
_Counts = Callable[[], Sequence[QueueCounts]]
_Bins = Callable[[int, int], tuple[list[Bin], int]]


def added(before: Sequence[QueueCounts], now: Sequence[QueueCounts]) -> tuple[QueueCounts, ...]:
    """The counts of a port that has been put into the engine again."""
    return tuple(_added(one, other) for one, other in zip(before, now, strict=True))


def _added(before: QueueCounts, now: QueueCounts) -> QueueCounts:
    return QueueCounts(
        now.priority,
        now.waiting,
        max(before.max_waiting, now.max_waiting),
        before.sent_packets + now.sent_packets,
        before.sent_bytes + now.sent_bytes,
        {reason: before.drops[reason] + count for reason, count in now.drops.items()},
        before.deflected + now.deflected,
    )


def gone(counts: Sequence[QueueCounts]) -> tuple[QueueCounts, ...]:
    """What is left of a port's queues when it is taken out of the engine."""
    return tuple(replace(one, waiting=0) for one in counts)


class QueueFigures:
    """One port's queues, at the time of the first look."""

    def __init__(
        self,
        before: Sequence[QueueCounts] = NO_QUEUES,
        counts: _Counts | None = None,
        bins: _Bins | None = None,
    ) -> None:
        """`counts` and `bins` (by priority and end, `Queues.bins`) ask the engine; None: the port is not
        there."""
        self._before = before
        self._counts = counts
        self._bins = bins
        self._found: Sequence[QueueCounts] | None = None

    def __getitem__(self, priority: int) -> QueueCounts:
        if self._found is None:
            self._found = self._before
            if self._counts is not None:
                try:
                    self._found = added(self._before, self._counts())
                except PortError:  # taken out meanwhile
                    self._counts = None
        return self._found[priority]

    def bins(self, priority: int, after: int = 0) -> tuple[list[Bin], int]:
        """See `Queues.bins`; none of a port that is not there or not watched."""
        return self._bins(priority, after) if self._bins is not None else ([], 0)

"""What is known of egress queues: counts, bins of a millisecond, and what is reported of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

BIN_NS = 1_000_000
"""Nanoseconds of a bin."""
KEPT_BINS = 2047
"""Bins of each priority that a watched port keeps; the oldest go first."""
PRIORITIES = 8
REPORT_DEPTH, REPORT_WAIT_US = 8, 1000
"""From where on bins are reported, unless told otherwise."""
DROP_REPORTS_PER_SECOND, DROP_REPORT_BURST = 100, 16
"""Of each queue, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Bin:
    """A millisecond of one queue, aligned to the switch's clock.

    A packet that leaves at once has not waited: it counts in `packets`, not in `max_depth`.
    """

    start_ns: int
    """Nanoseconds since the switch started."""
    max_depth: int
    """The most packets that waited at once."""
    max_depth_offset_ns: int
    """How long after `start_ns` that was first so."""
    max_wait_ns: int
    """Of the packets that left the queue, how long the one had waited that waited longest."""
    packets: int
    """Packets that came and found room."""
    bytes: int
    """Of these, as they came from ingress."""
    drops: int
    """Packets that came and found the queue full."""
    late: bool = False
    """The switch was kept from looking at its ports, and some of them do not tell when a frame came: depths
    are what stood, and what came meanwhile counts where it was seen."""
    after_gap: bool = False
    """The bin before it is not there: nothing came and nothing waited then."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """One priority's queue of a port, since the port was added."""

    priority: int
    waiting: int
    """Packets that wait now."""
    max_waiting: int
    sent_packets: int
    sent_bytes: int
    drops: Mapping[str, int]
    """Packets by reason; `queue_full` are tail drops, `egress` the program's own decision in egress."""
    deflected: int
    """Tail drops that the program was given a copy of."""

    @property
    def suppressed(self) -> int:
        """Tail drops that it was given no copy of."""
        return self.drops["queue_full"] - self.deflected


@dataclass(frozen=True, slots=True)
class ReportStats:
    """The switch's own reports since it started; `refused` are datagrams that the socket did not take,
    `sent_bytes` are UDP payload."""

    datagrams: int
    refused: int
    sent_bytes: int
    sent_bins: int


class Queues(Protocol):
    """The queues of a running engine; `PortError` where there is no such port. Methods are thread-safe."""

    def watch(
        self, port: int, *, report_depth: int = REPORT_DEPTH, report_wait_us: int = REPORT_WAIT_US
    ) -> None:
        """Keep bins of a port's queues from now on. Those around a bin are reported in which as many packets
        wait (0: always), or one has waited so long, or one is dropped. Asked again: report otherwise."""
        ...

    def unwatch(self, port: int) -> None:
        """No longer; the bins are gone. Idempotent."""
        ...

    def bins(self, port: int, priority: int, after: int = 0) -> tuple[list[Bin], int]:
        """Bins of a watched port that are over, oldest first, and how many there ever were: given as `after`
        the next time, only newer ones are read. None are there where nobody watches."""
        ...

    def counts(self, port: int) -> tuple[QueueCounts, ...]:
        """The eight queues of a port, by priority."""
        ...

    def deflect(
        self, session: int, rate: int = DROP_REPORTS_PER_SECOND, burst: int = DROP_REPORT_BURST
    ) -> None:
        """Give egress a copy of packets that find their queue full, on its way to a clone session's ports: of
        each queue at most `rate` a second, `burst` at once. Session 0: none. `ValueError` names what is out
        of bounds."""
        ...

    def report_to(self, socket: int, node: int) -> None:
        """Send bins to a connected datagram socket, a descriptor that the engine then closes, as node `node`;
        -1: to nobody."""
        ...

    def reports(self) -> ReportStats:
        """What was sent there."""
        ...

    def now_ns(self) -> int:
        """The clock that bins go by: nanoseconds since the engine started."""
        ...

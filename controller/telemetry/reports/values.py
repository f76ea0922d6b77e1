"""What reports say, as values. A value cannot be made that the format has no room for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from p4fabric.controller.telemetry.reports.wire import HW_ID_BITS, MOST_BINS, SEQUENCES

__all__ = [
    "Bin",
    "BinsReport",
    "DropReport",
    "FlowReport",
    "FlowWords",
    "Inner",
    "InnerType",
    "Origin",
    "Report",
    "ReportGroup",
    "Role",
    "Window",
]


class Origin(IntEnum):
    """The `hw_id`: which part of a switch reports. Each counts its groups by itself."""

    EGRESS = 0
    """The egress program: culprits, participants and victims."""
    DROPS = 1
    """The program, of packets that it drops."""
    TAIL_DROPS = 2
    """The program, of packets that found their queue full."""
    POSTCARDS = 3
    """The program, of packets of watched flows (INT-XD)."""
    QUEUES = 4
    """The traffic manager: bins."""


class Role(IntEnum):
    """What a flow has to do with a queue's congestion, as the switch judged it."""

    NONE = 0
    CULPRIT = 1
    """Its bytes were a large share of the queue."""
    PARTICIPANT = 2
    """Between the two."""
    VICTIM = 3
    """It waited, and its share was small."""
    DROPPED = 4
    """A packet of it was dropped."""


class InnerType(IntEnum):
    """What the packet in a report begins with."""

    NONE = 0
    TLV = 1
    DOMAIN = 2
    ETHERNET = 3
    IPV4 = 4
    IPV6 = 5


class Inner(NamedTuple):
    """The beginning of the packet that a report is about; up to 3 bytes of padding may follow it."""

    kind: int
    """An `InnerType`, or a number that the specification reserves."""
    data: bytes


NO_PACKET = Inner(InnerType.NONE, b"")


class FlowWords(NamedTuple):
    """The flow's part in a queue."""

    role: int
    """A `Role`; numbers that are none come from newer switches."""
    vlan: int
    """The VLAN id, which tells the networks of tenants apart."""
    flow_bytes: int
    """Bytes of this flow in the queue."""
    queue_bytes: int
    """Bytes in the queue in the same windows."""
    translated: bool = False
    """A service has rewritten its addresses."""
    tunnelled: bool = False
    """It came in a tunnel that was opened here."""


class Window(NamedTuple):
    """The time in which bytes were counted."""

    number: int
    log2_us: int
    """Its length is 2 to the power of it, in microseconds."""


class Left(NamedTuple):
    """Bytes that left the queue: of this flow, and of all."""

    flow: int
    """Since the window began."""
    queue: int
    flow_before: int
    """In the window before."""
    queue_before: int


@dataclass(frozen=True, slots=True)
class FlowReport:
    """A packet that met a congested queue (`congested`), or one of a watched flow (`tracked`).

    What the switch did not say is None.
    """

    ingress_port: int | None = None
    egress_port: int | None = None
    latency_us: int | None = None
    """From arrival to departure, or in the queue, as the switch's program measures it."""
    queue: int | None = None
    """The queue's priority."""
    depth: int | None = None
    """Packets in the queue."""
    ingress_ns: int | None = None
    """When it came, by the switch's clock: ns since the switch started."""
    egress_ns: int | None = None
    """When it left the queue, likewise."""
    flow: FlowWords | None = None
    window: Window | None = None
    suppressed: int | None = None
    """Packets of this kind at this queue that were not reported since the report before."""
    inner: Inner = NO_PACKET
    congested: bool = False
    tracked: bool = False
    intermediate: bool = False
    """Sent on the way by a transit node, of a packet that carries its own metadata."""
    left: Left | None = None


@dataclass(frozen=True, slots=True)
class DropReport(FlowReport):
    """A packet that was dropped."""

    drop_queue: int | None = None
    """The queue that it should have entered."""
    reason: int | None = None
    """A number of `p4fabric.controller.telemetry.drop_reasons`."""


class Bin(NamedTuple):
    """What a queue did in one slot of time."""

    start_ns: int
    """By the switch's clock."""
    max_depth: int
    """Packets."""
    max_at_ns: int
    """When it was deepest: ns after the start."""
    max_wait_ns: int
    packets: int
    bytes: int
    drops: int
    late: bool = False
    """The switch closed it late: what belongs to it may stand in the one before or after."""
    after_gap: bool = False
    """Of the millisecond before, there is no bin: nothing happened in it that is worth one."""


@dataclass(frozen=True, slots=True)
class BinsReport:
    """What a queue did, slot by slot, by the traffic manager."""

    egress_port: int
    priority: int
    bins: tuple[Bin, ...]
    complete_ns: int | None = None
    """All bins that began before are sent, by the switch's clock; reports without bins say so, too."""
    congested: bool = False
    """Packets waited in one of them."""
    dropped: bool = False
    """Packets were dropped in one of them."""

    def __post_init__(self) -> None:
        if len(self.bins) > MOST_BINS:
            raise ValueError(f"a report has at most {MOST_BINS} bins, not {len(self.bins)}")


Report = FlowReport | DropReport | BinsReport


@dataclass(frozen=True, slots=True)
class ReportGroup:
    """A datagram: what one part of one switch sent at once."""

    node: int
    """The switch: its node id."""
    hw_id: int
    """Which part of it: an `Origin`, or one that is not known."""
    sequence: int
    """Counts groups of this node and part; after 2**22 - 1 comes 0."""
    reports: tuple[Report, ...]
    skipped: int = 0
    """Reports of types that are not read, such as IOAM."""

    def __post_init__(self) -> None:
        if not 0 <= self.hw_id < 1 << HW_ID_BITS:
            raise ValueError(f"hw_id is 0 to {(1 << HW_ID_BITS) - 1}, not {self.hw_id}")
        if not 0 <= self.sequence < SEQUENCES:
            raise ValueError(f"a sequence number is 0 to {SEQUENCES - 1}, not {self.sequence}")

    def __iter__(self) -> Iterator[Report]:
        return iter(self.reports)

"""What is known of a queue, from whatever source: packets that met it, and bins of what it did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.drop_reasons import TAIL_DROP
from p4fabric.controller.telemetry.flow import NOT_IP, FlowId, ethernet_flow, ipv4_flow, ipv6_flow
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import (
    Bin,
    BinsReport,
    DropReport,
    FlowReport,
    Inner,
    InnerType,
    Left,
    Origin,
    ReportGroup,
    Role,
)
from p4fabric.pipelines.values import Port

__all__ = [
    "BinEvidence",
    "Evidence",
    "PacketEvidence",
    "Thresholds",
    "evidence_of",
    "flow_of",
]

_US = 1000
_HIGHEST_PORT = (1 << Port.BITS) - 1


class Thresholds(NamedTuple):
    """When a queue is congested, and when it is not any more; between the two it is as it was."""

    wait_ns: int
    depth: int
    """Packets."""
    reset_wait_ns: int
    reset_depth: int

    @classmethod
    def of(cls, wait_ns: int, depth: int) -> Thresholds:
        """With half of both for the end of it."""
        return cls(wait_ns, depth, wait_ns // 2, depth // 2)

    def is_congested(self, one: Bin) -> bool:
        """Whether the queue was too full at a time of the bin."""
        return one.max_wait_ns >= self.wait_ns or one.max_depth >= self.depth or one.drops > 0

    def is_calm(self, one: Bin) -> bool:
        """Whether it was not, by far, all the time."""
        return one.max_wait_ns < self.reset_wait_ns and one.max_depth < self.reset_depth and not one.drops


@dataclass(frozen=True, slots=True)
class PacketEvidence:
    """A packet met a queue that was too full."""

    queue: Queue
    at: int
    """When it left the queue or was dropped, in ns of the switch's clock."""
    flow: FlowId
    role: Role = Role.NONE
    wait_ns: int = 0
    depth: int = 0
    """Packets in the queue."""
    flow_bytes: int = 0
    """Of this flow in the queue; 0 where the switch does not say."""
    queue_bytes: int = 0
    window: int | None = None
    """The number of the window that bytes were counted in."""
    left: Left | None = None
    """What has left the queue in it, and in the one before."""
    drops: int = 0
    """Packets dropped: this one, and those that were not reported before it."""
    unreported: int = 0
    """Packets of this kind that the switch did not report, and says so."""


@dataclass(frozen=True, slots=True)
class BinEvidence:
    """What a queue did in one millisecond."""

    queue: Queue
    bin: Bin


Evidence = PacketEvidence | BinEvidence


def evidence_of(switch: SwitchName, group: ReportGroup) -> Iterator[Evidence]:
    """What a group of reports says of queues. Reports of other things, or that lack too much, say nothing."""
    for report in group.reports:
        if isinstance(report, BinsReport):
            if report.egress_port <= _HIGHEST_PORT:
                queue = Queue(PortRef(switch, Port(report.egress_port)), report.priority)
                yield from (BinEvidence(queue, one) for one in report.bins)
        elif report.egress_port is None or report.egress_ns is None or report.egress_port > _HIGHEST_PORT:
            continue
        elif isinstance(report, DropReport):
            if group.hw_id == Origin.TAIL_DROPS or report.reason == TAIL_DROP:
                yield _tail_drop(switch, report, report.egress_port, report.egress_ns)
        elif report.congested:
            yield _met(switch, report, report.egress_port, report.egress_ns)


def _met(switch: SwitchName, report: FlowReport, port: int, at: int) -> PacketEvidence:
    words = report.flow
    return PacketEvidence(
        Queue(PortRef(switch, Port(port)), report.queue or 0),
        at,
        flow_of(report),
        Role.NONE if words is None else _role(words.role),
        wait_ns=(report.latency_us or 0) * _US,
        depth=report.depth or 0,
        flow_bytes=0 if words is None else words.flow_bytes,
        queue_bytes=0 if words is None else words.queue_bytes,
        window=None if report.window is None else report.window.number,
        left=report.left,
        unreported=report.suppressed or 0,
    )


def _tail_drop(switch: SwitchName, report: DropReport, port: int, at: int) -> PacketEvidence:
    queue = report.drop_queue if report.drop_queue is not None else report.queue
    suppressed = report.suppressed or 0
    return PacketEvidence(
        Queue(PortRef(switch, Port(port)), queue or 0),
        at,
        flow_of(report),
        Role.DROPPED,
        depth=report.depth or 0,
        drops=1 + suppressed,
        unreported=suppressed,
    )


def _role(number: int) -> Role:
    """The role of a number; one that is not known says nothing."""
    return Role(number) if number <= Role.DROPPED else Role.NONE


def flow_of(report: FlowReport) -> FlowId:
    """The flow of the packet in a report, with its network as far as the switch says."""
    found = _inner_flow(report.inner)
    # The switch knows the network also where the packet has no tag.
    return found if report.flow is None else FlowId(report.flow.vlan, found.flow)


def _inner_flow(inner: Inner) -> FlowId:
    match inner.kind:
        case InnerType.ETHERNET:
            return ethernet_flow(inner.data)
        case InnerType.IPV4:
            return FlowId(0, ipv4_flow(inner.data))
        case InnerType.IPV6:
            return FlowId(0, ipv6_flow(inner.data))
        case _:
            return FlowId(0, NOT_IP)

"""Sums of what is known of one queue's congestion.

Tallies are added to each other in any order and grouping, with the same result: sums, maxima and unions only.
What is over a bound is counted, not kept, so that nobody fills the memory with flows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents.evidence import PacketEvidence
from p4fabric.controller.telemetry.reports import Bin, Role

__all__ = ["MOST_FLOWS", "FlowTally", "Tally"]

MOST_FLOWS = 256
"""Flows kept apart in one tally."""
_RANK = {Role.NONE: 0, Role.PARTICIPANT: 1, Role.DROPPED: 2, Role.VICTIM: 3, Role.CULPRIT: 4}
"""Which of two roles of a flow counts: a culprit stays one, whatever else is said of it."""


@dataclass(slots=True)
class FlowTally:
    """One flow at one queue."""

    role: Role = Role.NONE
    reports: int = 0
    bytes: int = 0
    """That left the queue while it was congested."""
    max_wait_ns: int = 0
    drops: int = 0
    """Its packets that were reported as dropped."""

    def add(self, other: FlowTally) -> None:
        """Add what another one says."""
        if _RANK[other.role] > _RANK[self.role]:
            self.role = other.role
        self.reports += other.reports
        self.bytes += other.bytes
        if other.max_wait_ns > self.max_wait_ns:
            self.max_wait_ns = other.max_wait_ns
        self.drops += other.drops


@dataclass(slots=True)
class Tally:
    """One queue, for some time. Moments are nanoseconds of the switch's clock."""

    began: int
    ended: int
    peak_depth: tuple[int, int] = (0, 0)
    """Packets, and less when: of two as deep, the earlier one is the greater."""
    peak_wait: tuple[int, int] = (0, 0)
    """Nanoseconds, and less when."""
    reports: int = 0
    """Of packets."""
    unreported: int = 0
    """Packets that the switch says it did not report."""
    queue_bytes: int = 0
    """Bytes that left it while it was congested, as far as reports say so."""
    reported_drops: int = 0
    """By reports, with those that the switch counted and did not report."""
    bins: int = 0
    bin_drops: int = 0
    packets: int = 0
    """Forwarded, by bins."""
    bytes: int = 0
    late_bins: int = 0
    other_flows: int = 0
    """Reports of flows that were too many to be kept apart."""
    flows: dict[FlowId, FlowTally] = field(default_factory=dict)

    @classmethod
    def of_packet(cls, packet: PacketEvidence, flow_bytes: int, queue_bytes: int) -> Tally:
        """What one packet says (see `add_packet`)."""
        made = cls(packet.at, packet.at)
        made.add_packet(packet, flow_bytes, queue_bytes)
        return made

    def add_packet(self, packet: PacketEvidence, flow_bytes: int, queue_bytes: int) -> None:
        """Add what one packet says.

        Args:
            packet: it waited until `at`, so the queue was full since it came.
            flow_bytes: of its flow, if this window was not counted before.
            queue_bytes: likewise of the queue, as far as it is more than was counted.
        """
        at, wait = packet.at, packet.wait_ns
        # Comparisons: this is done for each report, and `max` takes several times as long.
        if at - wait < self.began:
            self.began = at - wait if at > wait else 0
        if at > self.ended:
            self.ended = at
        if packet.depth >= self.peak_depth[0]:
            self.peak_depth = max(self.peak_depth, (packet.depth, -at))
        if wait >= self.peak_wait[0]:
            self.peak_wait = max(self.peak_wait, (wait, -at))
        self.reports += 1
        self.unreported += packet.unreported
        self.queue_bytes += queue_bytes
        self.reported_drops += packet.drops
        # The others that were dropped are of nobody knows which flow.
        dropped = 1 if packet.drops else 0
        flow = self.flows.get(packet.flow)
        if flow is None:
            if len(self.flows) >= MOST_FLOWS:
                self.other_flows += 1
                return
            self.flows[packet.flow] = FlowTally(packet.role, 1, flow_bytes, wait, dropped)
            return
        if _RANK[packet.role] > _RANK[flow.role]:
            flow.role = packet.role
        flow.reports += 1
        flow.bytes += flow_bytes
        if wait > flow.max_wait_ns:
            flow.max_wait_ns = wait
        flow.drops += dropped

    @classmethod
    def of_bin(cls, one: Bin, length: int) -> Tally:
        """What one bin says."""
        deepest = one.start_ns + one.max_at_ns
        return cls(
            one.start_ns,
            one.start_ns + length,
            (one.max_depth, -deepest),
            (one.max_wait_ns, -deepest),
            bins=1,
            bin_drops=one.drops,
            packets=one.packets,
            bytes=one.bytes,
            late_bins=int(one.late),
        )

    def add(self, other: Tally) -> None:
        """Add what another one says, which stays as it is."""
        self.began = min(self.began, other.began)
        self.ended = max(self.ended, other.ended)
        self.peak_depth = max(self.peak_depth, other.peak_depth)
        self.peak_wait = max(self.peak_wait, other.peak_wait)
        self.reports += other.reports
        self.unreported += other.unreported
        self.queue_bytes += other.queue_bytes
        self.reported_drops += other.reported_drops
        self.bins += other.bins
        self.bin_drops += other.bin_drops
        self.packets += other.packets
        self.bytes += other.bytes
        self.late_bins += other.late_bins
        self.other_flows += other.other_flows
        for flow, tally in other.flows.items():
            mine = self.flows.get(flow)
            if mine is None:
                if len(self.flows) >= MOST_FLOWS:
                    self.other_flows += tally.reports
                    continue
                mine = self.flows[flow] = FlowTally()
            mine.add(tally)

    @property
    def drops(self) -> int:
        """Packets dropped. Both counts are exact or too small, as reports of either kind may be lost."""
        return max(self.bin_drops, self.reported_drops)

    @property
    def culprits(self) -> frozenset[FlowId]:
        """Flows that the switch called so: none becomes one because of what is not known of others."""
        return frozenset(flow for flow, tally in self.flows.items() if tally.role is Role.CULPRIT)

    def share(self, flow: FlowId) -> float:
        """How much of the queue's bytes were a flow's: 0 to 1."""
        tally = self.flows.get(flow)
        if tally is None or not self.queue_bytes:
            return 0.0
        return min(1.0, tally.bytes / self.queue_bytes)

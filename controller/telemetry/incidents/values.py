"""Incidents: when, where, how badly, because of whom, who suffered, and how much of that is known.

Moments are nanoseconds since 1970 by the controller's clock, made from those of the switches; spans are
nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import Role

__all__ = ["FlowFigures", "FlowNames", "Incident", "OtherFlows", "QueueFigures", "Turn"]


@dataclass(frozen=True, slots=True)
class FlowNames:
    """Whose a flow is, in the words of those who use the fabric."""

    tenant: TenantName | None = None
    """None: nobody knows."""
    source: str | None = None
    """A host, service or subscriber."""
    destination: str | None = None
    intents: tuple[IntentKey, ...] = ()
    """Those that it has to do with: its network, services, subscribers' sessions."""


@dataclass(frozen=True, slots=True)
class FlowFigures:
    """What a flow had to do with the congestion of one queue."""

    flow: FlowId
    role: Role
    names: FlowNames
    bytes: int
    """That left the queue while it was congested; 0 where switches do not say."""
    share: float
    """Of all bytes that did: 0 to 1."""
    max_wait_ns: int
    drops: int
    """Packets of it that were reported as dropped; of what was dropped besides, nobody knows whose it was."""
    reports: int


@dataclass(frozen=True, slots=True)
class OtherFlows:
    """How much is others', and not whose."""

    flows: int
    bytes: int
    share: float
    """Of the queue's bytes, of all of them together: 0 to 1."""
    drops: int

    @classmethod
    def of(cls, flows: Sequence[FlowFigures]) -> OtherFlows:
        """Flows taken together."""
        return cls(
            len(flows),
            sum(flow.bytes for flow in flows),
            min(1.0, sum(flow.share for flow in flows)),
            sum(flow.drops for flow in flows),
        )


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """One queue's part in an incident."""

    queue: Queue
    is_root: bool
    """The others are further bottlenecks on the way of the same flows."""
    began: int
    ended: int
    """Of the last evidence, so far."""
    clock_error_ns: int | None
    """By how much the two may be wrong; None: the switch's clock was not compared with ours yet."""
    switch_began: int
    switch_ended: int
    """The same by the switch's own clock."""
    peak_depth: int
    """Packets."""
    peak_depth_at: int
    peak_wait_ns: int
    peak_wait_at: int
    drops: int
    """Packets; exact where no reports or bins were lost, too few otherwise. 0 also where it is not told."""
    packets: int
    """Forwarded, as far as there are bins."""
    bytes: int
    bins: int
    """Milliseconds of which the switch says what the queue did."""
    late_bins: int
    reports: int
    unreported: int
    """Packets that met the congestion and were not reported: the switch reports only so many."""
    culprits: tuple[FlowFigures, ...] = ()
    """Flows that held much of the queue; the greatest share first."""
    victims: tuple[FlowFigures, ...] = ()
    """Flows that waited or were dropped though their share was small; the longest wait first."""
    participants: tuple[FlowFigures, ...] = ()
    """Flows between the two, or of which the switch does not say."""
    reports_of_other_flows: int = 0
    """Of flows that were too many to be kept apart."""
    others: OtherFlows | None = None
    """What is told of other tenants' flows, where they are not named; None: all are named."""
    is_hidden: bool = False
    """Which queue it is must not be told."""
    untold_drops: str | None = None
    """Why its switch does not tell how many packets were dropped; None: it does."""

    @property
    def flows(self) -> tuple[FlowFigures, ...]:
        """All flows that are kept apart."""
        return (*self.culprits, *self.victims, *self.participants)

    @property
    def duration_ns(self) -> int:
        """From the first to the last evidence."""
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Incident:
    """Congestion of one or more queues that has to do with each other."""

    number: int
    active: bool
    """Whether it may go on."""
    queues: tuple[QueueFigures, ...]
    """The root first, then in order of onset; at least one."""
    lost: Mapping[SwitchName, int] = field(default_factory=dict)
    """Datagrams of reports of these switches that were lost meanwhile."""
    merged_into: int | None = None
    """The incident that it turned out to be a part of."""
    lost_elsewhere: int = 0
    """Likewise lost, of switches that must not be named."""

    @property
    def root(self) -> QueueFigures:
        """Where it comes from, as far as is known."""
        return self.queues[0]

    @property
    def began(self) -> int:
        """The earliest onset."""
        return min(one.began for one in self.queues)

    @property
    def ended(self) -> int:
        """The latest evidence."""
        return max(one.ended for one in self.queues)

    @property
    def clock_error_ns(self) -> int | None:
        """The largest of its queues; None: that of a switch is not known."""
        errors = [one.clock_error_ns for one in self.queues]
        return None if None in errors else max(error for error in errors if error is not None)

    @property
    def drops(self) -> int:
        """Packets, at all of its queues."""
        return sum(one.drops for one in self.queues)

    @property
    def untold_drops(self) -> str | None:
        """Why it is not known how many packets were dropped at all of its queues; None: it is."""
        return next((one.untold_drops for one in self.queues if one.untold_drops is not None), None)

    @property
    def tenants(self) -> frozenset[TenantName]:
        """Those whose flows are known to be among its flows."""
        named = (flow.names.tenant for queue in self.queues for flow in queue.flows)
        return frozenset(tenant for tenant in named if tenant is not None)

    @property
    def intents(self) -> tuple[IntentKey, ...]:
        """Those that its flows belong to."""
        found = (key for queue in self.queues for flow in queue.flows for key in flow.names.intents)
        return tuple(dict.fromkeys(found))

    @property
    def is_complete(self) -> bool:
        """Whether all that switches sent about it is here."""
        return (
            not self.lost_elsewhere
            and not any(self.lost.values())
            and not any(one.late_bins for one in self.queues)
        )


class Turn(StrEnum):
    """What became of an incident."""

    ONSET = "onset"
    UPDATE = "update"
    CLEARED = "cleared"

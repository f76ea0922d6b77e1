"""The path of a flow: the switches that its packets pass, and how long they are there.

Moments are nanoseconds since 1970 by the controller's clock; spans are nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents import FlowNames
from p4fabric.pipelines.values import Port

__all__ = ["FlowPath", "Hidden", "Hop", "PathChange", "PathNames", "Step", "Way", "latency_step"]

_HIGHEST_STEP = 15


def latency_step(latency_us: int) -> int:
    """The logarithm of a time in microseconds, as switches take it.

    0 is less than 16 of them, n from `8 << n` to less than `16 << n`, and 15 at least 262,144.
    """
    return min(_HIGHEST_STEP, max(0, latency_us.bit_length() - 4))


class PathChange(StrEnum):
    """Why a path is told."""

    NEW = "new"
    """The flow was not known."""
    PATH = "path"
    """It takes another way, or it is not known any more where the way ends."""
    LATENCY = "latency"
    """It takes twice as long at a switch, or half as long."""
    RESUMED = "resumed"
    """It is heard of again, and takes the way that it took before."""


class Hidden(NamedTuple):
    """What of a hop must not be told to a tenant."""

    switch: bool = False
    ingress: bool = False
    egress: bool = False
    queue: bool = False


class Step(NamedTuple):
    """A switch on the way."""

    switch: SwitchName
    ingress: Port
    egress: Port
    hidden: Hidden = Hidden()


Way = tuple[Step, ...]
"""The switches in the order in which packets pass them."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What a switch told last of a flow's packets."""

    step: Step
    latency_us: int
    """From a packet's arrival to its departure."""
    priority: int
    """Which queue it was in."""
    depth: int
    """Packets in the queue when it left."""
    left: int
    """When the packet left the queue, by our clock."""
    switch_left: int
    """The same in nanoseconds of the switch's clock."""
    clock_error_ns: int | None
    """By how much `left` may be wrong; None: the switch's clock was only seen through its reports."""
    heard: int
    """When the postcard arrived."""
    untold: int = 0
    """Packets of the flow that had no postcard since the one before."""
    translated: bool = False
    """A service has rewritten its addresses here."""
    tunnelled: bool = False
    """It is in a GTP-U tunnel here, or came in one."""

    @property
    def switch(self) -> SwitchName:
        """The switch."""
        return self.step.switch

    @property
    def came_by(self) -> PortRef:
        """The port that packets come in by."""
        return PortRef(self.step.switch, self.step.ingress)

    @property
    def left_by(self) -> PortRef:
        """The port that they leave by."""
        return PortRef(self.step.switch, self.step.egress)


class PathNames(NamedTuple):
    """Whose a flow is, and who asked for it to be followed."""

    flow: FlowNames = FlowNames()
    watches: tuple[IntentKey, ...] = ()
    """The TelemetryWatches that name it."""


@dataclass(frozen=True, slots=True)
class FlowPath:
    """The path of a flow, as far as it is known."""

    number: int
    flow: FlowId
    """As the first of the switches tells it: with the server's address, where a service has chosen one."""
    names: PathNames
    hops: tuple[Hop, ...]
    """In the order in which packets pass; at least one."""
    is_whole: bool
    """Whether it begins and ends at edge ports; otherwise, postcards are missing, or packets are."""
    is_active: bool
    """Whether packets were told of lately."""
    first_seen: int
    changed: int
    """Since when it takes this way."""
    last_seen: int
    ways: int
    """How many whole ways it was seen to take, one after the other."""
    before: Way = ()
    """The last whole way that it took before this one."""

    @property
    def way(self) -> Way:
        """Its switches and ports."""
        return tuple(hop.step for hop in self.hops)

    @property
    def switches(self) -> frozenset[SwitchName]:
        """Those of its switches that may be told."""
        return frozenset(hop.switch for hop in self.hops if not hop.step.hidden.switch)

    @property
    def latency_us(self) -> int:
        """At all of its switches together."""
        return sum(hop.latency_us for hop in self.hops)

    @property
    def steps(self) -> tuple[int, ...]:
        """How long packets are at each switch, by doublings."""
        return tuple(latency_step(hop.latency_us) for hop in self.hops)

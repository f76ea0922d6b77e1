"""What became of a packet, step by step. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from p4fabric.controller.explain.packet import Packet
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.pipelines.entities import Entity, TableEntry, Weighted
from p4fabric.pipelines.values import Port

__all__ = ["End", "Exit", "Hop", "Step", "Walk"]


class End(StrEnum):
    """What became of a packet, or of one copy of it."""

    DELIVERED = "delivered"
    """It left the fabric by an edge port."""
    FLOODED = "flooded"
    """Copies left by edge ports of its network."""
    ANSWERED = "answered"
    """The switch answered it itself."""
    CONTROLLER = "controller"
    """It went to the controller."""
    DROPPED = "dropped"
    """The pipeline dropped it."""
    LOST = "lost"
    """It left by a port behind which no switch is known, or went nowhere."""
    UNRESOLVED = "unresolved"
    """It was never sent: its sender does not learn to which MAC address."""
    UNKNOWN = "unknown"
    """It came to a switch of which it is not known what it holds."""


@dataclass(slots=True)
class Step:
    """A table that was applied, or (`table` is None) a decision of the program without one."""

    table: type[TableEntry] | None
    values: tuple[int, ...] = ()
    """What was looked up, in the order of the table's key."""
    entry: Entity | None = None
    """What the packet met there; None: nothing."""
    text: str = ""
    """In words, for an operator."""
    lacking: Entity | None = None
    """What the packet would have met, had the switch what is desired of it."""
    members: Sequence[Weighted[Any]] = ()
    """Of the group that was chosen from."""
    member: int | None = None
    """The index of the one that the packet took, or is taken to take."""
    is_certain: bool = True
    """Whether it is known that it takes this one; otherwise all members are candidates."""
    down: tuple[int, ...] = ()
    """Indexes of members that are left out, since their port is down."""


@dataclass(slots=True)
class Exit:
    """One way out of a switch: a port, and what its egress did."""

    port: Port
    packet: Packet
    """As it leaves."""
    steps: list[Step] = field(default_factory=list)
    end: End | None = None
    """None: it goes on at `hop`."""
    reason: str | None = None
    """Why it was dropped or lost: one of the pipeline's drop reasons, or a word of this package."""
    text: str = ""
    hop: int | None = None
    """The index of the next hop."""


@dataclass(slots=True)
class Hop:
    """One switch that the packet came to."""

    switch: SwitchName
    port: Port
    packet: Packet
    """As it came in."""
    steps: list[Step] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    end: End | None = None
    """Where it ended before it reached an egress port."""
    reason: str | None = None
    text: str = ""
    is_flooded: bool = False
    left_out: int = 0
    """Copies to edge ports that were not followed, since nobody asked for them."""

    @property
    def ref(self) -> PortRef:
        """Where it came in."""
        return PortRef(self.switch, self.port)


@dataclass(slots=True)
class Walk:
    """A packet's way through the fabric, with all copies."""

    hops: list[Hop] = field(default_factory=list)

    def ends(self) -> Iterator[tuple[Hop, Exit | None, End]]:
        """All ends of all copies, in the order in which they were reached."""
        for hop in self.hops:
            if hop.end is not None:
                yield hop, None, hop.end
            for out in hop.exits:
                if out.end is not None:
                    yield hop, out, out.end

    def steps(self) -> Iterator[tuple[SwitchName, Step]]:
        """All steps."""
        for hop in self.hops:
            for step in hop.steps:
                yield hop.switch, step
            for out in hop.exits:
                for step in out.steps:
                    yield hop.switch, step

    @property
    def delivered(self) -> list[tuple[Hop, Exit]]:
        """Where copies left the fabric."""
        return [(hop, out) for hop, out, end in self.ends() if out is not None and end is End.DELIVERED]

    def verdict(self) -> tuple[End, Hop, Exit | None]:
        """What became of it, and where that was decided.

        Of a flooded packet, whatever came out counts before what did not.
        """
        ends = list(self.ends())
        for wanted in (End.DELIVERED, End.ANSWERED, End.CONTROLLER, End.UNKNOWN, End.LOST, End.DROPPED):
            for hop, out, end in ends:
                if end is wanted:
                    flooded = any(one.is_flooded for one in self.hops)
                    return (End.FLOODED if flooded and end is End.DELIVERED else end), hop, out
        # A flooded packet of which no copy was to be followed.
        return End.FLOODED, self.hops[0], None

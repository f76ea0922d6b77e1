"""What a decision is made from: congested queues, the flows in them, and the ways around. Values only.

Times are seconds since 1970, by the controller's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from p4fabric.controller.compiler.remedy import Remedied, Remedy, RemedyKey
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents import FlowNames
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.pipelines.values import Port

__all__ = ["CongestedQueue", "Culprit", "Evidence", "Place", "Way"]


@dataclass(frozen=True, slots=True)
class Place:
    """A flow as a remedy names it, and where it enters and leaves the fabric."""

    flow: Remedied
    leaf: SwitchName
    towards: SwitchName


@dataclass(frozen=True, slots=True)
class Culprit:
    """A flow that held much of a queue."""

    flow: FlowId
    names: FlowNames
    share: float
    """Of the queue's bytes: 0 to 1."""
    place: Place | str
    """Or why nobody knows it."""


@dataclass(frozen=True, slots=True)
class CongestedQueue:
    """A queue's part in an incident that goes on."""

    incident: int
    queue: Queue
    is_edge: bool
    """Whether hosts are at its port: whatever path packets take, they leave by it."""
    began: float
    ended: float
    """Of the last evidence."""
    culprits: tuple[Culprit, ...]
    """The greatest share first."""
    victims: frozenset[FlowId] = frozenset()


class Way(NamedTuple):
    """One of the next hops of a leaf towards another."""

    port: Port
    through: SwitchName
    """What is at its other end."""
    load: float | None
    """Bytes a second that leave by the port; None: not known."""
    is_congested: bool
    """Whether a queue on it is congested: the port's, or that of the switch behind it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known at a moment."""

    now: float
    responses: Sequence[CongestionResponse]
    """In an order that stays the same."""
    remedies: Mapping[RemedyKey, Remedy]
    """Those that stand."""
    queues: Sequence[CongestedQueue] = ()
    """The roots of incidents first."""
    doubts: Mapping[SwitchName, str] = field(default_factory=dict)
    """Switches whose reports cannot be relied upon, and why."""
    wait: Callable[[Queue, float, float], int | None] = lambda queue, since, until: None
    """The 99th percentile of a queue's waits in a span, in nanoseconds; None: not known."""
    throughput: Callable[[Queue, float], float | None] = lambda queue, since: None
    """Bytes a second that went through a queue since a moment; None: not known."""
    ways: Callable[[SwitchName, SwitchName], Sequence[Way]] = lambda leaf, towards: ()
    """Of a leaf towards another."""

"""Remedies for congestion, as rows of the state: keyed parts of a CongestionResponse, each for a while.

This module does not know how they are decided upon, or what they come to on switches.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from p4fabric.controller.intents.fields import IpAddress
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.pipelines.values import IpProtocol, L4Port, Port

__all__ = ["Action", "Remedied", "Remedy", "RemedyKey", "Target"]


class Action(StrEnum):
    """What is done to a flow; the value is as programs read it."""

    REROUTE = "reroute"
    POLICE = "police"


class RemedyKey(NamedTuple):
    """A remedy, by its response and a number that the response never gives twice at once."""

    response: IntentKey
    number: int


@dataclass(frozen=True, slots=True)
class Remedied:
    """A flow as the fabric's links carry it: behind virtual IPs, in the network of its destination."""

    network: IntentKey
    source: IpAddress
    destination: IpAddress
    protocol: IpProtocol
    source_port: L4Port
    destination_port: L4Port


@dataclass(frozen=True, slots=True)
class Target:
    """Where a flow enters, and what it gets there."""

    leaf: SwitchName
    towards: SwitchName | None = None
    """Rerouted: the leaf that it leaves at, and the port to the first switch of the other path."""
    port: Port | None = None
    rate: int = 0
    """Policed: bytes a second, and at once."""
    burst: int = 0


@dataclass(frozen=True, slots=True)
class Remedy:
    """What is done to one flow, because of what, and until when. Times are seconds since 1970."""

    action: Action
    flow: Remedied
    target: Target
    queue: PortRef
    """The port of the queue that the flow congested,"""
    priority: int
    """and which of its queues."""
    incident: int
    granted: float
    expires: float
    wait_ns: int
    """What packets waited in the queue when it was granted: the 99th percentile."""

"""Why switches drop packets, and where each switch counts that.

The pipeline counts a dropped packet by port and reason (`p4src/include/drops.p4`). This module knows the
reasons, their names, and which counter cells belong to a port. It does not know how cells are read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import IntEnum, StrEnum
from typing import NamedTuple

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import DEFAULT_PORTS, Switch
from p4fabric.pipelines.entities import CounterCell
from p4fabric.pipelines.fabric.bindings import EgressDrops, IngressDrops
from p4fabric.pipelines.values import Port

__all__ = ["Direction", "DropPoint", "DropPoints", "DropReason", "drop_points"]

_REASON_BITS = 5
"""The width of `drop_reason_t`: a port has 32 cells."""


class DropReason(IntEnum):
    """The pipeline's numbers; docs/reference/drops.md says what each means and what to do."""

    CLOSED = 1
    CONTROL_FRAME = 2
    NESTED_TAG = 3
    ETHERTYPE = 4
    SOURCE_MAC = 5
    MALFORMED = 6
    CHECKSUM = 7
    FRAGMENT = 8
    SOURCE_ROUTED = 9
    SOURCE_ADDRESS = 10
    ADDRESS_ELSEWHERE = 11
    ARP = 12
    NEIGHBOR_DISCOVERY = 13
    ROUTER_ADVERTISEMENT = 14
    DHCP_SERVER = 15
    TUNNEL = 16
    FIREWALL = 17
    TUNNEL_PEER = 18
    TTL = 19
    DESTINATION = 20
    NO_ROUTE = 21
    FLOOD = 22
    FRAGMENT_REPLY = 23
    SAME_PORT = 24
    HEALTH_REPLY = 25
    POLICY_EGRESS = 26
    POLICY_INGRESS = 27
    UPF_RULE = 28
    UPF_RATE = 29
    POLICED = 30
    POLICY_FRAGMENT = 31

    @property
    def label(self) -> str:
        """The name in metrics, events and the API."""
        return self.name.lower()


class Direction(StrEnum):
    """Which of a port's two ways a packet was dropped on."""

    INGRESS = "ingress"
    """It came in at the port."""
    EGRESS = "egress"
    """It should have left by the port."""


class DropPoint(NamedTuple):
    """What one cell counts."""

    port: PortRef
    direction: Direction
    reason: DropReason

    @property
    def cell(self) -> CounterCell:
        """The cell."""
        index = self.port.port << _REASON_BITS | self.reason
        return IngressDrops(index) if self.direction is Direction.INGRESS else EgressDrops(index)


_IN_EGRESS = (DropReason.CLOSED, DropReason.FRAGMENT_REPLY)
"""Also at ports with links, where replies leave in tunnels."""
_AT_EVERY_PORT = (DropReason.CLOSED, DropReason.CONTROL_FRAME, DropReason.CHECKSUM)
"""Reasons that need no network: what is sent to a closed port, or comes damaged over a link."""
_AT_EDGE_PORTS = tuple(reason for reason in DropReason if reason is not DropReason.FRAGMENT_REPLY)


class DropPoints:
    """What switches may drop, made anew only where something has changed: it is asked for again and again."""

    def __init__(self) -> None:
        """Begin with nothing made."""
        self._made: dict[SwitchName, tuple[Switch, frozenset[Port], Sequence[DropPoint]]] = {}

    def of(self, switch: Switch, edge_ports: frozenset[Port]) -> Sequence[DropPoint]:
        """`drop_points` of a switch: the same object as before where it is the same."""
        made = self._made.get(switch.name)
        if made is None or made[0] != switch or made[1] != edge_ports:
            made = self._made[switch.name] = switch, edge_ports, drop_points(switch, edge_ports)
        return made[2]


def drop_points(switch: Switch, edge_ports: Collection[Port]) -> list[DropPoint]:
    """What a switch may drop, and so is worth reading: all reasons where a network is open, few elsewhere.

    Args:
        switch: where it does not say which ports it has, those that it may have links at and ports 1 to 32
            are watched.
        edge_ports: its ports that a network is open at.
    """
    ports: set[Port]
    if switch.ports is not None:
        ports = set(switch.ports)
    else:
        ports = {*edge_ports, *switch.linkable_ports, *DEFAULT_PORTS}
    points: list[DropPoint] = []
    for port in sorted(ports):
        ref = PortRef(switch.name, port)
        reasons = _AT_EDGE_PORTS if port in edge_ports else _AT_EVERY_PORT
        points += [DropPoint(ref, Direction.INGRESS, reason) for reason in reasons]
        points += [DropPoint(ref, Direction.EGRESS, reason) for reason in _IN_EGRESS]
    return points

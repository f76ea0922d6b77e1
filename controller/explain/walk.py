"""A packet from the port where it enters the fabric, switch by switch, with all copies of it.

This module knows how switches are connected; what one does with a packet is told by the modules of its
controls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import Protocol

from p4fabric.controller.explain.connections import connect
from p4fabric.controller.explain.entry import (
    answer,
    filter_port,
    find_gateway,
    guard_source,
    take_health_reply,
)
from p4fabric.controller.explain.exit import Ports, bridge, leave, route, treat
from p4fabric.controller.explain.frame import Choices, Ended, Frame, Site
from p4fabric.controller.explain.functions import balance, follow, judge, make_flow_key, unwrap, wrap
from p4fabric.controller.explain.packet import Packet
from p4fabric.controller.explain.result import End, Hop, Walk
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.pipelines.values import Port

__all__ = ["LOOP", "MOST_COPIES", "NOT_FOLLOWED", "NOT_READ", "NO_LINK", "Surroundings", "cross", "walk"]

NO_LINK, NOT_READ, LOOP, NOT_FOLLOWED = "no_link", "not_read", "loop", "not_followed"
MOST_COPIES = 10_000
"""Ways out of switches after which no more copies of a flooded packet are followed."""


class Surroundings(Protocol):
    """All switches, and the links between them."""

    def site(self, name: SwitchName) -> Site | None:
        """A switch; None: it is not known what it holds."""

    def far_end(self, port: PortRef) -> PortRef | None:
        """What a port is linked to; None: no link is known there."""


def walk(
    around: Surroundings,
    port: PortRef,
    packet: Packet,
    choices: Choices,
    *,
    copies_to: PortRef | None = None,
) -> Generator[None, None, Walk]:
    """Follow a packet. Yields after each switch, so that others get their turn; returns its way.

    Args:
        around: the fabric.
        port: where it enters.
        packet: as it enters.
        choices: how members of groups are chosen.
        copies_to: of a flooded packet, follow only the copy to this edge port; None: all.
    """
    found = Walk()
    waiting: deque[Hop] = deque([Hop(port.switch, port.port, packet)])
    found.hops.append(waiting[0])
    seen = {(port, packet)}
    copies = 0
    while waiting:
        hop = waiting.popleft()
        if copies >= MOST_COPIES:
            hop.end, hop.reason = End.UNKNOWN, NOT_FOLLOWED
            hop.text = f"more than {MOST_COPIES} copies: this one is not followed"
            continue
        site = around.site(hop.switch)
        if site is None:
            hop.end, hop.reason = End.UNKNOWN, NOT_READ
            hop.text = f"it is not known what {hop.switch} holds: it was not read yet"
            continue
        cross(site, hop, choices, _wanted(around, hop, copies_to))
        copies += len(hop.exits)
        for out in hop.exits:
            if out.end is not None:
                continue
            here = PortRef(hop.switch, out.port)
            there = around.far_end(here)
            if there is None:
                out.end, out.reason, out.text = End.LOST, NO_LINK, f"no link is known at {here}"
            elif (there, out.packet) in seen:
                out.end, out.reason, out.text = End.LOST, LOOP, f"at {there} it has been before: a loop"
            else:
                seen.add((there, out.packet))
                out.hop = len(found.hops)
                found.hops.append(Hop(there.switch, there.port, out.packet))
                waiting.append(found.hops[-1])
        yield
    return found


def _wanted(around: Surroundings, hop: Hop, copies_to: PortRef | None) -> Callable[[Port], bool]:
    def wanted(port: Port) -> bool:
        here = PortRef(hop.switch, port)
        return copies_to is None or here == copies_to or around.far_end(here) is not None

    return wanted


def cross(site: Site, hop: Hop, choices: Choices, wanted: Callable[[Port], bool]) -> None:
    """One switch: fill in the steps of a hop and its ways out. The order is that of `fabric.p4`.

    Args:
        site: the switch.
        hop: where the packet came in.
        choices: how members of groups are chosen.
        wanted: of a flooded packet, whether the copy to a port is followed.
    """
    frame = Frame(site, hop.port, hop.packet, choices, hop.steps)
    try:
        answered, ports = _ingress(frame)
    except Ended as ended:
        hop.end, hop.reason, hop.text = ended.end, ended.reason, ended.text
        return
    hop.is_flooded = ports.is_flooded
    for port in ports.ports:
        if ports.is_flooded and not wanted(port):
            hop.left_out += 1
            continue
        out = leave(frame, port, is_copy=ports.is_flooded)
        if answered and out.end is End.DELIVERED:
            out.end, out.text = End.ANSWERED, "the answer goes back to who asked"
        hop.exits.append(out)


def _ingress(frame: Frame) -> tuple[bool, Ports]:
    """Whether the switch answers itself, and where the packet goes.

    Raises:
        Ended: nowhere.
    """
    filter_port(frame)
    if frame.from_edge:
        guard_source(frame)
    if answer(frame) is not None:
        return True, Ports((frame.port,))
    find_gateway(frame)
    take_health_reply(frame)
    unwrap(frame)
    make_flow_key(frame)
    follow(frame)
    if frame.from_edge:
        balance(frame)
        judge(frame)
    connect(frame)
    if frame.from_edge:
        wrap(frame)
        route(frame)
        treat(frame)
    return False, bridge(frame)

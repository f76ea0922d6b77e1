"""The way out: routing, bridging, and the egress of each port.

`forwarding.p4`, `remedies.p4`, and the egress of `port_filter.p4`, `load_balancer.p4`, `telemetry.p4` and
`upf.p4`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from p4fabric.controller.compiler.paths import path_hash
from p4fabric.controller.explain.frame import Ended, Frame
from p4fabric.controller.explain.packet import GTPU_PORT, TCP, UDP, Packet
from p4fabric.controller.explain.result import End, Exit, Step
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.pipelines.entities import MulticastGroup
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv6Address, Port, Teid, VlanId

__all__ = ["NO_PATH", "Ports", "bridge", "leave", "route", "treat"]

NO_PATH = "no_path"
"""There is no group of paths, or no tree to flood by."""
CAME_FROM = "came_from"
"""A copy of a flooded frame does not go back."""

_LINK_LOCAL = 0x3FA


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a packet is to leave, and whether it was flooded."""

    ports: tuple[Port, ...]
    is_flooded: bool = False


def route(frame: Frame) -> None:
    """Routing."""
    packet = frame.packet
    if not frame.routed:
        return
    if packet.is_arp:
        raise frame.refuse(DropReason.NO_ROUTE, "ARP is not routed")
    if isinstance(packet.dst, IPv6Address):
        _check_ipv6(frame)
    else:
        first = int(packet.dst) >> 24
        if first in (0, 127) or first >= 224:
            raise frame.refuse(DropReason.DESTINATION, f"{packet.dst} is not routed")
        if packet.ttl <= 1:
            raise frame.refuse(DropReason.TTL, f"TTL {packet.ttl} is used up")
    frame.packet = replace(packet, ttl=packet.ttl - 1)
    vrf, address = frame.vrf, packet.dst
    if frame.tunnel is not None:
        vrf, address = frame.tunnel.vrf, frame.tunnel.dst
    found: b.RoutingIpv4 | b.RoutingIpv6 | None
    if address.version == 4:
        found = frame.look(b.RoutingIpv4, vrf, int(address))
    else:
        found = frame.look(b.RoutingIpv6, vrf, int(address))
    to = f"{address}"
    _take(frame, found, to)


def _check_ipv6(frame: Frame) -> None:
    packet = frame.packet
    source, destination = int(packet.src), int(packet.dst)
    if (
        destination >> 120 == 0xFF
        or destination >> 118 == _LINK_LOCAL
        or source >> 118 == _LINK_LOCAL
        or source == 0
        or destination >> 1 == 0
    ):
        raise frame.refuse(DropReason.DESTINATION, f"from {packet.src} to {packet.dst} nothing is routed")
    if packet.ttl <= 1:
        raise frame.refuse(DropReason.TTL, f"hop limit {packet.ttl} is used up")


def _take(frame: Frame, found: b.RoutingIpv4 | b.RoutingIpv6 | None, to: str) -> None:
    match found.action if found is not None else None:
        case b.RouteTo(vlan_id, src_mac, dst_mac):
            frame.vlan = int(vlan_id)
            frame.packet = replace(frame.packet, src_mac=src_mac, dst_mac=dst_mac)
            frame.say(f"the route to {to} leads to {dst_mac} in VLAN {vlan_id}")
        case b.Unreachable() if found is not None:
            prefix = found.dst_addr
            if prefix.prefix_length == prefix.value.max_prefixlen:
                text = f"{to} takes no such packets"
            else:
                text = f"nobody is known at {to} in {prefix.value}/{prefix.prefix_length}"
            raise frame.drop(DropReason.NO_ROUTE, text)
        case _:
            raise frame.drop(DropReason.NO_ROUTE, f"no route leads to {to}")


def treat(frame: Frame) -> None:
    """Remedies."""
    packet = frame.packet
    if packet.version == 0:
        return
    ends = (int(packet.src), int(packet.dst))
    values = (frame.vlan, *ends, frame.flow_protocol, frame.flow_src_port, frame.flow_dst_port)
    entry: b.RemediedIpv4 | b.RemediedIpv6 | None
    if packet.version == 4:
        entry = frame.look(b.RemediedIpv4, *values)
    else:
        entry = frame.look(b.RemediedIpv6, *values)
    match entry.action if entry is not None else None:
        case b.TakePath(path):
            frame.path = path
            frame.say("the flow has another path, because of congestion")
        case b.PoliceIpv4() | b.PoliceIpv6():
            frame.say("the flow is limited, because of congestion: what is too much is dropped")
        case _:
            frame.say("nothing is done about the flow")


def bridge(frame: Frame) -> Ports:
    """Bridging."""
    to = frame.packet.dst_mac
    entry = frame.look(b.Bridging, frame.vlan, to)
    match entry.action if entry is not None else None:
        case b.ToPort(port):
            frame.say(f"{to} is at port {port}")
            if frame.from_edge and not frame.routed and port == frame.port:
                raise frame.drop(
                    DropReason.SAME_PORT, f"{to} is at port {port}, where the packet came in: it has it"
                )
            return Ports((port,))
        case b.ToEcmpGroup(group):
            frame.say(f"{to} is at another switch: paths {group} lead there")
            return _spread(frame, group)
    frame.say(f"nobody is known at {to}: the frame is flooded" if not to.is_multicast else "flooded")
    tree = frame.site.held.get(("multicast_group", frame.vlan))
    frame.steps.append(Step(None, (frame.vlan,), tree))
    if not isinstance(tree, MulticastGroup) or not tree.replicas:
        text = f"there is no tree to flood VLAN {frame.vlan} by"
        frame.say(text)
        raise Ended(End.DROPPED, NO_PATH, text)
    ports = tuple(Port(replica.port) for replica in tree.replicas)
    frame.say(f"VLAN {frame.vlan} is flooded to ports {', '.join(str(port) for port in ports)}")
    return Ports(ports, True)


def _spread(frame: Frame, group: int) -> Ports:
    paths = frame.look(b.EcmpGroups, group)
    if paths is None:
        text = f"there is no path {group} on this switch"
        frame.say(text)
        raise Ended(End.DROPPED, NO_PATH, text)
    step = frame.steps[-1]
    chosen = frame.choices.choose(
        frame.site, step, paths.action, path_hash(frame.flow_hash if frame.path is None else frame.path)
    )
    if chosen is None:
        text = f"all ports of path {group} are down"
        frame.say(text)
        raise Ended(End.DROPPED, NO_PATH, text)
    port = paths.action[chosen].action.port
    if step.is_certain:
        frame.say(f"the flow takes port {port}")
    else:
        frame.say(f"the flow takes port {port} or another of {len(paths.action)}: its hash decides")
    return Ports((port,))


def leave(frame: Frame, port: Port, *, is_copy: bool) -> Exit:
    """The egress of one port."""
    out = Exit(port, frame.packet)
    steps, frame.steps = frame.steps, out.steps
    try:
        _leave(frame, out, is_copy)
    finally:
        frame.steps = steps
    return out


def _leave(frame: Frame, out: Exit, is_copy: bool) -> None:
    entry = frame.look(b.EgressVlan, out.port, frame.vlan)
    if is_copy and out.port == frame.port:
        _drop(frame, out, CAME_FROM, "a flooded frame does not go back")
        return
    packet = frame.packet
    to_edge = True
    match entry.action if entry is not None else None:
        case b.EdgeUntagged():
            packet = replace(packet, tag=None)
        case b.EdgeTagged(tag):
            packet = replace(packet, tag=tag)
        case b.FabricTagged():
            packet, to_edge = replace(packet, tag=VlanId(frame.vlan)), False
        case _:
            text = f"VLAN {frame.vlan} is not open at port {out.port}"
            _drop(frame, out, DropReason.CLOSED.label, text)
            return
    frame.say(
        f"VLAN {frame.vlan} leaves by port {out.port}" + (f" with tag {packet.tag}" if packet.tag else "")
    )
    if packet.version == 4 and (to_edge or frame.tunnel is not None):
        values = (frame.vrf, int(packet.src), frame.flow_protocol, frame.flow_src_port)
        reply = frame.look(b.VirtualIpReplies, *values)
        match reply.action if reply is not None else None:
            case b.DenyFragment():
                text = f"{packet.src} is a server, whose packets without a port would show its address"
                _drop(frame, out, DropReason.FRAGMENT_REPLY.label, text)
                return
            case b.FromVirtualIp(address, source_port):
                has_ports = packet.protocol in (TCP, UDP)
                shown = int(source_port) if has_ports else packet.src_port
                frame.say(f"{packet.src} answers as {address}:{source_port}")
                packet = replace(packet, src=address, src_port=shown)
            case _:
                frame.say(f"{packet.src} is no service's server at this port")
    frame.look(b.CongestionWatch, out.port)
    frame.look(b.Marking, out.port)
    out.packet = packet if frame.tunnel is None else _wrapped(frame, packet)
    if to_edge:
        out.end, out.text = End.DELIVERED, f"leaves the fabric at {frame.site.name}:{out.port}"


def _drop(frame: Frame, out: Exit, reason: str, text: str) -> None:
    frame.say(text)
    out.end, out.reason, out.text = End.DROPPED, reason, text


def _wrapped(frame: Frame, packet: Packet) -> Packet:
    tunnel = frame.tunnel
    assert tunnel is not None
    return Packet(
        packet.src_mac, packet.dst_mac, packet.tag, tunnel.src, tunnel.dst, UDP, GTPU_PORT, GTPU_PORT,
        teid=Teid(tunnel.teid), inner=packet,
    )  # fmt: skip

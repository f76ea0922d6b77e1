"""Connections and policies: `connections.p4`, `identities.p4` and `policies.p4`.

A packet is explained as the first of its connection: what a switch remembers of it is not known here.
"""

from __future__ import annotations

from p4fabric.controller.explain.frame import Frame
from p4fabric.controller.explain.functions import keeps_link
from p4fabric.controller.explain.packet import ICMP, ICMPV6
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.pipelines.fabric import bindings as b

__all__ = ["connect"]

_LINK_LOCAL = 0x3FA
_ELSEWHERE, _HERE, _HOST = 0, 1, 2
_EGRESS = (b.EgressAdminRules, b.EgressNetworkRules, b.EgressBaselineRules)
_INGRESS = (b.IngressAdminRules, b.IngressNetworkRules, b.IngressBaselineRules)
_ALLOWS = (
    b.EgressAdminAllow,
    b.EgressNetworkAllow,
    b.EgressBaselineAllow,
    b.IngressAdminAllow,
    b.IngressNetworkAllow,
    b.IngressBaselineAllow,
)
_DENIES = (
    b.EgressAdminDeny,
    b.EgressNetworkDeny,
    b.EgressBaselineDeny,
    b.IngressAdminDeny,
    b.IngressNetworkDeny,
    b.IngressBaselineDeny,
)


def connect(frame: Frame) -> None:
    """Connections."""
    packet = frame.packet
    if packet.version == 0 or keeps_link(frame):
        return
    tracking = frame.look(b.Tracking, frame.vrf)
    if tracking is None:
        frame.say(f"VRF {frame.vrf} has no policies")
        return
    frame.say(f"VRF {frame.vrf} has policies: packets are judged as the first of their connection was")
    if not frame.from_edge:
        return
    if frame.addresses_stated and frame.is_nobodys:
        text = f"the host at port {frame.port} sends from its stated addresses only"
        raise frame.refuse(DropReason.SOURCE_ADDRESS, text)
    identity, place = _receiver(frame)
    if frame.is_endpoint and place == (_HERE if frame.is_host else _HOST):
        frame.note("between a host and its own endpoints there are no policies")
        return
    generation = int(tracking.action.of_policies)
    is_icmp = packet.protocol in (ICMP, ICMPV6)
    port = 0 if is_icmp else frame.flow_dst_port
    entry = frame.look(b.PortClasses, frame.vrf, generation, frame.flow_protocol, port)
    port_class = 0 if entry is None else int(entry.action.port_class)
    frame.say("no rule tells its port from others" if entry is None else f"its port is of class {port_class}")
    icmp = packet.icmp_type << 8 if is_icmp else 0
    values = (frame.vrf, generation, frame.identity, identity, port_class, icmp)
    _judge(frame, _EGRESS, values, DropReason.POLICY_EGRESS, "sender")
    _judge(frame, _INGRESS, values, DropReason.POLICY_INGRESS, "receiver")


def _receiver(frame: Frame) -> tuple[int, int]:
    destination = int(frame.packet.dst)
    entry: b.PeersIpv4 | b.PeersIpv6 | None
    if frame.packet.version == 4:
        if destination >> 29 == 7:
            destination = int(frame.ipv4_scope)
        entry = frame.look(b.PeersIpv4, frame.vrf, destination)
    else:
        if destination >> 120 == 0xFF or destination >> 118 == _LINK_LOCAL:
            destination = int(frame.ipv6_scope)
        entry = frame.look(b.PeersIpv6, frame.vrf, destination)
    if entry is None:
        frame.say(f"nothing is said of who {frame.packet.dst} is")
        return 0, _ELSEWHERE
    frame.say(f"{frame.packet.dst} is of identity {entry.action.who}")
    return int(entry.action.who), entry.action.at


def _judge(
    frame: Frame,
    tiers: tuple[type[b.EgressAdminRules | b.IngressAdminRules], ...],
    values: tuple[int, ...],
    reason: DropReason,
    whose: str,
) -> None:
    for table in tiers:
        entry = frame.look(table, *values)
        if entry is None:
            frame.say("no rule matches")
        elif isinstance(entry.action, _DENIES):
            raise frame.drop(reason, f"rule {entry.action.rule} of the {whose}'s policies denies it")
        elif isinstance(entry.action, _ALLOWS):
            frame.say(f"rule {entry.action.rule} of the {whose}'s policies allows it")
            return
        else:
            frame.say(f"rule {entry.action.rule} of the {whose}'s policies leaves it to the next tier")

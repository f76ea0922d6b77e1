"""What the fabric does with a packet where it enters: tunnels, services, the firewall.

`upf.p4`, `upf_flow.p4`, `flow_key.p4`, `load_balancer.p4` and `firewall.p4`, in the order of `fabric.p4`.
"""

from __future__ import annotations

from dataclasses import replace

from p4fabric.controller.explain.frame import Frame, Tunnel
from p4fabric.controller.explain.hashing import flow_hash, server_hash
from p4fabric.controller.explain.packet import ICMPV6, TCP, UDP
from p4fabric.controller.explain.upf_flows import downlink_rule, uplink_rule
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address

__all__ = ["balance", "follow", "judge", "make_flow_key", "unwrap", "wrap"]

_DHCP_CLIENT_PORTS = {4: 68, 6: 546}
_LINK_LOCAL = 0x3FA
_ROUTER_SOLICITATION, _ROUTER_ADVERTISEMENT, _NEIGHBOR_ADVERTISEMENT = 133, 134, 136
_MLD = (130, 131, 132, 143)


def unwrap(frame: Frame) -> None:
    """UpfUplink."""
    packet = frame.packet
    if not (frame.from_edge and frame.routed and packet.version == 4):
        return
    if frame.look(b.UpfInterfaces, frame.vrf, int(packet.dst)) is None:
        frame.say(f"{packet.dst} is no N3 address")
        return
    inner = packet.inner
    if inner is None or packet.teid is None:
        text = f"{packet.dst} is an N3 address, which takes G-PDUs of known sessions only, and GTP-U of paths"
        raise frame.drop(DropReason.TUNNEL, text)
    frame.say(f"{packet.dst} is an N3 address")
    values = (int(packet.dst), int(packet.src), int(packet.teid), int(inner.src))
    session: b.UpfUplinkSessions | b.UpfUplinkSessionsIpv6 | None
    if inner.version == 4:
        session = frame.look(b.UpfUplinkSessions, *values)
    else:
        session = frame.look(b.UpfUplinkSessionsIpv6, *values)
    tunnel = f"TEID {packet.teid} from gNB {packet.src}, UE {inner.src}"
    if session is None:
        raise frame.drop(DropReason.TUNNEL, f"no session has {tunnel}")
    frame.say(f"a session has {tunnel}: the tunnel is taken off")
    frame.packet = replace(inner, src_mac=packet.src_mac, dst_mac=packet.dst_mac, tag=packet.tag)
    frame.vrf, frame.routed = int(session.action.vrf), True
    if isinstance(session.action, b.UplinkSession | b.UplinkSessionIpv6):
        uplink_rule(frame, session.action)
    if inner.protocol == UDP and inner.dst_port == _DHCP_CLIENT_PORTS[inner.version]:
        raise frame.refuse(DropReason.DHCP_SERVER, "a UE gives nobody addresses")


def make_flow_key(frame: Frame) -> None:
    """FlowKey."""
    packet = frame.packet
    frame.flow_protocol = packet.protocol or 0
    if packet.protocol in (TCP, UDP):
        frame.flow_src_port, frame.flow_dst_port = packet.src_port, packet.dst_port
    frame.flow_hash = flow_hash(packet)


def follow(frame: Frame) -> None:
    """FollowedFlows."""
    packet = frame.packet
    if not frame.from_edge or packet.version == 0:
        return
    ends = (int(packet.src), int(packet.dst))
    values = (frame.vrf, *ends, frame.flow_protocol, frame.flow_src_port, frame.flow_dst_port)
    entry: b.FollowedIpv4 | b.FollowedIpv6 | None
    if packet.version == 4:
        entry = frame.look(b.FollowedIpv4, *values)
    else:
        entry = frame.look(b.FollowedIpv6, *values)
    frame.say("nobody follows the flow" if entry is None else "the flow is followed: each switch tells of it")


def balance(frame: Frame) -> None:
    """LoadBalancer."""
    packet = frame.packet
    if packet.version != 4 or not frame.routed:
        return
    values = (frame.vrf, int(packet.dst), frame.flow_protocol, frame.flow_dst_port)
    service = frame.look(b.VirtualIps, *values)
    if service is None:
        frame.say(f"{packet.dst} is no service's virtual IP at this port")
        return
    step = frame.steps[-1]
    chosen = frame.choices.choose(frame.site, step, service.action, server_hash(packet))
    if chosen is None:
        frame.say("the service has no server")
        return
    to = service.action[chosen].action
    has_ports = packet.protocol in (TCP, UDP)
    frame.packet = replace(packet, dst=to.address, dst_port=int(to.port) if has_ports else 0)
    frame.flow_dst_port = int(to.port)
    which = f"its server {to.address}:{to.port}"
    if not step.is_certain:
        which += f" or another of {len(service.action)}: the hash of the flow decides"
    frame.say(f"{packet.dst} is a virtual IP: the packet is for {which}")


def judge(frame: Frame) -> None:
    """Firewall."""
    packet = frame.packet
    if packet.version == 0 or (packet.version == 6 and _keeps_link(frame)):
        return
    source, destination = int(packet.src), int(packet.dst)
    rest = (frame.flow_protocol, frame.flow_src_port, frame.flow_dst_port, packet.tcp_flags, 0)
    entry: b.FirewallIpv4 | b.FirewallIpv6 | None
    if packet.version == 4:
        if source == 0:
            source = int(frame.ipv4_scope)
        if destination >> 29 == 7:
            destination = int(frame.ipv4_scope)
        entry = frame.look(b.FirewallIpv4, frame.vrf, source, destination, *rest)
    else:
        if source == 0 or source >> 118 == _LINK_LOCAL:
            source = int(frame.ipv6_scope)
        if destination >> 120 == 0xFF or destination >> 118 == _LINK_LOCAL:
            destination = int(frame.ipv6_scope)
        entry = frame.look(b.FirewallIpv6, frame.vrf, source, destination, *rest)
    if entry is None:
        frame.say("no firewall rule matches: allowed")
    elif isinstance(entry.action, b.DenyIpv4 | b.DenyIpv6):
        raise frame.drop(DropReason.FIREWALL, "a firewall rule denies it")
    else:
        frame.say("a firewall rule allows it")


def _keeps_link(frame: Frame) -> bool:
    """Neighbor Discovery and multicast listeners' reports, which no rule judges on their own link."""
    packet = frame.packet
    if packet.protocol != ICMPV6 or frame.routed:
        return False
    kind, to_group = packet.icmp_type, int(packet.dst) >> 120 == 0xFF
    return (
        _ROUTER_ADVERTISEMENT <= kind <= _NEIGHBOR_ADVERTISEMENT
        or (to_group and kind == _ROUTER_SOLICITATION)
        or (to_group and packet.ttl == 1 and kind in _MLD)
    )


def wrap(frame: Frame) -> None:
    """UpfDownlink."""
    packet = frame.packet
    if not packet.version or not frame.routed:
        return
    session: b.UpfDownlinkSessions | b.UpfDownlinkSessionsIpv6 | None
    if packet.version == 4:
        session = frame.look(b.UpfDownlinkSessions, frame.vrf, int(packet.dst))
    else:
        session = frame.look(b.UpfDownlinkSessionsIpv6, frame.vrf, int(packet.dst))
    if session is None:
        frame.say(f"{packet.dst} is no UE")
        return
    to: b.Encapsulate | b.EncapsulateIpv6 | b.DownlinkEnter | None
    if isinstance(session.action, b.DownlinkSession | b.DownlinkSessionIpv6):
        frame.say(f"{packet.dst} is a UE, whose session has rules")
        to = downlink_rule(frame, session.action)
        if to is None:
            return
    else:
        to = session.action
    frame.say(f"{packet.dst} is a UE, behind a tunnel with TEID {to.teid}")
    peer = frame.look(b.UpfTunnelPeers, to.tunnel_peer)
    if peer is None:
        raise frame.drop(DropReason.TUNNEL_PEER, f"tunnel peer {to.tunnel_peer} is not known")
    ends = peer.action
    frame.say(f"the tunnel goes from {ends.n3_address} to gNB {ends.gnb_address}")
    source, destination = IPv4Address(int(ends.n3_address)), IPv4Address(int(ends.gnb_address))
    frame.tunnel = Tunnel(int(to.tunnel_peer), int(to.teid), int(ends.vrf), source, destination)

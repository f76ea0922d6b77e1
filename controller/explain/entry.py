"""The way in: which network, who may send it, and what the switch answers itself.

`port_filter.p4`, `source_guard.p4`, `address_resolution.p4`, `health_replies.p4` and the gateway of
`forwarding.p4`, in their order, for packets whose form is right.
"""

from __future__ import annotations

from dataclasses import replace

from p4fabric.controller.explain.frame import Ended, Frame
from p4fabric.controller.explain.packet import ACK, ICMPV6, NEIGHBOR_SOLICITATION, RST, SYN, TCP, UDP
from p4fabric.controller.explain.result import End
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, IPv6Address, MacAddress

__all__ = ["answer", "filter_port", "find_gateway", "guard_source", "take_health_reply"]

_FIN = 0x01
_DHCP_SERVER_PORT, _DHCP_CLIENT_PORT, _DHCPV6_CLIENT_PORT = 67, 68, 546
_ROUTER_SOLICITATION, _ROUTER_ADVERTISEMENT, _NEIGHBOR_ADVERTISEMENT, _REDIRECT = 133, 134, 136, 137
_ND_HOP_LIMIT = 255
_IEEE_RESERVED = 0x0180C200000
_FIRST_DYNAMIC_PORT = 49152


def filter_port(frame: Frame) -> None:
    """PortFilter."""
    packet = frame.packet
    tag = int(packet.tag or 0)
    entry = frame.look(b.PortVlan, frame.port, packet.tag is not None, tag)
    frames = "untagged frames" if packet.tag is None else f"frames with tag {tag}"
    match entry.action if entry is not None else None:
        case b.PermitFabric():
            frame.vlan = tag
            frame.say(f"port {frame.port} is a link of the fabric; the tag {tag} is the network's VLAN id")
        case b.PermitEdge() | b.PermitHost() as action:
            frame.from_edge, frame.vlan = True, int(action.vlan_id)
            frame.dhcp_server, frame.ipv6_router = action.dhcp_server, action.ipv6_router
            said = f"{frames} at port {frame.port} are of VLAN {frame.vlan}"
            if isinstance(action, b.PermitHost):
                frame.host_mac, frame.addresses_stated = action.mac, action.addresses_stated
                said += f", from {action.mac} only"
            frame.say(said)
        case _:
            raise frame.drop(DropReason.CLOSED, f"port {frame.port} is closed for {frames}")
    network = frame.look(b.Networks, frame.vlan)
    settings = network.action if network is not None else None
    if not isinstance(settings, b.SetNetwork):
        raise frame.drop(DropReason.CLOSED, f"no network has VLAN {frame.vlan} on this switch")
    frame.vrf, frame.router_mac = int(settings.vrf), settings.router_mac
    frame.ipv4_scope, frame.ipv6_scope = settings.ipv4_scope, settings.ipv6_scope
    frame.any_ether_type = settings.any_ether_type
    frame.say(f"VLAN {frame.vlan} is a network of VRF {frame.vrf}")


def guard_source(frame: Frame) -> None:
    """SourceGuard."""
    packet = frame.packet
    mac = packet.src_mac
    if mac.is_multicast or not mac or mac == frame.router_mac:
        raise frame.refuse(DropReason.SOURCE_MAC, f"no host may send from MAC address {mac}")
    if frame.host_mac and mac != frame.host_mac:
        text = f"{mac} sends, and the port is stated to be {frame.host_mac}'s"
        raise frame.refuse(DropReason.SOURCE_MAC, text)
    if int(packet.dst_mac) >> 4 == _IEEE_RESERVED:
        raise frame.refuse(DropReason.CONTROL_FRAME, f"{packet.dst_mac} is reserved by IEEE 802.1Q")
    if isinstance(packet.src, IPv6Address):
        _check_ipv6(frame)
        entry: b.SourceIpv4 | b.SourceIpv6 | None = frame.look(b.SourceIpv6, frame.vlan, int(packet.src))
    else:
        _check_ipv4(frame)
        entry = frame.look(b.SourceIpv4, frame.vlan, int(packet.src))
    _judge_source(frame, entry)


def _judge_source(frame: Frame, entry: b.SourceIpv4 | b.SourceIpv6 | None) -> None:
    source, mac = frame.packet.src, frame.packet.src_mac
    match entry.action if entry is not None else None:
        case b.SourcePermitted():
            frame.is_nobodys = True
            frame.say(f"anybody may send from {source}")
        case b.SourceOfSubnet():
            if frame.addresses_stated:
                text = f"{source} is none of the addresses stated for the host at port {frame.port}"
                raise frame.drop(DropReason.SOURCE_ADDRESS, text)
            frame.say(f"{source} is of the network, and nobody else's")
        case b.SourceBound(port, owner):
            if (port, owner) != (frame.port, mac):
                text = f"{source} belongs to {owner} at port {port}, not to {mac} at port {frame.port}"
                raise frame.drop(DropReason.ADDRESS_ELSEWHERE, text)
            frame.say(f"{source} belongs to {mac} at port {frame.port}")
        case b.SourceEndpoint(port, owner, identity, is_host):
            if (port, owner) != (frame.port, mac):
                text = f"{source} belongs to {owner} at port {port}, not to {mac} at port {frame.port}"
                raise frame.drop(DropReason.ADDRESS_ELSEWHERE, text)
            frame.identity, frame.is_endpoint, frame.is_host = int(identity), True, is_host
            frame.say(f"{source} belongs to the endpoint {mac} at port {frame.port}, of identity {identity}")
        case b.SourceIdentified(identity):
            frame.identity = int(identity)
            frame.say(f"anybody may send from {source}, as identity {identity}")
        case b.SourceElsewhere():
            text = f"{source} belongs to a host at another switch"
            raise frame.drop(DropReason.ADDRESS_ELSEWHERE, text)
        case b.SourceDenied():
            raise frame.drop(DropReason.SOURCE_ADDRESS, f"no host of the network may send from {source}")
        case _:
            text = f"{source} is of no subnet of the network, and behind no host of it that routes"
            raise frame.drop(DropReason.SOURCE_ADDRESS, text)


def _check_ipv4(frame: Frame) -> None:
    packet = frame.packet
    source, destination = int(packet.src), int(packet.dst)
    if source >> 24 == 127 or source >> 29 == 7:
        raise frame.refuse(DropReason.SOURCE_ADDRESS, f"{packet.src} is never a source")
    of_dhcp = (
        destination == 0xFFFFFFFF
        and packet.protocol == UDP
        and (packet.src_port, packet.dst_port) == (_DHCP_CLIENT_PORT, _DHCP_SERVER_PORT)
    )
    if source >> 24 == 0 and not (source == 0 and (packet.is_arp or of_dhcp)):
        raise frame.refuse(DropReason.SOURCE_ADDRESS, f"{packet.src} is a source for DHCP requests only")
    if packet.protocol == UDP and packet.dst_port == _DHCP_CLIENT_PORT and not frame.dhcp_server:
        raise frame.refuse(DropReason.DHCP_SERVER, f"port {frame.port} is not trusted with a DHCP server")


def _check_ipv6(frame: Frame) -> None:
    packet = frame.packet
    source, kind = int(packet.src), packet.icmp_type
    is_icmp = packet.protocol == ICMPV6
    if is_icmp and _ROUTER_SOLICITATION <= kind <= _REDIRECT:
        if packet.ttl != _ND_HOP_LIMIT:
            text = f"Neighbor Discovery has hop limit {_ND_HOP_LIMIT}, not {packet.ttl}"
            raise frame.refuse(DropReason.NEIGHBOR_DISCOVERY, text)
        if kind in (_ROUTER_ADVERTISEMENT, _REDIRECT) and not frame.ipv6_router:
            text = f"port {frame.port} is not trusted with an IPv6 router"
            raise frame.refuse(DropReason.ROUTER_ADVERTISEMENT, text)
    elif packet.protocol == UDP and packet.dst_port == _DHCPV6_CLIENT_PORT and not frame.dhcp_server:
        raise frame.refuse(DropReason.DHCP_SERVER, f"port {frame.port} is not trusted with a DHCP server")
    never = source >> 120 == 0xFF or source == 1 or source >> 32 == 0xFFFF
    asks = is_icmp and kind != _NEIGHBOR_ADVERTISEMENT and int(packet.dst) >> 120 == 0xFF
    if never or (source == 0 and not asks):
        raise frame.refuse(DropReason.SOURCE_ADDRESS, f"{packet.src} is no source of such a packet")


def answer(frame: Frame) -> MacAddress | None:
    """AddressResolution: the MAC address that the switch answers with, if it does."""
    if not frame.from_edge:
        return None
    packet = frame.packet
    entry: b.ArpResponder | b.NdResponder | None
    if packet.is_arp:
        asked: IPv4Address | IPv6Address = packet.dst
        entry = frame.look(b.ArpResponder, frame.vlan, int(asked))
    elif packet.icmp_type == NEIGHBOR_SOLICITATION and packet.target is not None and int(packet.src):
        asked = packet.target
        entry = frame.look(b.NdResponder, frame.vlan, int(asked))
    else:
        return None
    if entry is None:
        frame.say(f"{asked} is not the fabric's: the question is bridged")
        return None
    mac = entry.action.mac
    frame.say(f"the switch answers that {asked} is at {mac}")
    frame.packet = replace(packet, src_mac=mac, dst_mac=packet.src_mac)
    return mac


def find_gateway(frame: Frame) -> None:
    """Gateway."""
    if not frame.from_edge:
        return
    to = frame.packet.dst_mac
    frame.routed = frame.look(b.Gateways, frame.vlan, to) is not None
    if frame.routed:
        frame.say(f"{to} is the gateway's MAC address: the packet is routed")
    else:
        frame.say(f"{to} is not the gateway's MAC address: the packet is bridged")


def take_health_reply(frame: Frame) -> None:
    """HealthReplies."""
    packet = frame.packet
    flags = packet.tcp_flags & (_FIN | SYN | RST | ACK)
    if (
        not frame.routed
        or packet.version != 4
        or packet.protocol != TCP
        or packet.dst_port < _FIRST_DYNAMIC_PORT
        or flags not in (SYN | ACK, RST | ACK)
    ):
        return
    values = (frame.vlan, int(packet.src), packet.src_port, int(packet.dst))
    if frame.look(b.HealthReplies, *values) is not None:
        text = "an answer to a health check goes to the controller"
        frame.say(text)
        raise Ended(End.CONTROLLER, None, text)
    frame.say("no answer to a health check")

"""The packets of a flow: the first one, what is asked before it can be sent, and the first one back.

Pure; this module knows no entry and looks nothing up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from p4fabric.controller.explain.packet import (
    ACK,
    ECHO_REPLY,
    ECHO_REQUEST,
    GTPU_PORT,
    ICMP,
    ICMPV6,
    SYN,
    TCP,
    UDP,
    Packet,
    group_mac,
)
from p4fabric.controller.explain.places import Sender
from p4fabric.controller.intents.fields import IpAddress
from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from p4fabric.pipelines.values import MacAddress

__all__ = ["EPHEMERAL_PORT", "Ask", "ask_for", "first_packet", "reply_to", "sent"]

EPHEMERAL_PORT = 49152
"""Taken for the source port where none is given: the first that is nobody's (RFC 6335, section 6)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a sender needs to know before it can send."""

    address: IpAddress | None = None
    """Whose MAC address it asks for; None: it need not, or cannot."""
    mac: MacAddress | None = None
    """To which it sends, if it need not ask."""
    is_gateway: bool = False
    problem: str | None = None
    """Why it cannot send."""


def ask_for(sender: Sender, to: IpAddress) -> Ask:
    """Whom a host asks for a MAC address: who it sends to, if that is in its network, or the gateway."""
    if sender.session is not None:
        to = sender.session.spec.n3_address
    if (group := group_mac(to)) is not None:
        return Ask(mac=group)
    network = sender.network
    if network is None:
        # The port is closed whatever is sent.
        return Ask(mac=ROUTER_MAC)
    is_linked = not network.spec.subnets or to.is_link_local
    if is_linked or network.subnet_of(to) is not None:
        return Ask(to)
    gateway = network.gateway_of(sender.own)
    if gateway is None:
        text = f"{to} is not in {network.key}, which has no IPv{to.version} gateway"
        return Ask(problem=text)
    return Ask(gateway, is_gateway=True)


def first_packet(
    sender: Sender,
    to: IpAddress,
    protocol: int,
    ports: tuple[int | None, int | None],
    *,
    flags: int,
    ttl: int,
) -> Packet:
    """The first packet of a flow as its sender makes it, without the MAC address that it asks for."""
    has_ports = protocol in (TCP, UDP)
    source_port = EPHEMERAL_PORT if ports[0] is None else ports[0]
    return Packet(
        sender.mac,
        MacAddress(0),
        sender.tag,
        sender.address,
        to,
        protocol,
        source_port if has_ports else 0,
        ports[1] or 0 if has_ports else 0,
        flags if protocol == TCP else 0,
        ttl,
        ECHO_REQUEST[to.version] if protocol in (ICMP, ICMPV6) else 0,
    )


def reply_to(packet: Packet, sender: Sender) -> Packet:
    """What is answered to a packet as it left the fabric."""
    flags = 0
    if packet.protocol == TCP:
        flags = SYN | ACK if packet.tcp_flags & SYN and not packet.tcp_flags & ACK else ACK
    is_echo = packet.protocol in (ICMP, ICMPV6)
    return replace(
        packet,
        src_mac=sender.mac,
        dst_mac=MacAddress(0),
        tag=sender.tag,
        src=sender.address,
        dst=packet.src,
        src_port=packet.dst_port,
        dst_port=packet.src_port,
        tcp_flags=flags,
        ttl=64,
        icmp_type=ECHO_REPLY[packet.src.version] if is_echo else 0,
        teid=None,
        inner=None,
    )


def sent(packet: Packet, sender: Sender, to: MacAddress) -> Packet:
    """The packet as it enters the fabric: to a MAC address; of a UE, in its tunnel."""
    packet = replace(packet, dst_mac=to)
    if sender.session is None:
        return packet
    spec = sender.session.spec
    return Packet(
        sender.mac, to, sender.tag, spec.gnb_address, spec.n3_address, UDP, GTPU_PORT, GTPU_PORT,
        teid=spec.uplink_teid, inner=replace(packet, tag=None),
    )  # fmt: skip

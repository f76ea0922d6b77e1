"""The frame that an explanation's packet stands for, and what a frame says."""

from __future__ import annotations

from p4fabric.controller.explain.packet import NEIGHBOR_SOLICITATION, UDP, Packet
from tests.attacks.fuzz_packets import frames as parsed
from tests.attacks.fuzz_packets.packets import Arp, Frame, Gtp, Ip, Transport

__all__ = ["Told", "frame_of", "told_by", "told_of"]

SHORT = 12
"""Bytes of a datagram with nothing in it, as they are sent here."""
Told = tuple[object, ...]
"""What a frame says, as far as a packet of an explanation says it."""


def frame_of(packet: Packet, port: int) -> bytes:
    """The bytes."""
    tags = [] if packet.tag is None else [(0x8100, int(packet.tag))]
    if packet.is_arp:
        content: Ip | Arp = Arp(1, int(packet.src_mac), int(packet.src), 0, int(packet.dst))
    else:
        content = _ip(packet)
    return Frame(port, int(packet.dst_mac), int(packet.src_mac), content, tags).render()


def _ip(packet: Packet) -> Ip:
    assert packet.protocol is not None
    transport = Transport(
        packet.protocol,
        packet.src_port,
        packet.dst_port,
        packet.tcp_flags,
        kind=packet.icmp_type,
        body=bytes(4),
    )
    if packet.inner is not None and packet.teid is not None:
        assert packet.protocol == UDP
        transport.gtp = Gtp(int(packet.teid), _ip(packet.inner))
    elif packet.icmp_type == NEIGHBOR_SOLICITATION and packet.target is not None:
        option = bytes((1, 1)) + int(packet.src_mac).to_bytes(6, "big")
        transport.body = bytes(4) + packet.target.packed + option
    return Ip(packet.src.version, int(packet.src), int(packet.dst), transport, packet.ttl)


def told_of(packet: Packet) -> Told:
    """What a packet says."""
    link = (int(packet.src_mac), int(packet.dst_mac), packet.tag)
    return (*link, *(() if packet.is_arp else _ip_told_of(packet)))


def _ip_told_of(packet: Packet) -> Told:
    inner = _ip_told_of(packet.inner) if packet.inner is not None else None
    teid = None if packet.teid is None else int(packet.teid)
    ends = int(packet.src), int(packet.dst), packet.protocol, packet.ttl
    return (*ends, packet.src_port, packet.dst_port, teid, inner)


def told_by(frame: bytes) -> Told:
    """What a frame says."""
    link = parsed.parse_link(frame)
    told = (link.source, link.destination, link.tag)
    if link.ethertype not in (parsed.IPV4, parsed.IPV6):
        return told
    return (*told, *_ip_told_by(link.rest, 4 if link.ethertype == parsed.IPV4 else 6))


def _ip_told_by(data: bytes, version: int) -> Told:
    packet = parsed.parse_ip(data, version, checked=False)
    teid, inner = None, None
    # A shorter datagram to this port is somebody else's.
    if packet.protocol == UDP and packet.dport == parsed.GTPU_PORT and len(packet.payload) > SHORT:
        tunnelled = parsed.parse_gtpu(packet.payload[8:])
        teid, inner = tunnelled.teid, _ip_told_by(tunnelled.inner, 4)
    ports = packet.sport or 0, packet.dport or 0
    return (packet.source, packet.destination, packet.protocol, packet.ttl, *ports, teid, inner)

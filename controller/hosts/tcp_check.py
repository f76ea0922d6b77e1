"""Frames that ask a TCP port whether it accepts connections: a SYN, and what its answer means (RFC 9293).

The connection is never made: what answers with SYN and ACK is sent a RST. This module does not know why
somebody asks.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from p4fabric.controller.hosts.checksum import internet_checksum
from p4fabric.pipelines.values import L4Port, MacAddress, VlanId

__all__ = ["TcpAnswer", "TcpCheck", "parse_answer", "reset", "syn"]

_VLAN, _IPV4, _TCP = 0x8100, 0x0800, 6
_FIN_SYN_RST_ACK = 0x17
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_MSS = bytes([2, 4]) + struct.pack("!H", 1460)
_WINDOW = 1024
_TTL = 64
_SHORTEST_FRAME = 60


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """One question: both ends, and the sequence number that tells its answer from others."""

    source: IPv4Address
    source_port: L4Port
    destination: IPv4Address
    destination_port: L4Port
    sequence: int


@dataclass(frozen=True, slots=True)
class TcpAnswer:
    """What a port answered to a check."""

    check: TcpCheck
    """The check that it answers; its sequence number is the one acknowledged, less one."""
    accepts: bool
    """SYN and ACK; False: RST."""


def syn(check: TcpCheck, mac: MacAddress, asker: MacAddress, tag: VlanId | None) -> bytes:
    """Ask a port for a connection; the Ethernet header included.

    Args:
        check: the question.
        mac: the host with the port.
        asker: the sender's MAC address, which the answer goes to.
        tag: the VLAN tag that the host's frames carry at its port; None: untagged.
    """
    return _frame(check, check.sequence, _SYN, _MSS, mac, asker, tag)


def reset(check: TcpCheck, mac: MacAddress, asker: MacAddress, tag: VlanId | None) -> bytes:
    """Tell a port that has accepted a connection that there will be none."""
    return _frame(check, check.sequence + 1 & 0xFFFFFFFF, _RST, b"", mac, asker, tag)


def parse_answer(frame: bytes) -> TcpAnswer | None:
    """Read a frame; None where it is no answer to a SYN."""
    offset = 14
    ether_type = frame[12:14]
    if ether_type == _VLAN.to_bytes(2, "big"):
        ether_type, offset = frame[16:18], 18
    packet = frame[offset:]
    if ether_type != _IPV4.to_bytes(2, "big") or len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    segment = packet[(packet[0] & 0xF) * 4 :]
    fragmented = struct.unpack("!H", packet[6:8])[0] & 0x3FFF
    if packet[9] != _TCP or fragmented or len(segment) < 20:
        return None
    source_port, destination_port, _, acknowledged = struct.unpack("!HHII", segment[:12])
    flags = segment[13] & _FIN_SYN_RST_ACK
    if flags not in (_SYN | _ACK, _RST | _ACK):
        return None
    check = TcpCheck(
        IPv4Address(packet[16:20]),
        L4Port(destination_port),
        IPv4Address(packet[12:16]),
        L4Port(source_port),
        acknowledged - 1 & 0xFFFFFFFF,
    )
    return TcpAnswer(check, flags == _SYN | _ACK)


def _frame(
    check: TcpCheck,
    sequence: int,
    flags: int,
    options: bytes,
    mac: MacAddress,
    asker: MacAddress,
    tag: VlanId | None,
) -> bytes:
    ethernet = int(mac).to_bytes(6, "big") + int(asker).to_bytes(6, "big")
    if tag is not None:
        ethernet += struct.pack("!HH", _VLAN, tag)
    words = (20 + len(options)) // 4
    ports = struct.pack("!HH", check.source_port, check.destination_port)
    head = ports + struct.pack("!IIBBH", sequence, 0, words << 4, flags, _WINDOW)
    addresses = check.source.packed + check.destination.packed
    length = len(head) + 4 + len(options)
    pseudo_header = addresses + struct.pack("!HH", _TCP, length)
    checksum = internet_checksum(pseudo_header + head + bytes(4) + options)
    segment = head + struct.pack("!HH", checksum, 0) + options
    start = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0, 0x4000, _TTL, _TCP)
    checksum = internet_checksum(start + bytes(2) + addresses)
    packet = start + struct.pack("!H", checksum) + addresses + segment
    return (ethernet + struct.pack("!H", _IPV4) + packet).ljust(_SHORTEST_FRAME, b"\0")

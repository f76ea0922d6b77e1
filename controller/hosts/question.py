"""Frames that ask a host whether it still has an address: ARP probes and neighbor solicitations.

They change nobody's neighbor cache but for the fabric's own entry: an ARP probe has no sender address (RFC
5227, section 2.1.1), a solicitation has the asker's link-local one. The answers are for the asker's MAC
address, so that the pipeline can tell them from what others make a host say. This module does not know why
somebody asks.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from p4fabric.controller.hosts.checksum import internet_checksum
from p4fabric.pipelines.values import MacAddress, VlanId

__all__ = ["link_local", "question"]

_VLAN, _IPV4, _ARP, _IPV6 = 0x8100, 0x0800, 0x0806, 0x86DD
_ARP_REQUEST = 1
_ICMPV6, _NEIGHBOR_SOLICITATION = 58, 135
_HOP_LIMIT = 255
_SOURCE_LINK_LAYER = bytes([1, 1])
"""The option's type and its length in units of 8 octets (RFC 4861, section 4.6.1)."""
_SOLICITED_NODE = IPv6Address("ff02::1:ff00:0")
_SHORTEST_FRAME = 60


def question(
    mac: MacAddress, address: IPv4Address | IPv6Address, asker: MacAddress, tag: VlanId | None
) -> bytes:
    """Make the frame, Ethernet header included.

    Args:
        mac: the host that is asked, and nobody else: the frame is for its MAC address.
        address: the address that it may have.
        asker: the sender's MAC address, which the answer goes to.
        tag: the VLAN tag that the host's frames carry at its port; None: untagged.
    """
    ethernet = _mac(mac) + _mac(asker)
    if tag is not None:
        ethernet += struct.pack("!HH", _VLAN, tag)
    if isinstance(address, IPv4Address):
        frame = ethernet + struct.pack("!H", _ARP) + _arp_probe(address, asker)
    else:
        frame = ethernet + struct.pack("!H", _IPV6) + _solicitation(address, asker)
    return frame.ljust(_SHORTEST_FRAME, b"\0")


def link_local(mac: MacAddress) -> IPv6Address:
    """The address that a host with this MAC address gives itself, if it does so as RFC 4291, appendix A."""
    octets = _mac(mac)
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return IPv6Address(b"\xfe\x80".ljust(8, b"\0") + identifier)


def _mac(mac: MacAddress) -> bytes:
    return int(mac).to_bytes(6, "big")


def _arp_probe(address: IPv4Address, asker: MacAddress) -> bytes:
    head = struct.pack("!HHBBH", 1, _IPV4, 6, 4, _ARP_REQUEST)
    return head + _mac(asker) + bytes(4) + bytes(6) + address.packed


def _solicitation(address: IPv6Address, asker: MacAddress) -> bytes:
    source = link_local(asker).packed
    destination = IPv6Address(int(_SOLICITED_NODE) | int(address) & 0xFFFFFF).packed
    message = (
        struct.pack("!BBHI", _NEIGHBOR_SOLICITATION, 0, 0, 0)
        + address.packed
        + _SOURCE_LINK_LAYER
        + _mac(asker)
    )
    pseudo_header = source + destination + struct.pack("!II", len(message), _ICMPV6)
    checksum = struct.pack("!H", internet_checksum(pseudo_header + message))
    head = struct.pack("!IHBB", 6 << 28, len(message), _ICMPV6, _HOP_LIMIT)
    return head + source + destination + message[:2] + checksum + message[4:]

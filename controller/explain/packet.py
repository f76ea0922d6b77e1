"""A packet as far as the pipeline's tables can tell packets apart. Values only.

Lengths, checksums and options are right; a packet that is not so is dropped before any table decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from p4fabric.controller.intents.fields import IpAddress
from p4fabric.pipelines.values import IPv6Address, MacAddress, Teid, VlanId

__all__ = [
    "ACK",
    "BROADCAST",
    "ECHO_REPLY",
    "ECHO_REQUEST",
    "GTPU_PORT",
    "ICMP",
    "ICMPV6",
    "NEIGHBOR_SOLICITATION",
    "RST",
    "SYN",
    "TCP",
    "UDP",
    "Packet",
    "group_mac",
    "question",
]

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
SYN, RST, ACK = 0x02, 0x04, 0x10
GTPU_PORT = 2152
"""3GPP TS 29.281, section 4.4.2."""
ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
NEIGHBOR_SOLICITATION = 135
BROADCAST = MacAddress(0xFFFFFFFFFFFF)
_ND_HOP_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Packet:
    """A frame with an IP packet, or an ARP request (`protocol` is None)."""

    src_mac: MacAddress
    dst_mac: MacAddress
    tag: VlanId | None
    """The VLAN id in its IEEE 802.1Q header."""
    src: IpAddress
    """Of ARP, the sender's address."""
    dst: IpAddress
    """Of ARP, the address that is asked for."""
    protocol: int | None
    src_port: int = 0
    dst_port: int = 0
    tcp_flags: int = 0
    ttl: int = 64
    icmp_type: int = 0
    target: IPv6Address | None = None
    """Of a neighbor solicitation."""
    teid: Teid | None = None
    """Of a G-PDU, which carries `inner`."""
    inner: Packet | None = None

    @property
    def is_arp(self) -> bool:
        """Whether it is an ARP request."""
        return self.protocol is None

    @property
    def version(self) -> int:
        """Of the IP packet: 4 or 6; 0 where there is none."""
        return 0 if self.protocol is None else self.src.version


def group_mac(address: IpAddress) -> MacAddress | None:
    """The MAC address of a multicast or broadcast address (RFC 1112, RFC 2464); None for others."""
    if address.version == 6:
        return MacAddress(0x333300000000 | int(address) & 0xFFFFFFFF) if address.is_multicast else None
    if address.is_multicast:
        return MacAddress(0x01005E000000 | int(address) & 0x7FFFFF)
    return BROADCAST if int(address) == 0xFFFFFFFF else None


def question(mac: MacAddress, tag: VlanId | None, source: IpAddress, asked: IpAddress) -> Packet:
    """Who has an address? An ARP request (RFC 826) or a neighbor solicitation (RFC 4861, section 4.3)."""
    if isinstance(asked, IPv6Address):
        group = IPv6Address(0xFF02 << 112 | 0x1FF << 24 | int(asked) & 0xFFFFFF)
        to = MacAddress(0x333300000000 | int(group) & 0xFFFFFFFF)
        return Packet(
            mac, to, tag, source, group, ICMPV6, ttl=_ND_HOP_LIMIT, icmp_type=NEIGHBOR_SOLICITATION,
            target=asked,
        )  # fmt: skip
    return Packet(mac, BROADCAST, tag, source, asked, None)

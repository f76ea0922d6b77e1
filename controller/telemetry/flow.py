"""Flows: the packets of one 5-tuple, as they are read from the beginning of a packet. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from p4fabric.pipelines.values import IpProtocol, L4Port

__all__ = ["Flow", "FlowId", "ethernet_flow", "ipv4_flow", "ipv6_flow"]

_PROTOCOL_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp"}
_WITH_PORTS = frozenset({6, 17, 33, 132, 136})
"""TCP, UDP, DCCP, SCTP, UDP-Lite."""
_ETHERNET_SIZE, _TAG_SIZE, _MOST_TAGS = 14, 4, 2
_TAG_TYPES = frozenset({0x8100, 0x88A8})
_IPV4, _IPV6 = 0x0800, 0x86DD
_IPV4_SIZE, _IPV6_SIZE = 20, 40
_EXTENSIONS = frozenset({0, 43, 60})
"""Headers of IPv6 that others follow: hop-by-hop options, routing, destination options."""
_FRAGMENT = 44
_MOST_EXTENSIONS = 8
_REMEMBERED = 8192


@dataclass(frozen=True, slots=True)
class Flow:
    """The packets of one 5-tuple; addresses are None for what is not IP."""

    protocol: IpProtocol
    source: IPv4Address | IPv6Address | None
    destination: IPv4Address | IPv6Address | None
    source_port: L4Port
    destination_port: L4Port
    _hash: int = field(init=False, repr=False, compare=False)
    """Flows are looked up all the time, and addresses take long to hash."""

    def __post_init__(self) -> None:
        parts = (self.protocol, self.source, self.destination, self.source_port, self.destination_port)
        object.__setattr__(self, "_hash", hash(parts))

    def __hash__(self) -> int:
        return self._hash

    @property
    def protocol_name(self) -> str:
        """As people write it."""
        return _PROTOCOL_NAMES.get(self.protocol, str(self.protocol))

    def __str__(self) -> str:
        if self.source is None:
            return "not IP"
        if not self.source_port and not self.destination_port:
            return f"{self.protocol_name} {self.source} > {self.destination}"
        one, other = (
            self._end(self.source, self.source_port),
            self._end(self.destination, self.destination_port),
        )
        return f"{self.protocol_name} {one} > {other}"

    @staticmethod
    def _end(address: IPv4Address | IPv6Address | None, port: L4Port) -> str:
        return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


class FlowId(NamedTuple):
    """A flow of one network: tenants may use the same addresses."""

    vlan: int
    """The VLAN id; 0 where the switch did not say."""
    flow: Flow

    def __str__(self) -> str:
        return f"{self.flow} (VLAN {self.vlan})" if self.vlan else str(self.flow)


NOT_IP = Flow(IpProtocol(0), None, None, L4Port(0), L4Port(0))


def ethernet_flow(frame: bytes) -> FlowId:
    """The flow of an Ethernet frame of which the beginning is there; what cannot be read is not IP."""
    vlan, at = 0, _ETHERNET_SIZE
    kind = int.from_bytes(frame[12:14], "big")
    for _ in range(_MOST_TAGS):
        if kind not in _TAG_TYPES or len(frame) < at + _TAG_SIZE:
            break
        vlan = vlan or int.from_bytes(frame[at : at + 2], "big") & 0xFFF
        kind = int.from_bytes(frame[at + 2 : at + 4], "big")
        at += _TAG_SIZE
    if kind == _IPV4:
        return FlowId(vlan, ipv4_flow(frame[at:]))
    if kind == _IPV6:
        return FlowId(vlan, ipv6_flow(frame[at:]))
    return FlowId(vlan, NOT_IP)


def ipv4_flow(packet: bytes) -> Flow:
    """The flow of an IPv4 packet; fragments but the first have no ports."""
    if len(packet) < _IPV4_SIZE or packet[0] >> 4 != 4:
        return NOT_IP
    size = (packet[0] & 0xF) * 4
    offset = int.from_bytes(packet[6:8], "big") & 0x1FFF
    ports = packet[size : size + 4] if size >= _IPV4_SIZE and not offset else b""
    return _ipv4(packet[9], packet[12:20], ports if packet[9] in _WITH_PORTS else b"")


def ipv6_flow(packet: bytes) -> Flow:
    """The flow of an IPv6 packet, by the header behind a few extensions."""
    if len(packet) < _IPV6_SIZE or packet[0] >> 4 != 6:
        return NOT_IP
    protocol, at, is_later_fragment = packet[6], _IPV6_SIZE, False
    for _ in range(_MOST_EXTENSIONS):
        if len(packet) < at + 8:
            break
        if protocol in _EXTENSIONS:
            protocol, at = packet[at], at + 8 * (packet[at + 1] + 1)
        elif protocol == _FRAGMENT:
            is_later_fragment = int.from_bytes(packet[at + 2 : at + 4], "big") >> 3 != 0
            protocol, at = packet[at], at + 8
        else:
            break
    has_ports = protocol in _WITH_PORTS and not is_later_fragment
    return _ipv6(protocol, packet[8:40], packet[at : at + 4] if has_ports else b"")


@lru_cache(_REMEMBERED)
def _ipv4(protocol: int, addresses: bytes, ports: bytes) -> Flow:
    return _flow(protocol, IPv4Address(addresses[:4]), IPv4Address(addresses[4:]), ports)


@lru_cache(_REMEMBERED)
def _ipv6(protocol: int, addresses: bytes, ports: bytes) -> Flow:
    return _flow(protocol, IPv6Address(addresses[:16]), IPv6Address(addresses[16:]), ports)


def _flow(
    protocol: int, source: IPv4Address | IPv6Address, destination: IPv4Address | IPv6Address, ports: bytes
) -> Flow:
    one, other = (ports[:2], ports[2:]) if len(ports) == 4 else (b"", b"")
    return Flow(
        IpProtocol(protocol),
        source,
        destination,
        L4Port(int.from_bytes(one, "big")),
        L4Port(int.from_bytes(other, "big")),
    )

"""A small fabric's ports, and the packets that its hosts try: honest ones, and some that are not.

Two leaves with three edge ports each, one spine, and a direct cable between the leaves. Behind each edge
port is one host, with one address in each subnet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import Link, Role, Switch
from p4fabric.pipelines.values import MacAddress, Port

LEAVES = (SwitchName("leaf1"), SwitchName("leaf2"))
SPINE = SwitchName("spine1")
NAMES = (*LEAVES, SPINE)
SWITCHES = {
    name: Switch(name, number, Role.SPINE if name == SPINE else Role.LEAF)
    for number, name in enumerate(NAMES, 1)
}


def at(switch: str, port: int) -> PortRef:
    return PortRef(SwitchName(switch), Port(port))


EDGE_PORTS = tuple(at(leaf, port) for leaf in LEAVES for port in (1, 2, 3))
CABLES = (
    (at("leaf1", 9), at("spine1", 1)),
    (at("leaf2", 9), at("spine1", 2)),
    (at("leaf1", 8), at("leaf2", 8)),
)
LINKS = tuple(Link(*ends) for cable in CABLES for ends in (cable, cable[::-1]))
FAR_END = {link.source: link.destination for link in LINKS}
TAG = 5
"""Of hosts that send tagged frames at their ports."""
SUBNETS = (1, 2)
VIRTUAL_IP, SERVICE_PORT, SERVER_PORT = IPv4Address("10.0.9.9"), 80, 8080
UE, N3, TEID = IPv4Address("10.45.0.2"), IPv4Address("10.0.1.200"), 0x101
TCP, UDP = 6, 17


def mac(port: PortRef) -> MacAddress:
    """Of the host behind a port."""
    return MacAddress(0x020000000000 + EDGE_PORTS.index(port) + 1)


def address(port: PortRef, subnet: int) -> IPv4Address:
    """Of the host behind a port, in 10.0.SUBNET.0/24."""
    return IPv4Address(f"10.0.{subnet}.{11 + EDGE_PORTS.index(port)}")


@dataclass(frozen=True, slots=True)
class Packet:
    """What matters of a packet. ARP has addresses (sender, target) and no protocol."""

    src_mac: MacAddress
    dst_mac: MacAddress
    src: IPv4Address
    dst: IPv4Address
    protocol: int | None = TCP
    dst_port: int = SERVICE_PORT
    teid: int | None = None
    """Of a G-PDU, whose inner packet is `inner`."""
    inner: Packet | None = None

    @property
    def is_arp(self) -> bool:
        return self.protocol is None


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet that a host sends."""

    port: PortRef
    tag: int | None
    packet: Packet


def _from(port: PortRef, tag: int | None) -> list[Sent]:
    own = mac(port)
    others = [other for other in EDGE_PORTS if other != port]
    neighbour = others[0]
    broadcast = MacAddress(0xFFFFFFFFFFFF)
    found: list[Packet] = []
    for subnet in SUBNETS:
        me = address(port, subnet)
        found.append(Packet(own, broadcast, me, address(neighbour, subnet), None))
        for other in others:
            for destination in SUBNETS:
                routed = Packet(own, ROUTER_MAC, me, address(other, destination))
                found += [routed, replace(routed, dst_port=22)]
            bridged = Packet(own, mac(other), me, address(other, subnet))
            found += [bridged, replace(bridged, dst_port=22)]
        found.append(Packet(own, ROUTER_MAC, me, VIRTUAL_IP))
        found.append(Packet(own, ROUTER_MAC, me, UE))
    # As somebody else.
    for liar, source in ((own, address(neighbour, 1)), (mac(neighbour), address(neighbour, 1))):
        found += [
            Packet(liar, ROUTER_MAC, source, address(others[-1], 2)),
            Packet(liar, mac(others[-1]), source, address(others[-1], 1)),
        ]
    found.append(Packet(own, ROUTER_MAC, UE, address(others[-1], 2)))
    for other in others:
        inner = Packet(own, ROUTER_MAC, UE, address(other, 2))
        found.append(Packet(own, ROUTER_MAC, address(port, 1), N3, UDP, 2152, TEID, inner))
    return [Sent(port, tag, packet) for packet in found]


PACKETS = tuple(
    sent
    for port in EDGE_PORTS
    for tag in ((None, TAG) if port.port == 3 else (None,))
    for sent in _from(port, tag)
) + tuple(
    # As if the network's own id were a tag that hosts may use.
    Sent(port, vlan, Packet(mac(port), MacAddress(0xFFFFFFFFFFFF), address(port, 1), IPv4Address(1), None))
    for port in EDGE_PORTS
    for vlan in (100, 101, 102)
)

"""A small fabric on one switch, in the terms of fabric.p4's tables: what the behaviour tests stand on.

Ports 1 and 2 are untagged edge ports of network RED (VRF 1), port 3 of network BLUE (VRF 1 too), port
4 is a link of the fabric (tagged).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from p4fabric.pipelines.entities import Entity, Lpm, MulticastGroup, Replica, Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import MacAddress, Port, VlanId, VrfId
from tests.entries import any_host

RED, BLUE = VlanId(100), VlanId(200)
TENANT = VrfId(1)
ROUTER = MacAddress.parse("02:00:5e:00:00:01")

ALICE = MacAddress.parse("02:00:00:00:00:0a")  # RED, port 1
BOB = MacAddress.parse("02:00:00:00:00:0b")  # RED, port 2
CAROL = MacAddress.parse("02:00:00:00:00:0c")  # BLUE, port 3
DAVE = MacAddress.parse("02:00:00:00:00:0d")  # RED, behind the fabric link, port 4
ALICE_IP, BOB_IP = IPv4Address("10.0.1.10"), IPv4Address("10.0.1.11")
CAROL_IP, DAVE_IP = IPv4Address("10.0.2.12"), IPv4Address("10.0.1.13")
ALICE_IP6, CAROL_IP6 = IPv6Address("2001:db8:1::a"), IPv6Address("2001:db8:2::c")
RED_SUBNET, RED_SUBNET6 = Lpm(IPv4Address("10.0.1.0"), 24), Lpm(IPv6Address("2001:db8:1::"), 64)
BLUE_SUBNET, BLUE_SUBNET6 = Lpm(IPv4Address("10.0.2.0"), 24), Lpm(IPv6Address("2001:db8:2::"), 64)
RED_GATEWAY, RED_GATEWAY6 = IPv4Address("10.0.1.1"), IPv6Address("2001:db8:1::1")


def edge(port: int, vlan: VlanId) -> list[Entity]:
    """An untagged edge port, open for one network."""
    return [
        b.PortVlan(Port(port), False, None, 1, any_host(vlan)),
        b.EgressVlan(Port(port), Ternary.exact(vlan, 12), 1, b.EdgeUntagged()),
    ]


def network(vlan: VlanId, ipv4: Lpm[IPv4Address], ipv6: Lpm[IPv6Address]) -> list[Entity]:
    """A network of both families; its hosts may send as any address of its subnets but the gateway's."""
    return [
        b.Networks(vlan, b.SetNetwork(TENANT, ROUTER, 1000, ipv4.value, ipv6.value, False, 0, False)),
        b.SourceIpv4(vlan, ipv4, b.SourceOfSubnet()),
        b.SourceIpv4(vlan, Lpm(IPv4Address(0), 32), b.SourcePermitted()),
        b.SourceIpv4(vlan, Lpm(IPv4Address(int(ipv4.value) + 1), 32), b.SourceDenied()),
        b.SourceIpv6(vlan, ipv6, b.SourceOfSubnet()),
        b.SourceIpv6(vlan, Lpm(IPv6Address(0), 128), b.SourcePermitted()),
        b.SourceIpv6(vlan, Lpm(IPv6Address("fe80::"), 10), b.SourcePermitted()),
        b.SourceIpv6(vlan, Lpm(IPv6Address(int(ipv6.value) + 1), 128), b.SourceDenied()),
    ]


def host4(address: IPv4Address, vlan: VlanId, mac: MacAddress) -> b.RoutingIpv4:
    """A host route."""
    return b.RoutingIpv4(TENANT, Lpm(address, 32), b.RouteTo(vlan, ROUTER, mac))


def fabric_entries() -> list[Entity]:
    """The whole small fabric."""
    entries: list[Entity] = [
        *network(RED, RED_SUBNET, RED_SUBNET6),
        *network(BLUE, BLUE_SUBNET, BLUE_SUBNET6),
        b.LinkPorts(Port(4), b.Link()),
        *edge(1, RED),
        *edge(2, RED),
        *edge(3, BLUE),
        b.PortVlan(Port(4), True, None, 1, b.PermitFabric()),
        b.EgressVlan(Port(4), None, 1, b.FabricTagged()),
        MulticastGroup(int(RED), (Replica(1), Replica(2), Replica(4))),
        MulticastGroup(int(BLUE), (Replica(3), Replica(4))),
    ]
    for vlan, mac, port in ((RED, ALICE, 1), (RED, BOB, 2), (BLUE, CAROL, 3), (RED, DAVE, 4)):
        entries.append(b.Bridging(vlan, mac, b.ToPort(Port(port))))
    for vlan in (RED, BLUE):
        entries.append(b.Gateways(vlan, ROUTER, b.Route()))
    entries += [
        b.ArpResponder(RED, RED_GATEWAY, b.ArpReply(ROUTER)),
        b.NdResponder(RED, RED_GATEWAY6, b.NeighborAdvertisement(ROUTER)),
        host4(ALICE_IP, RED, ALICE),
        host4(BOB_IP, RED, BOB),
        host4(CAROL_IP, BLUE, CAROL),
        host4(DAVE_IP, RED, DAVE),
        b.RoutingIpv6(TENANT, Lpm(ALICE_IP6, 128), b.RouteTo(RED, ROUTER, ALICE)),
        b.RoutingIpv6(TENANT, Lpm(CAROL_IP6, 128), b.RouteTo(BLUE, ROUTER, CAROL)),
    ]
    return entries

"""Typed bindings of fabric, generated from its P4Info by pipelines/generate.py; do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipelines.entities import (
    Action,
    CounterCell,
    DigestMessage,
    Lpm,
    MatchField,
    PacketMetadata,
    Parameter,
    TableEntry,
    Ternary,
    Weighted,
)
from pipelines.values import (
    EcmpGroupId,
    IPv4Address,
    IPv6Address,
    IpProtocol,
    L4Port,
    MacAddress,
    Port,
    Qfi,
    Teid,
    TunnelPeerId,
    VlanId,
    VrfId,
)


@dataclass(frozen=True, slots=True)
class NoAction(Action):
    """`NoAction`."""

    ID: ClassVar[int] = 21257015
    NAME: ClassVar[str] = "NoAction"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class Link(Action):
    """`FabricIngress.packet_io.link`."""

    ID: ClassVar[int] = 23243176
    NAME: ClassVar[str] = "FabricIngress.packet_io.link"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class PortFilterDeny(Action):
    """`FabricIngress.port_filter.deny`."""

    ID: ClassVar[int] = 27256486
    NAME: ClassVar[str] = "FabricIngress.port_filter.deny"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class PermitEdge(Action):
    """`FabricIngress.port_filter.permit_edge`."""

    vlan_id: VlanId
    dhcp_server: bool
    ipv6_router: bool
    ID: ClassVar[int] = 23693174
    NAME: ClassVar[str] = "FabricIngress.port_filter.permit_edge"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "vlan_id", 12, VlanId),
        Parameter(2, "dhcp_server", 1, bool),
        Parameter(3, "ipv6_router", 1, bool),
    )


@dataclass(frozen=True, slots=True)
class PermitHost(Action):
    """`FabricIngress.port_filter.permit_host`."""

    vlan_id: VlanId
    mac: MacAddress
    addresses_stated: bool
    dhcp_server: bool
    ipv6_router: bool
    ID: ClassVar[int] = 30136293
    NAME: ClassVar[str] = "FabricIngress.port_filter.permit_host"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "vlan_id", 12, VlanId),
        Parameter(2, "mac", 48, MacAddress),
        Parameter(3, "addresses_stated", 1, bool),
        Parameter(4, "dhcp_server", 1, bool),
        Parameter(5, "ipv6_router", 1, bool),
    )


@dataclass(frozen=True, slots=True)
class PermitFabric(Action):
    """`FabricIngress.port_filter.permit_fabric`."""

    ID: ClassVar[int] = 30833959
    NAME: ClassVar[str] = "FabricIngress.port_filter.permit_fabric"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class SetNetwork(Action):
    """`FabricIngress.port_filter.set_network`."""

    vrf: VrfId
    router_mac: MacAddress
    flood_interval: int
    ipv4_scope: IPv4Address
    ipv6_scope: IPv6Address
    any_ether_type: bool
    ID: ClassVar[int] = 18365423
    NAME: ClassVar[str] = "FabricIngress.port_filter.set_network"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "vrf", 16, VrfId),
        Parameter(2, "router_mac", 48, MacAddress),
        Parameter(3, "flood_interval", 32, int),
        Parameter(4, "ipv4_scope", 32, IPv4Address),
        Parameter(5, "ipv6_scope", 128, IPv6Address),
        Parameter(6, "any_ether_type", 1, bool),
    )


@dataclass(frozen=True, slots=True)
class SourceDenied(Action):
    """`FabricIngress.source_guard.source_denied`."""

    ID: ClassVar[int] = 32984691
    NAME: ClassVar[str] = "FabricIngress.source_guard.source_denied"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class SourcePermitted(Action):
    """`FabricIngress.source_guard.source_permitted`."""

    ID: ClassVar[int] = 17825147
    NAME: ClassVar[str] = "FabricIngress.source_guard.source_permitted"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class SourceOfSubnet(Action):
    """`FabricIngress.source_guard.source_of_subnet`."""

    ID: ClassVar[int] = 32975340
    NAME: ClassVar[str] = "FabricIngress.source_guard.source_of_subnet"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class SourceBound(Action):
    """`FabricIngress.source_guard.source_bound`."""

    port: Port
    mac: MacAddress
    ID: ClassVar[int] = 27585653
    NAME: ClassVar[str] = "FabricIngress.source_guard.source_bound"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "port", 9, Port),
        Parameter(2, "mac", 48, MacAddress),
    )


@dataclass(frozen=True, slots=True)
class SourceElsewhere(Action):
    """`FabricIngress.source_guard.source_elsewhere`."""

    ID: ClassVar[int] = 24018452
    NAME: ClassVar[str] = "FabricIngress.source_guard.source_elsewhere"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class CheckArp(Action):
    """`FabricIngress.source_guard.check_arp`."""

    ID: ClassVar[int] = 25259714
    NAME: ClassVar[str] = "FabricIngress.source_guard.check_arp"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class ArpReply(Action):
    """`FabricIngress.address_resolution.arp_reply`."""

    mac: MacAddress
    ID: ClassVar[int] = 27585235
    NAME: ClassVar[str] = "FabricIngress.address_resolution.arp_reply"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter(1, "mac", 48, MacAddress),)


@dataclass(frozen=True, slots=True)
class NeighborAdvertisement(Action):
    """`FabricIngress.address_resolution.neighbor_advertisement`."""

    mac: MacAddress
    ID: ClassVar[int] = 17392091
    NAME: ClassVar[str] = "FabricIngress.address_resolution.neighbor_advertisement"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter(1, "mac", 48, MacAddress),)


@dataclass(frozen=True, slots=True)
class Route(Action):
    """`FabricIngress.gateway.route`."""

    ID: ClassVar[int] = 17730498
    NAME: ClassVar[str] = "FabricIngress.gateway.route"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class N3(Action):
    """`FabricIngress.upf_uplink.n3`."""

    ID: ClassVar[int] = 21109063
    NAME: ClassVar[str] = "FabricIngress.upf_uplink.n3"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class Decapsulate(Action):
    """`FabricIngress.upf_uplink.decapsulate`."""

    vrf: VrfId
    ID: ClassVar[int] = 20387980
    NAME: ClassVar[str] = "FabricIngress.upf_uplink.decapsulate"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter(1, "vrf", 16, VrfId),)


@dataclass(frozen=True, slots=True)
class ToServer(Action):
    """`FabricIngress.load_balancer.to_server`."""

    address: IPv4Address
    port: L4Port
    ID: ClassVar[int] = 30842538
    NAME: ClassVar[str] = "FabricIngress.load_balancer.to_server"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "address", 32, IPv4Address),
        Parameter(2, "port", 16, L4Port),
    )


@dataclass(frozen=True, slots=True)
class AllowIpv4(Action):
    """`FabricIngress.firewall.allow_ipv4`."""

    ID: ClassVar[int] = 22317821
    NAME: ClassVar[str] = "FabricIngress.firewall.allow_ipv4"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class DenyIpv4(Action):
    """`FabricIngress.firewall.deny_ipv4`."""

    ID: ClassVar[int] = 25698897
    NAME: ClassVar[str] = "FabricIngress.firewall.deny_ipv4"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class AllowIpv6(Action):
    """`FabricIngress.firewall.allow_ipv6`."""

    ID: ClassVar[int] = 18954905
    NAME: ClassVar[str] = "FabricIngress.firewall.allow_ipv6"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class DenyIpv6(Action):
    """`FabricIngress.firewall.deny_ipv6`."""

    ID: ClassVar[int] = 18017126
    NAME: ClassVar[str] = "FabricIngress.firewall.deny_ipv6"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class Encapsulate(Action):
    """`FabricIngress.upf_downlink.encapsulate`."""

    tunnel_peer: TunnelPeerId
    teid: Teid
    qfi: Qfi
    ID: ClassVar[int] = 21562943
    NAME: ClassVar[str] = "FabricIngress.upf_downlink.encapsulate"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "tunnel_peer", 16, TunnelPeerId),
        Parameter(2, "teid", 32, Teid),
        Parameter(3, "qfi", 6, Qfi),
    )


@dataclass(frozen=True, slots=True)
class TunnelTo(Action):
    """`FabricIngress.upf_downlink.tunnel_to`."""

    vrf: VrfId
    n3_address: IPv4Address
    gnb_address: IPv4Address
    ID: ClassVar[int] = 26431749
    NAME: ClassVar[str] = "FabricIngress.upf_downlink.tunnel_to"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "vrf", 16, VrfId),
        Parameter(2, "n3_address", 32, IPv4Address),
        Parameter(3, "gnb_address", 32, IPv4Address),
    )


@dataclass(frozen=True, slots=True)
class Unreachable(Action):
    """`FabricIngress.routing.unreachable`."""

    ID: ClassVar[int] = 20735631
    NAME: ClassVar[str] = "FabricIngress.routing.unreachable"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class RouteTo(Action):
    """`FabricIngress.routing.route_to`."""

    vlan_id: VlanId
    src_mac: MacAddress
    dst_mac: MacAddress
    ID: ClassVar[int] = 28296964
    NAME: ClassVar[str] = "FabricIngress.routing.route_to"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "vlan_id", 12, VlanId),
        Parameter(2, "src_mac", 48, MacAddress),
        Parameter(3, "dst_mac", 48, MacAddress),
    )


@dataclass(frozen=True, slots=True)
class ToPort(Action):
    """`FabricIngress.bridging.to_port`."""

    port: Port
    ID: ClassVar[int] = 31304597
    NAME: ClassVar[str] = "FabricIngress.bridging.to_port"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter(1, "port", 9, Port),)


@dataclass(frozen=True, slots=True)
class ToEcmpGroup(Action):
    """`FabricIngress.bridging.to_ecmp_group`."""

    group: EcmpGroupId
    ID: ClassVar[int] = 27341062
    NAME: ClassVar[str] = "FabricIngress.bridging.to_ecmp_group"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter(1, "group", 16, EcmpGroupId),)


@dataclass(frozen=True, slots=True)
class Flood(Action):
    """`FabricIngress.bridging.flood`."""

    ID: ClassVar[int] = 28733202
    NAME: ClassVar[str] = "FabricIngress.bridging.flood"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class FabricIngressDiscard(Action):
    """`FabricIngress.discard`."""

    ID: ClassVar[int] = 27519241
    NAME: ClassVar[str] = "FabricIngress.discard"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class EgressVlanDeny(Action):
    """`FabricEgress.egress_vlan.deny`."""

    ID: ClassVar[int] = 27126498
    NAME: ClassVar[str] = "FabricEgress.egress_vlan.deny"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class EdgeUntagged(Action):
    """`FabricEgress.egress_vlan.edge_untagged`."""

    ID: ClassVar[int] = 22780703
    NAME: ClassVar[str] = "FabricEgress.egress_vlan.edge_untagged"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class EdgeTagged(Action):
    """`FabricEgress.egress_vlan.edge_tagged`."""

    tag: VlanId
    ID: ClassVar[int] = 30480406
    NAME: ClassVar[str] = "FabricEgress.egress_vlan.edge_tagged"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter(1, "tag", 12, VlanId),)


@dataclass(frozen=True, slots=True)
class FabricTagged(Action):
    """`FabricEgress.egress_vlan.fabric_tagged`."""

    ID: ClassVar[int] = 23554812
    NAME: ClassVar[str] = "FabricEgress.egress_vlan.fabric_tagged"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class DenyFragment(Action):
    """`FabricEgress.load_balancer_reply.deny_fragment`."""

    ID: ClassVar[int] = 28823672
    NAME: ClassVar[str] = "FabricEgress.load_balancer_reply.deny_fragment"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True, slots=True)
class FromVirtualIp(Action):
    """`FabricEgress.load_balancer_reply.from_virtual_ip`."""

    address: IPv4Address
    port: L4Port
    ID: ClassVar[int] = 23018334
    NAME: ClassVar[str] = "FabricEgress.load_balancer_reply.from_virtual_ip"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "address", 32, IPv4Address),
        Parameter(2, "port", 16, L4Port),
    )


@dataclass(frozen=True, slots=True)
class Watch(Action):
    """`FabricEgress.congestion_watch.watch`."""

    depth: int
    delay: int
    interval: int
    ID: ClassVar[int] = 20715598
    NAME: ClassVar[str] = "FabricEgress.congestion_watch.watch"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "depth", 32, int),
        Parameter(2, "delay", 32, int),
        Parameter(3, "interval", 48, int),
    )


@dataclass(frozen=True, slots=True)
class FabricEgressDiscard(Action):
    """`FabricEgress.discard`."""

    ID: ClassVar[int] = 18884661
    NAME: ClassVar[str] = "FabricEgress.discard"
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()


@dataclass(frozen=True)
class LinkPorts(TableEntry):
    """`FabricIngress.packet_io.link_ports`, 512 entries."""

    ingress_port: Port
    action: Link
    TABLE_ID: ClassVar[int] = 43252593
    TABLE_NAME: ClassVar[str] = "FabricIngress.packet_io.link_ports"
    SIZE: ClassVar[int] = 512
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (MatchField(1, "ingress_port", 9, "exact", Port),)
    ACTIONS: ClassVar[dict[int, type[Action]]] = {Link.ID: Link}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class PortVlan(TableEntry):
    """`FabricIngress.port_filter.port_vlan`, 4,096 entries."""

    ingress_port: Port
    tagged: bool
    vlan_id: Ternary[VlanId] | None
    priority: int
    action: PortFilterDeny | PermitEdge | PermitHost | PermitFabric
    TABLE_ID: ClassVar[int] = 45200921
    TABLE_NAME: ClassVar[str] = "FabricIngress.port_filter.port_vlan"
    SIZE: ClassVar[int] = 4096
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "ingress_port", 9, "exact", Port),
        MatchField(2, "tagged", 1, "exact", bool),
        MatchField(3, "vlan_id", 12, "ternary", VlanId),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {
        PortFilterDeny.ID: PortFilterDeny,
        PermitEdge.ID: PermitEdge,
        PermitHost.ID: PermitHost,
        PermitFabric.ID: PermitFabric,
    }
    HAS_PRIORITY: ClassVar[bool] = True
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class Networks(TableEntry):
    """`FabricIngress.port_filter.networks`, 4,094 entries."""

    vlan_id: VlanId
    action: PortFilterDeny | SetNetwork
    TABLE_ID: ClassVar[int] = 36390640
    TABLE_NAME: ClassVar[str] = "FabricIngress.port_filter.networks"
    SIZE: ClassVar[int] = 4094
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (MatchField(1, "vlan_id", 12, "exact", VlanId),)
    ACTIONS: ClassVar[dict[int, type[Action]]] = {
        PortFilterDeny.ID: PortFilterDeny,
        SetNetwork.ID: SetNetwork,
    }
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class SourceIpv4(TableEntry):
    """`FabricIngress.source_guard.source_ipv4`, 65,536 entries."""

    vlan_id: VlanId
    address: Lpm[IPv4Address]
    action: SourceDenied | SourcePermitted | SourceOfSubnet | SourceBound | SourceElsewhere
    TABLE_ID: ClassVar[int] = 33973681
    TABLE_NAME: ClassVar[str] = "FabricIngress.source_guard.source_ipv4"
    SIZE: ClassVar[int] = 65536
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vlan_id", 12, "exact", VlanId),
        MatchField(2, "address", 32, "lpm", IPv4Address),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {
        SourceDenied.ID: SourceDenied,
        SourcePermitted.ID: SourcePermitted,
        SourceOfSubnet.ID: SourceOfSubnet,
        SourceBound.ID: SourceBound,
        SourceElsewhere.ID: SourceElsewhere,
    }
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class SourceIpv6(TableEntry):
    """`FabricIngress.source_guard.source_ipv6`, 65,536 entries."""

    vlan_id: VlanId
    address: Lpm[IPv6Address]
    action: SourceDenied | SourcePermitted | SourceOfSubnet | SourceBound | SourceElsewhere
    TABLE_ID: ClassVar[int] = 49239429
    TABLE_NAME: ClassVar[str] = "FabricIngress.source_guard.source_ipv6"
    SIZE: ClassVar[int] = 65536
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vlan_id", 12, "exact", VlanId),
        MatchField(2, "address", 128, "lpm", IPv6Address),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {
        SourceDenied.ID: SourceDenied,
        SourcePermitted.ID: SourcePermitted,
        SourceOfSubnet.ID: SourceOfSubnet,
        SourceBound.ID: SourceBound,
        SourceElsewhere.ID: SourceElsewhere,
    }
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class ArpResponder(TableEntry):
    """`FabricIngress.address_resolution.arp_responder`, 8,192 entries."""

    vlan_id: VlanId
    target_ip: IPv4Address
    action: ArpReply
    TABLE_ID: ClassVar[int] = 45957268
    TABLE_NAME: ClassVar[str] = "FabricIngress.address_resolution.arp_responder"
    SIZE: ClassVar[int] = 8192
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vlan_id", 12, "exact", VlanId),
        MatchField(2, "target_ip", 32, "exact", IPv4Address),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {ArpReply.ID: ArpReply}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class NdResponder(TableEntry):
    """`FabricIngress.address_resolution.nd_responder`, 8,192 entries."""

    vlan_id: VlanId
    target_ip: IPv6Address
    action: NeighborAdvertisement
    TABLE_ID: ClassVar[int] = 36503931
    TABLE_NAME: ClassVar[str] = "FabricIngress.address_resolution.nd_responder"
    SIZE: ClassVar[int] = 8192
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vlan_id", 12, "exact", VlanId),
        MatchField(2, "target_ip", 128, "exact", IPv6Address),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {NeighborAdvertisement.ID: NeighborAdvertisement}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class Gateways(TableEntry):
    """`FabricIngress.gateway.gateways`, 4,094 entries."""

    vlan_id: VlanId
    mac: MacAddress
    action: Route
    TABLE_ID: ClassVar[int] = 42679988
    TABLE_NAME: ClassVar[str] = "FabricIngress.gateway.gateways"
    SIZE: ClassVar[int] = 4094
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vlan_id", 12, "exact", VlanId),
        MatchField(2, "mac", 48, "exact", MacAddress),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {Route.ID: Route}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class UpfInterfaces(TableEntry):
    """`FabricIngress.upf_uplink.upf_interfaces`, 64 entries."""

    vrf: VrfId
    n3_address: IPv4Address
    action: N3
    TABLE_ID: ClassVar[int] = 36937474
    TABLE_NAME: ClassVar[str] = "FabricIngress.upf_uplink.upf_interfaces"
    SIZE: ClassVar[int] = 64
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vrf", 16, "exact", VrfId),
        MatchField(2, "n3_address", 32, "exact", IPv4Address),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {N3.ID: N3}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class UpfUplinkSessions(TableEntry):
    """`FabricIngress.upf_uplink.upf_uplink_sessions`, 65,536 entries."""

    n3_address: IPv4Address
    gnb_address: IPv4Address
    teid: Teid
    ue_address: IPv4Address
    action: Decapsulate
    TABLE_ID: ClassVar[int] = 48939837
    TABLE_NAME: ClassVar[str] = "FabricIngress.upf_uplink.upf_uplink_sessions"
    SIZE: ClassVar[int] = 65536
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "n3_address", 32, "exact", IPv4Address),
        MatchField(2, "gnb_address", 32, "exact", IPv4Address),
        MatchField(3, "teid", 32, "exact", Teid),
        MatchField(4, "ue_address", 32, "exact", IPv4Address),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {Decapsulate.ID: Decapsulate}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = True


@dataclass(frozen=True)
class VirtualIps(TableEntry):
    """`FabricIngress.load_balancer.virtual_ips`, 4,096 entries."""

    vrf: VrfId
    address: IPv4Address
    protocol: IpProtocol
    port: L4Port
    action: tuple[Weighted[ToServer], ...]
    TABLE_ID: ClassVar[int] = 44193963
    TABLE_NAME: ClassVar[str] = "FabricIngress.load_balancer.virtual_ips"
    SIZE: ClassVar[int] = 4096
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vrf", 16, "exact", VrfId),
        MatchField(2, "address", 32, "exact", IPv4Address),
        MatchField(3, "protocol", 8, "exact", IpProtocol),
        MatchField(4, "port", 16, "exact", L4Port),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {ToServer.ID: ToServer}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = True
    HAS_COUNTER: ClassVar[bool] = True


@dataclass(frozen=True)
class FirewallIpv4(TableEntry):
    """`FabricIngress.firewall.firewall_ipv4`, 8,192 entries."""

    vrf: VrfId
    src_addr: Ternary[IPv4Address] | None
    dst_addr: Ternary[IPv4Address] | None
    protocol: Ternary[IpProtocol] | None
    src_port: Ternary[L4Port] | None
    dst_port: Ternary[L4Port] | None
    tcp_flags: Ternary[int] | None
    later_fragment: Ternary[bool] | None
    priority: int
    action: AllowIpv4 | DenyIpv4
    TABLE_ID: ClassVar[int] = 41850747
    TABLE_NAME: ClassVar[str] = "FabricIngress.firewall.firewall_ipv4"
    SIZE: ClassVar[int] = 8192
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vrf", 16, "exact", VrfId),
        MatchField(2, "src_addr", 32, "ternary", IPv4Address),
        MatchField(3, "dst_addr", 32, "ternary", IPv4Address),
        MatchField(4, "protocol", 8, "ternary", IpProtocol),
        MatchField(5, "src_port", 16, "ternary", L4Port),
        MatchField(6, "dst_port", 16, "ternary", L4Port),
        MatchField(7, "tcp_flags", 8, "ternary", int),
        MatchField(8, "later_fragment", 1, "ternary", bool),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {AllowIpv4.ID: AllowIpv4, DenyIpv4.ID: DenyIpv4}
    HAS_PRIORITY: ClassVar[bool] = True
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = True


@dataclass(frozen=True)
class FirewallIpv6(TableEntry):
    """`FabricIngress.firewall.firewall_ipv6`, 4,096 entries."""

    vrf: VrfId
    src_addr: Ternary[IPv6Address] | None
    dst_addr: Ternary[IPv6Address] | None
    protocol: Ternary[IpProtocol] | None
    src_port: Ternary[L4Port] | None
    dst_port: Ternary[L4Port] | None
    tcp_flags: Ternary[int] | None
    later_fragment: Ternary[bool] | None
    priority: int
    action: AllowIpv6 | DenyIpv6
    TABLE_ID: ClassVar[int] = 44409803
    TABLE_NAME: ClassVar[str] = "FabricIngress.firewall.firewall_ipv6"
    SIZE: ClassVar[int] = 4096
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vrf", 16, "exact", VrfId),
        MatchField(2, "src_addr", 128, "ternary", IPv6Address),
        MatchField(3, "dst_addr", 128, "ternary", IPv6Address),
        MatchField(4, "protocol", 8, "ternary", IpProtocol),
        MatchField(5, "src_port", 16, "ternary", L4Port),
        MatchField(6, "dst_port", 16, "ternary", L4Port),
        MatchField(7, "tcp_flags", 8, "ternary", int),
        MatchField(8, "later_fragment", 1, "ternary", bool),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {AllowIpv6.ID: AllowIpv6, DenyIpv6.ID: DenyIpv6}
    HAS_PRIORITY: ClassVar[bool] = True
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = True


@dataclass(frozen=True)
class UpfDownlinkSessions(TableEntry):
    """`FabricIngress.upf_downlink.upf_downlink_sessions`, 65,536 entries."""

    vrf: VrfId
    ue_address: IPv4Address
    action: Encapsulate
    TABLE_ID: ClassVar[int] = 35425412
    TABLE_NAME: ClassVar[str] = "FabricIngress.upf_downlink.upf_downlink_sessions"
    SIZE: ClassVar[int] = 65536
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vrf", 16, "exact", VrfId),
        MatchField(2, "ue_address", 32, "exact", IPv4Address),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {Encapsulate.ID: Encapsulate}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = True


@dataclass(frozen=True)
class UpfTunnelPeers(TableEntry):
    """`FabricIngress.upf_downlink.upf_tunnel_peers`, 4,096 entries."""

    tunnel_peer: TunnelPeerId
    action: TunnelTo
    TABLE_ID: ClassVar[int] = 42383809
    TABLE_NAME: ClassVar[str] = "FabricIngress.upf_downlink.upf_tunnel_peers"
    SIZE: ClassVar[int] = 4096
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "tunnel_peer", 16, "exact", TunnelPeerId),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {TunnelTo.ID: TunnelTo}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class RoutingIpv4(TableEntry):
    """`FabricIngress.routing.routing_ipv4`, 65,536 entries."""

    vrf: VrfId
    dst_addr: Lpm[IPv4Address]
    action: RouteTo | Unreachable
    TABLE_ID: ClassVar[int] = 33782178
    TABLE_NAME: ClassVar[str] = "FabricIngress.routing.routing_ipv4"
    SIZE: ClassVar[int] = 65536
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vrf", 16, "exact", VrfId),
        MatchField(2, "dst_addr", 32, "lpm", IPv4Address),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {RouteTo.ID: RouteTo, Unreachable.ID: Unreachable}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class RoutingIpv6(TableEntry):
    """`FabricIngress.routing.routing_ipv6`, 32,768 entries."""

    vrf: VrfId
    dst_addr: Lpm[IPv6Address]
    action: RouteTo | Unreachable
    TABLE_ID: ClassVar[int] = 42776253
    TABLE_NAME: ClassVar[str] = "FabricIngress.routing.routing_ipv6"
    SIZE: ClassVar[int] = 32768
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vrf", 16, "exact", VrfId),
        MatchField(2, "dst_addr", 128, "lpm", IPv6Address),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {RouteTo.ID: RouteTo, Unreachable.ID: Unreachable}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class Bridging(TableEntry):
    """`FabricIngress.bridging.bridging`, 65,536 entries."""

    vlan_id: VlanId
    dst_mac: MacAddress
    action: ToPort | ToEcmpGroup | Flood
    TABLE_ID: ClassVar[int] = 42808693
    TABLE_NAME: ClassVar[str] = "FabricIngress.bridging.bridging"
    SIZE: ClassVar[int] = 65536
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vlan_id", 12, "exact", VlanId),
        MatchField(2, "dst_mac", 48, "exact", MacAddress),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {
        ToPort.ID: ToPort,
        ToEcmpGroup.ID: ToEcmpGroup,
        Flood.ID: Flood,
    }
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class EcmpGroups(TableEntry):
    """`FabricIngress.bridging.ecmp_groups`, 1,024 entries."""

    group: EcmpGroupId
    action: tuple[Weighted[ToPort], ...]
    TABLE_ID: ClassVar[int] = 33881416
    TABLE_NAME: ClassVar[str] = "FabricIngress.bridging.ecmp_groups"
    SIZE: ClassVar[int] = 1024
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (MatchField(1, "group", 16, "exact", EcmpGroupId),)
    ACTIONS: ClassVar[dict[int, type[Action]]] = {ToPort.ID: ToPort}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = True
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class EgressVlan(TableEntry):
    """`FabricEgress.egress_vlan.egress_vlan`, 4,096 entries."""

    egress_port: Port
    vlan_id: Ternary[VlanId] | None
    priority: int
    action: EgressVlanDeny | EdgeUntagged | EdgeTagged | FabricTagged
    TABLE_ID: ClassVar[int] = 47535564
    TABLE_NAME: ClassVar[str] = "FabricEgress.egress_vlan.egress_vlan"
    SIZE: ClassVar[int] = 4096
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "egress_port", 9, "exact", Port),
        MatchField(2, "vlan_id", 12, "ternary", VlanId),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {
        EgressVlanDeny.ID: EgressVlanDeny,
        EdgeUntagged.ID: EdgeUntagged,
        EdgeTagged.ID: EdgeTagged,
        FabricTagged.ID: FabricTagged,
    }
    HAS_PRIORITY: ClassVar[bool] = True
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class VirtualIpReplies(TableEntry):
    """`FabricEgress.load_balancer_reply.virtual_ip_replies`, 32,768 entries."""

    vrf: VrfId
    address: IPv4Address
    protocol: IpProtocol
    port: L4Port
    action: FromVirtualIp | DenyFragment
    TABLE_ID: ClassVar[int] = 35302140
    TABLE_NAME: ClassVar[str] = "FabricEgress.load_balancer_reply.virtual_ip_replies"
    SIZE: ClassVar[int] = 32768
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (
        MatchField(1, "vrf", 16, "exact", VrfId),
        MatchField(2, "address", 32, "exact", IPv4Address),
        MatchField(3, "protocol", 8, "exact", IpProtocol),
        MatchField(4, "port", 16, "exact", L4Port),
    )
    ACTIONS: ClassVar[dict[int, type[Action]]] = {
        FromVirtualIp.ID: FromVirtualIp,
        DenyFragment.ID: DenyFragment,
    }
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True)
class CongestionWatch(TableEntry):
    """`FabricEgress.congestion_watch.congestion_watch`, 512 entries."""

    egress_port: Port
    action: Watch
    TABLE_ID: ClassVar[int] = 34493440
    TABLE_NAME: ClassVar[str] = "FabricEgress.congestion_watch.congestion_watch"
    SIZE: ClassVar[int] = 512
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = (MatchField(1, "egress_port", 9, "exact", Port),)
    ACTIONS: ClassVar[dict[int, type[Action]]] = {Watch.ID: Watch}
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class IngressDrops(CounterCell):
    """A cell of `FabricIngress.ingress_drops`, which has 16,384."""

    COUNTER_ID: ClassVar[int] = 311937623
    COUNTER_NAME: ClassVar[str] = "FabricIngress.ingress_drops"
    SIZE: ClassVar[int] = 16384


@dataclass(frozen=True, slots=True)
class EgressDrops(CounterCell):
    """A cell of `FabricEgress.egress_drops`, which has 16,384."""

    COUNTER_ID: ClassVar[int] = 315799405
    COUNTER_NAME: ClassVar[str] = "FabricEgress.egress_drops"
    SIZE: ClassVar[int] = 16384


@dataclass(frozen=True, slots=True)
class CongestionReport(DigestMessage):
    """The digest `congestion_report_t`."""

    port: Port
    queue: int
    depth: int
    delay: int
    timestamp: int
    protocol: IpProtocol
    ipv4_src: IPv4Address
    ipv4_dst: IPv4Address
    ipv6_src: IPv6Address
    ipv6_dst: IPv6Address
    src_port: L4Port
    dst_port: L4Port
    DIGEST_ID: ClassVar[int] = 386273065
    FIELDS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "port", 9, Port),
        Parameter(2, "queue", 8, int),
        Parameter(3, "depth", 32, int),
        Parameter(4, "delay", 32, int),
        Parameter(5, "timestamp", 48, int),
        Parameter(6, "protocol", 8, IpProtocol),
        Parameter(7, "ipv4_src", 32, IPv4Address),
        Parameter(8, "ipv4_dst", 32, IPv4Address),
        Parameter(9, "ipv6_src", 128, IPv6Address),
        Parameter(10, "ipv6_dst", 128, IPv6Address),
        Parameter(11, "src_port", 16, L4Port),
        Parameter(12, "dst_port", 16, L4Port),
    )


@dataclass(frozen=True, slots=True)
class HostSeen(DigestMessage):
    """The digest `host_seen_t`."""

    ingress_port: Port
    vlan_id: VlanId
    mac: MacAddress
    ipv4: IPv4Address
    ipv6: IPv6Address
    DIGEST_ID: ClassVar[int] = 402580239
    FIELDS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(1, "ingress_port", 9, Port),
        Parameter(2, "vlan_id", 12, VlanId),
        Parameter(3, "mac", 48, MacAddress),
        Parameter(4, "ipv4", 32, IPv4Address),
        Parameter(5, "ipv6", 128, IPv6Address),
    )


@dataclass(frozen=True, slots=True)
class PacketInMetadata(PacketMetadata):
    """The controller header `packet_in`."""

    ingress_port: Port
    METADATA: ClassVar[tuple[Parameter, ...]] = (Parameter(1, "ingress_port", 9, Port),)
    PADDING: ClassVar[tuple[int, ...]] = (2,)


@dataclass(frozen=True, slots=True)
class PacketOutMetadata(PacketMetadata):
    """The controller header `packet_out`."""

    egress_port: Port
    METADATA: ClassVar[tuple[Parameter, ...]] = (Parameter(1, "egress_port", 9, Port),)
    PADDING: ClassVar[tuple[int, ...]] = (2,)


TABLES: dict[int, type[TableEntry]] = {
    table.TABLE_ID: table
    for table in (
        LinkPorts,
        PortVlan,
        Networks,
        SourceIpv4,
        SourceIpv6,
        ArpResponder,
        NdResponder,
        Gateways,
        UpfInterfaces,
        UpfUplinkSessions,
        VirtualIps,
        FirewallIpv4,
        FirewallIpv6,
        UpfDownlinkSessions,
        UpfTunnelPeers,
        RoutingIpv4,
        RoutingIpv6,
        Bridging,
        EcmpGroups,
        EgressVlan,
        VirtualIpReplies,
        CongestionWatch,
    )
}

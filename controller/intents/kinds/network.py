"""Network: hosts that share a link, on any ports of the fabric, and the gateways that join it to others.

A network is a VLAN of its tenant's VRF. Hosts of one network reach each other by bridging; networks
of one tenant reach each other through their gateways; different tenants never do.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field

from p4fabric.controller.intents.addresses import edge_of, not_a_host, within
from p4fabric.controller.intents.document import Claim, Fact, IntentDocument, Need, Part, Precedence
from p4fabric.controller.intents.errors import FieldError, field_path
from p4fabric.controller.intents.fields import (
    Address,
    AtMost,
    Count,
    IpAddress,
    IpPrefix,
    Label,
    Mac,
    PortNumber,
    RoutedPrefix,
    Subnet,
    SwitchLabel,
    VlanTag,
)
from p4fabric.controller.intents.prefixes import prefix_facts
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.reasons import Code
from p4fabric.pipelines.values import IPv4Address, IPv6Address, MacAddress

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = [
    "HIGHEST_PRIORITY",
    "ROUTER_MAC",
    "Attachment",
    "Network",
    "NetworkSpec",
    "Place",
    "Route",
    "Trust",
    "address_in",
    "address_resource",
    "attachment_claims",
    "attachment_facts",
    "in_a_ue_pool",
]

ROUTER_MAC = MacAddress.parse("02:00:5e:00:00:01")
"""The fabric's own address in every network, at every leaf: an anycast gateway."""

# Subjects of facts; see `Network.facts`.
SUBNET, ROUTE, UE_POOL = "subnet", "route", "pool of UE addresses"
EDGE_PORT = "edge port"
"""A port: the networks that are open there, as `Place`s."""
EDGE_PORTS = "edge ports"
"""A switch: its ports at which networks are open."""
LEAVES = "leaves"
"""A network: the switches with ports of it."""
TENANT_LEAVES = "leaves of a tenant"
ROUTED_LEAVES = "routed leaves"
"""A tenant: the switches with attachments of networks that have gateways; those of endpoints aside."""
ENDPOINT_NETWORKS = "networks with endpoints"
"""A tenant: the names of its networks that have endpoints."""
ENDPOINT_MAC = "endpoint"
"""A network and a MAC address: the name of the endpoint that has it."""
ATTACHED = "attached"
"""A network and a port: the `Place` that says so."""
FLOODED = "flooded"
"""A network and a switch: its ports there."""
HOST_NAME = "host name"
"""A tenant and a name: the `Place`s whose host has it."""

# Roles of addresses, as messages put them.
A_GATEWAY = "a gateway"
A_HOSTS_ADDRESS = "a host's address"
AN_N3_ADDRESS = "an N3 address"
A_ROUTED_PREFIX = "a routed prefix"

MOST_SUBNETS = 64
MOST_GATEWAYS = 64
MOST_ATTACHMENTS = 4096
MOST_ADDRESSES = 64
"""Of one attachment's host."""
MOST_ROUTES = 1024
HIGHEST_PRIORITY = 5
"""The two above are for the fabric's own frames: reports, and those from and for the controller."""


def address_resource(tenant: TenantName, address: IpAddress) -> tuple[object, ...]:
    """The resource that an address is: within a tenant it means one thing."""
    # The number is hashed much faster than the address.
    return ("address", tenant, address.version, int(address))


def address_in(resource: tuple[object, ...]) -> IpAddress:
    """The address that a resource of `address_resource` is."""
    _, _, version, number = resource
    assert isinstance(number, int)
    return IPv4Address(number) if version == 4 else IPv6Address(number)


def in_a_ue_pool(tenant: TenantName, address: IpAddress, catalogue: Catalogue) -> str | None:
    """Why an address is no other's: UEs of a Upf may be given it; None: it is in no pool."""
    found = catalogue.prefix_of(UE_POOL, tenant, address)
    return None if found is None else f"{address} lies in {found[0]} of {found[1]}, which is for UEs"


class Place(NamedTuple):
    """Where it is stated that a network is open at a port: in the network, or in an endpoint of it."""

    network: IntentKey
    number: int = -1
    """Of the network's attachment."""
    endpoint: str = ""
    """Name of the endpoint; "": it is an attachment."""


class Trust(StrEnum):
    """What a host may say to the others that would divert their traffic if anybody could."""

    DHCP_SERVER = "dhcpServer"
    """Give addresses and routers to clients (RFC 2131, RFC 8415)."""
    IPV6_ROUTER = "ipv6Router"
    """Send router advertisements and redirects (RFC 4861)."""


class Attachment(Part):
    """A port where the network is reached, and the host behind it if it is known."""

    switch: SwitchLabel = Field(description="the switch's name; it need not be there yet")
    port: PortNumber
    vlan: VlanTag | None = Field(
        None, description="the tag that frames carry at this port; untagged if left out"
    )
    host: Label | None = Field(
        None, description="the name of the host at this port, to ask for it by; unique in the network"
    )
    mac: Mac | None = Field(None, description="the one host at this port; learned if left out")
    addresses: Annotated[tuple[Address, ...], AtMost(MOST_ADDRESSES)] = Field(
        (), description="the addresses of the host `mac`"
    )
    trusted: Annotated[tuple[Trust, ...], AtMost(len(Trust))] = Field(
        (), description="what only this port's host may say in the network; nobody may where it is left out"
    )

    @property
    def ref(self) -> PortRef:
        """The port."""
        return PortRef(SwitchName(self.switch), self.port)


class Route(Part):
    """A prefix behind a host of this network that routes."""

    prefix: RoutedPrefix
    via: Address = Field(description="the routing host's address in this network")


class NetworkSpec(Part):
    """What a network consists of."""

    subnets: Annotated[tuple[Subnet, ...], AtMost(MOST_SUBNETS)] = Field(
        (), description="none: hosts are bridged, never routed"
    )
    gateways: Annotated[tuple[Address, ...], AtMost(MOST_GATEWAYS)] = Field(
        (), description="addresses that the fabric answers for and routes at"
    )
    attachments: Annotated[tuple[Attachment, ...], AtMost(MOST_ATTACHMENTS)] = ()
    routes: Annotated[tuple[Route, ...], AtMost(MOST_ROUTES)] = ()
    flood_rate: Annotated[int, Count(1, 1_000_000)] = Field(
        1000,
        description="broadcast, multicast and unknown unicast frames a second that a port may send",
    )
    priority: Annotated[int, Count(0, HIGHEST_PRIORITY)] = Field(
        0, description="of the network's packets in the queues of ports; higher ones leave first"
    )
    trust_dscp: bool = Field(
        False, description="whether packets whose DSCP stands for a higher priority have that"
    )


class Network(IntentDocument):
    """Connect ports of the fabric as one network of a tenant."""

    kind: Literal["Network"]
    spec: NetworkSpec

    def subnet_of(self, address: IpAddress) -> IpPrefix | None:
        """The subnet that an address lies in, or None."""
        return next((subnet for subnet in self.spec.subnets if address in subnet), None)

    def not_a_host(self, address: IpAddress) -> str | None:
        """Why no host of this network can have an address, or None if one can."""
        subnet = self.subnet_of(address)
        if subnet is None:
            return f"{address} is outside the subnets of {self.key}"
        return not_a_host(address) or edge_of(address, subnet)

    def has_family(self, version: int) -> bool:
        """Whether an address family (4 or 6) has a subnet here."""
        return any(subnet.version == version for subnet in self.spec.subnets)

    def has_gateway(self, version: int) -> bool:
        """Whether hosts of an address family (4 or 6) have a gateway here."""
        return any(gateway.version == version for gateway in self.spec.gateways)

    def gateway_of(self, address: IpAddress) -> IpAddress | None:
        """The gateway of a host with an address: the one in its subnet, or any of its family; or None."""
        family = [gateway for gateway in self.spec.gateways if gateway.version == address.version]
        subnet = self.subnet_of(address)
        near = (gateway for gateway in family if subnet is not None and gateway in subnet)
        return next(near, family[0] if family else None)

    def claims(self) -> Iterator[Claim]:
        """Ports, gateways, known hosts and routed prefixes."""
        for index, gateway in enumerate(self.spec.gateways):
            where = field_path(("spec", "gateways", index))
            shared = frozenset({AN_N3_ADDRESS})
            yield Claim(address_resource(self.tenant, gateway), A_GATEWAY, where, gateway, shared)
        for index, attachment in enumerate(self.spec.attachments):
            yield from attachment_claims(self.key, attachment, field_path(("spec", "attachments", index)))
        for index, route in enumerate(self.spec.routes):
            where = field_path(("spec", "routes", index, "prefix"))
            yield Claim(("route", self.tenant, route.prefix), A_ROUTED_PREFIX, where, route.prefix)
            if route.prefix.num_addresses == 1:
                # One address, which is then no virtual IP, no UE's and no N3 address.
                address = route.prefix.network_address
                yield Claim(address_resource(self.tenant, address), A_ROUTED_PREFIX, where, route.prefix)

    def precedences(self) -> Iterator[Precedence]:
        """Its priority, and the highest one that a DSCP stands for."""
        spec = self.spec
        if spec.priority:
            yield Precedence("spec.priority", spec.priority, spec.priority)
        if spec.trust_dscp:
            yield Precedence("spec.trustDscp", spec.trust_dscp, HIGHEST_PRIORITY)

    def relies_on(self) -> Iterator[IpAddress]:
        """The hosts that route for others."""
        yield from (route.via for route in self.spec.routes)

    def needs(self) -> Iterator[Need]:
        """A VLAN id, and its tenant's VRF."""
        yield vlan_need(self.key)
        yield vrf_need(self.tenant)

    def check(self) -> Iterator[FieldError]:
        """Subnets that overlap, addresses outside of them, hosts without a MAC address or with the name of
        another one, idle routes."""
        yield from self._check_subnets()
        for index, gateway in enumerate(self.spec.gateways):
            yield from self._check_address(gateway, field_path(("spec", "gateways", index)))
        named: dict[str, int] = {}
        for index, attachment in enumerate(self.spec.attachments):
            where = field_path(("spec", "attachments", index))
            if attachment.host is not None and named.setdefault(attachment.host, index) != index:
                message = f"is the name of attachments[{named[attachment.host]}] already"
                yield FieldError(f"{where}.host", attachment.host, message)
            if attachment.addresses and attachment.mac is None:
                yield FieldError(f"{where}.mac", None, "is required where addresses are given", Code.REQUIRED)
            if attachment.mac == ROUTER_MAC:
                yield FieldError(f"{where}.mac", attachment.mac, f"{ROUTER_MAC} is the fabric's own gateway")
            for number, address in enumerate(attachment.addresses):
                yield from self._check_address(address, f"{where}.addresses[{number}]")
        for index, route in enumerate(self.spec.routes):
            yield from self._check_route(route, field_path(("spec", "routes", index)))

    def _check_subnets(self) -> Iterator[FieldError]:
        """Each subnet against the one before it in order of addresses: two that overlap are neighbours there,
        or one contains all between them."""
        widest: dict[int, tuple[int, IpPrefix]] = {}
        for index, subnet in sorted(
            enumerate(self.spec.subnets), key=lambda pair: (_start(pair[1]), pair[0])
        ):
            found = widest.get(subnet.version)
            if found is not None and overlap(subnet, found[1]):
                later, other = (index, found[1]) if index > found[0] else (found[0], subnet)
                where = field_path(("spec", "subnets", later))
                shown = self.spec.subnets[later]
                yield FieldError(where, shown, f"{shown} overlaps {other} of this Network")
            else:
                widest[subnet.version] = (index, subnet)

    def _check_address(self, address: IpAddress, where: str) -> Iterator[FieldError]:
        subnet = self.subnet_of(address)
        if subnet is None:
            yield FieldError(where, address, f"{address} is outside {_listed(self.spec.subnets)}")
        elif (edge := edge_of(address, subnet)) is not None:
            yield FieldError(where, address, edge)

    def _check_route(self, route: Route, where: str) -> Iterator[FieldError]:
        if route.prefix.version != route.via.version:
            yield FieldError(
                f"{where}.via", route.via, f"{route.via} is not of the address family of {route.prefix}"
            )
        yield from self._check_address(route.via, f"{where}.via")
        if route.via in self.spec.gateways:
            yield FieldError(
                f"{where}.via", route.via, f"{route.via} is the fabric's own gateway, not a host"
            )
        if not self.has_gateway(route.prefix.version):
            message = (
                f"{route.prefix} needs an IPv{route.prefix.version} gateway in this Network to be routed"
            )
            yield FieldError(f"{where}.prefix", route.prefix, message)

    def facts(self) -> Iterator[Fact]:
        """Its prefixes, ports and hosts, and the switches where it is open and routed."""
        key, tenant, spec = self.key, self.tenant, self.spec
        for subnet in spec.subnets:
            yield from prefix_facts(SUBNET, tenant, subnet, key, inside=True)
        for route in spec.routes:
            yield from prefix_facts(ROUTE, tenant, route.prefix, key)
        for number, attachment in enumerate(spec.attachments):
            yield from attachment_facts(attachment, Place(key, number))
            if spec.gateways:
                yield (ROUTED_LEAVES, tenant), attachment.ref.switch

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """Subnets and routed prefixes against the tenant's other networks."""
        subnets = catalogue.prefixes(SUBNET, self.tenant)
        for index, subnet in enumerate(self.spec.subnets):
            for theirs, owner in chain(subnets.around(subnet), subnets.inside(subnet)):
                if owner != self.key:
                    where = field_path(("spec", "subnets", index))
                    message = f"{subnet} overlaps {theirs} of {owner}"
                    yield FieldError(where, subnet, message, Code.ALREADY_CLAIMED)
                    break
        for index, route in enumerate(self.spec.routes):
            for theirs, owner in subnets.around(route.prefix):
                where = field_path(("spec", "routes", index, "prefix"))
                message = f"{route.prefix} lies in {theirs}, where hosts of {owner} are"
                yield FieldError(where, route.prefix, message, Code.ALREADY_CLAIMED)


def attachment_claims(network: IntentKey, attachment: Attachment, where: str) -> Iterator[Claim]:
    """The port, and the host that is known there.

    Args:
        network: that is open there.
        attachment: how.
        where: the field that says so.
    """
    port = attachment.ref
    if attachment.vlan is None:
        yield Claim(("port", port, None), "an untagged port", f"{where}.port", port)
    else:
        role = f"a port with the tag {attachment.vlan}"
        yield Claim(("port", port, attachment.vlan), role, f"{where}.port", port)
    yield Claim(("network port", network, port), "a port", f"{where}.port", port)
    if attachment.mac is not None:
        yield Claim(("mac", network, attachment.mac), "a host", f"{where}.mac", attachment.mac)
    for number, address in enumerate(attachment.addresses):
        resource = address_resource(network.tenant, address)
        yield Claim(resource, A_HOSTS_ADDRESS, f"{where}.addresses[{number}]", address)


def attachment_facts(attachment: Attachment, place: Place) -> Iterator[Fact]:
    """What others may look up of a port where a network is open."""
    port, network = attachment.ref, place.network
    yield (EDGE_PORT, port), place
    yield (EDGE_PORTS, port.switch), port.port
    yield (LEAVES, network), port.switch
    yield (TENANT_LEAVES, network.tenant), port.switch
    yield (FLOODED, network, port.switch), port.port
    yield (ATTACHED, network, port), place
    if attachment.host is not None:
        yield (HOST_NAME, network.tenant, attachment.host), place


def _start(prefix: IpPrefix) -> tuple[int, int, int]:
    return prefix.version, int(prefix.network_address), prefix.prefixlen


def vlan_need(network: IntentKey) -> Need:
    """The VLAN id of a network; ids below 100 are left to whatever the fabric is plugged into."""
    return Need("vlan", str(network), 100, 4094, "VLAN ids")


def vrf_need(tenant: TenantName) -> Need:
    """The VRF of a tenant."""
    return Need("vrf", tenant, 1, 0xFFFF, "VRF ids")


def overlap(one: IpPrefix, other: IpPrefix) -> bool:
    """Whether two prefixes have addresses in common."""
    return within(one, other) or within(other, one)


def _listed(subnets: tuple[IpPrefix, ...]) -> str:
    if not subnets:
        return "this Network, which has no subnets"
    return "the subnets of this Network (" + ", ".join(str(subnet) for subnet in subnets) + ")"

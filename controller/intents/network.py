"""Network: hosts that share a link, on any ports of the fabric, and the gateways that join it to others.

A network is a VLAN of its tenant's VRF. Hosts of one network reach each other by bridging; networks
of one tenant reach each other through their gateways; different tenants never do.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from controller.intents.addresses import edge_of, not_a_host, within
from controller.intents.document import Claim, IntentDocument, Need, Part
from controller.intents.errors import FieldError, field_path
from controller.intents.fields import (
    Address,
    AtMost,
    Count,
    IpAddress,
    IpPrefix,
    Mac,
    PortNumber,
    RoutedPrefix,
    Subnet,
    SwitchLabel,
    VlanTag,
)
from controller.names import IntentKey, PortRef, SwitchName, TenantName
from pipelines.values import MacAddress

if TYPE_CHECKING:
    from controller.intents.catalogue import Catalogue

__all__ = ["ROUTER_MAC", "Attachment", "Network", "NetworkSpec", "Route", "Trust", "address_resource"]

ROUTER_MAC = MacAddress.parse("02:00:5e:00:00:01")
"""The fabric's own address in every network, at every leaf: an anycast gateway."""

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


def address_resource(tenant: TenantName, address: IpAddress) -> tuple[object, ...]:
    """The resource that an address is: within a tenant it means one thing."""
    return ("address", tenant, address)


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

    def claims(self) -> Iterator[Claim]:
        """Ports, gateways, known hosts and routed prefixes."""
        for index, gateway in enumerate(self.spec.gateways):
            where = field_path(("spec", "gateways", index))
            shared = frozenset({AN_N3_ADDRESS})
            yield Claim(address_resource(self.tenant, gateway), A_GATEWAY, where, gateway, shared)
        for index, attachment in enumerate(self.spec.attachments):
            yield from self._attachment_claims(index, attachment)
        for index, route in enumerate(self.spec.routes):
            where = field_path(("spec", "routes", index, "prefix"))
            yield Claim(("route", self.tenant, route.prefix), A_ROUTED_PREFIX, where, route.prefix)
            if route.prefix.num_addresses == 1:
                # One address, which is then no virtual IP, no UE's and no N3 address.
                address = route.prefix.network_address
                yield Claim(address_resource(self.tenant, address), A_ROUTED_PREFIX, where, route.prefix)

    def _attachment_claims(self, index: int, attachment: Attachment) -> Iterator[Claim]:
        def where(*parts: str | int) -> str:
            return field_path(("spec", "attachments", index, *parts))

        port = attachment.ref
        if attachment.vlan is None:
            yield Claim(("port", port, None), "an untagged port", where("port"), port)
        else:
            role = f"a port with the tag {attachment.vlan}"
            yield Claim(("port", port, attachment.vlan), role, where("port"), port)
        yield Claim(("network port", self.key, port), "a port", where("port"), port)
        if attachment.mac is not None:
            yield Claim(("mac", self.key, attachment.mac), "a host", where("mac"), attachment.mac)
        for number, address in enumerate(attachment.addresses):
            field = where("addresses", number)
            yield Claim(address_resource(self.tenant, address), A_HOSTS_ADDRESS, field, address)

    def needs(self) -> Iterator[Need]:
        """A VLAN id, and its tenant's VRF."""
        yield vlan_need(self.key)
        yield vrf_need(self.tenant)

    def check(self) -> Iterator[FieldError]:
        """Subnets that overlap, addresses outside of them, hosts without a MAC address, idle routes."""
        yield from self._check_subnets()
        for index, gateway in enumerate(self.spec.gateways):
            yield from self._check_address(gateway, field_path(("spec", "gateways", index)))
        for index, attachment in enumerate(self.spec.attachments):
            where = field_path(("spec", "attachments", index))
            if attachment.addresses and attachment.mac is None:
                yield FieldError(f"{where}.mac", None, "is required where addresses are given")
            if attachment.mac == ROUTER_MAC:
                yield FieldError(f"{where}.mac", attachment.mac, f"{ROUTER_MAC} is the fabric's own gateway")
            for number, address in enumerate(attachment.addresses):
                yield from self._check_address(address, f"{where}.addresses[{number}]")
        for index, route in enumerate(self.spec.routes):
            yield from self._check_route(route, field_path(("spec", "routes", index)))

    def _check_subnets(self) -> Iterator[FieldError]:
        for index, subnet in enumerate(self.spec.subnets):
            where = field_path(("spec", "subnets", index))
            for other in self.spec.subnets[:index]:
                if overlap(subnet, other):
                    yield FieldError(where, subnet, f"{subnet} overlaps {other} of this Network")

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

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """Subnets and routed prefixes against the tenant's other networks."""
        for other in catalogue.of_kind(Network, self.tenant):
            own = other.key == self.key
            for index, subnet in enumerate(self.spec.subnets):
                for theirs in () if own else other.spec.subnets:
                    if overlap(subnet, theirs):
                        where = field_path(("spec", "subnets", index))
                        yield FieldError(where, subnet, f"{subnet} overlaps {theirs} of {other.key}")
            for index, route in enumerate(self.spec.routes):
                for theirs in (self if own else other).spec.subnets:
                    if within(route.prefix, theirs):
                        where = field_path(("spec", "routes", index, "prefix"))
                        message = f"{route.prefix} lies in {theirs}, where hosts of {other.key} are"
                        yield FieldError(where, route.prefix, message)


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

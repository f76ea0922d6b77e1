"""Service: one virtual IP whose connections are spread over a pool of servers.

The client's leaf turns the virtual IP into a pool member, and whatever a member sends from its
target port leaves the fabric as the virtual IP: a member's target port belongs to one service, and
cannot be reached directly. IPv4 only.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import reduce
from math import gcd
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from pydantic.alias_generators import to_camel

from p4fabric.controller.intents.addresses import edge_of
from p4fabric.controller.intents.document import Claim, IntentDocument, Need, Part
from p4fabric.controller.intents.errors import FieldError, field_path
from p4fabric.controller.intents.fields import AtMost, Count, IpAddress, Ipv4, TransportPort
from p4fabric.controller.intents.kinds.network import (
    A_HOSTS_ADDRESS,
    ROUTE,
    SUBNET,
    Network,
    address_resource,
    in_a_ue_pool,
    vrf_need,
)
from p4fabric.controller.names import TenantName
from p4fabric.controller.reasons import Code

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = ["HealthCheck", "PoolMember", "Service", "ServiceSpec"]

A_VIRTUAL_IP = "a virtual IP"
# MAXIMUM_GROUP_SIZE of p4src: the weights of one group may not sum to more.
MAXIMUM_SHARES = 64


class HealthCheck(StrEnum):
    """How the fabric finds out whether a server still serves."""

    NONE = "none"
    """Not at all: a silent server keeps its share."""
    ARP = "arp"
    """By ARP (RFC 826): its host answers for its address."""
    TCP = "tcp"
    """By TCP (RFC 9293): its port accepts connections."""


class PoolMember(Part):
    """A server and its share of the connections."""

    address: Ipv4
    port: TransportPort = Field(description="the port it listens at")
    weight: Annotated[int, Count(1, 10_000)] = Field(1, description="its share, against the other members'")


class ServiceSpec(Part):
    """The address clients use, and the servers behind it."""

    virtual_ip: Ipv4
    protocol: Literal["tcp", "udp"]
    port: TransportPort
    pool: Annotated[tuple[PoolMember, ...], AtMost(MAXIMUM_SHARES)] = Field(min_length=1)
    health_check: HealthCheck = Field(
        HealthCheck.NONE,
        description="leave out servers that do not answer ARP, or TCP at their port; none: keep silent ones",
    )
    health_check_interval_milliseconds: Annotated[int, Count(500, 300_000)] = Field(
        5000, description="from one check of a server to the next"
    )
    unhealthy_threshold: Annotated[int, Count(1, 10)] = Field(
        3, description="failed checks in a row after which a server is left out"
    )
    healthy_threshold: Annotated[int, Count(1, 10)] = Field(
        2, description="passed checks in a row after which it is back"
    )


class Service(IntentDocument):
    """Balance connections to a virtual IP over servers of the tenant."""

    kind: Literal["Service"]
    spec: ServiceSpec

    def shares(self) -> tuple[int, ...]:
        """The members' weights in lowest terms."""
        weights = [member.weight for member in self.spec.pool]
        divisor = reduce(gcd, weights)
        return tuple(weight // divisor for weight in weights)

    def claims(self) -> Iterator[Claim]:
        """The address, with its port; each member's target port."""
        spec, tenant = self.spec, self.tenant
        shared = frozenset({A_VIRTUAL_IP})
        field = "spec.virtualIp"
        yield Claim(address_resource(tenant, spec.virtual_ip), A_VIRTUAL_IP, field, spec.virtual_ip, shared)
        front = f"{spec.virtual_ip} {spec.protocol}/{spec.port}"
        resource = ("virtual IP", tenant, int(spec.virtual_ip), spec.protocol, spec.port)
        yield Claim(resource, "the virtual IP and port", "spec.virtualIp", front)
        for index, member in enumerate(spec.pool):
            where = field_path(("spec", "pool", index, "address"))
            shown = f"{member.address} {spec.protocol}/{member.port}"
            resource = ("pool member", tenant, int(member.address), spec.protocol, member.port)
            yield Claim(resource, "a pool member", where, shown)

    def needs(self) -> Iterator[Need]:
        """The tenant's VRF."""
        yield vrf_need(self.tenant)

    def check(self) -> Iterator[FieldError]:
        """A pool that is too finely divided."""
        if (total := sum(self.shares())) > MAXIMUM_SHARES:
            weights = [member.weight for member in self.spec.pool]
            message = f"weights come to {total} shares in lowest terms; a pool has at most {MAXIMUM_SHARES}"
            yield FieldError("spec.pool", weights, message)
        yield from self._check_health_check()

    def _check_health_check(self) -> Iterator[FieldError]:
        spec = self.spec
        if spec.health_check is HealthCheck.TCP and spec.protocol != "tcp":
            message = f"a {spec.protocol} service cannot be checked by TCP; use arp"
            yield FieldError("spec.healthCheck", spec.health_check, message)
        if spec.health_check is not HealthCheck.NONE:
            return
        for name in ("health_check_interval_milliseconds", "unhealthy_threshold", "healthy_threshold"):
            if name in spec.model_fields_set:
                field = f"spec.{to_camel(name)}"
                yield FieldError(field, getattr(spec, name), "is only for a healthCheck of arp or tcp")

    def relies_on(self) -> Iterator[IpAddress]:
        """Its servers."""
        yield from (member.address for member in self.spec.pool)

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """Members that are not hosts of the tenant; a virtual IP where nothing is routed."""
        address = self.spec.virtual_ip
        if (found := catalogue.prefix_of(SUBNET, self.tenant, address)) is not None:
            subnet, owner = found
            network = catalogue.named(Network, self.tenant, owner.name)
            if network is not None and not network.has_gateway(4):
                message = f"{address} lies in {owner}, which has no IPv4 gateway to route at"
                yield FieldError("spec.virtualIp", address, message)
            if (edge := edge_of(address, subnet)) is not None:
                yield FieldError("spec.virtualIp", address, edge)
        if (why := in_a_ue_pool(self.tenant, address, catalogue)) is not None:
            yield FieldError("spec.virtualIp", address, why, Code.ALREADY_CLAIMED)
        for index, member in enumerate(self.spec.pool):
            where = field_path(("spec", "pool", index, "address"))
            if (why := no_host_of(self.tenant, member.address, catalogue)) is not None:
                yield FieldError(where, member.address, why, Code.NOT_THERE)
            resource = address_resource(self.tenant, member.address)
            for role in catalogue.roles(resource):
                if role != A_HOSTS_ADDRESS:
                    owner = catalogue.owner(resource, role)
                    message = f"{member.address} is {role} of {owner}, not a server"
                    yield FieldError(where, member.address, message, Code.ALREADY_CLAIMED)


def no_host_of(tenant: TenantName, address: IpAddress, catalogue: Catalogue) -> str | None:
    """Why no host of a tenant can have an address, or None: in a subnet, or behind a routing host."""
    if (found := catalogue.prefix_of(SUBNET, tenant, address)) is not None:
        return edge_of(address, found[0])
    if catalogue.prefix_of(ROUTE, tenant, address) is not None:
        return None
    return f"{address} is in no network of tenant {tenant}, nor behind a route of one"

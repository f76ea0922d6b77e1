"""Service: one virtual IP whose connections are spread over a pool of servers.

The client's leaf turns the virtual IP into a pool member, and whatever a member sends from its
target port leaves the fabric as the virtual IP: a member's target port belongs to one service, and
cannot be reached directly. IPv4 only.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from math import gcd
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from controller.intents.addresses import edge_of
from controller.intents.document import Claim, IntentDocument, Need, Part
from controller.intents.errors import FieldError, field_path
from controller.intents.fields import AtMost, Count, IpAddress, Ipv4, TransportPort
from controller.intents.network import A_HOSTS_ADDRESS, Network, address_resource, vrf_need
from controller.names import TenantName

if TYPE_CHECKING:
    from controller.intents.catalogue import Catalogue

__all__ = ["PoolMember", "Service", "ServiceSpec"]

A_VIRTUAL_IP = "a virtual IP"
# MAXIMUM_GROUP_SIZE of p4src: the weights of one group may not sum to more.
MAXIMUM_SHARES = 64


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
        resource = ("virtual IP", tenant, spec.virtual_ip, spec.protocol, spec.port)
        yield Claim(resource, "the virtual IP and port", "spec.virtualIp", front)
        for index, member in enumerate(spec.pool):
            where = field_path(("spec", "pool", index, "address"))
            shown = f"{member.address} {spec.protocol}/{member.port}"
            resource = ("pool member", tenant, member.address, spec.protocol, member.port)
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

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """Members that are not hosts of the tenant; a virtual IP where nothing is routed."""
        address = self.spec.virtual_ip
        for network in catalogue.of_kind(Network, self.tenant):
            if (subnet := network.subnet_of(address)) is None:
                continue
            if not network.has_gateway(4):
                message = f"{address} lies in {network.key}, which has no IPv4 gateway to route at"
                yield FieldError("spec.virtualIp", address, message)
            if (edge := edge_of(address, subnet)) is not None:
                yield FieldError("spec.virtualIp", address, edge)
        for index, member in enumerate(self.spec.pool):
            where = field_path(("spec", "pool", index, "address"))
            if (why := no_host_of(self.tenant, member.address, catalogue)) is not None:
                yield FieldError(where, member.address, why)
            for owner, claim in catalogue.claims_to(address_resource(self.tenant, member.address)):
                if claim.role != A_HOSTS_ADDRESS:
                    message = f"{member.address} is {claim.role} of {owner}, not a server"
                    yield FieldError(where, member.address, message)


def no_host_of(tenant: TenantName, address: IpAddress, catalogue: Catalogue) -> str | None:
    """Why no host of a tenant can have an address, or None: in a subnet, or behind a routing host."""
    behind = False
    for network in catalogue.of_kind(Network, tenant):
        if (subnet := network.subnet_of(address)) is not None:
            return edge_of(address, subnet)
        behind = behind or any(address in route.prefix for route in network.spec.routes)
    return None if behind else f"{address} is in no network of tenant {tenant}, nor behind a route of one"

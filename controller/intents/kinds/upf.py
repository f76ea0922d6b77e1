"""UpfSession: one PDU session of a UE (3GPP TS 23.501, section 5.8), its tunnels and its networks.

Uplink, the fabric opens G-PDUs that the gNB sends to the N3 address and routes what is inside as a
packet of the UE; downlink, packets to the UE are wrapped for its gNB. Tunnels are IPv4; the UE has an IPv4
address, an IPv6 prefix, or both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv6Network
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from p4fabric.controller.intents.addresses import edge_of
from p4fabric.controller.intents.document import Claim, Fact, IntentDocument, Need, Part
from p4fabric.controller.intents.errors import FieldError
from p4fabric.controller.intents.fields import IpAddress, IpPrefix, Ipv4, Label, QfiNumber, TeidNumber, Text
from p4fabric.controller.intents.kinds.firewall import unknown_network
from p4fabric.controller.intents.kinds.network import (
    A_GATEWAY,
    A_HOSTS_ADDRESS,
    AN_N3_ADDRESS,
    SUBNET,
    UE_POOL,
    Network,
    address_resource,
    in_a_ue_pool,
    vrf_need,
)
from p4fabric.controller.intents.prefixes import prefix_facts
from p4fabric.controller.names import TenantName
from p4fabric.controller.reasons import Code

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = [
    "LONGEST_PREFIX",
    "TUNNEL_PEER",
    "UpfSession",
    "UpfSpec",
    "check_data_network",
    "check_n3",
    "check_pool",
    "peer_need",
    "tunnel_peer_need",
]

TUNNEL_PEER = "tunnel-peer"
"""The pool of numbers of gNBs."""

ACCESS = "access network"
"""A tenant: the names of networks where gNBs are; a tenant and a name: that it is one."""
A_UE_ADDRESS = "the UE address"


LONGEST_PREFIX = 64
"""Of a UE: it makes itself addresses of the rest (TS 23.501, clause 5.8.2.2)."""


def _ue_prefix(text: str) -> IPv6Network:
    try:
        prefix = IPv6Network(text)
    except ValueError:
        raise ValueError("must be an IPv6 prefix such as 2001:db8:45:1::/64") from None
    reserved = (IPv6Network("::/8"), IPv6Network("fe80::/10"), IPv6Network("ff00::/8"))
    if prefix.prefixlen > LONGEST_PREFIX or any(prefix.overlaps(one) for one in reserved):
        raise ValueError("must be a global prefix of 64 bits, or of fewer, such as 2001:db8:45:1::/64")
    return prefix


UePrefix = Annotated[IPv6Network, Text(_ue_prefix, "an IPv6 prefix", {"pattern": "/"})]


class UpfSpec(Part):
    """A session's tunnels, TEIDs and QFI, and the networks at both ends."""

    access_network: Label = Field(description="the network where gNBs are")
    data_network: Label = Field(
        description="the network that the UE is given, with a gateway of each version of IP that the UE has"
    )
    n3_address: Ipv4 = Field(description="the UPF's end of the tunnels, in the access network")
    gnb_address: Ipv4 = Field(description="the gNB's end")
    uplink_teid: TeidNumber = Field(description="in G-PDUs to the N3 address; one session's only")
    downlink_teid: TeidNumber = Field(description="in G-PDUs to the gNB; one session's only, at that gNB")
    ue_address: Ipv4 | None = Field(None, description="one of `ueAddress` and `uePrefix` is required")
    ue_prefix: UePrefix | None = Field(
        None, description="an IPv6 /64; a shorter prefix if the UE delegates the rest of it"
    )
    qfi: QfiNumber = Field(description="the QoS flow identifier of downlink packets")

    def ue_of(self, version: int) -> IpAddress | None:
        """An address of the UE, of a version of IP; of its prefix, the first that it may give itself."""
        if version == 4 or self.ue_prefix is None:
            return self.ue_address if version == 4 else None
        return self.ue_prefix[1]


class UpfSession(IntentDocument):
    """Serve one PDU session of a subscriber."""

    kind: Literal["UpfSession"]
    spec: UpfSpec

    def claims(self) -> Iterator[Claim]:
        """Its TEIDs, the UE's address, and (with other sessions of the network) the N3 address."""
        spec, tenant = self.spec, self.tenant
        shared = frozenset({AN_N3_ADDRESS, A_GATEWAY})
        resource = address_resource(tenant, spec.n3_address)
        yield Claim(resource, AN_N3_ADDRESS, "spec.n3Address", spec.n3_address, shared)
        # Uplink sessions are found by N3 address and TEID alone, so two networks cannot share one.
        role = f"the N3 address of network {tenant}/{spec.access_network}"
        yield Claim(("n3", int(spec.n3_address)), role, "spec.n3Address", spec.n3_address, frozenset({role}))
        uplink = ("uplink teid", int(spec.n3_address), spec.uplink_teid)
        yield Claim(uplink, "the uplink TEID at its N3 address", "spec.uplinkTeid", spec.uplink_teid)
        gnb = int(spec.gnb_address)
        downlink = ("downlink teid", tenant, spec.access_network, gnb, spec.downlink_teid)
        yield Claim(downlink, "the downlink TEID at its gNB", "spec.downlinkTeid", spec.downlink_teid)
        if spec.ue_address is not None:
            resource = address_resource(tenant, spec.ue_address)
            yield Claim(resource, A_UE_ADDRESS, "spec.ueAddress", spec.ue_address)

    def relies_on(self) -> Iterator[IpAddress]:
        """Its gNB."""
        yield self.spec.gnb_address

    def needs(self) -> Iterator[Need]:
        """The tenant's VRF, and a number for the gNB."""
        yield vrf_need(self.tenant)
        yield peer_need(self)

    def facts(self) -> Iterator[Fact]:
        """Which network gNBs are in: packets for the router are routed there, gateway or not; the prefix."""
        yield (ACCESS, self.tenant), self.spec.access_network
        yield (ACCESS, self.tenant, self.spec.access_network), True
        if self.spec.ue_prefix is not None:
            yield from prefix_facts(UE_POOL, self.tenant, self.spec.ue_prefix, self.key, inside=True)

    def check(self) -> Iterator[FieldError]:
        """A UE without addresses, addresses that both ends have."""
        spec = self.spec
        if spec.ue_address is None and spec.ue_prefix is None:
            yield FieldError("spec.ueAddress", None, "is required where there is no uePrefix")
        if spec.gnb_address == spec.n3_address:
            yield FieldError(
                "spec.gnbAddress", spec.gnb_address, f"{spec.gnb_address} is the N3 address as well"
            )
        if spec.ue_address == spec.gnb_address:
            yield FieldError(
                "spec.ueAddress", spec.ue_address, f"{spec.ue_address} is the gNB's address as well"
            )

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """Networks that do not exist or do not fit, addresses that lie in the wrong place."""
        spec = self.spec
        access = catalogue.named(Network, self.tenant, spec.access_network)
        if access is None:
            yield unknown_network("spec.accessNetwork", spec.access_network, self)
        else:
            yield from self._check_access(access)
        versions = {one.version for one in (spec.ue_address, spec.ue_prefix) if one is not None}
        yield from check_data_network(self, spec.data_network, "spec.dataNetwork", catalogue, versions)
        if spec.ue_address is not None:
            yield from self._check_address(spec.ue_address, catalogue)
        if spec.ue_prefix is not None:
            yield from check_pool(self, spec.ue_prefix, "spec.uePrefix", catalogue)
        resource = address_resource(self.tenant, spec.gnb_address)
        for role in catalogue.roles(resource):
            if role != A_HOSTS_ADDRESS:
                owner = catalogue.owner(resource, role)
                message = f"{spec.gnb_address} is already {role} of {owner}"
                yield FieldError("spec.gnbAddress", spec.gnb_address, message, Code.ALREADY_CLAIMED)

    def _check_address(self, ue: IPv4Address, catalogue: Catalogue) -> Iterator[FieldError]:
        if (found := catalogue.prefix_of(SUBNET, self.tenant, ue)) is not None:
            message = f"{ue} lies in {found[0]} of {found[1]}, which is for hosts"
            yield FieldError("spec.ueAddress", ue, message, Code.ALREADY_CLAIMED)
        if (why := in_a_ue_pool(self.tenant, ue, catalogue)) is not None:
            yield FieldError("spec.ueAddress", ue, why, Code.ALREADY_CLAIMED)

    def _check_access(self, access: Network) -> Iterator[FieldError]:
        spec = self.spec
        yield from check_n3(access, spec.n3_address)
        behind = any(spec.gnb_address in route.prefix for route in access.spec.routes)
        subnet = access.subnet_of(spec.gnb_address)
        if subnet is None and not behind:
            message = f"{spec.gnb_address} is not in network {spec.access_network}"
            yield FieldError("spec.gnbAddress", spec.gnb_address, message, Code.NOT_THERE)
        elif subnet is not None and (edge := edge_of(spec.gnb_address, subnet)) is not None:
            yield FieldError("spec.gnbAddress", spec.gnb_address, edge)


def check_n3(access: Network, address: IPv4Address) -> Iterator[FieldError]:
    """An N3 address that does not lie in a subnet of the access network."""
    subnet = access.subnet_of(address)
    if subnet is None:
        message = f"{address} is in no subnet of network {access.name}"
        yield FieldError("spec.n3Address", address, message, Code.NOT_THERE)
    elif (edge := edge_of(address, subnet)) is not None:
        yield FieldError("spec.n3Address", address, edge)


def check_data_network(
    intent: IntentDocument, name: str, where: str, catalogue: Catalogue, versions: Collection[int]
) -> Iterator[FieldError]:
    """A data network that is not there, or whose hosts could not answer UEs with these; `where` names it."""
    network = catalogue.named(Network, intent.tenant, name)
    if network is None:
        yield unknown_network(where, name, intent)
        return
    for version in sorted(versions):
        if not network.has_gateway(version):
            message = f"{name} has no IPv{version} gateway, so its hosts cannot answer UEs"
            yield FieldError(where, name, message)


def check_pool(
    intent: IntentDocument, pool: IpPrefix, where: str, catalogue: Catalogue
) -> Iterator[FieldError]:
    """Addresses of UEs that hosts or others' UEs may have; `where` names them."""
    for what, said in ((SUBNET, "which is for hosts"), (UE_POOL, "which is for UEs")):
        prefixes = catalogue.prefixes(what, intent.tenant)
        for found, owner in (*prefixes.around(pool), *prefixes.inside(pool)):
            if owner != intent.key:
                message = f"{pool} overlaps {found} of {owner}, {said}"
                yield FieldError(where, pool, message, Code.ALREADY_CLAIMED, owner)
                return


def peer_need(session: UpfSession) -> Need:
    """The number of a session's gNB, as reached from its N3 address."""
    spec = session.spec
    return tunnel_peer_need(session.tenant, spec.access_network, spec.n3_address, spec.gnb_address)


def tunnel_peer_need(tenant: TenantName, access_network: str, n3: IPv4Address, gnb: IPv4Address) -> Need:
    """The number of a gNB, as reached from an N3 address; 4,096 fit a switch."""
    return Need(TUNNEL_PEER, f"{tenant}/{access_network}/{n3}/{gnb}", 1, 4096, "tunnel peers")

"""Upf: a user plane function that SMFs control with PFCP (3GPP TS 29.244).

The intent says who may control it and what sessions may use; sessions themselves come from SMFs, and are not
intents. Where the controller listens is a matter of its machine, and stands in its configuration (`n4`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network, ip_address
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from p4fabric.controller.intents.addresses import within
from p4fabric.controller.intents.document import Claim, Fact, IntentDocument, Need, Part
from p4fabric.controller.intents.errors import FieldError, field_path
from p4fabric.controller.intents.fields import AtMost, IpPrefix, Ipv4, Label, Subnet, Text
from p4fabric.controller.intents.kinds.firewall import unknown_network
from p4fabric.controller.intents.kinds.network import (
    A_GATEWAY,
    AN_N3_ADDRESS,
    UE_POOL,
    Network,
    address_resource,
    vrf_need,
)
from p4fabric.controller.intents.kinds.upf import (
    ACCESS,
    LONGEST_PREFIX,
    check_data_network,
    check_n3,
    check_pool,
)
from p4fabric.controller.intents.kinds.upf_slices import MOST_SLICES, UpfSlice, check_slices, slice_need
from p4fabric.controller.intents.prefixes import prefix_facts
from p4fabric.controller.n4.pfcp.values import NodeId
from p4fabric.controller.n4.without_effect import WithoutEffect
from p4fabric.controller.reasons import Code

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = ["ServedNetwork", "SmfNodeId", "Upf", "UpfNodeSpec", "node_id"]

MOST_SMFS = 64
MOST_DATA_NETWORKS = 64
MOST_POOLS = 16
_LABEL = r"[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
_DNN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
"""A network identifier (TS 23.003, clause 9.1)."""
_LONGEST_DNN = 100


def _dnn(text: str) -> str:
    if not _DNN.fullmatch(text) or len(text) > _LONGEST_DNN:
        raise ValueError(
            "must be a DNN such as internet: labels of letters, digits and hyphens, at most 63 each, "
            f"with dots between them, at most {_LONGEST_DNN} in all"
        )
    return text


def _smf_address(text: str) -> IPv4Address:
    """An SMF may run on the controller's machine: a loopback address is one as well."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise ValueError("must be an IPv4 address such as 10.0.9.4") from None
    if address.is_unspecified or address.is_multicast or address.is_reserved:
        raise ValueError("must be the address of one SMF, such as 10.0.9.4")
    return address


Dnn = Annotated[str, Text(_dnn, "a DNN", {"pattern": f"^{_DNN.pattern}$", "maxLength": _LONGEST_DNN})]
SmfAddress = Annotated[IPv4Address, Text(_smf_address, "an IPv4 address", {"format": "ipv4"})]


_NODE_ID = rf"{_LABEL}(?:\.{_LABEL})*"
_LONGEST_NODE_ID = 253


def _node_id(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        if not re.fullmatch(_NODE_ID, text) or len(text) > _LONGEST_NODE_ID:
            raise ValueError("must be an address or a domain name, such as smf.core.example") from None
        return text


def node_id(text: str) -> NodeId:
    """A node ID as SMFs send it."""
    try:
        return ip_address(text)
    except ValueError:
        return text


NodeIdText = Annotated[str, Text(_node_id, "a node ID", {"maxLength": _LONGEST_NODE_ID})]


class SmfNodeId(Part):
    """How an SMF names itself."""

    smf: SmfAddress = Field(description="one of `smfs`")
    node_id: NodeIdText = Field(description="its PFCP node ID: an address, or a domain name")


class ServedNetwork(Part):
    """A DNN, the network that it is, and the addresses of its UEs."""

    dnn: Dnn = Field(description="as SMFs call it")
    network: Label = Field(
        description="the network that UEs are given; it needs a gateway of each version of IP in `uePools`"
    )
    ue_pools: Annotated[tuple[Subnet, ...], AtMost(MOST_POOLS)] = Field(
        min_length=1,
        description="which addresses and IPv6 prefixes UEs may have, whoever chooses them; those that an SMF "
        "leaves to the fabric are taken from here",
    )


class UpfNodeSpec(Part):
    """Who controls the user plane function, and what its sessions may use."""

    smfs: Annotated[tuple[SmfAddress, ...], AtMost(MOST_SMFS)] = Field(
        min_length=1, description="addresses of SMFs that may control it; nobody else may"
    )
    node_ids: Annotated[tuple[SmfNodeId, ...], AtMost(MOST_SMFS)] = Field(
        (),
        description="node IDs that SMFs must have, and no other may have; an SMF that is not named here may "
        "have any but another one's",
    )
    set_up_associations: bool = Field(
        False, description="whether the fabric asks SMFs for associations, in place of waiting for them"
    )
    access_network: Label = Field(description="the network where gNBs are")
    n3_address: Ipv4 = Field(description="its end of all tunnels, in the access network; no other's")
    data_networks: Annotated[tuple[ServedNetwork, ...], AtMost(MOST_DATA_NETWORKS)] = Field(min_length=1)
    slices: Annotated[tuple[UpfSlice, ...], AtMost(MOST_SLICES)] = Field(
        (), description="a session is of the first that it fits, or of none"
    )
    without_effect: tuple[WithoutEffect, ...] = Field(
        (), description="what SMFs may ask for although it is not done; what is not named here is refused"
    )


class Upf(IntentDocument):
    """Be a user plane function for SMFs."""

    kind: Literal["Upf"]
    spec: UpfNodeSpec

    def claims(self) -> Iterator[Claim]:
        """Its SMFs and its N3 address."""
        spec, tenant = self.spec, self.tenant
        for index, smf in enumerate(spec.smfs):
            where = field_path(("spec", "smfs", index))
            yield Claim(("smf", int(smf)), "an SMF of a Upf", where, smf)
        shared = frozenset({A_GATEWAY})
        resource = address_resource(tenant, spec.n3_address)
        yield Claim(resource, AN_N3_ADDRESS, "spec.n3Address", spec.n3_address, shared)
        # Its TEIDs are chosen without regard to others', and uplink sessions are found by both alone.
        yield Claim(
            ("n3", int(spec.n3_address)), "the N3 address of a Upf", "spec.n3Address", spec.n3_address
        )
        for index, network in enumerate(spec.data_networks):
            where = field_path(("spec", "dataNetworks", index, "dnn"))
            yield Claim(("dnn", self.key, network.dnn), "a DNN of this Upf", where, network.dnn)

    def needs(self) -> Iterator[Need]:
        """The tenant's VRF and numbers of slices; what sessions need, they are given as they come."""
        yield vrf_need(self.tenant)
        for one in self.spec.slices:
            yield slice_need(self.key, one.name)

    def facts(self) -> Iterator[Fact]:
        """Which network gNBs are in, and the pools."""
        yield (ACCESS, self.tenant), self.spec.access_network
        yield (ACCESS, self.tenant, self.spec.access_network), True
        for pool, _ in self._pools():
            yield from prefix_facts(UE_POOL, self.tenant, pool, self.key, inside=True)

    def check(self) -> Iterator[FieldError]:
        """Pools, each address in one of them; one node ID for an SMF, and one SMF for it."""
        for index, one in enumerate(self.spec.node_ids):
            smf, name = (field_path(("spec", "nodeIds", index, part)) for part in ("smf", "nodeId"))
            if one.smf not in self.spec.smfs:
                yield FieldError(smf, one.smf, "must be one of spec.smfs")
            others = self.spec.node_ids[:index]
            if any(one.smf == other.smf for other in others):
                yield FieldError(smf, one.smf, "has a node ID already", Code.GIVEN_TWICE)
            if any(one.node_id == other.node_id for other in others):
                yield FieldError(name, one.node_id, "is another SMF's already", Code.GIVEN_TWICE)
        yield from check_slices(self.spec.slices, [one.dnn for one in self.spec.data_networks])
        seen: list[IpPrefix] = []
        for pool, where in self._pools():
            if not isinstance(pool, IPv4Network) and pool.prefixlen > LONGEST_PREFIX:
                yield FieldError(where, pool, "must have 64 bits or fewer: UEs have a /64 each")
                continue
            other = next((one for one in seen if within(pool, one) or within(one, pool)), None)
            if other is not None:
                yield FieldError(where, pool, f"overlaps {other}, which is a pool already", Code.GIVEN_TWICE)
            seen.append(pool)

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """Networks that do not exist or do not fit, addresses that lie in the wrong place."""
        spec = self.spec
        access = catalogue.named(Network, self.tenant, spec.access_network)
        if access is None:
            yield unknown_network("spec.accessNetwork", spec.access_network, self)
        else:
            yield from check_n3(access, spec.n3_address)
        for index, served in enumerate(spec.data_networks):
            where = field_path(("spec", "dataNetworks", index, "network"))
            versions = {pool.version for pool in served.ue_pools}
            yield from check_data_network(self, served.network, where, catalogue, versions)
        for pool, where in self._pools():
            yield from check_pool(self, pool, where, catalogue)

    def _pools(self) -> Iterator[tuple[IpPrefix, str]]:
        for index, network in enumerate(self.spec.data_networks):
            for number, pool in enumerate(network.ue_pools):
                yield pool, field_path(("spec", "dataNetworks", index, "uePools", number))

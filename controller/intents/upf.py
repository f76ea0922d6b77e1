"""UpfSession: one PDU session of a UE (3GPP TS 23.501, section 5.8), its tunnels and its networks.

Uplink, the fabric opens G-PDUs that the gNB sends to the N3 address and routes what is inside as a
packet of the UE; downlink, packets to the UE are wrapped for its gNB. IPv4 only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from controller.intents.addresses import edge_of
from controller.intents.document import Claim, IntentDocument, Need, Part
from controller.intents.errors import FieldError
from controller.intents.fields import Ipv4, Label, QfiNumber, TeidNumber
from controller.intents.firewall import unknown_network
from controller.intents.network import (
    A_GATEWAY,
    A_HOSTS_ADDRESS,
    AN_N3_ADDRESS,
    Network,
    address_resource,
    vrf_need,
)

if TYPE_CHECKING:
    from controller.intents.catalogue import Catalogue

__all__ = ["UpfSession", "UpfSpec", "peer_need"]


class UpfSpec(Part):
    """A session's tunnels, TEIDs and QFI, and the networks at both ends."""

    access_network: Label = Field(description="the network where gNBs are")
    data_network: Label = Field(description="the network that the UE is given; it needs an IPv4 gateway")
    n3_address: Ipv4 = Field(description="the UPF's end of the tunnels, in the access network")
    gnb_address: Ipv4 = Field(description="the gNB's end")
    uplink_teid: TeidNumber = Field(description="in G-PDUs to the N3 address; one session's only")
    downlink_teid: TeidNumber = Field(description="in G-PDUs to the gNB; one session's only, at that gNB")
    ue_address: Ipv4
    qfi: QfiNumber = Field(description="the QoS flow identifier of downlink packets")


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
        yield Claim(("n3", spec.n3_address), role, "spec.n3Address", spec.n3_address, frozenset({role}))
        role = f"the uplink TEID at {spec.n3_address}"
        uplink = ("uplink teid", spec.n3_address, spec.uplink_teid)
        yield Claim(uplink, role, "spec.uplinkTeid", spec.uplink_teid)
        role = f"the downlink TEID at gNB {spec.gnb_address}"
        downlink = ("downlink teid", tenant, spec.access_network, spec.gnb_address, spec.downlink_teid)
        yield Claim(downlink, role, "spec.downlinkTeid", spec.downlink_teid)
        resource = address_resource(tenant, spec.ue_address)
        yield Claim(resource, "the UE address", "spec.ueAddress", spec.ue_address)

    def needs(self) -> Iterator[Need]:
        """The tenant's VRF, and a number for the gNB."""
        yield vrf_need(self.tenant)
        yield peer_need(self)

    def check(self) -> Iterator[FieldError]:
        """Addresses that both ends have."""
        spec = self.spec
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
        data = catalogue.named(Network, self.tenant, spec.data_network)
        if data is None:
            yield unknown_network("spec.dataNetwork", spec.data_network, self)
        elif not data.has_gateway(4):
            message = f"{spec.data_network} has no IPv4 gateway, so its hosts cannot answer UEs"
            yield FieldError("spec.dataNetwork", spec.data_network, message)
        for network in catalogue.of_kind(Network, self.tenant):
            if (subnet := network.subnet_of(spec.ue_address)) is not None:
                message = f"{spec.ue_address} lies in {subnet} of {network.key}, which is for hosts"
                yield FieldError("spec.ueAddress", spec.ue_address, message)
        for owner, claim in catalogue.claims_to(address_resource(self.tenant, spec.gnb_address)):
            if claim.role != A_HOSTS_ADDRESS:
                message = f"{spec.gnb_address} is already {claim.role} of {owner}"
                yield FieldError("spec.gnbAddress", spec.gnb_address, message)

    def _check_access(self, access: Network) -> Iterator[FieldError]:
        spec = self.spec
        subnet = access.subnet_of(spec.n3_address)
        if subnet is None:
            message = f"{spec.n3_address} is in no subnet of network {spec.access_network}"
            yield FieldError("spec.n3Address", spec.n3_address, message)
        elif (edge := edge_of(spec.n3_address, subnet)) is not None:
            yield FieldError("spec.n3Address", spec.n3_address, edge)
        behind = any(spec.gnb_address in route.prefix for route in access.spec.routes)
        subnet = access.subnet_of(spec.gnb_address)
        if subnet is None and not behind:
            message = f"{spec.gnb_address} is not in network {spec.access_network}"
            yield FieldError("spec.gnbAddress", spec.gnb_address, message)
        elif subnet is not None and (edge := edge_of(spec.gnb_address, subnet)) is not None:
            yield FieldError("spec.gnbAddress", spec.gnb_address, edge)


def peer_need(session: UpfSession) -> Need:
    """The number of a session's gNB, as reached from its N3 address; 4,096 fit a switch."""
    spec = session.spec
    key = f"{session.tenant}/{spec.access_network}/{spec.n3_address}/{spec.gnb_address}"
    return Need("tunnel-peer", key, 1, 4096, "tunnel peers")

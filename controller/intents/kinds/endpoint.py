"""Endpoint: one host of a network, at a port of its own: a container's, as whoever plugs it in states it.

It means what an attachment of the network with a `mac` means, but is a document of its own: to plug in one
of thousands costs the same as to plug in the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from p4fabric.controller.intents.document import Claim, Fact, IntentDocument, Part
from p4fabric.controller.intents.errors import FieldError
from p4fabric.controller.intents.fields import Address, AtMost, Label, Mac, PortNumber, SwitchLabel, VlanTag
from p4fabric.controller.intents.kinds.network import (
    ENDPOINT_MAC,
    ENDPOINT_NETWORKS,
    MOST_ADDRESSES,
    ROUTER_MAC,
    Attachment,
    Network,
    Place,
    attachment_claims,
    attachment_facts,
)
from p4fabric.controller.intents.metadata import read_texts
from p4fabric.controller.names import IntentKey, PortRef
from p4fabric.controller.reasons import Code

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = ["Endpoint", "EndpointSpec", "attachment_at"]


class EndpointSpec(Part):
    """Who is where."""

    network: Label = Field(description="the Network of the tenant that it is a host of")
    switch: SwitchLabel = Field(description="the switch's name; it need not be there yet")
    port: PortNumber
    vlan: VlanTag | None = Field(None, description="the tag that its frames carry; untagged if left out")
    mac: Mac
    addresses: Annotated[tuple[Address, ...], AtMost(MOST_ADDRESSES)] = Field(
        (), description="all that it may send from; learned if left out"
    )
    labels: Mapping[str, str] = Field(
        default_factory=dict, description="as Kubernetes has them; shown, and selected by nothing yet"
    )

    @property
    def ref(self) -> PortRef:
        """The port."""
        return self.attachment("").ref

    def attachment(self, name: str) -> Attachment:
        """The same as an attachment of its network, which has it under a name."""
        return Attachment.model_construct(
            switch=self.switch,
            port=self.port,
            vlan=self.vlan,
            host=name or None,
            mac=self.mac,
            addresses=self.addresses,
        )


class Endpoint(IntentDocument):
    """Plug one host into a network."""

    kind: Literal["Endpoint"]
    spec: EndpointSpec

    @property
    def network(self) -> IntentKey:
        """Whose host it is."""
        return IntentKey(Network.__name__, self.tenant, self.spec.network)

    @property
    def attachment(self) -> Attachment:
        """The port and the host, as an attachment of the network."""
        found: Attachment | None = self.__dict__.get("_attachment")
        if found is None:
            found = self.__dict__["_attachment"] = self.spec.attachment(self.name)
        return found

    def claims(self) -> Iterator[Claim]:
        """Its port, its MAC address and its addresses."""
        yield from attachment_claims(self.network, self.attachment, "spec")

    def check(self) -> Iterator[FieldError]:
        """A MAC address that is the fabric's, labels that no selector can name."""
        if self.spec.mac == ROUTER_MAC:
            yield FieldError("spec.mac", self.spec.mac, f"{ROUTER_MAC} is the fabric's own gateway")
        _, errors = read_texts("labels", self.spec.labels)
        yield from (error.inside("spec") for error in errors)

    def facts(self) -> Iterator[Fact]:
        """Its port and its switch, as its network states those of its attachments."""
        yield from attachment_facts(self.attachment, Place(self.network, endpoint=self.name))
        yield (ENDPOINT_NETWORKS, self.tenant), self.spec.network
        yield (ENDPOINT_MAC, self.network, self.spec.mac), self.name

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """A network that there is not, addresses that none of its hosts can have."""
        network = catalogue.named(Network, self.tenant, self.spec.network)
        if network is None:
            yield FieldError(
                "spec.network", self.spec.network, f"{self.network} does not exist", Code.NOT_THERE
            )
            return
        for number, address in enumerate(self.spec.addresses):
            if (why := network.not_a_host(address)) is not None:
                yield FieldError(f"spec.addresses[{number}]", address, why)


def attachment_at(catalogue: Catalogue, place: Place) -> tuple[Network, Attachment] | None:
    """The network and the attachment that are stated at a place; None: no more."""
    network = catalogue.named(Network, place.network.tenant, place.network.name)
    if network is None:
        return None
    if not place.endpoint:
        return network, network.spec.attachments[place.number]
    endpoint = catalogue.named(Endpoint, place.network.tenant, place.endpoint)
    return (network, endpoint.attachment) if endpoint is not None else None

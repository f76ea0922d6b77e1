"""Where tenants are plugged in: which network a frame from a port belongs to, and who may be there.

Pure. The compiler judges hosts again; here is decided what is worth remembering. This module must
never know what was learned.
"""

from __future__ import annotations

from controller.intents import ROUTER_MAC, Allocations, Catalogue, Network
from controller.intents.fields import IpAddress
from controller.intents.network import A_HOSTS_ADDRESS, Attachment, address_resource
from controller.names import IntentKey, PortRef, SwitchName
from controller.topology.sighting import Refusal
from pipelines.values import MacAddress, Port, VlanId

__all__ = ["Edge"]


class Edge:
    """The attachments of all networks."""

    def __init__(self, catalogue: Catalogue, allocations: Allocations) -> None:
        """Take intents with the numbers that they were given."""
        self._catalogue = catalogue
        self._networks: dict[PortRef, dict[VlanId, Network]] = {}
        for network in catalogue.of_kind_everywhere(Network):
            vlan = allocations.vlan(network.key)
            for attachment in network.spec.attachments:
                self._networks.setdefault(attachment.ref, {})[vlan] = network

    def is_edge(self, port: PortRef) -> bool:
        """Whether a network is open at a port."""
        return port in self._networks

    def ports_of(self, switch: SwitchName) -> frozenset[Port]:
        """The ports of a switch at which networks are open."""
        return frozenset(port.port for port in self._networks if port.switch == switch)

    def network_of(self, port: PortRef, vlan: VlanId) -> IntentKey | None:
        """The network that is open at a port and has this VLAN id on the fabric's links."""
        network = self._networks.get(port, {}).get(vlan)
        return network.key if network is not None else None

    def has(self, network: IntentKey, port: PortRef) -> bool:
        """Whether a network is open at a port."""
        return any(known.key == network for known in self._networks.get(port, {}).values())

    def tag_at(self, network: IntentKey, port: PortRef) -> VlanId | None:
        """The VLAN tag that a network's frames carry at a port; None where they are untagged."""
        for known in self._networks.get(port, {}).values():
            for attachment in known.spec.attachments:
                if known.key == network and attachment.ref == port:
                    return attachment.vlan
        return None

    def refuse(
        self, key: IntentKey, port: PortRef, mac: MacAddress, address: IpAddress | None
    ) -> Refusal | None:
        """Why a host may not be at a port with these addresses, or None if it may."""
        network = self._catalogue.get(key)
        if not isinstance(network, Network):
            return Refusal(f"{key} does not exist")
        by_mac = _refuse_mac(network, port, mac, address)
        by_address = self._refuse_address(network, port, mac, address) if address is not None else None
        if by_mac is None or (by_address is not None and by_address.spoofed and not by_mac.spoofed):
            return by_address
        return by_mac

    def _refuse_address(
        self, network: Network, port: PortRef, mac: MacAddress, address: IpAddress
    ) -> Refusal | None:
        if address.is_link_local:
            # It means another host in each network, so that nobody can state it.
            if network.spec.subnets and not network.has_family(6):
                return Refusal(f"{network.key} has no IPv6 subnet")
            return None
        # Without subnets nothing is routed: the host counts, its address does not.
        if network.spec.subnets and (why := network.not_a_host(address)) is not None:
            return Refusal(why)
        for owner, claim in self._catalogue.claims_to(address_resource(network.tenant, address)):
            if claim.role != A_HOSTS_ADDRESS:
                return Refusal(f"{address} is {claim.role} ({owner})", spoofed=True)
            holder = self._holder(owner, address)
            own = holder is not None and (owner, holder.ref, holder.mac) == (network.key, port, mac)
            held_at = None if holder is None else holder.ref
            return Refusal(f"{address} is of a known host ({owner})", spoofed=not own, held_at=held_at)
        return None

    def _holder(self, key: IntentKey, address: IpAddress) -> Attachment | None:
        """Where a network states the host with an address to be."""
        network = self._catalogue.get(key)
        attachments = network.spec.attachments if isinstance(network, Network) else ()
        return next((attachment for attachment in attachments if address in attachment.addresses), None)


def _refuse_mac(
    network: Network, port: PortRef, mac: MacAddress, address: IpAddress | None
) -> Refusal | None:
    if mac == ROUTER_MAC:
        return Refusal(f"{mac} is the fabric's own gateway", spoofed=True)
    for attachment in network.spec.attachments:
        if attachment.mac is None:
            continue
        if attachment.ref == port and attachment.mac != mac:
            return Refusal(f"the port is for {attachment.mac}")
        if attachment.mac == mac and attachment.ref != port:
            return Refusal(f"{mac} belongs at {attachment.ref}", spoofed=True, held_at=attachment.ref)
        link_local = address is not None and address.is_link_local
        if attachment.mac == mac and attachment.addresses and not link_local:
            return Refusal(f"all addresses of {mac} are known from {network.key}")
    return None

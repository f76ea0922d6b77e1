"""Where tenants are plugged in: which network a frame from a port belongs to, and who may be there.

Pure. The compiler judges hosts again; here is decided what is worth remembering. This module must
never know what was learned.
"""

from __future__ import annotations

from controller.intents import ROUTER_MAC, Allocations, Catalogue, Network
from controller.intents.fields import IpAddress
from controller.intents.network import A_HOSTS_ADDRESS, address_resource
from controller.names import IntentKey, PortRef, SwitchName
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

    def refuse(self, key: IntentKey, port: PortRef, mac: MacAddress, address: IpAddress | None) -> str | None:
        """Why a host may not be at a port with these addresses, or None if it may."""
        network = self._catalogue.get(key)
        if not isinstance(network, Network):
            return f"{key} does not exist"
        if mac == ROUTER_MAC:
            return f"{mac} is the fabric's own gateway"
        for attachment in network.spec.attachments:
            if attachment.mac is None:
                continue
            if attachment.ref == port and attachment.mac != mac:
                return f"the port is for {attachment.mac}"
            if attachment.mac == mac and attachment.ref != port:
                return f"{mac} belongs at {attachment.ref}"
            if attachment.mac == mac and attachment.addresses:
                return f"all addresses of {mac} are known from {key}"
        return self._refuse_address(network, address) if address is not None else None

    def _refuse_address(self, network: Network, address: IpAddress) -> str | None:
        # Without subnets nothing is routed: the host counts, its address does not.
        if network.spec.subnets and network.subnet_of(address) is None:
            return f"{address} is outside the subnets of {network.key}"
        for owner, claim in self._catalogue.claims_to(address_resource(network.tenant, address)):
            whose = "of a known host" if claim.role == A_HOSTS_ADDRESS else claim.role
            return f"{address} is {whose} ({owner})"
        return None

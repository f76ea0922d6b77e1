"""Where a tenant lives: its networks on the switches of the fabric, and the hosts to believe.

What the parts of several kinds of intent have in common, worked out once a tenant. This module must
never know an entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from controller.compiler.sightings import Sightings, believed
from controller.intents.allocation import Allocations
from controller.intents.catalogue import Catalogue
from controller.intents.fields import IpAddress
from controller.intents.network import Network
from controller.intents.upf import UpfSession
from controller.names import IntentKey, SwitchName, TenantName
from controller.topology.model import Host, Topology
from controller.topology.paths import Paths
from pipelines.values import VrfId

__all__ = ["TenantPlace"]


@dataclass(frozen=True)
class TenantPlace:
    """One tenant's intents beside one topology."""

    tenant: TenantName
    catalogue: Catalogue
    allocations: Allocations
    topology: Topology
    paths: Paths
    heard: tuple[Host, ...]
    """What was heard from hosts of the tenant, right or wrong."""

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """Its networks, in order of names."""
        return self.catalogue.of_kind(Network, self.tenant)

    @cached_property
    def vrf(self) -> VrfId:
        """Its VRF."""
        return self.allocations.vrf(self.tenant)

    @cached_property
    def leaves(self) -> tuple[SwitchName, ...]:
        """The switches of the fabric where it has ports."""
        return tuple(sorted({leaf for network in self.networks for leaf in self.leaves_of(network)}))

    def leaves_of(self, network: Network) -> tuple[SwitchName, ...]:
        """The switches of the fabric where a network has ports."""
        return self._leaves[network.key]

    @cached_property
    def _leaves(self) -> dict[IntentKey, tuple[SwitchName, ...]]:
        known = self.topology.switches
        return {
            network.key: tuple(sorted({a.ref.switch for a in network.spec.attachments} & known.keys()))
            for network in self.networks
        }

    @cached_property
    def routing_leaves(self) -> tuple[SwitchName, ...]:
        """The switches of the fabric where its packets are routed from one network to another."""
        routed = (network for network in self.networks if self.is_routed(network))
        return tuple(sorted({leaf for network in routed for leaf in self.leaves_of(network)}))

    def span_of(self, network: Network) -> tuple[SwitchName, ...]:
        """The switches that frames of a network may cross: flooded, bridged, or routed into it elsewhere."""
        return self._spans[network.key]

    @cached_property
    def _spans(self) -> dict[IntentKey, tuple[SwitchName, ...]]:
        routed = self.paths.between(self.routing_leaves)
        spans: dict[IntentKey, tuple[SwitchName, ...]] = {}
        for network in self.networks:
            leaves = self.leaves_of(network)
            crossed = {*self.paths.between(leaves), *self.paths.flood_tree(leaves)}
            spans[network.key] = tuple(sorted(crossed | routed if self.is_routed(network) else crossed))
        return spans

    @cached_property
    def sightings(self) -> Sightings:
        """Its hosts."""
        return believed(self.tenant, self.catalogue, self.heard)

    def is_in_fabric(self, host: Host) -> bool:
        """Whether its port is: what is stated of a host may be about a switch that is not there yet."""
        return (
            host.attachment.switch in self.topology.switches and self.topology.lacks(host.attachment) is None
        )

    @cached_property
    def _access_networks(self) -> frozenset[str]:
        return frozenset(s.spec.access_network for s in self.catalogue.of_kind(UpfSession, self.tenant))

    def is_routed(self, network: Network) -> bool:
        """Whether frames for the router's MAC address are routed: to a gateway, or into a tunnel's end."""
        return bool(network.spec.gateways) or network.name in self._access_networks

    def is_routed_to(self, host: Host, address: IpAddress) -> bool:
        """Whether packets come to an address of a host from other networks, or out of a tunnel."""
        network = self.catalogue.named(Network, self.tenant, host.network.name)
        if network is None or not self.is_in_fabric(host):
            return False
        tunnelled = address.version == 4 and network.name in self._access_networks
        owner = self.sightings.owners.get(address)
        mine = owner is not None and owner.key == host.key
        return mine and (tunnelled or network.has_gateway(address.version))

    def is_reachable(self, address: IpAddress) -> bool:
        """Whether packets for an address have a next hop: the host itself, or one that routes to it."""
        owner = self.sightings.owners.get(address)
        if owner is not None:
            return self.is_routed_to(owner, address)
        return any(
            address in route.prefix and self.next_hop(route.via) is not None
            for network in self.networks
            for route in network.spec.routes
        )

    def next_hop(self, via: IpAddress) -> Host | None:
        """The host that routes for others at an address, if it was seen."""
        host = self.sightings.owners.get(via)
        return host if host is not None and self.is_in_fabric(host) else None

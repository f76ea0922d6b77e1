"""What compilers may read: intents, numbers, switches, links and hosts, and queries that several compilers
share.

All reads are recorded, so that a part is compiled again only when something changes that it has read (see
`state`). This module knows no entry.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from p4fabric.controller.compiler.remedy import Remedy, RemedyKey
from p4fabric.controller.compiler.served import ServedSession, SessionKey, SmfKey
from p4fabric.controller.intents import Catalogue
from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.controller.intents.kinds.network import (
    ATTACHED,
    EDGE_PORT,
    EDGE_PORTS,
    LEAVES,
    ROUTE,
    ROUTED_LEAVES,
    SUBNET,
    TENANT_LEAVES,
    Network,
)
from p4fabric.controller.intents.kinds.upf import ACCESS
from p4fabric.controller.intents.numbers import Numbers
from p4fabric.controller.intents.rule_places import RulePlaces
from p4fabric.controller.n4.node import Association
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.reasons import Reason
from p4fabric.controller.state import Database, Table
from p4fabric.controller.topology.drain import Avoided, Drain, Drained, Moment
from p4fabric.controller.topology.model import Host, HostKey, Link, Role, Switch
from p4fabric.controller.topology.paths import FloodTree, Paths
from p4fabric.pipelines.values import EcmpGroupId, IPv4Address, L4Port, Port, VlanId, VrfId

__all__ = ["FabricView", "ServerKey"]

_ALL = "all"


class ServerKey(NamedTuple):
    """One member of a Service's pool."""

    service: IntentKey
    address: IPv4Address
    port: L4Port


class FabricView:
    """The state of a fabric as tables, and queries over them."""

    def __init__(self, database: Database) -> None:
        """Add the fabric's tables to a database."""
        self.database = database
        self.catalogue = Catalogue(database)
        self.numbers = Numbers(database)
        self.places = RulePlaces(database)
        self.switches: Table[SwitchName, Switch] = database.table("switches")
        self.links: Table[PortRef, Link] = database.table("links")
        """By source: one direction each."""
        self.drains: Table[Drained, Drain] = database.table("drains")
        """Switches and links that are drained, or come back."""
        self.stated_hosts: Table[HostKey, Host] = database.table("stated hosts")
        """Hosts that somebody says to be there: intents, and whoever plugs containers in."""
        self.heard_hosts: Table[HostKey, Host] = database.table("heard hosts")
        self.upf_sessions: Table[SessionKey, ServedSession] = database.table("upf sessions")
        """Sessions that SMFs established."""
        self.session_needs = self.upf_sessions.by(
            lambda key, served: ((need.pool, need.key) for need in served.needs(key))
        )
        """By pool and key: the sessions that need a number."""
        self.sessions_of = self.upf_sessions.by(lambda key, served: (key.upf,))
        """By Upf."""
        self.smfs: Table[SmfKey, Association] = database.table("smfs")
        """SMFs that are associated with a Upf; nothing on switches follows from them."""
        self.smfs_of = self.smfs.by(lambda key, association: (key.upf,))
        """By Upf."""
        self.upf_starts: Table[IntentKey, int] = database.table("upf starts")
        """The recovery time stamp of each Upf; nothing on switches follows from it."""
        self.remedies: Table[RemedyKey, Remedy] = database.table("remedies")
        """What is done about congestion, for a while."""
        self.remedies_of = self.remedies.by(lambda key, remedy: (key.response,))
        """By response."""
        self.servers_down: Table[ServerKey, str] = database.table("servers down")
        """Servers that do not answer checks, and what became of these."""
        self._all_switches = self.switches.by(lambda name, switch: (_ALL,))
        self._all_links = self.links.relation(lambda port, link: ((_ALL, link),))
        self._avoided_at = self.drains.relation(
            lambda one, drain: ((moment, one) for moment in Moment if drain.is_avoided(moment)), order=str
        )
        self._stated_addresses = self.stated_hosts.by(_addresses)
        self._addresses = self.heard_hosts.by(_addresses)

        self._last_paths: dict[Moment, Paths] = {}
        self.paths = database.query(self._paths)
        self.avoided = database.query(self._avoided)
        self.next_hop_ports = database.query(self._next_hop_ports)
        self.fabric_ports = database.query(self._fabric_ports)
        self.distance = database.query(self._distance)
        self.leaves = database.query(self._leaves)
        self.tenant_leaves = database.query(self._tenant_leaves)
        self.routing_leaves = database.query(self._routing_leaves)
        self.is_routed = database.query(self._is_routed)
        self.span = database.query(self._span)
        self.flood_tree = database.query(self._flood_tree)
        self.subnets = database.query(self._subnets)
        self.gateway_versions = database.query(self._gateway_versions)
        self.believed = database.query(self._believed)
        self.owner_of = database.query(self._owner_of)
        self.is_reachable = database.query(self._is_reachable)

    # Switches and the ways between them. Keys of queries over the whole fabric are None.

    def switch_names(self) -> tuple[SwitchName, ...]:
        """All switches of the fabric."""
        return self._all_switches.of(_ALL)

    def group(self, switch: SwitchName) -> EcmpGroupId:
        """The number of the group of paths towards a switch."""
        return self.switches[switch].group

    def is_edge(self, port: PortRef) -> bool:
        """Whether a network is open at a port."""
        return self.catalogue.states(EDGE_PORT, port)

    def edge_ports(self, switch: SwitchName) -> tuple[Port, ...]:
        """The ports of a switch at which networks are open."""
        return self.catalogue.facts(EDGE_PORTS, switch)

    def is_leaf(self, switch: SwitchName) -> bool:
        """Whether any network is open at a switch."""
        return self.catalogue.states(EDGE_PORTS, switch)

    def ports_in_use(self, switch: SwitchName) -> frozenset[Port]:
        """The ports of a switch of the fabric that have links, or at which a network is open."""
        edge = (port for port in self.edge_ports(switch) if self.lacks(PortRef(switch, port)) is None)
        return frozenset(self.fabric_ports(switch)).union(edge)

    def is_linked(self, port: PortRef) -> bool:
        """Whether another switch was seen at a port."""
        return self.links.get(port) is not None

    def lacks(self, port: PortRef) -> Reason | None:
        """That a switch of the fabric does not have a port; None otherwise."""
        switch = self.switches.get(port.switch)
        return switch.lacks(port.port) if switch is not None else None

    def _avoided(self, moment: Moment) -> Avoided:
        """What packets go around by the ways of a moment."""
        return Avoided.of(self._avoided_at.of(moment))

    def _paths(self, moment: Moment) -> Paths:
        """The ways between switches: those that are used now, those that are being left, those that come."""
        avoided = self.avoided(moment)
        if moment is not Moment.NOW and avoided == self.avoided(Moment.NOW):
            return self.paths(Moment.NOW)
        roles: dict[SwitchName, Role] = {}
        for name in self.switch_names():
            switch = self.switches.get(name)
            if switch is not None:
                roles[name] = switch.role
        links = frozenset(self._all_links.of(_ALL))
        cables = frozenset(link.cable for link in links if link.reverse in links)
        usable = frozenset(cable for cable in cables if not any(self.is_edge(port) for port in cable.ports))
        before = self._last_paths.get(moment)
        if before is None or before.roles != roles:
            paths = Paths(roles, usable, avoided)
        else:
            # The same as made anew, in less time.
            paths = before.changed(usable - before.cables, before.cables - usable, avoided).paths
        self._last_paths[moment] = paths
        return paths

    def _next_hop_ports(self, ends: tuple[SwitchName, SwitchName]) -> tuple[Port, ...]:
        return self.paths(Moment.NOW).next_hop_ports(*ends)

    def _fabric_ports(self, switch: SwitchName) -> tuple[Port, ...]:
        return self.paths(Moment.NOW).fabric_ports(switch)

    def _distance(self, ends: tuple[SwitchName, SwitchName]) -> int | None:
        return self.paths(Moment.NOW).distance(*ends)

    # Networks.

    def _leaves(self, network: IntentKey) -> tuple[SwitchName, ...]:
        """The switches of the fabric where a network has ports."""
        return self._known(self.catalogue.facts(LEAVES, network))

    def _tenant_leaves(self, tenant: TenantName) -> tuple[SwitchName, ...]:
        """The switches of the fabric where a tenant has ports."""
        return self._known(self.catalogue.facts(TENANT_LEAVES, tenant))

    def _routing_leaves(self, tenant: TenantName) -> tuple[SwitchName, ...]:
        """The switches of the fabric where a tenant's packets are routed from one network to another."""
        found = set(self.catalogue.facts(ROUTED_LEAVES, tenant))
        for name in self.catalogue.facts(ACCESS, tenant):
            found.update(self.catalogue.facts(LEAVES, IntentKey(Network.__name__, tenant, name)))
        return self._known(tuple(sorted(found)))

    def _known(self, names: tuple[SwitchName, ...]) -> tuple[SwitchName, ...]:
        return tuple(name for name in names if name in self.switches)

    def is_access(self, network: IntentKey) -> bool:
        """Whether gNBs are in a network."""
        return self.catalogue.states(ACCESS, network.tenant, network.name)

    def _is_routed(self, network: IntentKey) -> bool:
        """Whether frames for the router's MAC address are routed: to a gateway, or into a tunnel's end."""
        return bool(self.gateway_versions(network)) or self.is_access(network)

    def _gateway_versions(self, network: IntentKey) -> frozenset[int]:
        """The address families for which a network has gateways."""
        found = self._network(network)
        return frozenset() if found is None else frozenset(g.version for g in found.spec.gateways)

    def gateway_of(self, network: IntentKey, address: IpAddress) -> IpAddress | None:
        """The gateway of a network's host with an address, or None."""
        found = self._network(network)
        return found.gateway_of(address) if found is not None else None

    def _subnets(self, network: IntentKey) -> tuple[IpPrefix, ...]:
        """A network's subnets."""
        found = self._network(network)
        return () if found is None else found.spec.subnets

    def _flood_tree(self, network: IntentKey) -> FloodTree:
        """The tree by which a network's frames are flooded."""
        return self.paths(Moment.NOW).flood_tree(self.leaves(network))

    def _span(self, network: IntentKey) -> tuple[SwitchName, ...]:
        """The switches that frames of a network may cross: flooded, bridged, or routed into it elsewhere.

        Those on ways that are being left are among them, and those on ways that come next.
        """
        crossed: set[SwitchName] = set()
        for moment in Moment:
            paths, leaves = self.paths(moment), self.leaves(network)
            crossed.update(paths.between(leaves), paths.flood_tree(leaves))
            if self.is_routed(network):
                crossed |= paths.between(self.routing_leaves(network.tenant))
        return tuple(sorted(crossed))

    def networks_around(
        self, tenant: TenantName, address: IpAddress | IpPrefix
    ) -> tuple[tuple[VlanId, tuple[SwitchName, ...]], ...]:
        """The networks whose hosts, or routers, have addresses around one, and their switches."""
        kinds = (SUBNET, ROUTE)
        found = chain.from_iterable(self.catalogue.prefixes(kind, tenant).around(address) for kind in kinds)
        networks = sorted({owner for _, owner in found})
        return tuple((self.numbers.vlan(network), self.leaves(network)) for network in networks)

    def home_of(self, tenant: TenantName, address: IpAddress) -> IntentKey | None:
        """The network that has an address in one of its subnets."""
        found = self.catalogue.prefix_of(SUBNET, tenant, address)
        return found[1] if found is not None else None

    def vlan(self, network: IntentKey) -> VlanId:
        """The VLAN id of a network on the fabric's links."""
        return self.numbers.vlan(network)

    def vrf(self, tenant: TenantName) -> VrfId:
        """The VRF of a tenant."""
        return self.numbers.vrf(tenant)

    def _network(self, key: IntentKey) -> Network | None:
        found = self.catalogue.get(key)
        return found if isinstance(found, Network) else None

    # Hosts.

    def host(self, key: HostKey) -> Host | None:
        """A host that there is: as it is stated, with what was heard of it, or as it was heard."""
        return self.believed(key) or self.stated_hosts.get(key)

    def is_in_fabric(self, host: Host) -> bool:
        """Whether its port is: what is stated of a host may be about a switch that is not there yet."""
        return host.attachment.switch in self.switches and self.lacks(host.attachment) is None

    def _believed(self, key: HostKey) -> Host | None:
        """A heard host, where its network is still open and nothing stated stands against it; or None.

        Whether to believe a host at all was decided when it was heard (see `hosts`).
        """
        heard = self.heard_hosts.get(key)
        if heard is None or not self.catalogue.states(ATTACHED, heard.network, heard.attachment):
            return None
        stated = self.stated_hosts.get(key)
        if stated is None:
            return heard
        # What was stated stands; only what was not may be learned, at the stated port.
        return (
            replace(heard, addresses=heard.addresses | stated.addresses)
            if stated.attachment == heard.attachment
            else None
        )

    def _owner_of(self, subject: tuple[TenantName, IpAddress]) -> Host | None:
        """The host of a tenant that has an address, link-local ones aside."""
        for key in self._stated_addresses.of(subject):
            return self.host(key)
        for key in self._addresses.of(subject):
            host = self.believed(key)
            if host is not None and self.subnets(host.network):
                return host
        return None

    def is_routed_to(self, host: Host, address: IpAddress) -> bool:
        """Whether packets come to an address of a host from other networks, or out of a tunnel."""
        if not self.is_in_fabric(host):
            return False
        tunnelled = address.version == 4 and self.is_access(host.network)
        return tunnelled or address.version in self.gateway_versions(host.network)

    def _is_reachable(self, subject: tuple[TenantName, IpAddress]) -> bool:
        """Whether packets for an address have a next hop: the host itself, or one that routes to it."""
        tenant, address = subject
        owner = self.owner_of(subject)
        if owner is not None:
            return self.is_routed_to(owner, address)
        for prefix, network in self.catalogue.prefixes(ROUTE, tenant).around(address):
            found = self._network(network)
            routes = found.spec.routes if found is not None else ()
            if any(route.prefix == prefix and self.next_hop(tenant, route.via) for route in routes):
                return True
        return False

    def next_hop(self, tenant: TenantName, via: IpAddress) -> Host | None:
        """The host that routes for others at an address, if it was seen."""
        host = self.owner_of((tenant, via))
        return host if host is not None and self.is_in_fabric(host) else None


def _addresses(key: HostKey, host: Host) -> list[tuple[TenantName, IpAddress]]:
    return [(key[0].tenant, address) for address in host.addresses if not address.is_link_local]

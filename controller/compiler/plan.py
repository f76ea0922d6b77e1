"""Which parts there are: for every switch, and for every intent, what there is to compile.

A part holds all that its entries depend on, so that an unchanged part need not be compiled again. This
module must never know an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Generic, NamedTuple, TypeVar

from controller.compiler.base import SwitchPart, compile_switch
from controller.compiler.desired import Output
from controller.compiler.firewall import FirewallPart, compile_firewall
from controller.compiler.hosts import HostPart, RoutesPart, RouteVia, compile_host, compile_routes
from controller.compiler.networks import NetworkPart, compile_network
from controller.compiler.place import TenantPlace
from controller.compiler.services import ServicePart, compile_service
from controller.compiler.sessions import SessionPart, compile_session
from controller.compiler.watches import WatchPart, compile_watch
from controller.intents.allocation import Allocations
from controller.intents.catalogue import Catalogue
from controller.intents.firewall import FirewallPolicy, prefixes_of
from controller.intents.network import Network
from controller.intents.service import Service
from controller.intents.telemetry import TelemetryWatch
from controller.intents.upf import UpfSession
from controller.names import IntentKey, PortRef, SwitchName, TenantName
from controller.topology.model import Host, Topology
from controller.topology.paths import Paths, paths_of
from pipelines.values import IPv4Address, VlanId

__all__ = ["Slot", "Task", "tasks"]

P = TypeVar("P")


_HOST, _ROUTES = "host", "routes"


class Slot(NamedTuple):
    """Which part of which intent; of no intent where the fabric itself needs it."""

    owner: IntentKey | None
    part: tuple[object, ...] = ()

    @property
    def is_heard(self) -> bool:
        """Whether what hosts say decides if it is there: it must never stand against what intents say."""
        return self.part[:1] in ((_HOST,), (_ROUTES,))


@dataclass(frozen=True, slots=True)
class Task(Generic[P]):
    """A part, and what turns it into entries."""

    slot: Slot
    part: P
    compile: Callable[[P], Output]


AnyTask = Task[Any]


def tasks(catalogue: Catalogue, allocations: Allocations, topology: Topology) -> Iterator[AnyTask]:
    """All parts, in an order that depends on nothing but the intents and the topology."""
    edge = _edge(catalogue)
    paths = paths_of(topology, edge)
    yield from _switches(topology, paths, edge)
    yield from _watches(catalogue, topology, paths, edge)
    heard: dict[TenantName, list[Host]] = {}
    for host in topology.hosts.values():
        heard.setdefault(host.network.tenant, []).append(host)
    for tenant in sorted({key.tenant for key in catalogue}):
        hosts = tuple(heard.get(tenant, ()))
        place = TenantPlace(tenant, catalogue, allocations, topology, paths, hosts)
        yield from _networks(place)
        yield from _hosts(place)
        yield from _policies(place)
        yield from _services(place)
        yield from _sessions(place)


def _edge(catalogue: Catalogue) -> frozenset[PortRef]:
    """The ports at which a network is open."""
    return frozenset(
        attachment.ref
        for network in catalogue.of_kind_everywhere(Network)
        for attachment in network.spec.attachments
    )


def _switches(topology: Topology, paths: Paths, edge: frozenset[PortRef]) -> Iterator[AnyTask]:
    destinations = sorted({port.switch for port in edge} & topology.switches.keys())
    for name in sorted(topology.switches):
        groups = tuple(
            (topology.switches[destination].group, ports)
            for destination in destinations
            if (ports := paths.next_hop_ports(name, destination))
        )
        fabric_ports = paths.fabric_ports(name)
        closed = {port.port for port in edge if port.switch == name}
        may_be_linked = ({*topology.switches[name].linkable_ports, *fabric_ports}) - closed
        part = SwitchPart(name, fabric_ports, tuple(sorted(may_be_linked)), groups)
        yield Task(Slot(None, (name,)), part, compile_switch)


def _watches(
    catalogue: Catalogue, topology: Topology, paths: Paths, edge: frozenset[PortRef]
) -> Iterator[AnyTask]:
    in_use: dict[SwitchName, set[PortRef]] = {
        name: {PortRef(name, port) for port in paths.fabric_ports(name)} for name in topology.switches
    }
    for port in edge:
        if port.switch in in_use and topology.lacks(port) is None:
            in_use[port.switch].add(port)
    for watch in catalogue.of_kind_everywhere(TelemetryWatch):
        spec = watch.spec
        asked = [SwitchName(name) for name in spec.switches] or sorted(topology.switches)
        ports: set[PortRef] = set()
        lacking: dict[PortRef, str] = {}
        for name in asked:
            for port in {PortRef(name, port) for port in spec.ports} or in_use.get(name, set()):
                if (lack := topology.lacks(port)) is not None:
                    lacking[port] = lack
                elif name in in_use:
                    ports.add(port)
        if not spec.switches:
            # Of all switches, some have the port and others need not.
            found = {port.port for port in ports}
            lacking = {port: lack for port, lack in lacking.items() if port.port not in found}
        absent = tuple(name for name in asked if name not in in_use)
        notes = tuple(lack for _, lack in sorted(lacking.items()))
        yield Task(Slot(watch.key), WatchPart(watch, tuple(sorted(ports)), absent, notes), compile_watch)


def _networks(place: TenantPlace) -> Iterator[AnyTask]:
    linked = {link.source for link in place.topology.links}
    for network in place.networks:
        leaves = place.leaves_of(network)
        part = NetworkPart(
            network,
            place.allocations.vlan(network.key),
            place.vrf,
            leaves,
            place.span_of(network),
            place.paths.flood_tree(leaves),
            place.is_routed(network),
            place.routing_leaves,
            tuple(_cut_off(place, network)),
            tuple(sorted({a.ref for a in network.spec.attachments} & linked)),
            {
                a.ref: lack
                for a in network.spec.attachments
                if (lack := place.topology.lacks(a.ref)) is not None
            },
        )
        yield Task(Slot(network.key), part, compile_network)
        if network.spec.routes:
            yield Task(Slot(network.key, (_ROUTES,)), _routes(place, network), compile_routes)


def _cut_off(place: TenantPlace, network: Network) -> Iterator[tuple[SwitchName, SwitchName]]:
    """Leaves that packets should cross between, within the network or routed, and cannot."""
    here, elsewhere = place.leaves_of(network), set(place.leaves_of(network))
    if place.is_routed(network):
        elsewhere.update(place.routing_leaves)
    for one, other in product(here, sorted(elsewhere)):
        twice = other in here and other <= one
        if not twice and place.paths.distance(one, other) is None:
            yield one, other


def _routes(place: TenantPlace, network: Network) -> RoutesPart:
    return RoutesPart(
        network.key,
        place.allocations.vlan(network.key),
        place.vrf,
        tuple(RouteVia(route.prefix, route.via, place.next_hop(route.via)) for route in network.spec.routes),
        place.routing_leaves,
        place.leaves_of(network),
        tuple(
            subnet for other in place.networks if other.key != network.key for subnet in other.spec.subnets
        ),
    )


def _hosts(place: TenantPlace) -> Iterator[AnyTask]:
    networks = {network.key: network for network in place.networks}
    for host in place.sightings.hosts:
        if not place.is_in_fabric(host):
            continue
        here = host.attachment.switch
        span = place.span_of(networks[host.network])
        claimed = tuple(sorted(host.addresses, key=lambda address: (address.version, int(address))))
        part = HostPart(
            host.mac,
            place.allocations.vlan(host.network),
            place.vrf,
            host.attachment,
            place.topology.switches[here].group,
            tuple(name for name in span if place.paths.distance(name, here) is not None),
            place.routing_leaves,
            place.leaves_of(networks[host.network]),
            claimed,
            tuple(address for address in claimed if place.is_routed_to(host, address)),
        )
        yield Task(Slot(host.network, (_HOST, host.mac)), part, compile_host)


def _policies(place: TenantPlace) -> Iterator[AnyTask]:
    catalogue = place.catalogue
    for policy in catalogue.of_kind(FirewallPolicy, place.tenant):
        sides = tuple(
            (
                prefixes_of(rule.source, policy, catalogue),
                prefixes_of(rule.destination, policy, catalogue),
            )
            for rule in policy.spec.rules
        )
        rank = place.allocations.rank(policy)
        part = FirewallPart(policy, sides, place.vrf, rank, place.leaves)
        yield Task(Slot(policy.key), part, compile_firewall)


def _services(place: TenantPlace) -> Iterator[AnyTask]:
    for service in place.catalogue.of_kind(Service, place.tenant):
        spec = service.spec
        home = next((n for n in place.networks if n.subnet_of(spec.virtual_ip) is not None), None)
        part = ServicePart(
            service,
            place.vrf,
            place.routing_leaves,
            place.allocations.vlan(home.key) if home is not None else None,
            place.leaves_of(home) if home is not None else (),
            tuple(_networks_around(place, spec.virtual_ip)),
            frozenset(m.address for m in spec.pool if not place.is_reachable(m.address)),
        )
        yield Task(Slot(service.key), part, compile_service)


def _sessions(place: TenantPlace) -> Iterator[AnyTask]:
    for session in place.catalogue.of_kind(UpfSession, place.tenant):
        access = place.catalogue.named(Network, place.tenant, session.spec.access_network)
        if access is None:
            continue
        part = SessionPart(
            session,
            place.vrf,
            place.allocations.vlan(access.key),
            place.allocations.tunnel_peer(session),
            place.leaves_of(access),
            place.routing_leaves,
            tuple(_networks_around(place, session.spec.ue_address)),
            place.is_reachable(session.spec.gnb_address),
        )
        yield Task(Slot(session.key), part, compile_session)


def _networks_around(
    place: TenantPlace, address: IPv4Address
) -> Iterator[tuple[VlanId, tuple[SwitchName, ...]]]:
    """The networks whose hosts, or routers, have addresses around one, and their switches."""
    for network in place.networks:
        prefixes = [*network.spec.subnets, *(route.prefix for route in network.spec.routes)]
        if any(address in prefix for prefix in prefixes):
            yield place.allocations.vlan(network.key), place.leaves_of(network)

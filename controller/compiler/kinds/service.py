"""Services: the virtual IP becomes a server where clients' packets enter, and comes back where they leave.

This module does not know how servers are reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p4fabric.controller.compiler.entries import TRANSPORTS, EntityLists, answer_arp, drop_route
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.output import CounterSource, Output
from p4fabric.controller.compiler.sources import denied_source
from p4fabric.controller.compiler.view import FabricView, ServerKey
from p4fabric.controller.intents.kinds.service import HealthCheck, PoolMember, Service
from p4fabric.controller.names import SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.pipelines.entities import Weighted
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, L4Port, VlanId, VrfId

__all__ = ["AskedServer", "ServicePart", "compile_service"]


@dataclass(frozen=True, slots=True)
class AskedServer:
    """A server that is asked by TCP whether it accepts connections."""

    address: IPv4Address
    port: L4Port
    vlan: VlanId
    """Its network."""
    gateway: IPv4Address
    """In whose name it is asked, so that its answers are for that one."""
    leaves: tuple[SwitchName, ...]
    """Where its network has ports: its answers may come in at any of them."""


@dataclass(frozen=True, slots=True)
class ServicePart:
    """A service and where it is used."""

    service: Service
    vrf: VrfId
    leaves: tuple[SwitchName, ...]
    """Switches that route for the tenant: clients may be at any of them."""
    vlan: VlanId | None
    """The network that has the virtual IP in one of its subnets, if one does."""
    neighbours: tuple[SwitchName, ...]
    """Switches with ports of that network: its hosts resolve the virtual IP."""
    around: tuple[tuple[VlanId, tuple[SwitchName, ...]], ...]
    """Networks of which hosts could otherwise send as the virtual IP, and their switches."""
    unseen: frozenset[IPv4Address]
    """Servers that packets cannot be sent to yet."""
    down: tuple[str | None, ...] = ()
    """Of each server, why its checks fail; None: they do not."""
    asked: tuple[AskedServer, ...] = ()
    unchecked: frozenset[IPv4Address] = frozenset()
    """Servers that cannot be checked though the service asks for it: they are in no network of the fabric."""


def _is_down(view: FabricView, intent: Service, member: PoolMember) -> str | None:
    return view.servers_down.get(ServerKey(intent.key, member.address, member.port))


def _asked(view: FabricView, intent: Service) -> Iterator[AskedServer]:
    if intent.spec.health_check is not HealthCheck.TCP:
        return
    for member in intent.spec.pool:
        network = view.home_of(intent.tenant, member.address)
        gateway = view.gateway_of(network, member.address) if network is not None else None
        if network is not None and isinstance(gateway, IPv4Address):
            place = view.vlan(network), gateway, view.leaves(network)
            yield AskedServer(member.address, member.port, *place)


def _unchecked(view: FabricView, intent: Service) -> Iterator[IPv4Address]:
    if intent.spec.health_check is not HealthCheck.NONE:
        for member in intent.spec.pool:
            if view.home_of(intent.tenant, member.address) is None:
                yield member.address


@meaning(Service)
def service(view: FabricView, intent: Service) -> Output:
    """A service with the servers that there are now."""
    spec, tenant = intent.spec, intent.tenant
    home = view.home_of(tenant, spec.virtual_ip)
    return compile_service(
        ServicePart(
            intent,
            view.vrf(tenant),
            view.routing_leaves(tenant),
            view.vlan(home) if home is not None else None,
            view.leaves(home) if home is not None else (),
            view.networks_around(tenant, spec.virtual_ip),
            frozenset(m.address for m in spec.pool if not view.is_reachable((tenant, m.address))),
            tuple(_is_down(view, intent, member) for member in spec.pool),
            tuple(_asked(view, intent)),
            frozenset(_unchecked(view, intent)),
        )
    )


def compile_service(part: ServicePart) -> Output:
    """Spread connections over the servers that were seen, by their shares; turn the answers back."""
    spec = part.service.spec
    protocol = TRANSPORTS[spec.protocol]
    entries = EntityLists()
    counters: list[CounterSource] = []
    down = part.down or (None,) * len(spec.pool)
    seen = [
        (Weighted(b.ToServer(member.address, member.port), share), why)
        for member, share, why in zip(spec.pool, part.service.shares(), down, strict=True)
        if member.address not in part.unseen
    ]
    # Where none answers its checks, all are tried: the checks may be what is wrong.
    pool = tuple(server for server, why in seen if why is None) or tuple(server for server, _ in seen)
    if pool:
        front = b.VirtualIps(part.vrf, spec.virtual_ip, protocol, spec.port, pool)
        entries.add(part.leaves, front)
        counters.append(CounterSource("virtual-ip", part.leaves, front))
    back = b.FromVirtualIp(spec.virtual_ip, spec.port)
    for member in spec.pool:
        entries.add(part.leaves, b.VirtualIpReplies(part.vrf, member.address, protocol, member.port, back))
    for address in dict.fromkeys(member.address for member in spec.pool):
        fragments = b.VirtualIpReplies(part.vrf, address, protocol, L4Port(0), b.DenyFragment())
        entries.add(part.leaves, fragments)
    # What is for no service of this address goes nowhere, whatever prefix is routed around it.
    entries.add(part.leaves, drop_route(part.vrf, spec.virtual_ip))
    if part.vlan is not None:
        entries.add(part.neighbours, answer_arp(part.vlan, spec.virtual_ip))
    for vlan, leaves in part.around:
        entries.add(leaves, denied_source(vlan, spec.virtual_ip))
    for server in part.asked:
        answer = b.HealthReplies(server.vlan, server.address, server.port, server.gateway, b.ToController())
        entries.add(server.leaves, answer)
    notes = [
        Reason(Code.SERVER_UNSEEN, f"server {address} not seen yet", address=str(address))
        for address in sorted(part.unseen)
    ]
    notes += [
        Reason(
            Code.SERVER_UNCHECKED,
            f"server {address} is not checked: it is behind a router",
            address=str(address),
        )
        for address in sorted(part.unchecked)
    ]
    notes += [
        Reason(
            Code.SERVER_DOWN,
            f"server {member.address}:{member.port} is down: {why}",
            address=str(member.address),
            port=int(member.port),
        )
        for member, why in zip(spec.pool, down, strict=True)
        if why is not None
    ]
    return Output(entries.frozen(), tuple(notes), tuple(counters))

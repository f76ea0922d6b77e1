"""Whose a followed flow is, who asked for it, and which addresses the name of an end stands for.

It reads intents and hosts on the event loop. It knows nothing of paths.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, TypeVar

from p4fabric.controller.fabric.flow_names import FlowNamer
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.intents.document import IntentDocument
from p4fabric.controller.intents.kinds.service import Service
from p4fabric.controller.intents.kinds.upf import UpfSession
from p4fabric.controller.intents.kinds.watch import FollowedFlow, TelemetryWatch
from p4fabric.controller.names import PortRef, TenantName
from p4fabric.controller.telemetry.flow import Flow, FlowId
from p4fabric.controller.telemetry.flow_paths import FlowEnd, PathNames
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.topology.model import Host
from p4fabric.controller.turns import in_turns

if TYPE_CHECKING:
    from p4fabric.controller.fabric.fabric import Fabric

__all__ = ["PROTOCOL_NUMBERS", "FlowEnds", "FollowedFlows"]

PROTOCOL_NUMBERS = {"tcp": frozenset({6}), "udp": frozenset({17}), "icmp": frozenset({1, 58})}
"""By the names that people give them."""

D = TypeVar("D", bound=IntentDocument)


class FollowedFlows:
    """Call it with a flow, where its packets came in, and whether a service has rewritten it there."""

    def __init__(self, fabric: Fabric, namer: FlowNamer) -> None:
        """Take the fabric, and who names its flows."""
        self._fabric, self._namer = fabric, namer
        self._revision = -1
        self._watches: list[TelemetryWatch] = []
        self._services: dict[TenantName, list[Service]] = {}

    def __call__(self, flow: FlowId, port: PortRef, translated: bool) -> PathNames:
        """Whose it is, and the watches that name it, as far as is known now."""
        names = self._namer(flow, Queue(port, 0))
        if (revision := self._fabric.intents.revision) != self._revision:
            self._revision = revision
            self._watches = list(_intents(self._fabric, TelemetryWatch, None))
            self._services.clear()
        watches = [
            watch.key
            for watch in self._watches
            if any(
                self._is_named(flow.flow, names.tenant, translated, watch, one) for one in watch.spec.flows
            )
        ]
        return PathNames(names, tuple(watches))

    def _is_named(
        self,
        flow: Flow,
        tenant: TenantName | None,
        translated: bool,
        watch: TelemetryWatch,
        one: FollowedFlow,
    ) -> bool:
        if watch.tenant_of(one) != tenant:
            return False
        if one.protocol is not None and flow.protocol not in PROTOCOL_NUMBERS[one.protocol]:
            return False
        if one.source is not None and (flow.source is None or flow.source not in one.source):
            return False
        if one.source_port not in (None, flow.source_port):
            return False
        if _goes_to(flow, one):
            return True
        # As its sender sees it, it goes to a virtual IP.
        return translated and any(_is_front(service, flow, one) for service in self._services_of(tenant))

    def _services_of(self, tenant: TenantName) -> list[Service]:
        if tenant not in self._services:
            self._services[tenant] = list(_intents(self._fabric, Service, tenant))
        return self._services[tenant]


class FlowEnds:
    """What the name of an end stands for, as `explain` takes it."""

    def __init__(self, fabric: Fabric) -> None:
        """Take the fabric."""
        self._fabric = fabric

    async def of(
        self, field: str, text: str | None, tenant: TenantName | None, port: int | None
    ) -> tuple[FlowEnd, ...]:
        """The addresses that a name stands for.

        Args:
            field: of the question.
            text: an address, a prefix, a MAC address, a port such as `leaf1:3`, or the name of a host, a
                Service or a UpfSession; None: any address.
            tenant: whose; None: all tenants'.
            port: of TCP or UDP.

        Raises:
            IntentError: it stands for nothing.
        """
        try:
            network = None if text is None else ip_network(text, strict=False)
        except ValueError:
            found = [end async for end in self._named(text or "", tenant, port)]
            if not found:
                message = (
                    "is no address, prefix or port, nor the name or MAC address of a host that is known, "
                    "nor a Service or a UpfSession"
                )
                raise IntentError([FieldError(field, text, message)]) from None
            return tuple(dict.fromkeys(found))
        ends = [FlowEnd(network, port)]
        async for service in in_turns(list(_intents(self._fabric, Service, tenant))):
            if network is None or service.spec.virtual_ip in network:
                ends += _servers(service, port)
        return tuple(dict.fromkeys(ends))

    async def _named(self, text: str, tenant: TenantName | None, port: int | None) -> AsyncIterator[FlowEnd]:
        before, _, name = text.rpartition("/")
        if before in ("", "Service"):
            async for service in in_turns(list(_intents(self._fabric, Service, tenant))):
                if service.name == name:
                    yield FlowEnd(IPv4Network(int(service.spec.virtual_ip)), port)
                    for end in _servers(service, port):
                        yield end
        if before in ("", "UpfSession"):
            async for session in in_turns(list(_intents(self._fabric, UpfSession, tenant))):
                if session.name == name:
                    if session.spec.ue_address is not None:
                        yield FlowEnd(IPv4Network(int(session.spec.ue_address)), port)
                    if session.spec.ue_prefix is not None:
                        yield FlowEnd(session.spec.ue_prefix, port)
        async for host in in_turns(list(self._fabric.hosts)):
            if tenant in (None, host.network.tenant) and self._is_called(host, text, before, name):
                for address in host.addresses:
                    yield FlowEnd(ip_network(int(address) if address.version == 4 else str(address)), port)

    def _is_called(self, host: Host, text: str, network: str, name: str) -> bool:
        if text in (str(host.mac), str(host.attachment)):
            return True
        return network in ("", host.network.name) and self._fabric.name_of(host) == name


def _intents(fabric: Fabric, kind: type[D], tenant: TenantName | None) -> Iterator[D]:
    for view in fabric.intents.all(kind.__name__, tenant):
        if isinstance(view.intent, kind) and not view.resource.is_deleted:
            yield view.intent


def _goes_to(flow: Flow, one: FollowedFlow) -> bool:
    if one.destination_port not in (None, flow.destination_port):
        return False
    return one.destination is None or (flow.destination is not None and flow.destination in one.destination)


def _is_front(service: Service, flow: Flow, one: FollowedFlow) -> bool:
    """Whether a flow to a server is one to the service's address, and that is what is followed."""
    spec = service.spec
    return (
        flow.protocol in PROTOCOL_NUMBERS[spec.protocol]
        and one.destination_port in (None, spec.port)
        and one.destination is not None
        and spec.virtual_ip in one.destination
        and any(
            (member.address, member.port) == (flow.destination, flow.destination_port) for member in spec.pool
        )
    )


def _servers(service: Service, port: int | None) -> Sequence[FlowEnd]:
    """Where a service's packets go, and where its answers come from."""
    if port not in (None, service.spec.port):
        return ()
    return [FlowEnd(IPv4Network(int(member.address)), member.port) for member in service.spec.pool]

"""Whose a flow is: its tenant by the network, and both ends as hosts, services and subscribers.

It reads what is known of hosts and claimed addresses on the event loop. It knows nothing of congestion.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from p4fabric.controller.fabric.host_service import HostService
from p4fabric.controller.intents.kinds.network import address_resource
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents import FlowNames
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.values import VlanId

__all__ = ["FlowNamer"]

_NAMED = {"Service": "service", "UpfSession": "subscriber"}
"""Kinds of intents that claim addresses of their own, and what users call what has the address."""


class FlowNamer:
    """Call it with a flow, and the queue where it was seen."""

    def __init__(self, hosts: HostService, name_of: Callable[[Host], str | None]) -> None:
        """Take who knows hosts, the places of networks and claims to addresses, and hosts' names."""
        self._directory, self._claims_to, self._name_of = hosts.directory, hosts.claims_to, name_of

    def __call__(self, flow: FlowId, queue: Queue) -> FlowNames:
        """Whose the flow is, as far as is known now."""
        network = self._network(flow, queue)
        if network is None:
            return FlowNames()
        tenant, intents = network.tenant, [network]
        names = [self._name(tenant, end, intents) for end in (flow.flow.source, flow.flow.destination)]
        return FlowNames(tenant, names[0], names[1], tuple(dict.fromkeys(intents)))

    def _network(self, flow: FlowId, queue: Queue) -> IntentKey | None:
        """The network of its VLAN; where the switch does not say it, the only one at an edge port."""
        attachments = self._directory.attachments
        if flow.vlan:
            return attachments.with_vlan(VlanId(flow.vlan)) if flow.vlan < 1 << VlanId.BITS else None
        there = attachments.networks_at(queue.port)
        return next(iter(there)) if len(there) == 1 else None

    def _name(
        self, tenant: TenantName, address: IPv4Address | IPv6Address | None, intents: list[IntentKey]
    ) -> str | None:
        """What has an address; the intents that say so are added to those given."""
        if address is None:
            return None
        for key, _ in self._claims_to(address_resource(tenant, address)):
            if key.kind in _NAMED:
                intents.append(key)
                return f"{_NAMED[key.kind]} {key.name}"
        host = self._directory.owner(tenant, address)
        if host is None:
            return None
        intents.append(host.network)
        return f"host {self._name_of(host) or host.mac} at {host.attachment}"

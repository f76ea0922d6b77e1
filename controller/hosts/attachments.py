"""Where networks are open: found by port, by VLAN id and by network.

Kept up to date network by network, and endpoint by endpoint: a change of a network costs as much as it has
attachments, that of an endpoint always the same. This module knows nothing of hosts.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from p4fabric.controller.intents.kinds.network import Attachment, Network
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.pipelines.values import Port, VlanId

__all__ = ["AttachmentIndex"]


class _Open(NamedTuple):
    network: Network
    vlan: VlanId
    attachments: dict[PortRef, Attachment]


class AttachmentIndex:
    """The attachments of all networks, and those of their endpoints. Not for two threads at once."""

    def __init__(self) -> None:
        """Nothing is open yet."""
        self._networks: dict[IntentKey, _Open] = {}
        self._endpoints: dict[IntentKey, dict[PortRef, Attachment]] = {}
        """By network; it need not be known yet."""
        self._by_vlan: dict[VlanId, IntentKey] = {}
        self._at_port: dict[PortRef, dict[IntentKey, Attachment]] = {}
        self._ports: dict[SwitchName, set[Port]] = {}

    def put(self, network: Network, vlan: VlanId) -> None:
        """Open a network at its ports, instead of where it was open before.

        Args:
            network: the network.
            vlan: its VLAN id on the fabric's links.
        """
        self.remove(network.key)
        attachments = {attachment.ref: attachment for attachment in network.spec.attachments}
        self._networks[network.key] = _Open(network, vlan, attachments)
        self._by_vlan[vlan] = network.key
        for port, attachment in attachments.items():
            self._open(network.key, port, attachment)

    def remove(self, key: IntentKey) -> None:
        """Close a network; nothing happens if it is not known."""
        known = self._networks.pop(key, None)
        if known is None:
            return
        if self._by_vlan.get(known.vlan) == key:
            del self._by_vlan[known.vlan]
        endpoints = self._endpoints.get(key, {})
        for port in known.attachments:
            if port in endpoints:
                self._at_port[port][key] = endpoints[port]
            else:
                self._close(key, port)

    def attach(self, network: IntentKey, attachment: Attachment) -> None:
        """Open a network at the port of an endpoint."""
        self._endpoints.setdefault(network, {})[attachment.ref] = attachment
        self._open(network, attachment.ref, attachment)

    def detach(self, network: IntentKey, port: PortRef) -> None:
        """Close a network at the port of an endpoint; nothing happens if none is known there."""
        endpoints = self._endpoints.get(network, {})
        if endpoints.pop(port, None) is None:
            return
        if not endpoints:
            del self._endpoints[network]
        known = self._networks.get(network)
        if known is not None and port in known.attachments:
            self._open(network, port, known.attachments[port])
        else:
            self._close(network, port)

    def _open(self, network: IntentKey, port: PortRef, attachment: Attachment) -> None:
        self._at_port.setdefault(port, {})[network] = attachment
        self._ports.setdefault(port.switch, set()).add(port.port)

    def _close(self, network: IntentKey, port: PortRef) -> None:
        there = self._at_port[port]
        del there[network]
        if not there:
            del self._at_port[port]
            ports = self._ports[port.switch]
            ports.discard(port.port)
            if not ports:
                del self._ports[port.switch]

    def network(self, key: IntentKey) -> Network | None:
        """A network, or None."""
        known = self._networks.get(key)
        return known.network if known is not None else None

    @property
    def networks(self) -> Collection[IntentKey]:
        """All networks."""
        return self._networks.keys()

    def attachment(self, network: IntentKey, port: PortRef) -> Attachment | None:
        """How a network is attached to a port; None where it is not open."""
        return self._at_port.get(port, {}).get(network)

    def network_of(self, port: PortRef, vlan: VlanId) -> IntentKey | None:
        """The network that is open at a port and has this VLAN id on the fabric's links."""
        key = self._by_vlan.get(vlan)
        return key if key is not None and self.attachment(key, port) is not None else None

    def with_vlan(self, vlan: VlanId) -> IntentKey | None:
        """The network that has a VLAN id on the fabric's links."""
        return self._by_vlan.get(vlan)

    def networks_at(self, port: PortRef) -> Collection[IntentKey]:
        """The networks that are open at a port."""
        return self._at_port.get(port, {}).keys()

    def is_edge(self, port: PortRef) -> bool:
        """Whether a network is open at a port."""
        return port in self._at_port

    @property
    def switches(self) -> Collection[SwitchName]:
        """Those at which networks are open."""
        return self._ports.keys()

    def ports_of(self, switch: SwitchName) -> frozenset[Port]:
        """The ports of a switch at which networks are open."""
        return frozenset(self._ports.get(switch, ()))

    def tenant_at(self, port: PortRef, tag: VlanId | None) -> TenantName | None:
        """Whose network is open at a port for frames with a tag."""
        at_port = self.networks_at(port)
        return next((one.tenant for one in at_port if self.tag_at(one, port) == tag), None)

    def tag_at(self, network: IntentKey, port: PortRef) -> VlanId | None:
        """The VLAN tag that a network's frames carry at a port; None where they are untagged."""
        attachment = self.attachment(network, port)
        return attachment.vlan if attachment is not None else None

"""Where networks are open: found by port, by VLAN id and by network.

Kept up to date network by network: a change costs as much as the network has attachments. This module knows
nothing of hosts.
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
    """The attachments of all networks. Not for two threads at once."""

    def __init__(self) -> None:
        """Nothing is open yet."""
        self._networks: dict[IntentKey, _Open] = {}
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
            self._at_port.setdefault(port, {})[network.key] = attachment
            self._ports.setdefault(port.switch, set()).add(port.port)

    def remove(self, key: IntentKey) -> None:
        """Close a network; nothing happens if it is not known."""
        known = self._networks.pop(key, None)
        if known is None:
            return
        if self._by_vlan.get(known.vlan) == key:
            del self._by_vlan[known.vlan]
        for port in known.attachments:
            there = self._at_port[port]
            del there[key]
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
        known = self._networks.get(network)
        return known.attachments.get(port) if known is not None else None

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

"""Learns hosts from the ARP and neighbor messages that edge ports report.

This module knows what to believe, and how much of it. It must never know intents' contents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from controller.names import IntentKey, PortRef, SwitchName
from controller.topology.model import Host, HostKey
from pipelines.fabric.bindings import HostSeen
from pipelines.values import IPv4Address, IPv6Address, MacAddress, VlanId

__all__ = ["HostLearning"]


class HostLearning:
    """Feed it HostSeen digests; it calls back with new and changed hosts."""

    def __init__(
        self,
        network_of: Callable[[PortRef, VlanId], IntentKey | None],
        refuse: Callable[[IntentKey, PortRef, MacAddress, IPv4Address | IPv6Address], str | None],
        on_host: Callable[[Host], None],
    ) -> None:
        """Make it, knowing no hosts.

        Args:
            network_of: the network that a port is open for with a VLAN id of the fabric.
            refuse: why a host may not have an address there (outside the subnets, the gateway's,
                another host's by configuration), or None.
            on_host: called with each new host and each change (moved, gained or lost an address).
        """
        raise NotImplementedError

    def restore(self, hosts: Iterable[Host]) -> None:
        """Know hosts that were learned before a restart."""
        raise NotImplementedError

    def forget(self, key: HostKey) -> None:
        """Forget a host; it may be learned again."""
        raise NotImplementedError

    def seen(self, switch: SwitchName, message: HostSeen) -> str | None:
        """Judge one message; returns why it was refused, or None if it was believed."""
        raise NotImplementedError

"""Learns hosts from the ARP and neighbor messages that edge ports report.

This module knows what to believe, and how much of it. It must never know intents' contents.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from controller.names import IntentKey, PortRef, SwitchName
from controller.p4runtime.limit import RateLimit
from controller.topology.model import Host, HostKey
from pipelines.fabric.bindings import HostSeen
from pipelines.values import MacAddress, VlanId

__all__ = ["HostLearning", "Limits"]

_log = logging.getLogger(__name__)

_NO_MAC = MacAddress(0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one edge port may make the fabric learn."""

    changes_a_second: float = 20.0
    burst: int = 100
    """Changes that may come at once, after a pause."""
    hosts: int = 128
    """Hosts at one port; for another one, a host that was not heard for long is forgotten."""
    silence: float = 600.0
    """Seconds after which a host may be forgotten for another one."""
    addresses: int = 16
    """IP addresses of one host."""


class HostLearning:
    """Feed it HostSeen digests; it calls back with new and changed hosts."""

    def __init__(
        self,
        network_of: Callable[[PortRef, VlanId], IntentKey | None],
        refuse: Callable[[IntentKey, PortRef, MacAddress, IPv4Address | IPv6Address | None], str | None],
        on_host: Callable[[Host], None],
        *,
        on_gone: Callable[[HostKey], None] = lambda key: None,
        limits: Limits | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Make it, knowing no hosts.

        Args:
            network_of: the network that a port is open for with a VLAN id of the fabric.
            refuse: why a host may not be there with this MAC address and, where it showed one, IP
                address (outside the subnets, the gateway's, another's by configuration), or None.
            on_host: called with each new host and each change (moved, gained or lost an address).
            on_gone: called with each host that is forgotten because its port is full.
            limits: how much to learn.
            clock: seconds; the event loop's if not given.
        """
        self._network_of = network_of
        self._refuse = refuse
        self._on_host = on_host
        self._on_gone = on_gone
        self._limits = limits or Limits()
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._hosts: dict[HostKey, Host] = {}
        self._owners: dict[tuple[IntentKey, IPv4Address | IPv6Address], HostKey] = {}
        self._at_port: dict[PortRef, set[HostKey]] = {}
        self._heard_at: dict[HostKey, float] = {}
        self._changes = RateLimit[PortRef](self._limits.changes_a_second, self._limits.burst)

    @property
    def hosts(self) -> Iterable[Host]:
        """All hosts that are known."""
        return self._hosts.values()

    def restore(self, hosts: Iterable[Host]) -> None:
        """Know hosts that were learned before a restart; nobody is called."""
        for host in hosts:
            self._store(host)
            self._heard_at[host.key] = self._clock()

    def forget(self, key: HostKey) -> None:
        """Forget a host, without a call; it may be learned again."""
        host = self._hosts.pop(key, None)
        if host is None:
            return
        self._heard_at.pop(key, None)
        self._at_port.get(host.attachment, set()).discard(key)
        for address in host.addresses:
            self._owners.pop((host.network, address), None)

    def seen(self, switch: SwitchName, message: HostSeen) -> str | None:
        """Judge one message; returns why it was refused, or None if it was believed."""
        port = PortRef(switch, message.ingress_port)
        reason = self._judge(port, message)
        if reason is not None:
            # Hosts could fill the log.
            _log.debug("%s: %s is not learned: %s", port, message.mac, reason)
        return reason

    def _judge(self, port: PortRef, message: HostSeen) -> str | None:
        if message.mac.is_multicast or message.mac == _NO_MAC:
            return f"{message.mac} is no host's MAC address"
        network = self._network_of(port, message.vlan_id)
        if network is None:
            return f"the port is not open for VLAN {message.vlan_id}"
        address = _address(message)
        refusal = self._refuse(network, port, message.mac, address)
        if refusal is not None:
            return refusal
        key = (network, message.mac)
        known = self._hosts.get(key)
        host = _as_seen(known, network, message.mac, port, address)
        if host == known:
            self._heard_at[key] = self._clock()
            return None
        if len(host.addresses) > self._limits.addresses:
            return f"the host has {self._limits.addresses} addresses already"
        if not self._changes.allows(port, self._clock()):
            return f"the port reports more than {self._limits.changes_a_second:g} changes a second"
        if not self._make_room(port, key):
            return f"the port has {self._limits.hosts} hosts already"
        self._take_address_from_others(network, address, key)
        self._store(host)
        self._heard_at[key] = self._clock()
        self._on_host(host)
        return None

    def _make_room(self, port: PortRef, key: HostKey) -> bool:
        """Forget the host at a full port that was silent longest, if that was long."""
        there = self._at_port.get(port, set())
        if key in there or len(there) < self._limits.hosts:
            return True
        silent = min(there, key=lambda other: self._heard_at[other])
        if self._clock() - self._heard_at[silent] < self._limits.silence:
            return False
        self.forget(silent)
        self._on_gone(silent)
        return True

    def _take_address_from_others(
        self, network: IntentKey, address: IPv4Address | IPv6Address | None, key: HostKey
    ) -> None:
        """An address belongs to the host that had it last."""
        if address is None:
            return
        owner = self._owners.get((network, address))
        if owner is None or owner == key:
            return
        other = self._hosts[owner]
        other = replace(other, addresses=other.addresses - {address})
        heard_at = self._heard_at[owner]
        self._store(other)
        self._heard_at[owner] = heard_at
        self._on_host(other)

    def _store(self, host: Host) -> None:
        self.forget(host.key)
        self._hosts[host.key] = host
        self._at_port.setdefault(host.attachment, set()).add(host.key)
        for address in host.addresses:
            self._owners[host.network, address] = host.key


def _address(message: HostSeen) -> IPv4Address | IPv6Address | None:
    """The address that a message shows; None where there is none to be learned (link-local ones)."""
    address = message.ipv4 if int(message.ipv4) else message.ipv6
    if not int(address) or address.is_link_local:
        return None
    return address


def _as_seen(
    known: Host | None,
    network: IntentKey,
    mac: MacAddress,
    port: PortRef,
    address: IPv4Address | IPv6Address | None,
) -> Host:
    """The host as it is after a message: at this port now, with one address more."""
    addresses = known.addresses if known is not None else frozenset()
    return Host(mac, network, port, addresses | ({address} if address is not None else frozenset()))

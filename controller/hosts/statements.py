"""Hosts that somebody states: intents (an attachment's `mac` and `addresses`), or an orchestrator.

Several may state the same MAC or IP address. All statements are kept; the first in order of precedence
counts: intents come before other owners, and otherwise the owner's name decides. So what counts does not
depend on the order in which statements came. This module does not know what was heard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from p4fabric.controller.hosts.claims import IpAddress
from p4fabric.controller.intents.kinds.network import Attachment, Network
from p4fabric.controller.names import IntentKey, PortRef, TenantName
from p4fabric.controller.topology.model import HostKey
from p4fabric.pipelines.values import MacAddress

__all__ = ["Endpoint", "Owner", "Statements", "Touched", "endpoints_of", "stated_at"]

Owner = IntentKey | str
"""Who states something: an intent, or another source by a name of its own ("cni/…")."""

TenantAddress = tuple[TenantName, IpAddress]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host as its owner states it. Without addresses, they are learned at its port."""

    owner: Owner
    network: IntentKey
    mac: MacAddress
    port: PortRef
    addresses: frozenset[IpAddress] = frozenset()

    def __post_init__(self) -> None:
        """Refuse link-local addresses: each network may have the same.

        Raises:
            ValueError: there is one.
        """
        for address in self.addresses:
            if address.is_link_local:
                raise ValueError(f"{address} is link-local and cannot be stated")

    @property
    def key(self) -> HostKey:
        """Which host this is."""
        return (self.network, self.mac)

    @property
    def precedence(self) -> tuple[bool, str, HostKey]:
        """The smallest counts."""
        return (isinstance(self.owner, str), str(self.owner), self.key)


@dataclass(slots=True)
class Touched:
    """What a change of statements is about: who has to be judged again."""

    keys: set[HostKey]
    addresses: set[TenantAddress]


class Statements:
    """What is stated, by owner, by host and by address."""

    def __init__(self) -> None:
        """Nothing is stated yet."""
        self._by_owner: dict[Owner, dict[HostKey, Endpoint]] = {}
        self._by_key: dict[HostKey, list[Endpoint]] = {}
        self._by_address: dict[TenantAddress, list[Endpoint]] = {}
        self._in_network: dict[IntentKey, set[HostKey]] = {}
        self._at_port: dict[PortRef, Counter[HostKey]] = {}
        """How many state that a host is at a port."""

    def put(self, endpoint: Endpoint) -> Touched:
        """State an endpoint, in place of what its owner has stated about that host before."""
        touched = self.remove(endpoint.owner, endpoint.key)
        self._by_owner.setdefault(endpoint.owner, {})[endpoint.key] = endpoint
        self._in_network.setdefault(endpoint.network, set()).add(endpoint.key)
        self._at_port.setdefault(endpoint.port, Counter())[endpoint.key] += 1
        _insert(self._by_key.setdefault(endpoint.key, []), endpoint)
        touched.keys.add(endpoint.key)
        for address in _addresses(endpoint):
            holders = self._by_address.setdefault(address, [])
            _insert(holders, endpoint)
            touched.addresses.add(address)
        return touched

    def remove(self, owner: Owner, key: HostKey) -> Touched:
        """Withdraw what an owner states about a host; nothing happens if it states nothing."""
        stated = self._by_owner.get(owner, {})
        endpoint = stated.pop(key, None)
        if endpoint is None:
            return Touched(set(), set())
        if not stated:
            del self._by_owner[owner]
        touched = Touched({key}, set())
        at_port = self._at_port[endpoint.port]
        at_port[key] -= 1
        if not at_port[key]:
            del at_port[key]
            if not at_port:
                del self._at_port[endpoint.port]
        there = self._by_key[key]
        there.remove(endpoint)
        if not there:
            del self._by_key[key]
            keys = self._in_network[endpoint.network]
            keys.discard(key)
            if not keys:
                del self._in_network[endpoint.network]
        for address in _addresses(endpoint):
            holders = self._by_address[address]
            holders.remove(endpoint)
            touched.addresses.add(address)
            if not holders:
                del self._by_address[address]
        return touched

    def of_owner(self, owner: Owner) -> Collection[Endpoint]:
        """What an owner states."""
        return tuple(self._by_owner.get(owner, {}).values())

    def in_network(self, network: IntentKey) -> Collection[HostKey]:
        """The hosts of a network that somebody states something about."""
        return self._in_network.get(network, ())

    def at_port(self, port: PortRef) -> Collection[HostKey]:
        """The hosts that somebody states to be at a port."""
        return self._at_port.get(port, {}).keys()

    def of_host(self, key: HostKey) -> Endpoint | None:
        """The statement about a host that counts."""
        there = self._by_key.get(key)
        return there[0] if there else None

    def of_address(self, tenant: TenantName, address: IpAddress) -> Endpoint | None:
        """The statement about an IP address that counts, within a tenant."""
        holders = self._by_address.get((tenant, address))
        return holders[0] if holders else None


def endpoints_of(network: Network) -> Iterator[Endpoint]:
    """The hosts that a network states, each at its attachment."""
    for attachment in network.spec.attachments:
        if attachment.mac is not None:
            yield stated_at(attachment, attachment.mac, network.key, network.key)


def stated_at(attachment: Attachment, mac: MacAddress, owner: IntentKey, network: IntentKey) -> Endpoint:
    """The host of an attachment, with its MAC address, as an intent states it."""
    return Endpoint(owner, network, mac, attachment.ref, frozenset(attachment.addresses))


def _addresses(endpoint: Endpoint) -> Iterable[TenantAddress]:
    return [(endpoint.network.tenant, address) for address in endpoint.addresses]


def _insert(endpoints: list[Endpoint], endpoint: Endpoint) -> None:
    endpoints.append(endpoint)
    if len(endpoints) > 1:
        endpoints.sort(key=lambda one: one.precedence)

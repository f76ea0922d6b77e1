"""The hosts that were learned, found by key, port, network and address. Rules are elsewhere (`rules`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from p4fabric.controller.hosts.claims import HostClaim, IpAddress
from p4fabric.controller.names import IntentKey, PortRef
from p4fabric.controller.topology.model import Host, HostKey

__all__ = ["LearnedHost", "LearnedHosts", "as_seen"]


@dataclass(slots=True, eq=False)
class LearnedHost:
    """A host, and when it was heard last. It stays the same object until it is forgotten."""

    host: Host
    heard_at: float
    shown: dict[IpAddress, None] = field(default_factory=dict)
    """The last addresses that it showed, those included that are not learned; the newest last."""
    appointment: int | None = None
    """Names the element in the schedule that says when the host is asked; others of it are outdated."""

    @property
    def key(self) -> HostKey:
        """Which host this is."""
        return self.host.key

    def note(self, claim: HostClaim, now: float, most: int) -> None:
        """The host spoke; remember at most so many addresses."""
        self.heard_at = now
        if claim.shown is not None:
            self.shown.pop(claim.shown, None)
            self.shown[claim.shown] = None
            if len(self.shown) > most:
                del self.shown[next(iter(self.shown))]


class LearnedHosts:
    """Everything that was learned. A change costs what one host's addresses are many."""

    def __init__(self) -> None:
        """Nothing was learned yet."""
        self._hosts: dict[HostKey, LearnedHost] = {}
        self._holders: dict[tuple[IntentKey, IpAddress], HostKey] = {}
        self._at_port: dict[PortRef, dict[HostKey, None]] = {}
        """The hosts of a port; those that were heard or asked last come last."""
        self._in_network: dict[IntentKey, set[HostKey]] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def __iter__(self) -> Iterator[Host]:
        return (known.host for known in self._hosts.values())

    def get(self, key: HostKey) -> LearnedHost | None:
        """A host, or None."""
        return self._hosts.get(key)

    def holder(self, network: IntentKey, address: IpAddress) -> LearnedHost | None:
        """The host of a network that has an address, or None."""
        key = self._holders.get((network, address))
        return self._hosts[key] if key is not None else None

    def at_port(self, port: PortRef) -> Collection[HostKey]:
        """The hosts at a port, those that were heard or asked last come last."""
        return self._at_port.get(port, {}).keys()

    def in_network(self, network: IntentKey) -> Collection[HostKey]:
        """The hosts of a network."""
        return self._in_network.get(network, ())

    def heard(self, known: LearnedHost, claim: HostClaim, now: float, most: int) -> None:
        """A host spoke where it is."""
        known.note(claim, now, most)
        self.put_last(known)

    def put_last(self, known: LearnedHost) -> None:
        """Let all others at a host's port come before it."""
        there = self._at_port[known.host.attachment]
        del there[known.key]
        there[known.key] = None

    def put(self, host: Host, now: float) -> LearnedHost:
        """Know a host, or know something else about it. Its addresses must be nobody else's."""
        known = self._hosts.get(host.key)
        if known is None:
            known = self._hosts[host.key] = LearnedHost(host, now)
            self._in_network.setdefault(host.network, set()).add(host.key)
        else:
            self._unlink_addresses(known.host)
            if known.host.attachment != host.attachment:
                self._unlink_port(known.host)
            known.host = host
        self._at_port.setdefault(host.attachment, {}).setdefault(host.key)
        for address in host.addresses:
            self._holders[host.network, address] = host.key
        return known

    def remove_addresses(self, known: LearnedHost, addresses: Iterable[IpAddress]) -> None:
        """Take addresses from a host; it is not asked for them any more either."""
        taken = frozenset(addresses)
        for address in taken:
            known.shown.pop(address, None)
        self._unlink_addresses(known.host)
        known.host = replace(known.host, addresses=known.host.addresses - taken)
        for address in known.host.addresses:
            self._holders[known.host.network, address] = known.key

    def remove(self, key: HostKey) -> None:
        """Forget a host; nothing happens if it is not known."""
        known = self._hosts.pop(key, None)
        if known is None:
            return
        self._unlink_port(known.host)
        self._unlink_addresses(known.host)
        there = self._in_network[known.host.network]
        there.discard(key)
        if not there:
            del self._in_network[known.host.network]

    def _unlink_port(self, host: Host) -> None:
        there = self._at_port[host.attachment]
        del there[host.key]
        if not there:
            del self._at_port[host.attachment]

    def _unlink_addresses(self, host: Host) -> None:
        for address in host.addresses:
            del self._holders[host.network, address]


def as_seen(known: Host | None, claim: HostClaim, address: IpAddress | None) -> Host:
    """The host as it is after a claim: at this port now, with one address more."""
    addresses = known.addresses if known is not None else frozenset()
    if address is not None:
        addresses |= {address}
    return Host(claim.mac, claim.network, claim.port, addresses)

"""Learns hosts from the ARP and neighbor messages that edge ports report.

Whoever speaks first has an address. A known host keeps its place and its addresses for as long as it
answers there. This module knows what to believe, and how much of it. It must never know intents' contents.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address

from controller.limit import RateLimit
from controller.names import IntentKey, PortRef, SwitchName
from controller.topology.model import Host, HostKey
from controller.topology.question import link_local
from controller.topology.sighting import Contest, Refusal, RefusedClaim, Sighting
from controller.topology.takeover import Limits as TakeoverLimits
from controller.topology.takeover import Question, Takeovers, Timing
from pipelines.fabric.bindings import HostSeen
from pipelines.values import MacAddress, VlanId

__all__ = ["HostLearning", "Limits"]

_log = logging.getLogger(__name__)

_NO_MAC = MacAddress(0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one edge port may make the fabric learn."""

    changes_a_second: float = 20.0
    """New hosts, new addresses, and claims to what another host has."""
    burst: int = 100
    """Changes that may come at once, after a pause."""
    hosts: int = 128
    """Hosts at one port; for another one, a host that was not heard for long is forgotten."""
    silence: float = 600.0
    """Seconds after which a host may be forgotten for another one."""
    addresses: int = 16
    """IP addresses of one host."""
    asked: int = 4
    """Addresses that a host is asked for before it moves: the ones it showed last."""
    takeovers: TakeoverLimits = field(default_factory=TakeoverLimits)
    """Claims that may wait for an answer."""


@dataclass(slots=True)
class _Heard:
    at: float
    shown: dict[IPv4Address | IPv6Address, None] = field(default_factory=dict)
    """The last addresses, link-local ones included, the newest last."""

    def again(self, sighting: Sighting, now: float, most: int) -> None:
        """The host spoke."""
        self.at = now
        if sighting.shown is not None:
            self.shown.pop(sighting.shown, None)
            self.shown[sighting.shown] = None
            if len(self.shown) > most:
                del self.shown[next(iter(self.shown))]


class HostLearning:
    """Feed it HostSeen digests and `tick` it when `due`; it calls back with new and changed hosts."""

    def __init__(
        self,
        network_of: Callable[[PortRef, VlanId], IntentKey | None],
        refuse: Callable[[IntentKey, PortRef, MacAddress, IPv4Address | IPv6Address | None], Refusal | None],
        on_host: Callable[[Host], None],
        *,
        on_gone: Callable[[HostKey], None] = lambda key: None,
        on_address_moved: Callable[[Host, IPv4Address | IPv6Address, Host], None] = lambda host, a, b: None,
        on_refused: Callable[[RefusedClaim], None] = lambda claim: None,
        on_claim: Callable[[], None] = lambda: None,
        heard_all: Callable[[SwitchName, float], bool] = lambda switch, since: True,
        limits: Limits | None = None,
        timing: Timing | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Make it, knowing no hosts.

        Args:
            network_of: the network that a port is open for with a VLAN id of the fabric.
            refuse: why a host may not be there with this MAC address and, where it showed one, IP
                address (outside the subnets, the gateway's, another's by configuration), or None.
            on_host: called with each new host and each change (moved, gained or lost an address).
            on_gone: called with each host that is forgotten because its port is full.
            on_address_moved: called with a host, an address it has taken over, and who had that before.
            on_refused: called each time an address is shown that is another's; do not tell of each.
            on_claim: called when `due` may be earlier than it was.
            heard_all: whether all that a switch has reported since a moment was looked at.
            limits: how much to learn.
            timing: how long a host may take to answer.
            clock: seconds; the event loop's if not given.
        """
        self._network_of = network_of
        self._refuse = refuse
        self._on_host = on_host
        self._on_gone = on_gone
        self._on_address_moved = on_address_moved
        self._on_refused = on_refused
        self._limits = limits or Limits()
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._hosts: dict[HostKey, Host] = {}
        self._owners: dict[tuple[IntentKey, IPv4Address | IPv6Address], HostKey] = {}
        self._at_port: dict[PortRef, set[HostKey]] = {}
        self._heard: dict[HostKey, _Heard] = {}
        self._changes = RateLimit[PortRef](self._limits.changes_a_second, self._limits.burst)
        self._takeovers = Takeovers(on_claim, heard_all, timing or Timing(), self._limits.takeovers)

    @property
    def hosts(self) -> Iterable[Host]:
        """All hosts that are known."""
        return self._hosts.values()

    @property
    def due(self) -> float | None:
        """When to `tick` next, in seconds of the clock; None: not before something is claimed."""
        return self._takeovers.due

    def restore(self, hosts: Iterable[Host]) -> None:
        """Know hosts that were learned before a restart; nobody is called."""
        for host in hosts:
            self._store(host)
            self._heard[host.key] = _Heard(self._clock())

    def forget(self, key: HostKey) -> None:
        """Forget a host, without a call; it may be learned again."""
        host = self._hosts.pop(key, None)
        if host is None:
            return
        self._heard.pop(key, None)
        self._at_port.get(host.attachment, set()).discard(key)
        for address in host.addresses:
            self._owners.pop((host.network, address), None)

    def seen(self, switch: SwitchName, message: HostSeen) -> str | None:
        """Judge one message; returns why nothing was learned from it (for now), or None."""
        port = PortRef(switch, message.ingress_port)
        reason = self._judge_message(port, message)
        if reason is not None:
            # Hosts could fill the log.
            _log.debug("%s: %s is not learned: %s", port, message.mac, reason)
        return reason

    def tick(self) -> list[Question]:
        """Let claims have what nobody answers for; returns what is to be asked now."""
        questions, silent = self._takeovers.tick(self._clock())
        for sighting, contest in silent:
            reason = self._judge(sighting, won=contest)
            if reason is not None:
                _log.debug("%s: %s takes nothing over: %s", sighting.port, sighting.mac, reason)
        return questions

    def _judge_message(self, port: PortRef, message: HostSeen) -> str | None:
        if message.mac.is_multicast or message.mac == _NO_MAC:
            return f"{message.mac} is no host's MAC address"
        network = self._network_of(port, message.vlan_id)
        if network is None:
            return f"the port is not open for VLAN {message.vlan_id}"
        return self._judge(Sighting(network, message.mac, port, _shown(message)))

    def _judge(self, sighting: Sighting, won: Contest | None = None) -> str | None:
        """Believe a sighting, or say why not. `won`: what it takes from a host that was silent."""
        refusal = self._refuse(sighting.network, sighting.port, sighting.mac, sighting.address)
        if refusal is not None:
            if refusal.spoofed:
                self._tell(sighting, refusal.held_at, refusal.reason)
            return refusal.reason
        known = self._hosts.get(sighting.key)
        if known is not None and known.attachment == sighting.port and won is None:
            self._heard[known.key].again(sighting, self._clock(), self._limits.asked)
            for refuted, contest in self._takeovers.answered(sighting):
                self._tell(refuted, contest.place, f"{known.mac} answers at {contest.place}")
        host = _as_seen(known, sighting)
        if host == known:
            return None
        if len(host.addresses) > self._limits.addresses:
            return f"the host has {self._limits.addresses} addresses already"
        contests = self._contests(sighting, known)
        if contests and contests[0] != won:
            return self._claim(sighting, contests[0])
        if len(contests) > 1:
            # It is there now; whether the address is its own is another question.
            return self._judge(replace(sighting, shown=None), won) or self._judge(sighting)
        if won is None and not self._may_change(sighting.port):
            return self._too_many_changes
        if not self._make_room(sighting.port, sighting.key):
            return f"the port has {self._limits.hosts} hosts already"
        self._learn(host, sighting)
        return None

    def _contests(self, sighting: Sighting, known: Host | None) -> list[Contest]:
        """Whose place and whose address would be taken, in the order of asking."""
        contests = []
        if known is not None and known.attachment != sighting.port:
            contests.append(Contest(known.key, known.attachment, None))
        owner = self._owner(sighting)
        if owner is not None:
            contests.append(Contest(owner.key, owner.attachment, sighting.address))
        return contests

    def _owner(self, sighting: Sighting) -> Host | None:
        """The other host that has the address."""
        if sighting.address is None:
            return None
        owner = self._owners.get((sighting.network, sighting.address))
        return None if owner is None or owner == sighting.key else self._hosts[owner]

    def _claim(self, sighting: Sighting, contest: Contest) -> str:
        """Have the holder asked first."""
        waiting = f"{contest.holder[1]} is asked at {contest.place} first"
        if self._takeovers.waits(sighting, contest):
            return waiting
        if not self._may_change(sighting.port):
            return self._too_many_changes
        asked = self._asked_for(contest, sighting.address)
        return self._takeovers.claim(sighting, contest, asked, self._clock()) or waiting

    def _asked_for(
        self, contest: Contest, claimed: IPv4Address | IPv6Address | None
    ) -> list[IPv4Address | IPv6Address]:
        """The addresses that the holder may answer for: the one at stake, or some of its own."""
        if contest.address is not None:
            return [contest.address]
        host = self._hosts[contest.holder]
        own = [*reversed(self._heard[host.key].shown), *sorted(host.addresses, key=int)]
        if claimed in host.addresses:
            own.insert(0, claimed)
        return list(dict.fromkeys(own))[: self._limits.asked] or [link_local(host.mac)]

    def _may_change(self, port: PortRef) -> bool:
        return self._changes.allows(port, self._clock())

    @property
    def _too_many_changes(self) -> str:
        return f"the port reports more than {self._limits.changes_a_second:g} changes a second"

    def _make_room(self, port: PortRef, key: HostKey) -> bool:
        """Forget the host at a full port that was silent longest, if that was long."""
        there = self._at_port.get(port, set())
        if key in there or len(there) < self._limits.hosts:
            return True
        silent = min(there, key=lambda other: self._heard[other].at)
        if self._clock() - self._heard[silent].at < self._limits.silence:
            return False
        self.forget(silent)
        self._on_gone(silent)
        return True

    def _learn(self, host: Host, sighting: Sighting) -> None:
        before = self._take_address_from_others(sighting)
        heard = self._heard.get(host.key) or _Heard(self._clock())
        heard.again(sighting, self._clock(), self._limits.asked)
        self._store(host)
        self._heard[host.key] = heard
        self._on_host(host)
        if before is not None and sighting.address is not None:
            self._on_address_moved(host, sighting.address, before)

    def _take_address_from_others(self, sighting: Sighting) -> Host | None:
        """An address belongs to one host; returns the host that has lost it, as it was."""
        before, address = self._owner(sighting), sighting.address
        if before is None or address is None:
            return None
        heard = self._heard[before.key]
        heard.shown.pop(address, None)
        after = replace(before, addresses=before.addresses - {address})
        self._store(after)
        self._heard[after.key] = heard
        self._on_host(after)
        return before

    def _store(self, host: Host) -> None:
        self.forget(host.key)
        self._hosts[host.key] = host
        self._at_port.setdefault(host.attachment, set()).add(host.key)
        for address in host.addresses:
            self._owners[host.network, address] = host.key

    def _tell(self, sighting: Sighting, held_at: PortRef | None, reason: str) -> None:
        network, mac, address = sighting.network, sighting.mac, sighting.address
        self._on_refused(RefusedClaim(network, mac, address, sighting.port, held_at, reason))


def _shown(message: HostSeen) -> IPv4Address | IPv6Address | None:
    """The address that a message shows."""
    address = message.ipv4 if int(message.ipv4) else message.ipv6
    return address if int(address) else None


def _as_seen(known: Host | None, sighting: Sighting) -> Host:
    """The host as it is after a sighting: at this port now, with one address more."""
    addresses = known.addresses if known is not None else frozenset()
    if sighting.address is not None:
        addresses |= {sighting.address}
    return Host(sighting.mac, sighting.network, sighting.port, addresses)

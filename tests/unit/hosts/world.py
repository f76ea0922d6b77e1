"""A directory of hosts beside one switch, with a clock that is held."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from p4fabric.controller.hosts import (
    AddressConflict,
    AgeingSettings,
    Endpoint,
    HostChange,
    HostDirectory,
    Limits,
    PortFull,
    Question,
    RefusedClaim,
)
from p4fabric.controller.hosts.address_claims import AddressClaims
from p4fabric.controller.hosts.claims import IpAddress
from p4fabric.controller.hosts.statements import Owner
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.topology.model import Host, HostKey
from p4fabric.pipelines.fabric.bindings import HostSeen
from p4fabric.pipelines.values import MacAddress, Port, VlanId

ACME = TenantName("acme")
NET = IntentKey("Network", ACME, "clients")
LEAF = SwitchName("leaf1")
VLAN = VlanId(100)


def network(name: str = "clients", **spec: Any) -> Network:
    """10.0.1.0/24 and 2001:db8:1::/64 at four ports, without gateways."""
    attachments = [{"switch": LEAF, "port": port} for port in (1, 2, 3, 4)]
    spec = {"subnets": ["10.0.1.0/24", "2001:db8:1::/64"], "attachments": attachments, **spec}
    parsed = parse_intent({"kind": "Network", "name": name, "tenant": ACME, "spec": spec})
    assert isinstance(parsed, Network)
    return parsed


def at(port: int) -> PortRef:
    return PortRef(LEAF, Port(port))


def host(port: int, mac: int, *addresses: str, net: IntentKey = NET) -> Host:
    return Host(MacAddress(mac), net, at(port), frozenset(ip_address(address) for address in addresses))


def endpoint(owner: Owner, port: int, mac: int, *addresses: str, net: IntentKey = NET) -> Endpoint:
    return Endpoint(owner, net, MacAddress(mac), at(port), frozenset(map(ip_address, addresses)))


def asked(*addresses: str, mac: int = 7, port: int = 1) -> list[Question]:
    return [Question((NET, MacAddress(mac)), at(port), ip_address(address)) for address in addresses]


class World:
    """Everything that the directory told, in order, and its questions."""

    def __init__(
        self,
        *networks: Network,
        limits: Limits | None = None,
        ageing: AgeingSettings | None = None,
        expected: Iterable[str] = (),
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.now = 0.0
        self.told: list[HostChange] = []
        self.refused: list[RefusedClaim] = []
        self.conflicts: list[AddressConflict] = []
        self.moved: list[tuple[Host, IpAddress, Host]] = []
        self.full: list[PortFull] = []
        self.kept: dict[HostKey, Host] = {}
        """What a store would have."""
        self.deaf_until = -1.0
        self.lost = False
        """Nobody reaches the switch's hosts."""
        self.mute = False
        """The switch's channel is open, and nothing comes over it."""
        self.claims = AddressClaims()
        self.vlans: dict[VlanId, IntentKey] = {}
        self._expected = {ip_address(address) for address in expected}
        self.directory = HostDirectory(
            self,
            self.claims.claims_to,
            is_expected=lambda tenant, address: address in self._expected,
            heard_all=lambda switch, since: since > self.deaf_until,
            is_lost=lambda switch: self.lost,
            limits=limits,
            ageing=ageing or AgeingSettings(silence=0),
            clock=clock or (lambda: self.now),
        )
        for number, one in enumerate(networks or (network(),)):
            self.apply(one, VlanId(VLAN + number))
        self.directory.switch_connected(LEAF)

    def apply(self, one: Network, vlan: VlanId = VLAN) -> None:
        self.claims.put(one.key, one)
        self.vlans[vlan] = one.key
        self.directory.network_changed(one, vlan)

    def delete(self, key: IntentKey) -> None:
        self.claims.put(key, None)
        self.vlans = {vlan: known for vlan, known in self.vlans.items() if known != key}
        self.directory.network_removed(key)

    def seen(
        self, port: int, mac: int, ip: str = "0.0.0.0", ipv6: str = "::", vlan: int = VLAN
    ) -> str | None:
        message = HostSeen(Port(port), VlanId(vlan), MacAddress(mac), IPv4Address(ip), IPv6Address(ipv6))
        return self.directory.seen(LEAF, message)

    def seen_at(self, port: PortRef, message: HostSeen) -> str | None:
        return self.directory.seen(port.switch, message)

    def seen_of(self, net: IntentKey, port: int, mac: int, address: IpAddress) -> str | None:
        vlan = next((vlan for vlan, key in self.vlans.items() if key == net), 99)
        return self.seen(port, mac, str(address), vlan=vlan)

    def wait(self, seconds: float, *answers: int) -> list[tuple[float, Question]]:
        """Let time pass; what was asked, and when. Hosts with the MAC addresses `answers` do answer."""
        questions, end = [], self.now + seconds
        while (due := self.directory.due) is not None and due <= end:
            self.now = max(self.now, due)
            for question in self.directory.tick():
                questions.append((self.now, question))
                if question.host[1] in answers and not self.mute:
                    self.answer(question)
            self.ask_switches()
        self.now = end
        return questions

    def ask_switches(self) -> None:
        """Each answers at once, or not at all."""
        for switch in self.directory.to_ask():
            (self.directory.switch_silent if self.mute else self.directory.switch_answered)(switch)

    def answer(self, question: Question) -> None:
        address, port, mac = question.address, int(question.place.port), int(question.host[1])
        if isinstance(address, IPv4Address):
            self.seen(port, mac, ip=str(address))
        else:
            self.seen(port, mac, ipv6=str(address))

    @property
    def hosts(self) -> dict[HostKey, Host]:
        return {known.key: known for known in self.directory.hosts}

    @property
    def calls(self) -> list[Host]:
        """The hosts that were new or changed, in order."""
        return [change.after for change in self.told if change.after is not None]

    @property
    def gone(self) -> list[tuple[int, str]]:
        return [(int(change.key[1]), change.reason) for change in self.told if change.after is None]

    @property
    def turned_away(self) -> list[tuple[int, int]]:
        """Port and MAC address of those that were told of because they claimed another's."""
        claims = [(int(claim.claimed_at.port), int(claim.mac)) for claim in self.refused]
        return claims + [(int(one.claimant.port.port), int(one.claimant.mac)) for one in self.conflicts]

    def restore(self, *hosts: Host) -> list[tuple[Host, str]]:
        """As after a restart; what is told of restored hosts is not in `told`."""
        self.kept.update((known.key, known) for known in hosts)
        refused = self.directory.restore(hosts)
        self.told.clear()
        return refused

    # HostListener.

    def host_changed(self, change: HostChange) -> None:
        assert change.before != change.after
        self.told.append(change)

    def learned(self, key: HostKey, known: Host | None, reason: str) -> None:
        assert reason
        if known is None:
            del self.kept[key]
        else:
            self.kept[key] = known

    def address_moved(self, address: IpAddress, to: Host, before: Host) -> None:
        self.moved.append((to, address, before))

    def claim_refused(self, claim: RefusedClaim) -> None:
        self.refused.append(claim)

    def address_conflict(self, conflict: AddressConflict) -> None:
        self.conflicts.append(conflict)

    def port_full(self, full: PortFull) -> None:
        self.full.append(full)

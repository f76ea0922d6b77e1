"""Collecting entities by switch, and entries that several kinds of intent have in common.

This module knows no intent.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import chain
from typing import Any, overload

from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from p4fabric.controller.names import SwitchName
from p4fabric.pipelines.entities import Entity, Lpm, Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IpProtocol, MacAddress, VlanId, VrfId

__all__ = [
    "PROTOCOLS",
    "TRANSPORTS",
    "EntityLists",
    "IpRange",
    "answer_arp",
    "drop_route",
    "ipv4_match",
    "ipv6_match",
    "lpm",
    "route",
]

IpRange = IpPrefix | IpAddress
"""A prefix, or one address, which is one of all its bits."""

TRANSPORTS = {"tcp": IpProtocol(6), "udp": IpProtocol(17)}
PROTOCOLS = {4: {**TRANSPORTS, "icmp": IpProtocol(1)}, 6: {**TRANSPORTS, "icmp": IpProtocol(58)}}
"""By address family."""


class EntityLists:
    """Entities by switch, in the order in which they were added."""

    def __init__(self) -> None:
        self._added: list[tuple[tuple[SwitchName, ...], list[Entity]]] = []

    def add(self, switches: Iterable[SwitchName], *entities: Entity) -> None:
        """Add entities to each of some switches."""
        names = tuple(switches)
        if self._added and self._added[-1][0] == names:
            self._added[-1][1].extend(entities)
        else:
            self._added.append((names, list(entities)))

    def frozen(self) -> dict[SwitchName, tuple[Entity, ...]]:
        """What was collected: one list for all switches that have the same, so that it is looked at once."""
        by_switch: dict[SwitchName, tuple[int, ...]] = {}
        for number, (switches, _) in enumerate(self._added):
            for switch in switches:
                by_switch[switch] = (*by_switch.get(switch, ()), number)
        lists: dict[tuple[int, ...], tuple[Entity, ...]] = {}
        for numbers in by_switch.values():
            if numbers not in lists:
                lists[numbers] = tuple(chain.from_iterable(self._added[number][1] for number in numbers))
        return {switch: lists[numbers] for switch, numbers in by_switch.items()}


def ipv4_match(prefix: IpPrefix | None) -> Ternary[IPv4Address] | None:
    """A prefix as a ternary match; the whole address space matches anything."""
    if not isinstance(prefix, IPv4Network) or not prefix.prefixlen:
        return None
    return Ternary(prefix.network_address, int(prefix.netmask))


def ipv6_match(prefix: IpPrefix | None) -> Ternary[IPv6Address] | None:
    """The same for IPv6."""
    if prefix is None or isinstance(prefix, IPv4Network) or not prefix.prefixlen:
        return None
    return Ternary(prefix.network_address, int(prefix.netmask))


def answer_arp(vlan: VlanId, address: IPv4Address) -> b.ArpResponder:
    """Answer for an address that the fabric owns in a network."""
    return b.ArpResponder(vlan, address, b.ArpReply(ROUTER_MAC))


@overload
def lpm(at: IPv4Network | IPv4Address) -> Lpm[IPv4Address]: ...
@overload
def lpm(at: IPv6Network | IPv6Address) -> Lpm[IPv6Address]: ...
def lpm(at: IpRange) -> Lpm[Any]:
    """The match on addresses that a prefix contains, or on one address."""
    if isinstance(at, IPv4Address | IPv6Address):
        return Lpm(at, at.max_prefixlen)
    return Lpm(at.network_address, at.prefixlen)


def drop_route(vrf: VrfId, to: IpRange) -> b.RoutingIpv4 | b.RoutingIpv6:
    """Let nothing through to a prefix, but for what longer ones in it say."""
    if isinstance(to, IPv4Network | IPv4Address):
        return b.RoutingIpv4(vrf, lpm(to), b.Unreachable())
    return b.RoutingIpv6(vrf, lpm(to), b.Unreachable())


def route(vrf: VrfId, to: IpRange, vlan: VlanId, mac: MacAddress) -> b.RoutingIpv4 | b.RoutingIpv6:
    """Route a prefix, or one host, to a MAC address in a network."""
    action = b.RouteTo(vlan, ROUTER_MAC, mac)
    if isinstance(to, IPv4Network | IPv4Address):
        return b.RoutingIpv4(vrf, lpm(to), action)
    return b.RoutingIpv6(vrf, lpm(to), action)

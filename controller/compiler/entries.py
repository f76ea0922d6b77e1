"""Collecting entities by switch, and entries that several kinds of intent have in common.

This module must never know an intent.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from controller.intents.fields import IpPrefix
from controller.intents.network import ROUTER_MAC
from controller.names import SwitchName
from pipelines.entities import Entity, Lpm
from pipelines.fabric import bindings as b
from pipelines.values import IpProtocol, MacAddress, VlanId, VrfId

__all__ = ["TRANSPORTS", "EntityLists", "answer_arp", "drop_route", "route"]

TRANSPORTS = {"tcp": IpProtocol(6), "udp": IpProtocol(17)}


class EntityLists:
    """Entities by switch, in the order in which they were added."""

    def __init__(self) -> None:
        self._lists: dict[SwitchName, list[Entity]] = {}

    def add(self, switches: Iterable[SwitchName], *entities: Entity) -> None:
        """Add entities to each of some switches."""
        for switch in switches:
            self._lists.setdefault(switch, []).extend(entities)

    def frozen(self) -> dict[SwitchName, tuple[Entity, ...]]:
        """What was collected."""
        return {switch: tuple(entities) for switch, entities in self._lists.items()}


def answer_arp(vlan: VlanId, address: IPv4Address) -> b.ArpResponder:
    """Answer for an address that the fabric owns in a network."""
    return b.ArpResponder(vlan, address, b.ArpReply(ROUTER_MAC))


def drop_route(vrf: VrfId, prefix: IpPrefix) -> b.RoutingIpv4 | b.RoutingIpv6:
    """Let nothing through to a prefix, but for what longer ones in it say."""
    if isinstance(prefix, IPv4Network):
        return b.RoutingIpv4(vrf, Lpm(prefix.network_address, prefix.prefixlen), b.Unreachable())
    return b.RoutingIpv6(vrf, Lpm(prefix.network_address, prefix.prefixlen), b.Unreachable())


def route(vrf: VrfId, prefix: IpPrefix, vlan: VlanId, mac: MacAddress) -> b.RoutingIpv4 | b.RoutingIpv6:
    """Route a prefix, or one host, to a MAC address in a network."""
    action = b.RouteTo(vlan, ROUTER_MAC, mac)
    if isinstance(prefix, IPv4Network):
        return b.RoutingIpv4(vrf, Lpm(prefix.network_address, prefix.prefixlen), action)
    return b.RoutingIpv6(vrf, Lpm(prefix.network_address, prefix.prefixlen), action)

"""Firewall policies: one entry for each way to meet a rule, on every leaf where the tenant's packets enter.

This module must never know what networks are called: it is given their prefixes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import product

from controller.compiler.desired import CounterSource, Output
from controller.compiler.entries import TRANSPORTS, EntityLists
from controller.intents.fields import IpPrefix, PortRange
from controller.intents.firewall import MAXIMUM_RANK, MAXIMUM_RULES, FirewallPolicy, FirewallRule
from controller.names import SwitchName
from pipelines.entities import Ternary
from pipelines.fabric import bindings as b
from pipelines.values import IpProtocol, IPv4Address, IPv6Address, L4Port, VrfId

__all__ = ["FirewallPart", "Sides", "compile_firewall", "port_matches"]

Sides = tuple[tuple[IpPrefix, ...] | None, tuple[IpPrefix, ...] | None]
"""Source and destination prefixes of a rule; None is any address of any family."""

_PROTOCOLS = {4: {**TRANSPORTS, "icmp": IpProtocol(1)}, 6: {**TRANSPORTS, "icmp": IpProtocol(58)}}
_ACK, _RST = 0x10, 0x04
_Seen = tuple[Ternary[L4Port] | None, Ternary[int] | None, Ternary[bool] | None]
"""Ports, flags, and whether they can be read."""
_WHOLE, _LATER = Ternary(False, 1), Ternary(True, 1)
"""Packets that show their ports, and those that are later fragments of others."""


@dataclass(frozen=True, slots=True)
class FirewallPart:
    """A policy, the prefixes of each of its rules, and where it is judged."""

    policy: FirewallPolicy
    sides: tuple[Sides, ...]
    vrf: VrfId
    rank: int
    leaves: tuple[SwitchName, ...]


def compile_firewall(part: FirewallPart) -> Output:
    """Rules in order, by priority; each counts under its name."""
    entries = EntityLists()
    counters: list[CounterSource] = []
    for index, (rule, sides) in enumerate(zip(part.policy.spec.rules, part.sides, strict=True)):
        priority = _priority(part.policy.spec.priority, part.rank, index)
        # Two ways to meet a rule may be one: ranges of ports that overlap.
        for entry in dict.fromkeys(_ways(rule, sides, part.vrf, priority)):
            entries.add(part.leaves, entry)
            counters += [CounterSource(rule.name, leaf, entry) for leaf in part.leaves]
    return Output(entries.frozen(), counters=tuple(counters))


def _priority(priority: int, rank: int, index: int) -> int:
    """Larger wins: by the policy's priority, then by who came first, then by the rule's place."""
    ranks, rules = MAXIMUM_RANK + 1, MAXIMUM_RULES
    return (priority * ranks + MAXIMUM_RANK - rank) * rules + rules - 1 - index


def _ways(
    rule: FirewallRule, sides: Sides, vrf: VrfId, priority: int
) -> Iterator[b.FirewallIpv4 | b.FirewallIpv6]:
    ports = [match for ports in rule.ports for match in port_matches(ports)] or [None]
    flags = [Ternary(_ACK, _ACK), Ternary(_RST, _RST)] if rule.established else [None]
    seen: list[_Seen] = [(port, flag, None) for port, flag in product(ports, flags)]
    if rule.ports or rule.established:
        # Neither can be read from a later fragment. It might belong to what is denied; it is never
        # allowed for what it might be.
        seen = [(port, flag, _WHOLE) for port, flag, _ in seen]
        if rule.action == "deny":
            seen.append((None, None, _LATER))
    for version in (4, 6):
        sources, destinations = (_of_family(side, version) for side in sides)
        protocol = None
        if rule.protocol is not None:
            protocol = Ternary.exact(_PROTOCOLS[version][rule.protocol], IpProtocol.BITS)
        for source, destination, (port, flag, fragment) in product(sources, destinations, seen):
            if version == 4:
                yield b.FirewallIpv4(
                    vrf, _ipv4(source), _ipv4(destination), protocol, None, port, flag, fragment, priority,
                    b.AllowIpv4() if rule.action == "allow" else b.DenyIpv4(),
                )  # fmt: skip
            else:
                yield b.FirewallIpv6(
                    vrf, _ipv6(source), _ipv6(destination), protocol, None, port, flag, fragment, priority,
                    b.AllowIpv6() if rule.action == "allow" else b.DenyIpv6(),
                )  # fmt: skip


def _of_family(side: Sequence[IpPrefix] | None, version: int) -> list[IpPrefix | None]:
    return [None] if side is None else [prefix for prefix in side if prefix.version == version]


def _ipv4(prefix: IpPrefix | None) -> Ternary[IPv4Address] | None:
    """A prefix as a ternary match; the whole address space matches anything."""
    if not isinstance(prefix, IPv4Network) or not prefix.prefixlen:
        return None
    return Ternary(prefix.network_address, int(prefix.netmask))


def _ipv6(prefix: IpPrefix | None) -> Ternary[IPv6Address] | None:
    if prefix is None or isinstance(prefix, IPv4Network) or not prefix.prefixlen:
        return None
    return Ternary(prefix.network_address, int(prefix.netmask))


def port_matches(ports: PortRange) -> Iterator[Ternary[L4Port] | None]:
    """A range as the fewest ternary matches: the largest aligned blocks, from the left."""
    first, last = int(ports.first), int(ports.last)
    while first <= last:
        size = first & -first or 1 << L4Port.BITS
        while size > last - first + 1:
            size >>= 1
        mask = (1 << L4Port.BITS) - size
        yield Ternary(L4Port(first), mask) if mask else None
        first += size

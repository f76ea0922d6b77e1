"""Firewall policies: one entry for each way to meet a rule, on every leaf where the tenant's packets enter.

This module does not know what networks are called: it is given their prefixes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from p4fabric.controller.blocks import aligned_blocks
from p4fabric.controller.compiler.entries import PROTOCOLS, EntityLists, ipv4_match, ipv6_match
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.output import CounterSource, Output
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.fields import IpPrefix, PortRange
from p4fabric.controller.intents.kinds.firewall import FirewallPolicy, FirewallRule, RuleEnd
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.pipelines.entities import Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IpProtocol, L4Port, VrfId

__all__ = ["FirewallPart", "Sides", "compile_firewall", "port_matches"]

Sides = tuple[tuple[IpPrefix, ...] | None, tuple[IpPrefix, ...] | None]
"""Source and destination prefixes of a rule; None is any address of any family."""

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
    places: Mapping[str, int]
    """The priorities of the rules' entries."""
    leaves: tuple[SwitchName, ...]


@meaning(FirewallPolicy)
def firewall(view: FabricView, policy: FirewallPolicy) -> Output:
    """The rules of a policy, with what their networks stand for now."""
    sides = tuple(
        (_prefixes(rule.source, policy, view), _prefixes(rule.destination, policy, view))
        for rule in policy.spec.rules
    )
    places = view.places.table[policy.key].places
    leaves = view.tenant_leaves(policy.tenant)
    return compile_firewall(FirewallPart(policy, sides, view.vrf(policy.tenant), places, leaves))


def _prefixes(
    endpoint: RuleEnd | None, policy: FirewallPolicy, view: FabricView
) -> tuple[IpPrefix, ...] | None:
    if endpoint is None:
        return None
    if endpoint.network is None:
        return (endpoint.cidr,) if endpoint.cidr is not None else ()
    return view.subnets(IntentKey(Network.__name__, policy.tenant, endpoint.network))


def compile_firewall(part: FirewallPart) -> Output:
    """Rules in order, by priority; each counts under its name."""
    entries = EntityLists()
    counters: list[CounterSource] = []
    for rule, sides in zip(part.policy.spec.rules, part.sides, strict=True):
        priority = part.places[rule.name]
        # Two ways to meet a rule may be one: ranges of ports that overlap.
        for entry in dict.fromkeys(_ways(rule, sides, part.vrf, priority)):
            entries.add(part.leaves, entry)
            counters.append(CounterSource(rule.name, part.leaves, entry))
    return Output(entries.frozen(), counters=tuple(counters))


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
            protocol = Ternary.exact(PROTOCOLS[version][rule.protocol], IpProtocol.BITS)
        for source, destination, (port, flag, fragment) in product(sources, destinations, seen):
            if version == 4:
                yield b.FirewallIpv4(
                    vrf, ipv4_match(source), ipv4_match(destination), protocol, None, port, flag, fragment,
                    priority, b.AllowIpv4() if rule.action == "allow" else b.DenyIpv4(),
                )  # fmt: skip
            else:
                yield b.FirewallIpv6(
                    vrf, ipv6_match(source), ipv6_match(destination), protocol, None, port, flag, fragment,
                    priority, b.AllowIpv6() if rule.action == "allow" else b.DenyIpv6(),
                )  # fmt: skip


def _of_family(side: Sequence[IpPrefix] | None, version: int) -> list[IpPrefix | None]:
    return [None] if side is None else [prefix for prefix in side if prefix.version == version]


def port_matches(ports: PortRange) -> Iterator[Ternary[L4Port] | None]:
    """A range as the fewest ternary matches: the largest aligned blocks, from the left."""
    for block in aligned_blocks(int(ports.first), int(ports.last) + 1, L4Port.BITS):
        yield Ternary(L4Port(block.value), block.mask) if block.mask else None

"""The policies that there are, as rules with their places: which tier, which priority, which addresses."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from p4fabric.controller.labels import LabelSelector
from p4fabric.controller.policy.cluster_policy import HIGHEST_PRIORITY, MOST_RULES, read_cluster_policy
from p4fabric.controller.policy.network_policy import read_network_policy
from p4fabric.controller.policy.objects import Node
from p4fabric.controller.policy.prefixes import IpBlock
from p4fabric.controller.policy.rules import Action, ObjectKey, PolicySpec, Rule, Tier

__all__ = ["FIRST_PRIORITY", "PlacedRule", "Policies"]

_READERS = {"NetworkPolicy": read_network_policy, "ClusterNetworkPolicy": read_cluster_policy}
_RULES = MOST_RULES + 1
_RANKS = 65536
"""Policies of a tier with the same priority that have an order."""
FIRST_PRIORITY = (1 << 31) - 1
"""Above all rules of policies (P4Runtime 1.5, 9.1: priorities are int32)."""
assert (HIGHEST_PRIORITY + 1) * _RANKS * _RULES < FIRST_PRIORITY


class PlacedRule(NamedTuple):
    """A rule with all that its entries depend on, besides pods and namespaces."""

    rule: Rule
    networks: frozenset[IpBlock]
    """Peers by address, nodes' among them."""
    priority: int


class Policies:
    """All of both kinds, and the nodes that some name."""

    def __init__(self) -> None:
        """Make it, with none."""
        self._specs: dict[ObjectKey, PolicySpec] = {}
        self._nodes: dict[str, Node] = {}
        self._levels: dict[tuple[Tier, int], list[str]] = {}
        """Names of ClusterNetworkPolicies by tier and priority, in order."""
        self._with_nodes: dict[ObjectKey, None] = {}

    def __len__(self) -> int:
        """How many."""
        return len(self._specs)

    def read(self, key: ObjectKey, body: Mapping[str, Any]) -> PolicySpec:
        """A policy as it is understood."""
        return _READERS[key.kind](key, body)

    def get(self, key: ObjectKey) -> PolicySpec | None:
        """A policy as it is in force."""
        return self._specs.get(key)

    def set(self, key: ObjectKey, spec: PolicySpec | None) -> Iterator[ObjectKey]:
        """A policy came, changed or went; all whose rules have another place now, itself among them."""
        before = self._specs.pop(key, None)
        yield key
        if spec is not None:
            self._specs[key] = spec
        if key.kind != "NetworkPolicy":
            old, new = (_level(one) for one in (before, spec))
            if old != new:
                yield from self._move(key, old, new)
        self._with_nodes.pop(key, None)
        if spec is not None and any(rule.peers is not None and rule.peers.nodes for rule in spec.rules):
            self._with_nodes[key] = None

    def set_node(self, name: str, node: Node | None) -> Iterator[ObjectKey]:
        """A node came, changed or went; the policies that may mean other addresses now."""
        if self._nodes.get(name) == node:
            return
        if node is None:
            del self._nodes[name]
        else:
            self._nodes[name] = node
        yield from self._with_nodes

    def rules(self, key: ObjectKey) -> Iterator[PlacedRule]:
        """The rules of a policy, in their places."""
        spec = self._specs.get(key)
        for rule in spec.rules if spec is not None else ():
            networks = frozenset[IpBlock]()
            if rule.peers is not None:
                networks = rule.peers.networks | self._addresses(rule.peers.nodes)
            yield PlacedRule(rule, networks, self._priority(key, rule, spec.priority if spec else 0))

    def _addresses(self, selectors: frozenset[LabelSelector]) -> frozenset[IpBlock]:
        return frozenset(
            IpBlock(address)
            for node in (self._nodes.values() if selectors else ())
            if any(selector.selects(node.labels) for selector in selectors)
            for address in node.addresses
        )

    def _priority(self, key: ObjectKey, rule: Rule, priority: int) -> int:
        if rule.tier is Tier.NETWORK:
            return 1 if rule.action is Action.DENY else 2
        level = self._levels[rule.tier, priority]
        rank = min(bisect_left(level, key.name), _RANKS - 1)
        return ((HIGHEST_PRIORITY - priority) * _RANKS + _RANKS - 1 - rank) * _RULES + _RULES - rule.id.place

    def _move(
        self, key: ObjectKey, old: tuple[Tier, int] | None, new: tuple[Tier, int] | None
    ) -> Iterator[ObjectKey]:
        """Those of the same priority that sort after it move up or down."""
        if old is not None:
            names = self._levels[old]
            place = bisect_left(names, key.name)
            del names[place]
            yield from (key._replace(name=name) for name in names[place:])
            if not names:
                del self._levels[old]
        if new is not None:
            names = self._levels.setdefault(new, [])
            place = bisect_left(names, key.name)
            yield from (key._replace(name=name) for name in names[place:])
            insort(names, key.name)


def _level(spec: PolicySpec | None) -> tuple[Tier, int] | None:
    return (spec.rules[0].tier, spec.priority) if spec is not None and spec.rules else None

"""What policies come to, in one form for all kinds: rules of three tiers and two directions.

    egress:  Admin ──(miss, Pass)──► NetworkPolicy ──(miss)──► Baseline ──(miss, Pass)──► accepted
    ingress: the same, asked for the destination; both must accept

(network-policy-api, `ClusterNetworkPolicySpec.tier`). In a tier, the rule of the least rank that matches
decides. This module does not know how objects are written, nor how switches do it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import NamedTuple

from p4fabric.controller.labels import LabelSelector
from p4fabric.controller.policy.prefixes import IpBlock

__all__ = [
    "EVERYTHING",
    "Action",
    "Direction",
    "NamedPort",
    "ObjectKey",
    "Peers",
    "PodTerm",
    "PolicySpec",
    "PortRange",
    "Ports",
    "Protocol",
    "Rule",
    "RuleId",
    "Tier",
]


class ObjectKey(NamedTuple):
    """An object of Kubernetes."""

    kind: str
    namespace: str
    """Empty: it is of the cluster."""
    name: str


class Tier(IntEnum):
    """In the order in which they are asked."""

    ADMIN = 0
    NETWORK = 1
    BASELINE = 2


class Direction(IntEnum):
    """As seen by the pods that a policy is about."""

    EGRESS = 0
    INGRESS = 1


class Action(Enum):
    """What becomes of a connection."""

    ACCEPT = "Accept"
    DENY = "Deny"
    PASS = "Pass"
    """The next tier decides."""


class Protocol(IntEnum):
    """The protocols that have ports, by IANA's numbers."""

    TCP = 6
    UDP = 17
    SCTP = 132


class PortRange(NamedTuple):
    """Ports of one protocol, both ends included."""

    protocol: Protocol
    first: int
    last: int


class NamedPort(NamedTuple):
    """A port that each pod has its own number for."""

    protocol: Protocol
    name: str


EVERYTHING = LabelSelector()


@dataclass(frozen=True, slots=True)
class PodTerm:
    """Pods, by their labels and their namespace's. Pods with the host's network are never among them."""

    namespace: str | None
    """Only of this one; None: `namespaces` says."""
    namespaces: LabelSelector
    pods: LabelSelector


@dataclass(frozen=True, slots=True)
class Peers:
    """Any of these."""

    pods: frozenset[PodTerm] = frozenset()
    networks: frozenset[IpBlock] = frozenset()
    """By address, whoever has it; pods as well."""
    nodes: frozenset[LabelSelector] = frozenset()
    """Nodes' own addresses."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Any of these; without any, none."""

    ranges: frozenset[PortRange] = frozenset()
    names: frozenset[NamedPort] = frozenset()


class RuleId(NamedTuple):
    """A rule, as its author finds it."""

    policy: ObjectKey
    direction: Direction
    place: int
    """In the list of its direction, from 0; -1: what no rule of a NetworkPolicy allows."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy."""

    id: RuleId
    tier: Tier
    action: Action
    subjects: PodTerm
    peers: Peers | None
    """None: anybody."""
    ports: Ports | None
    """None: whatever protocol and port."""


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """A policy as it was understood."""

    rules: tuple[Rule, ...]
    """Of ClusterNetworkPolicies: the earlier wins. Of NetworkPolicies, accepting ones win."""
    priority: int = 0
    """Of ClusterNetworkPolicies, 0 to 1000: the lower wins within a tier; of equal ones, the policy whose
    name sorts first (the API leaves that open)."""
    problems: tuple[str, ...] = ()
    """What was not understood, and closes therefore."""

    @property
    def ranges(self) -> Iterator[PortRange]:
        """Of ports, that its rules tell apart."""
        return (one for rule in self.rules if rule.ports is not None for one in rule.ports.ranges)

    def without_ports(self) -> PolicySpec:
        """One that tells no ports apart, and allows nothing that this one does not: for want of room."""
        rules = (
            replace(rule, ports=None) if rule.action is Action.DENY else rule
            for rule in self.rules
            if rule.action is Action.DENY or rule.ports is None
        )
        return replace(self, rules=tuple(rules))

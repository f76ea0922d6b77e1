"""ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2) as rules.

What is not understood fails closed as the API has it: an Accept rule matches nothing, a Deny or Pass rule
denies all (network-policy-api, `ClusterNetworkPolicyIngressPeer`). A subject of a kind that is not known is
no pod; one whose selector is not understood is every pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from p4fabric.controller.labels import LabelSelector
from p4fabric.controller.policy.prefixes import IpBlock, Prefix
from p4fabric.controller.policy.reading import LISTS, as_list, as_mapping, as_port, read_selector
from p4fabric.controller.policy.rules import (
    EVERYTHING,
    Action,
    Direction,
    NamedPort,
    ObjectKey,
    Peers,
    PodTerm,
    PolicySpec,
    PortRange,
    Ports,
    Protocol,
    Rule,
    RuleId,
    Tier,
)

__all__ = ["HIGHEST_PRIORITY", "MOST_RULES", "read_cluster_policy"]

HIGHEST_PRIORITY = 1000
MOST_RULES = 25
"""Of a direction, and peers or protocols of a rule."""
_TIERS = {"Admin": Tier.ADMIN, "Baseline": Tier.BASELINE}
_ACTIONS = {action.value: action for action in Action}


class _NotUnderstood(Exception):
    """Where."""


def read_cluster_policy(key: ObjectKey, body: Mapping[str, Any]) -> PolicySpec:
    """Read one, whatever it says."""
    return _Reader(key).policy(as_mapping(body.get("spec")))


class _Reader:
    def __init__(self, key: ObjectKey) -> None:
        self._key = key
        self._problems: list[str] = []

    def policy(self, spec: Mapping[str, Any]) -> PolicySpec:
        tier, priority, all_closed = _TIERS.get(str(spec.get("tier"))), spec.get("priority"), False
        if tier is None:
            tier, all_closed = Tier.ADMIN, self._closed("spec.tier")
        if not isinstance(priority, int) or not 0 <= priority <= HIGHEST_PRIORITY:
            priority, all_closed = 0, self._closed("spec.priority")
        subjects: PodTerm | None = None
        try:
            subjects = _subjects(spec.get("subject"))
            if subjects is None:
                self._problems.append("spec.subject is of no kind that is known: the policy is about no pod")
        except _NotUnderstood as error:
            subjects, all_closed = PodTerm(None, EVERYTHING, EVERYTHING), self._closed(str(error))
        rules = () if subjects is None else tuple(self._rules(spec, tier, subjects, all_closed))
        return PolicySpec(rules, priority, tuple(self._problems))

    def _rules(
        self, spec: Mapping[str, Any], tier: Tier, subjects: PodTerm, all_closed: bool
    ) -> Iterator[Rule]:
        for direction, (name, side) in LISTS.items():
            items = as_list(spec.get(name))
            if len(items) > MOST_RULES:
                self._problems.append(f"spec.{name} has more than {MOST_RULES} rules: the last ones deny all")
            for index, item in enumerate(items[: MOST_RULES + 1]):
                where = f"spec.{name}[{index}]"
                rule_id = RuleId(self._key, direction, index)
                action = _ACTIONS.get(str(as_mapping(item).get("action")), Action.DENY)
                try:
                    if all_closed or index == MOST_RULES:
                        raise _NotUnderstood
                    yield self._rule(rule_id, where, tier, subjects, direction, as_mapping(item), side)
                except _NotUnderstood as error:
                    if error.args:
                        self._closed(str(error))
                    if action is not Action.ACCEPT or index == MOST_RULES:
                        yield Rule(rule_id, tier, Action.DENY, subjects, None, None)

    def _rule(
        self,
        rule_id: RuleId,
        where: str,
        tier: Tier,
        subjects: PodTerm,
        direction: Direction,
        item: Mapping[str, Any],
        side: str,
    ) -> Rule:
        action = _ACTIONS.get(str(item.get("action")))
        if action is None or item.keys() - {"name", "action", side, "protocols"}:
            raise _NotUnderstood(where)
        peers = _peers(f"{where}.{side}", item.get(side), direction)
        ports = _ports(f"{where}.protocols", item.get("protocols"))
        if ports is not None and ports.names and (peers.networks or peers.nodes):
            raise _NotUnderstood(f"{where}: names of ports with networks or nodes")
        return Rule(rule_id, tier, action, subjects, peers, ports)

    def _closed(self, where: str) -> bool:
        self._problems.append(
            f"{where} is not understood: Accept matches nothing there, Deny and Pass deny all"
        )
        return True


def _one(where: str, value: object) -> tuple[str, Any]:
    """Of objects of which exactly one field must be set: which, and what."""
    said = {name: part for name, part in as_mapping(value).items() if part is not None}
    if len(said) != 1:
        raise _NotUnderstood(where)
    return next(iter(said.items()))


def _subjects(value: object) -> PodTerm | None:
    said = {name: part for name, part in as_mapping(value).items() if part is not None}
    if len(said) == 1 and said.keys() <= {"namespaces", "pods"}:
        return _pods("spec.subject", *next(iter(said.items())))
    if said.keys() & {"namespaces", "pods"}:
        raise _NotUnderstood("spec.subject")
    return None


def _selector(where: str, value: object) -> LabelSelector:
    if (found := read_selector(value)) is None:
        raise _NotUnderstood(where)
    return found


def _pods(where: str, kind: str, value: object) -> PodTerm:
    if kind == "namespaces":
        return PodTerm(None, _selector(f"{where}.namespaces", value), EVERYTHING)
    said = as_mapping(value)
    if kind != "pods" or "podSelector" not in said or said.keys() - {"namespaceSelector", "podSelector"}:
        raise _NotUnderstood(f"{where}.{kind}")
    namespaces = said.get("namespaceSelector")
    return PodTerm(
        None,
        _selector(f"{where}.pods.namespaceSelector", {} if namespaces is None else namespaces),
        _selector(f"{where}.pods.podSelector", said["podSelector"]),
    )


def _items(where: str, value: object) -> list[Any]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_RULES:
        raise _NotUnderstood(where)
    return list(value)


def _peers(where: str, value: object, direction: Direction) -> Peers:
    pods: set[PodTerm] = set()
    networks: set[IpBlock] = set()
    nodes: set[LabelSelector] = set()
    for index, item in enumerate(_items(where, value)):
        at = f"{where}[{index}]"
        kind, said = _one(at, item)
        if direction is Direction.EGRESS and kind == "networks":
            try:
                networks.update(IpBlock(Prefix.parse(text)) for text in _items(at, said))
            except (TypeError, ValueError, AttributeError):
                raise _NotUnderstood(at) from None
        elif direction is Direction.EGRESS and kind == "nodes":
            nodes.add(_selector(f"{at}.nodes", said))
        else:
            pods.add(_pods(at, kind, said))
    return Peers(frozenset(pods), frozenset(networks), frozenset(nodes))


def _ports(where: str, value: object) -> Ports | None:
    if value is None or value == []:
        return None
    ranges: set[PortRange] = set()
    names: set[NamedPort] = set()
    for index, item in enumerate(_items(where, value)):
        at = f"{where}[{index}]"
        kind, said = _one(at, item)
        if kind == "destinationNamedPort" and isinstance(said, str):
            names.update(NamedPort(protocol, said) for protocol in Protocol)
        elif (protocol := Protocol.__members__.get(kind.upper())) is not None and kind.islower():
            ranges.add(_range(at, protocol, _one(at, said)))
        else:
            raise _NotUnderstood(at)
    return Ports(frozenset(ranges), frozenset(names))


def _range(where: str, protocol: Protocol, said: tuple[str, Any]) -> PortRange:
    field, value = said
    if field == "destinationPort":
        kind, port = _one(where, value)
        number = as_port(port) if kind == "number" else None
        if number is not None:
            return PortRange(protocol, number, number)
        if kind == "range":
            first, last = as_port(as_mapping(port).get("start")), as_port(as_mapping(port).get("end"))
            if first is not None and last is not None and first <= last:
                return PortRange(protocol, first, last)
    raise _NotUnderstood(where)

"""NetworkPolicy (networking.k8s.io/v1) as rules.

What is not understood closes: a peer or port matches nothing; subjects that cannot be told are the whole
namespace, for which nothing is allowed. API servers refuse most of that; newer ones may know more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from p4fabric.controller.policy.prefixes import IpBlock, Prefix
from p4fabric.controller.policy.reading import LISTS, as_list, as_port, read_protocol, read_selector
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
    Rule,
    RuleId,
    Tier,
)

__all__ = ["read_network_policy"]

_TYPES = {"Ingress": Direction.INGRESS, "Egress": Direction.EGRESS}


def read_network_policy(key: ObjectKey, body: Mapping[str, Any]) -> PolicySpec:
    """Read one, whatever it says."""
    reader = _Reader(key)
    rules = tuple(reader.rules(body.get("spec")))
    return PolicySpec(rules, problems=tuple(reader.problems))


class _Reader:
    def __init__(self, key: ObjectKey) -> None:
        self._key = key
        self.problems: list[str] = []

    def rules(self, spec: object) -> Iterator[Rule]:
        said = spec if isinstance(spec, Mapping) else None
        selector = said.get("podSelector") if said is not None else None
        pods = read_selector({} if selector is None else selector)
        if said is None or pods is None:
            self._not_understood("spec.podSelector" if said is not None else "spec")
            for direction in Direction:
                yield self._isolation(direction, PodTerm(self._key.namespace, EVERYTHING, EVERYTHING))
            return
        subjects = PodTerm(self._key.namespace, EVERYTHING, pods)
        for direction in self._directions(said):
            yield self._isolation(direction, subjects)
            name, side = LISTS[direction]
            for index, item in enumerate(as_list(said.get(name))):
                where = f"spec.{name}[{index}]"
                if not isinstance(item, Mapping) or item.keys() - {side, "ports"}:
                    self._not_understood(where)
                    continue
                rule_id = RuleId(self._key, direction, index)
                peers = self._peers(f"{where}.{side}", item.get(side))
                ports = self._ports(f"{where}.ports", item.get("ports"))
                yield Rule(rule_id, Tier.NETWORK, Action.ACCEPT, subjects, peers, ports)

    def _directions(self, spec: Mapping[str, Any]) -> list[Direction]:
        """`policyTypes`; left out: ingress always, egress if there are rules for it."""
        types = as_list(spec.get("policyTypes"))
        if not types:
            return [Direction.INGRESS, *((Direction.EGRESS,) if as_list(spec.get("egress")) else ())]
        for item in types:
            if item not in ("Ingress", "Egress"):
                self._not_understood("spec.policyTypes")
                return list(_TYPES.values())
        return [direction for name, direction in _TYPES.items() if name in types]

    def _isolation(self, direction: Direction, subjects: PodTerm) -> Rule:
        return Rule(RuleId(self._key, direction, -1), Tier.NETWORK, Action.DENY, subjects, None, None)

    def _peers(self, where: str, value: object) -> Peers | None:
        if value is None or value == []:
            return None
        pods: set[PodTerm] = set()
        networks: set[IpBlock] = set()
        if not isinstance(value, list | tuple):
            self._not_understood(where)
        for index, item in enumerate(as_list(value)):
            found = self._peer(item) if isinstance(item, Mapping) else None
            if isinstance(found, PodTerm):
                pods.add(found)
            elif found is not None:
                networks.add(found)
            else:
                self._not_understood(f"{where}[{index}]")
        return Peers(frozenset(pods), frozenset(networks))

    def _peer(self, item: Mapping[str, Any]) -> PodTerm | IpBlock | None:
        said = {name: value for name, value in item.items() if value is not None}
        if said.keys() == {"ipBlock"}:
            return _read_block(said["ipBlock"])
        if not said or said.keys() - {"podSelector", "namespaceSelector"}:
            return None
        pods = read_selector(said.get("podSelector", {}))
        namespaces = read_selector(said.get("namespaceSelector", {}))
        if pods is None or namespaces is None:
            return None
        return PodTerm(None if "namespaceSelector" in said else self._key.namespace, namespaces, pods)

    def _ports(self, where: str, value: object) -> Ports | None:
        if value is None or value == []:
            return None
        ranges: set[PortRange] = set()
        names: set[NamedPort] = set()
        if not isinstance(value, list | tuple):
            self._not_understood(where)
        for index, item in enumerate(as_list(value)):
            found = _read_port(item) if isinstance(item, Mapping) else None
            if isinstance(found, NamedPort):
                names.add(found)
            elif found is not None:
                ranges.add(found)
            else:
                self._not_understood(f"{where}[{index}]")
        return Ports(frozenset(ranges), frozenset(names))

    def _not_understood(self, where: str) -> None:
        text = f"{where} is not understood: nothing is allowed by it"
        if text not in self.problems:
            self.problems.append(text)


def _read_block(value: object) -> IpBlock | None:
    if not isinstance(value, Mapping) or value.keys() - {"cidr", "except"}:
        return None
    excepts = value.get("except")
    if not isinstance(excepts, list | tuple | None):
        return None
    try:
        cidr, parts = _prefix(value.get("cidr")), frozenset(map(_prefix, excepts or ()))
    except ValueError:
        return None
    return IpBlock(cidr, parts) if all(cidr.contains(part) for part in parts) else None


def _prefix(value: object) -> Prefix:
    if not isinstance(value, str):
        raise ValueError("is no text")
    return Prefix.parse(value)


def _read_port(item: Mapping[str, Any]) -> PortRange | NamedPort | None:
    protocol = read_protocol(item.get("protocol"))
    if protocol is None or item.keys() - {"protocol", "port", "endPort"}:
        return None
    port, end = item.get("port"), item.get("endPort")
    if port is None:
        return PortRange(protocol, 0, 65535) if end is None else None
    if isinstance(port, str):
        return NamedPort(protocol, port) if end is None else None
    first, last = as_port(port), as_port(port if end is None else end)
    if first is None or last is None or last < first:
        return None
    return PortRange(protocol, first, last)

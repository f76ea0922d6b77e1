"""From changes of Kubernetes objects to phases of writes.

    objects ─► what is told apart (terms, prefixes, ports) ─► atoms ─► sets ─► rules ─► entries
                                                               └─► addresses, port classes

A change goes through four steps, each of which keeps verdicts as `writes` says: more is told apart; rules
change; less is told apart; pods change. No I/O; a change costs what it touches. This module does not know how
objects are written, nor how entries are encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from p4fabric.controller.blocks import ANY, Block
from p4fabric.controller.policy.compiled_rule import CompiledRule, peer_terms
from p4fabric.controller.policy.entries import EntryChange, EntryKey, PolicyEntries, Verdict
from p4fabric.controller.policy.objects import Namespace, Node, Pod
from p4fabric.controller.policy.pod_classes import UNPLACED, PodName
from p4fabric.controller.policy.policies import FIRST_PRIORITY, PlacedRule, Policies
from p4fabric.controller.policy.port_classes import PortBlock
from p4fabric.controller.policy.prefixes import WORLD, Prefix
from p4fabric.controller.policy.regions import Region
from p4fabric.controller.policy.rules import (
    Action,
    Direction,
    ObjectKey,
    PodTerm,
    PolicySpec,
    PortRange,
    RuleId,
    Tier,
)
from p4fabric.controller.policy.sets import IPV6_BIT, Sets, identity_of
from p4fabric.controller.policy.writes import (
    DropAddress,
    DropPorts,
    Flip,
    Phase,
    PutAddress,
    PutEntry,
    PutPorts,
    Write,
    by_generation,
    in_place,
    phases,
)

__all__ = ["PolicyCompiler", "Transition"]

_MANY_PORTS = "there are too many ports to tell apart"
_POLICIES = ("NetworkPolicy", "ClusterNetworkPolicy")
_UNKNOWN = ObjectKey("Pod", "", "")


@dataclass(frozen=True, slots=True)
class Transition:
    """What is to be written for a change, and what there is to say of it."""

    phases: tuple[Phase, ...]
    problems: Mapping[ObjectKey, tuple[str, ...]]
    """Of each policy that changed: what of it is not in force as it is written; closed instead."""


@dataclass(slots=True)
class _Change:
    """What objects come to, sorted."""

    policies: dict[ObjectKey, PolicySpec | None] = field(default_factory=dict)
    nodes: dict[str, Node | None] = field(default_factory=dict)
    pods: dict[PodName, Pod | None] = field(default_factory=dict)
    namespaces: dict[str, Mapping[str, str] | None] = field(default_factory=dict)


class PolicyCompiler:
    """All objects, and what switches should hold because of them."""

    def __init__(self) -> None:
        """Without objects; `start` is to be written first."""
        self.sets = Sets()
        self.entries = PolicyEntries()
        self.policies = Policies()
        self.addresses: dict[Prefix, int] = {}
        """Who is where: what switches should hold."""
        self.generation = 0
        """What packets should see."""
        self._rules: dict[ObjectKey, dict[PlacedRule, CompiledRule]] = {}
        self._stale: dict[CompiledRule, None] = {}
        self._touched: dict[Prefix, None] = dict.fromkeys(WORLD)
        self._dead_regions: list[Region] = []
        for direction in Direction:
            # Nothing is known of such a pod, so nothing may reach it or come from it.
            block = Block(identity_of(4, UNPLACED, True), (1 << 24) - 1 & ~IPV6_BIT)
            sides = (block, ANY) if direction is Direction.EGRESS else (ANY, block)
            key = EntryKey(Tier.ADMIN, direction, *sides, ANY, FIRST_PRIORITY)
            number = self.entries.number(RuleId(_UNKNOWN, direction, -1))
            self.entries.change(number, Action.DENY, (), (key,))
        self.start = Transition(tuple(self._apart((), False)), {})
        """What switches hold when there are no objects."""

    @property
    def ports(self) -> Mapping[PortBlock, int]:
        """Classes of ports: what switches should hold."""
        return self.sets.ports.table

    def rule(self, number: int) -> RuleId | None:
        """The rule that an entry counts for."""
        return self.entries.rule(number)

    def wanted(self) -> Iterator[tuple[EntryKey, Verdict]]:
        """All entries that switches should hold, of any generation."""
        return iter(self.entries)

    def whole(self) -> Transition:
        """All that a switch should hold that holds nothing, and lets nobody send before it does."""
        entries = (PutEntry(key, verdict, None) for key, verdict in self.wanted())
        ports = (PutPorts(block, number) for block, number in self.ports.items())
        addresses = (PutAddress(prefix, identity) for prefix, identity in self.addresses.items())
        return Transition(tuple(phases((*entries, *ports, Flip(self.generation)), addresses)), {})

    def acknowledged(self) -> None:
        """All switches have done all phases so far: numbers that nothing has any more may be given again."""
        self.sets.wake()
        self.entries.wake()

    def change(self, objects: Mapping[ObjectKey, Mapping[str, Any] | None]) -> Transition:
        """Objects came, changed, or went (None).

        Args:
            objects: as the API has them; other kinds than Namespace, Pod, Node, NetworkPolicy and
                ClusterNetworkPolicy are left out of account.
        """
        change, problems = self._read(objects)
        found: list[Phase] = []
        for name, labels in change.namespaces.items():
            if labels is not None and not self.sets.pods.terms.knows(name):
                self.sets.pods.terms.add_namespace(name, labels)
                change.pods.update((pod, self.sets.pods.get(pod)) for pod in self.sets.pods.pods_of(name))
        found.extend(self._change_rules(change))
        found.extend(self._change_pods(change))
        return Transition(tuple(found), problems)

    # Steps.

    def _read(
        self, objects: Mapping[ObjectKey, Mapping[str, Any] | None]
    ) -> tuple[_Change, dict[ObjectKey, tuple[str, ...]]]:
        change = _Change()
        problems: dict[ObjectKey, tuple[str, ...]] = {}
        ranges: list[PortRange] = []
        for key, body in objects.items():
            if key.kind == "Pod":
                pod = Pod.read(body) if body is not None else None
                name = PodName(key.namespace, key.name)
                if pod != self.sets.pods.get(name):
                    change.pods[name] = pod
            elif key.kind == "Namespace":
                labels = Namespace.read(key.name, body).labels if body is not None else None
                change.namespaces[key.name] = labels
            elif key.kind == "Node":
                change.nodes[key.name] = Node.read(body) if body is not None else None
            elif key.kind in _POLICIES:
                spec = self.policies.read(key, body) if body is not None else None
                if spec is not None:
                    problems[key] = spec.problems
                    before = self.policies.get(key)
                    if spec != before and not self.sets.ports.has_room([*ranges, *spec.ranges]):
                        if before is not None:
                            problems[key] = (f"{_MANY_PORTS}: what stood before stands",)
                            continue
                        problems[key] = (f"{_MANY_PORTS}: nothing that names ports is allowed",)
                        spec = spec.without_ports()
                    ranges.extend(spec.ranges)
                if spec != self.policies.get(key):
                    change.policies[key] = spec
        return change, problems

    def _change_rules(self, change: _Change) -> Iterator[Phase]:
        keys: dict[ObjectKey, None] = {}
        for name, node in change.nodes.items():
            keys.update(dict.fromkeys(self.policies.set_node(name, node)))
        for key, spec in change.policies.items():
            keys.update(dict.fromkeys(self.policies.set(key, spec)))
        come: list[tuple[ObjectKey, PlacedRule]] = []
        gone: list[tuple[ObjectKey, PlacedRule]] = []
        for key in keys:
            now = dict.fromkeys(self.policies.rules(key))
            before = self._rules.get(key, {})
            come.extend((key, placed) for placed in now if placed not in before)
            gone.extend((key, placed) for placed in before if placed not in now)
        affected: list[PodName] = []
        for _, placed in come:
            affected.extend(self._acquire(placed))
        terms = self.sets.pods.terms
        relabelled = {
            name: (labels, *terms.changed_by(name, labels))
            for name, labels in change.namespaces.items()
            if labels is not None and labels != terms.labels(name)
        }
        if not come and not gone and not relabelled:
            return
        for name, (_, begun, _) in relabelled.items():
            applied = [terms.apply(name, term) for term in begun]
            if any(applied):
                affected.extend(self.sets.pods.pods_of(name))
        yield from self._apart(affected, False)

        for name, (labels, begun, ceased) in relabelled.items():
            terms.relabel(name, labels, begun, ceased)
            self.sets.relabelled(name, (*begun, *ceased))
        for key, placed in come:
            self._rules.setdefault(key, {})[placed] = CompiledRule(
                placed.rule, placed.networks, placed.priority, self.sets, self.entries, self._note
            )
        for key, placed in gone:
            rule = self._rules[key].pop(placed)
            rule.drop()
            self._stale.pop(rule, None)
            if not self._rules[key]:
                del self._rules[key]
        yield from self._other_rules(self._settle())

        affected = []
        for _, placed in gone:
            affected.extend(self._release(placed))
        for name, (_, _, ceased) in relabelled.items():
            withdrawn = [terms.withdraw(name, term) for term in ceased]
            if any(withdrawn):
                affected.extend(self.sets.pods.pods_of(name))
        yield from self._apart(affected, False)

    def _change_pods(self, change: _Change) -> Iterator[Phase]:
        pods = self.sets.pods
        names = dict.fromkeys(change.pods)
        for name, pod in change.pods.items():
            pods.set_pod(name, pod)
        for namespace, labels in change.namespaces.items():
            if labels is None and pods.terms.knows(namespace):
                pods.terms.remove_namespace(namespace)
                names.update(dict.fromkeys(pods.pods_of(namespace)))
        if names:
            yield from self._apart(names, True)
        while released := pods.released_ports():
            for ports in released:
                self.sets.ports.release(ports)
            yield from self._apart((), False)

    def _other_rules(self, changes: list[EntryChange]) -> Iterator[Phase]:
        if not len(self.sets.pods):
            yield from in_place(changes)
            return
        found = list(by_generation(changes, self.generation))
        if len(found) > 1:
            self.generation = 1 - self.generation
        yield from found

    def _apart(self, names: Iterable[PodName], is_other: bool) -> Iterator[Phase]:
        """Pods belong to other classes: because they are others, or because more or less is told apart."""
        pods = self.sets.pods
        dead = pods.place(names) if is_other else pods.divide(names)
        yield from in_place(self._settle())
        puts, drops = self._addresses()
        before, self.sets.ports.before = self.sets.ports.before, {}
        for block, old in before.items():
            number = self.sets.ports.table.get(block)
            if number is None and old is not None:
                drops.append(DropPorts(block))
            elif number is not None and number != old:
                puts.append(PutPorts(block, number))
        yield from phases(puts, drops)
        pods.bury(dead)
        self.sets.ports.bury()
        for region in self._dead_regions:
            self.sets.regions.bury(region)
        self._dead_regions.clear()
        yield from in_place(self._settle())

    def _addresses(self) -> tuple[list[Write], list[Write]]:
        puts: list[Write] = []
        drops: list[Write] = []
        pods = self.sets.pods
        touched = self._touched | pods.moved
        self._touched, pods.moved = {}, {}
        for prefix in touched:
            number, region = pods.number_at(prefix), self.sets.regions.get(prefix)
            if number is not None:
                identity = identity_of(prefix.version, number, True)
            elif region is not None:
                identity = identity_of(prefix.version, region.number, False)
            else:
                if self.addresses.pop(prefix, None) is not None:
                    drops.append(DropAddress(prefix))
                continue
            if self.addresses.get(prefix) != identity:
                self.addresses[prefix] = identity
                puts.append(PutAddress(prefix, identity))
        return puts, drops

    def _settle(self) -> list[EntryChange]:
        self.sets.settle()
        stale, self._stale = self._stale, {}
        for rule in stale:
            rule.compile()
        return self.entries.changes()

    def _note(self, rule: CompiledRule) -> None:
        self._stale[rule] = None

    # What rules tell apart.

    def _acquire(self, placed: PlacedRule) -> Iterator[PodName]:
        pods = self.sets.pods
        for term in _terms(placed):
            for namespace in pods.terms.acquire(term):
                yield from pods.pods_of(namespace)
        for prefix in _prefixes(placed):
            if self.sets.regions.acquire(prefix) is not None:
                self._touched[prefix] = None
                yield from pods.pods_within(prefix)
        if placed.rule.ports is not None:
            for name in placed.rule.ports.names:
                yield from pods.acquire_name(name)
            for ports in placed.rule.ports.ranges:
                self.sets.ports.acquire(ports)

    def _release(self, placed: PlacedRule) -> Iterator[PodName]:
        pods = self.sets.pods
        for term in _terms(placed):
            for namespace in pods.terms.release(term):
                yield from pods.pods_of(namespace)
        for prefix in _prefixes(placed):
            if (region := self.sets.regions.release(prefix)) is not None:
                self._touched[prefix] = None
                self._dead_regions.append(region)
                yield from pods.pods_within(prefix)
        if placed.rule.ports is not None:
            for name in placed.rule.ports.names:
                yield from pods.release_name(name)
            for ports in placed.rule.ports.ranges:
                self.sets.ports.release(ports)


def _terms(placed: PlacedRule) -> Iterator[PodTerm]:
    yield placed.rule.subjects
    yield from peer_terms(placed.rule)


def _prefixes(placed: PlacedRule) -> Iterator[Prefix]:
    for block in placed.networks:
        yield block.cidr
        yield from block.excepts

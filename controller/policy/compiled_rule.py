"""One rule as entries: subjects × peers × ports, each as few blocks.

A rule is compiled again when the blocks of one of its sets change, and only then. A named port is each
destination's own: its entries are made for each number apart, of the destinations that serve it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from p4fabric.controller.blocks import ANY, Block
from p4fabric.controller.policy.atoms import AtomSet
from p4fabric.controller.policy.entries import EntryKey, PolicyEntries
from p4fabric.controller.policy.pod_classes import PodClass
from p4fabric.controller.policy.prefixes import IpBlock
from p4fabric.controller.policy.rules import EVERYTHING, Direction, NamedPort, PodTerm, PortRange, Rule
from p4fabric.controller.policy.sets import Sets

__all__ = ["CompiledRule", "peer_terms"]

_ALL_PODS = PodTerm(None, EVERYTHING, EVERYTHING)


def peer_terms(rule: Rule) -> frozenset[PodTerm]:
    """The pods that a rule must know as its peers; a named port is looked for among all pods, if need be."""
    if rule.peers is not None:
        return rule.peers.pods
    is_named = rule.ports is not None and rule.ports.names and rule.id.direction is Direction.EGRESS
    return frozenset((_ALL_PODS,)) if is_named else frozenset()


class CompiledRule:
    """The entries of a rule, kept up to date."""

    def __init__(
        self,
        rule: Rule,
        networks: frozenset[IpBlock],
        priority: int,
        sets: Sets,
        entries: PolicyEntries,
        stale: Callable[[CompiledRule], None],
    ) -> None:
        """Make it; all that it tells apart is told apart already.

        Args:
            rule: the rule.
            networks: its peers by address; nodes' addresses among them.
            priority: of its entries.
            sets: where those that it needs are.
            entries: where its own go.
            stale: called when it is to be compiled again.
        """
        self.rule, self.priority = rule, priority
        self._sets, self._entries, self._stale = sets, entries, stale
        self._number = entries.number(rule.id)
        self._keys: dict[EntryKey, None] = {}
        self._networks = networks
        self._subjects = sets.of_pods(frozenset((rule.subjects,)))
        self._names: frozenset[NamedPort] = rule.ports.names if rule.ports is not None else frozenset()
        self._terms = peer_terms(rule)
        self._pods = sets.of_pods(self._terms) if self._terms else None
        self._addresses = sets.of_networks(networks) if networks else ()
        ranges = rule.ports.ranges if rule.ports is not None else frozenset()
        self._ports = sets.of_ports(ranges) if ranges else None
        for one in self._used():
            one.users[self._touch] = None
            if self._names:
                one.watchers[self._touch] = None
        self._touch()

    def compile(self) -> None:
        """Make the entries anew."""
        found = dict.fromkeys(self._make())
        gone = [key for key in self._keys if key not in found]
        come = [key for key in found if key not in self._keys]
        self._keys = found
        self._entries.change(self._number, self.rule.action, gone, come)

    def drop(self) -> None:
        """It is no more."""
        for one in self._used():
            one.users.pop(self._touch, None)  # one set may be subjects and peers
            one.watchers.pop(self._touch, None)
        self._entries.change(self._number, self.rule.action, self._keys, ())
        self._entries.forget(self._number)
        self._sets.release_pods(frozenset((self.rule.subjects,)))
        if self._terms:
            self._sets.release_pods(self._terms)
        if self._addresses:
            self._sets.release_networks(self._networks)
        if self._ports is not None and self.rule.ports is not None:
            self._sets.release_ports(self.rule.ports.ranges)

    def _touch(self) -> None:
        self._stale(self)

    def _used(self) -> Iterator[AtomSet]:
        yield self._subjects
        yield from self._addresses
        yield from (one for one in (self._pods, self._ports) if one is not None)

    def _make(self) -> Iterator[EntryKey]:
        subjects, peers = self._subjects.blocks, self._peer_blocks()
        if self.rule.ports is None:
            yield from self._product(subjects, peers, (ANY,))
        elif self._ports is not None:
            yield from self._product(subjects, peers, self._ports.blocks)
        if self._names:
            yield from self._named(subjects, peers)

    def _peer_blocks(self) -> Sequence[Block]:
        if self.rule.peers is None:
            return (ANY,)
        found = list(self._pods.blocks) if self._pods is not None else []
        for one in self._addresses:
            found.extend(one.blocks)
        return found

    def _named(self, subjects: Sequence[Block], peers: Sequence[Block]) -> Iterator[EntryKey]:
        serving = list(
            dict.fromkeys(found for name in self._names for found in self._sets.pods.serving(name))
        )
        numbers = {
            found: frozenset(
                PortRange(served.port.protocol, served.number, served.number)
                for served in found.key.ports
                if served.port in self._names
            )
            for found in serving
        }
        for ranges in sorted(set(numbers.values()), key=sorted):
            classes = [found for found in serving if numbers[found] == ranges]
            ports = list(self._sets.port_blocks(ranges))
            if self.rule.id.direction is Direction.INGRESS:
                destinations = self._blocks(self._subjects, classes)
                yield from self._product(destinations, peers, ports)
            else:
                yield from self._product(subjects, self._destinations(classes), ports)

    def _destinations(self, classes: Sequence[PodClass]) -> Sequence[Block]:
        found = self._blocks(self._pods, classes) if self._pods is not None else []
        for version, one in zip((4, 6), self._addresses, strict=False):
            atoms = [c.by_address[version] for c in classes if version in c.by_address]
            found.extend(one.universe.exactly(atom.number for atom in atoms if one in atom.sets))
        return found

    @staticmethod
    def _blocks(one: AtomSet, classes: Sequence[PodClass]) -> list[Block]:
        return list(one.universe.exactly(found.number for found in classes if one in found.sets))

    def _product(
        self, subjects: Sequence[Block], peers: Sequence[Block], ports: Sequence[Block]
    ) -> Iterator[EntryKey]:
        tier, direction = self.rule.tier, self.rule.id.direction
        for subject in subjects:
            for peer in peers:
                source, destination = (subject, peer) if direction is Direction.EGRESS else (peer, subject)
                for block in ports:
                    yield EntryKey(tier, direction, source, destination, block, self.priority)

"""The sets of pods, addresses and ports that rules name, each kept once for all rules that name it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from p4fabric.controller.blocks import Block
from p4fabric.controller.policy.atoms import Atom, AtomSet, Universe
from p4fabric.controller.policy.pod_classes import POD_BITS, PodClass, PodClasses
from p4fabric.controller.policy.port_classes import PORT_CLASS_BITS, PortClasses
from p4fabric.controller.policy.prefixes import IpBlock
from p4fabric.controller.policy.regions import REGION_BITS, Region, Regions
from p4fabric.controller.policy.rules import PodTerm, PortRange

__all__ = ["IDENTITY_BITS", "POD_BIT", "Sets", "identity_of"]

IDENTITY_BITS = 24
POD_BIT = 1 << 23
"""Set: a pod; else a region of addresses."""
IPV6_BIT = 1 << 22
"""Set: by its IPv6 address. A pod's two addresses differ in this only."""
KNOWN_BIT = 1 << 21
"""Set in each identity that is given: 0, whose sender no entry knows, is in no set."""
_NUMBER = KNOWN_BIT - 1
_ADDRESS_POD_BIT = 1 << REGION_BITS
"""In the universes of addresses, which have regions and pods."""
assert POD_BITS == REGION_BITS


def identity_of(version: int, number: int, is_pod: bool) -> int:
    """What switches call an atom."""
    return (POD_BIT if is_pod else 0) | (IPV6_BIT if version == 6 else 0) | KNOWN_BIT | number


def _by_address(version: int) -> Callable[[Block], Block]:
    family = IPV6_BIT if version == 6 else 0

    def shown(block: Block) -> Block:
        value, mask = (part & _NUMBER | (part & _ADDRESS_POD_BIT) << 2 for part in block)
        return Block(value | family | KNOWN_BIT, mask | IPV6_BIT | KNOWN_BIT)

    return shown


def _by_pod(block: Block) -> Block:
    return Block(block.value | POD_BIT | KNOWN_BIT, block.mask | POD_BIT | KNOWN_BIT)


@dataclass(slots=True)
class _Shared:
    """Sets that several rules use."""

    sets: tuple[AtomSet, ...]
    uses: int = 0


class Sets:
    """All that are in use."""

    def __init__(self) -> None:
        """Make it, with no sets, pods or prefixes."""
        self.pods_universe = Universe(POD_BITS, _by_pod)
        self.addresses = {version: Universe(REGION_BITS + 1, _by_address(version)) for version in (4, 6)}
        self.ports_universe = Universe(PORT_CLASS_BITS)
        self.regions = Regions(self.addresses)
        self.ports = PortClasses(self.ports_universe)
        self.pods = PodClasses(self.regions, self.ports, self._enter, self._leave)
        self._by_pods: dict[frozenset[PodTerm], _Shared] = {}
        self._of_term: dict[PodTerm, dict[AtomSet, None]] = {}
        self._by_networks: dict[frozenset[IpBlock], _Shared] = {}
        self._by_ports: dict[frozenset[PortRange], _Shared] = {}

    def of_pods(self, terms: frozenset[PodTerm]) -> AtomSet:
        """The pods of any of some terms; `release_pods` it later."""
        shared = self._by_pods.get(terms)
        if shared is None:
            one = AtomSet(self.pods_universe)
            shared = self._by_pods[terms] = _Shared((one,))
            for term in terms:
                self._of_term.setdefault(term, {})[one] = None
                for found in self.pods.of(term):
                    found.join(one)
        shared.uses += 1
        return shared.sets[0]

    def release_pods(self, terms: frozenset[PodTerm]) -> None:
        """One rule less uses it."""
        shared = self._by_pods[terms]
        shared.uses -= 1
        if not shared.uses:
            one = self._by_pods.pop(terms).sets[0]
            for term in terms:
                del self._of_term[term][one]
                if not self._of_term[term]:
                    del self._of_term[term]
            for number in list(one.members):
                self.pods[number].leave(one)
            self.pods_universe.drop(one)

    def of_networks(self, blocks: frozenset[IpBlock]) -> tuple[AtomSet, AtomSet]:
        """IPv4 and IPv6 addresses of blocks, of regions and of pods; `release_networks` it later."""
        shared = self._by_networks.get(blocks)
        if shared is None:
            shared = self._by_networks[blocks] = _Shared(
                tuple(AtomSet(universe) for universe in self.addresses.values())
            )
            for region, one in self._regions(blocks, shared.sets):
                region.join(one)
                for found in self.pods.in_region(region):
                    found.by_address[region.prefix.version].join(one)
        shared.uses += 1
        return shared.sets[0], shared.sets[1]

    def release_networks(self, blocks: frozenset[IpBlock]) -> None:
        """One rule less uses it."""
        shared = self._by_networks[blocks]
        shared.uses -= 1
        if not shared.uses:
            del self._by_networks[blocks]
            for region, one in self._regions(blocks, shared.sets):
                region.leave(one)
                for found in self.pods.in_region(region):
                    found.by_address[region.prefix.version].leave(one)
            for one in shared.sets:
                one.universe.drop(one)

    def of_ports(self, ranges: frozenset[PortRange]) -> AtomSet:
        """The classes of some ranges, which are told apart; `release_ports` it later."""
        shared = self._by_ports.get(ranges)
        if shared is None:
            one = AtomSet(self.ports_universe)
            shared = self._by_ports[ranges] = _Shared((one,))
            for atom in self._port_atoms(ranges):
                atom.join(one)
        shared.uses += 1
        return shared.sets[0]

    def release_ports(self, ranges: frozenset[PortRange]) -> None:
        """One rule less uses it."""
        shared = self._by_ports[ranges]
        shared.uses -= 1
        if not shared.uses:
            one = self._by_ports.pop(ranges).sets[0]
            for atom in self._port_atoms(ranges):
                atom.leave(one)
            self.ports_universe.drop(one)

    def port_blocks(self, ranges: frozenset[PortRange]) -> Iterator[Block]:
        """Blocks for single ports that are told apart."""
        return self.ports_universe.exactly({atom.number for atom in self._port_atoms(ranges)})

    def relabelled(self, namespace: str, terms: Iterable[PodTerm]) -> None:
        """A namespace's labels have changed: some terms match it now that did not, or the reverse."""
        classes = list(self.pods.of_namespace(namespace))
        touched = dict.fromkeys(one for term in terms for one in self._of_term.get(term, ()))
        for found in classes:
            wanted = {one for term in self.pods.terms_of(found) for one in self._of_term.get(term, ())}
            for one in touched:
                if one in wanted:
                    found.join(one)
                else:
                    found.leave(one)

    def settle(self) -> None:
        """Find the blocks of sets that have changed, and tell their users."""
        for universe in (self.pods_universe, *self.addresses.values(), self.ports_universe):
            universe.settle()

    def wake(self) -> None:
        """No switch holds anything with numbers that rest."""
        for numbers in (self.regions, self.ports, self.pods):
            numbers.wake()

    def _enter(self, found: PodClass) -> None:
        """A class of pods is live: it belongs to whatever its pods belong to."""
        self.pods_universe.add(found.number)
        for term in self.pods.terms_of(found):
            for one in self._of_term.get(term, ()):
                found.join(one)
        for version, atom in found.by_address.items():
            self.addresses[version].add(atom.number)
        for prefix in found.key.regions:
            for one in self.regions.find(prefix).sets:
                found.by_address[prefix.version].join(one)

    def _leave(self, found: PodClass) -> None:
        for atom in (found, *found.by_address.values()):
            for one in list(atom.sets):
                atom.leave(one)
        self.pods_universe.remove(found.number)
        for version, atom in found.by_address.items():
            self.addresses[version].remove(atom.number)

    def _regions(
        self, blocks: frozenset[IpBlock], sets: tuple[AtomSet, ...]
    ) -> Iterator[tuple[Region, AtomSet]]:
        for block in blocks:
            one = sets[block.cidr.version == 6]
            for region in self.regions.of(block):
                yield region, one

    def _port_atoms(self, ranges: frozenset[PortRange]) -> Iterator[Atom]:
        for one in ranges:
            yield from self.ports.of(one)

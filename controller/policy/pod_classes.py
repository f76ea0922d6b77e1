"""Classes of pods that all selectors, address blocks and named ports in use see alike.

Two things move pods between classes, and they are kept apart: what is told apart changes, which changes no
verdict, so that the largest part of a class keeps its number; or a pod itself changes, which then gets a
number that says what it is now. This module does not know what rules say of a class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from sortedcontainers import SortedDict

from p4fabric.controller.labels import LabelSelector
from p4fabric.controller.policy.atoms import Atom
from p4fabric.controller.policy.numbers import Areas, OutOfNumbers
from p4fabric.controller.policy.objects import Pod, ServedPort
from p4fabric.controller.policy.port_classes import PortClasses
from p4fabric.controller.policy.prefixes import Prefix
from p4fabric.controller.policy.regions import REGION_BITS, Region, Regions
from p4fabric.controller.policy.rules import EVERYTHING, NamedPort, PodTerm, PortRange
from p4fabric.controller.policy.terms import Terms

__all__ = ["POD_BITS", "UNPLACED", "ClassKey", "PodClass", "PodClasses", "PodName"]

POD_BITS = REGION_BITS
UNPLACED = (1 << POD_BITS) - 1
"""The number of pods of which it is not known what they are: nothing reaches them."""


class PodName(NamedTuple):
    """A pod."""

    namespace: str
    name: str


class ClassKey(NamedTuple):
    """What all pods of a class have in common."""

    namespace: str
    selectors: frozenset[LabelSelector]
    """Of those that are applied to this namespace."""
    regions: tuple[Prefix, ...]
    """Of its address in each family that it has."""
    ports: frozenset[ServedPort]
    """Of those whose names are in use."""


class PodClass(Atom):
    """A class, as sets of pods have it, and as sets of addresses have it."""

    __slots__ = ("by_address", "key", "members")

    def __init__(self, key: ClassKey, number: int) -> None:
        """Make it, without pods."""
        super().__init__(number)
        self.key = key
        self.members: dict[PodName, None] = {}
        self.by_address = {region.version: Atom(number | 1 << POD_BITS) for region in key.regions}


class PodClasses:
    """All pods and their classes."""

    def __init__(
        self,
        regions: Regions,
        ports: PortClasses,
        enter: Callable[[PodClass], None],
        leave: Callable[[PodClass], None],
    ) -> None:
        """Make it, without pods.

        Args:
            regions: of the prefixes in use.
            ports: told apart as named ports need.
            enter: told of a new class.
            leave: told of a class that is no more.
        """
        self.terms = Terms()
        self.moved: dict[Prefix, None] = {}
        """Addresses that may have another identity."""
        self._regions, self._ports, self._enter, self._leave = regions, ports, enter, leave
        self._areas = Areas(POD_BITS, reserved=1)
        self._pods: dict[PodName, Pod] = {}
        self._of_namespace: dict[str, dict[PodName, None]] = {}
        self._claims: dict[int, SortedDict[int, dict[PodName, None]]] = {4: SortedDict(), 6: SortedDict()}
        self._by_name: dict[NamedPort, dict[PodName, None]] = {}
        self._names: Counter[NamedPort] = Counter()
        self._class_of: dict[PodName, PodClass] = {}
        self._by_key: dict[ClassKey, PodClass] = {}
        self._classes: dict[str, dict[PodClass, None]] = {}
        self._in_region: dict[Prefix, dict[PodClass, None]] = {}
        self._serving: dict[NamedPort, dict[PodClass, None]] = {}
        self._by_number: dict[int, PodClass] = {}
        self._released: list[PortRange] = []

    def __len__(self) -> int:
        """How many classes are live."""
        return len(self._by_number)

    def __getitem__(self, number: int) -> PodClass:
        """A live class."""
        return self._by_number[number]

    # What pods there are.

    def set_pod(self, name: PodName, pod: Pod | None) -> None:
        """A pod came, changed or went; `place` it then."""
        before = self._pods.get(name)
        if before is not None:
            for address in before.addresses:
                claims = self._claims[address.version]
                del claims[address.bits][name]
                if not claims[address.bits]:
                    del claims[address.bits]
                self.moved[address] = None
            for served in before.ports:
                self._by_name.get(served.port, {}).pop(name, None)
            del self._of_namespace[name.namespace][name]
            del self._pods[name]
        if pod is not None:
            self._pods[name] = pod
            self._of_namespace.setdefault(name.namespace, {})[name] = None
            for address in pod.addresses:
                self._claims[address.version].setdefault(address.bits, {})[name] = None
                self.moved[address] = None
            for served in pod.ports:
                self._by_name.setdefault(served.port, {})[name] = None

    def get(self, name: PodName) -> Pod | None:
        """A pod that was told of."""
        return self._pods.get(name)

    def pods_of(self, namespace: str) -> Iterable[PodName]:
        """Pods of a namespace, placed or not."""
        return self._of_namespace.get(namespace, ())

    def pods_within(self, prefix: Prefix) -> Iterator[PodName]:
        """Pods with an address of a prefix."""
        claims = self._claims[prefix.version]
        for bits in claims.irange(prefix.bits, prefix.last):
            yield from claims[bits]

    def number_at(self, address: Prefix) -> int | None:
        """The number of the pod that has an address; None: it is no pod's.

        If several say that they have it, they are as good as unknown.
        """
        claims = self._claims[address.version].get(address.bits) if address.is_host else None
        if not claims:
            return None
        found = self._class_of.get(next(iter(claims))) if len(claims) == 1 else None
        return found.number if found is not None else UNPLACED

    def unplaced(self) -> Iterator[PodName]:
        """Pods without a class."""
        return (name for name in self._pods if name not in self._class_of)

    # What tells them apart.

    def acquire_name(self, port: NamedPort) -> Iterable[PodName]:
        """One more rule names a port; the pods that must be placed again."""
        self._names[port] += 1
        return self._by_name.get(port, ()) if self._names[port] == 1 else ()

    def release_name(self, port: NamedPort) -> Iterable[PodName]:
        """One rule less names it; likewise."""
        self._names[port] -= 1
        if self._names[port]:
            return ()
        del self._names[port]
        return self._by_name.get(port, ())

    def released_ports(self) -> list[PortRange]:
        """Numbers of ports that no class serves any more under a name in use; each is told of once."""
        found, self._released = self._released, []
        return found

    # Classes.

    def of(self, term: PodTerm) -> Iterator[PodClass]:
        """The classes that a term selects."""
        for namespace in self.terms.namespaces_of(term):
            for found in self._classes.get(namespace, ()):
                if term.pods == EVERYTHING or term.pods in found.key.selectors:
                    yield found

    def terms_of(self, found: PodClass) -> Iterator[PodTerm]:
        """The terms in use that select a class."""
        return self.terms.of(found.key.namespace, (EVERYTHING, *found.key.selectors))

    def of_namespace(self, namespace: str) -> Iterable[PodClass]:
        """The classes of a namespace."""
        return self._classes.get(namespace, ())

    def in_region(self, region: Region) -> Iterable[PodClass]:
        """The classes with addresses in a region."""
        return self._in_region.get(region.prefix, ())

    def serving(self, port: NamedPort) -> Iterable[PodClass]:
        """The classes that have a number for a name in use."""
        return self._serving.get(port, ())

    def place(self, names: Iterable[PodName]) -> list[PodClass]:
        """Pods have changed, or their namespaces came or went.

        Returns:
            Classes that nobody has any more: `bury` them when no address has their number.
        """
        left: dict[PodClass, None] = {}
        for name in names:
            before, key = self._class_of.get(name), self._key(name)
            if before is not None and before.key == key:
                continue
            if before is not None:
                del before.members[name]
                del self._class_of[name]
                left[before] = None
            if key is not None:
                self._move(name, key)
            self._note(name)
        dead = [found for found in left if not found.members]
        for found in dead:
            del self._by_key[found.key]
        return dead

    def divide(self, names: Iterable[PodName]) -> list[PodClass]:
        """What tells pods apart has changed; the pods themselves have not. Returns as `place`."""
        leaving: dict[PodClass, Counter[ClassKey]] = {}
        going: dict[ClassKey, dict[PodClass, list[PodName]]] = {}
        for name in dict.fromkeys(names):
            before, key = self._class_of.get(name), self._key(name)
            if before is not None and key is not None and key != before.key:
                leaving.setdefault(before, Counter())[key] += 1
                going.setdefault(key, {}).setdefault(before, []).append(name)
        loose: dict[PodClass, None] = {}
        for before, counts in leaving.items():
            staying = len(before.members) - counts.total()
            if staying >= max(counts.values()):
                continue
            # A larger part goes than stays, so it takes the number with it.
            loose[before] = None
            del self._by_key[before.key]
            if staying:
                gone = {name for parts in going.values() for name in parts.get(before, ())}
                going.setdefault(before.key, {})[before] = [n for n in before.members if n not in gone]
        for key in sorted(
            going, key=lambda key: (-sum(map(len, going[key].values())), min(going[key].values()))
        ):
            parts = going[key]
            if key not in self._by_key:
                heirs = [found for found in parts if found in loose]
                if heirs:
                    heir = max(heirs, key=lambda found: (len(parts[found]), -found.number))
                    del loose[heir]
                    self._rename(heir, key)
            for before, members in parts.items():
                if self._by_key.get(key) is before:
                    continue
                for name in members:
                    del before.members[name]
                    del self._class_of[name]
                    self._move(name, key)
                    self._note(name)
        return list(loose)

    def bury(self, dead: Iterable[PodClass]) -> None:
        """Classes are no more."""
        for found in dead:
            self._leave(found)
            self._index(found, False)
            del self._by_number[found.number]
            self._areas.give_back(found.key.namespace, found.number)

    def wake(self) -> None:
        """No switch holds anything with numbers that rest."""
        self._areas.wake()

    def _key(self, name: PodName) -> ClassKey | None:
        pod = self._pods.get(name)
        if pod is None or not self.terms.knows(name.namespace):
            return None
        return ClassKey(
            name.namespace,
            self.terms.selecting(name.namespace, pod.labels),
            tuple(self._regions.find(address).prefix for address in pod.addresses),
            frozenset(served for served in pod.ports if served.port in self._names),
        )

    def _move(self, name: PodName, key: ClassKey) -> None:
        found = self._by_key.get(key)
        if found is None:
            try:
                found = PodClass(key, self._areas.take(key.namespace))
                self._index(found, True)
            except OutOfNumbers:
                return
            self._by_key[key] = self._by_number[found.number] = found
            self._enter(found)
        found.members[name] = None
        self._class_of[name] = found

    def _rename(self, found: PodClass, key: ClassKey) -> None:
        self._index(found, False)
        found.key = key
        self._by_key[key] = found
        self._index(found, True)

    def _index(self, found: PodClass, is_there: bool) -> None:
        for index, keys in (
            (self._classes, (found.key.namespace,)),
            (self._in_region, found.key.regions),
            (self._serving, {served.port for served in found.key.ports}),
        ):
            _enlist(index, keys, found, is_there)
        for served in found.key.ports:
            ports = PortRange(served.port.protocol, served.number, served.number)
            if is_there:
                self._ports.acquire(ports)
            else:
                self._released.append(ports)

    def _note(self, name: PodName) -> None:
        pod = self._pods.get(name)
        for address in pod.addresses if pod is not None else ():
            self.moved[address] = None


def _enlist(
    index: dict[Any, dict[PodClass, None]], keys: Iterable[Any], found: PodClass, is_there: bool
) -> None:
    for key in keys:
        if is_there:
            index.setdefault(key, {})[found] = None
        else:
            del index[key][found]
            if not index[key]:
                del index[key]

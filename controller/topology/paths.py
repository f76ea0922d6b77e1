"""Ways through the fabric: equal-cost next hops, and trees that reach every member once.

A link counts once both its directions are known. Parallel links between two switches are a bundle: all of
them carry traffic, a tree uses one. What is to be avoided is on a way only where there is no other, however
long: of all ways, those count that cross the least of it, and of these the shortest. Results depend on the
switches and links only, not on the order in which they were found. `Paths.changed` costs what a change
touches: distances stay valid while every switch keeps a neighbour that is nearer, and no new link is a short
cut. This module knows nothing of networks or entries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from types import MappingProxyType

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.drain import NOTHING, Avoided, Drained
from p4fabric.controller.topology.model import Cable, Link, Role, Topology
from p4fabric.pipelines.values import Port

__all__ = ["FloodTree", "Path", "PathChange", "Paths", "paths_of"]

FloodTree = Mapping[SwitchName, tuple[Port, ...]]
"""The ports by which each switch of a tree reaches its neighbours in it, sorted."""
Path = tuple[Link, ...]
"""A way from a switch to another, link by link."""
_Bundles = dict[SwitchName, dict[SwitchName, tuple[Link, ...]]]
_Distances = dict[SwitchName, int]
"""Links on the best way, and `_AROUND` for each thing on it that is to be avoided."""

_AROUND = 1 << 32
"""Longer than any way."""

_latest: Paths | None = None


def paths_of(topology: Topology, closed: frozenset[PortRef] = frozenset()) -> Paths:
    """The ways through a topology without the links at `closed` ports; made from the last ones asked for."""
    global _latest
    cables = frozenset(cable for cable in topology.cables if not (cable.ports & closed))
    roles = {name: switch.role for name, switch in topology.switches.items()}
    before = _latest
    if before is None or before.roles != roles:
        paths = Paths(roles, cables)
    else:
        paths = before.changed(cables - before.cables, before.cables - cables).paths
    _latest = paths
    return paths


@dataclass(frozen=True, slots=True)
class PathChange:
    """What a change of links changed."""

    paths: Paths
    """The ways from now on."""
    next_hops: frozenset[tuple[SwitchName, SwitchName]]
    """Source and destination, where other ports lead to it than before; of destinations that somebody has
    asked for."""


class Paths:
    """Shortest paths over cables. Immutable as far as anyone can see; what is asked for is kept."""

    def __init__(
        self, roles: Mapping[SwitchName, Role], cables: Iterable[Cable], avoided: Avoided = NOTHING
    ) -> None:
        """Take the switches with their roles, and the cables whose links are up in both directions.

        Args:
            roles: of all switches.
            cables: those that are up.
            avoided: what is only on a way where there is no other.
        """
        self.roles = MappingProxyType(dict(roles))
        self.cables = frozenset(cables)
        self.avoided = avoided
        self._spines = frozenset(name for name, role in roles.items() if role is Role.SPINE)
        self._bundles: _Bundles = {name: {} for name in roles}
        _rewire(self._bundles, self.cables, ())
        self._distances: dict[SwitchName, _Distances] = {}
        self._counts: dict[SwitchName, dict[SwitchName, int]] = {}
        self._between: dict[frozenset[SwitchName], frozenset[SwitchName]] = {}
        self._trees: dict[frozenset[SwitchName], FloodTree] = {}

    def changed(
        self, up: Collection[Cable], down: Collection[Cable], avoided: Avoided | None = None
    ) -> PathChange:
        """The ways once some cables are up and others down; what stays the same is shared.

        Args:
            up: cables that are up now.
            down: cables that are no longer.
            avoided: what is to be avoided from now on; None: the same as before.
        """
        avoided = self.avoided if avoided is None else avoided
        if not up and not down and avoided == self.avoided:
            return PathChange(self, frozenset())
        after = Paths.__new__(Paths)
        after.roles, after._spines, after.avoided = self.roles, self._spines, avoided
        after.cables = (self.cables - frozenset(down)) | frozenset(up)
        after._bundles = dict(self._bundles)
        pairs = _rewire(after._bundles, up, down)
        switches = avoided.switches ^ self.avoided.switches
        pairs |= {_pair(one, other) for one in switches for other in after._bundles.get(one, ())}
        pairs |= {
            _pair(cable.one.switch, cable.other.switch) for cable in avoided.cables ^ self.avoided.cables
        }
        pairs = {(one, other) for one, other in pairs if one in after._bundles and other in after._bundles}
        after._distances, after._counts = {}, {}
        touched = {name for pair in pairs for name in pair}
        next_hops: set[tuple[SwitchName, SwitchName]] = set()
        for root, before in list(self._distances.items()):
            if self._hold(after, root, before, pairs):
                after._distances[root] = before
                # Only the ends of what has changed may have other ports towards the root.
                ends = {
                    here
                    for pair in pairs
                    for here, there in (pair, pair[::-1])
                    if self._leads(here, there, root, before) or after._leads(here, there, root, before)
                }
                next_hops |= {
                    (here, root)
                    for here in ends
                    if self.next_hop_ports(here, root) != after.next_hop_ports(here, root)
                }
                continue
            now = after._from(root)
            differing = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
            if differing:
                touched |= differing
                touched.add(root)
            # Ports towards the root depend on the distances of a switch and its neighbours, and on its links.
            concerned = differing.union(*pairs, *(after._bundles[name] for name in differing))
            next_hops |= {
                (name, root)
                for name in concerned
                if self.next_hop_ports(name, root) != after.next_hop_ports(name, root)
            }
        after._between, after._trees = {}, {}
        if not switches:  # Otherwise it matters who is crossed, at whatever distances.
            after._between = {
                members: found for members, found in self._between.items() if not members & touched
            }
            after._trees = {
                members: tree
                for members, tree in self._trees.items()
                if not members & touched and not tree.keys() & touched
            }
        return PathChange(after, frozenset(next_hops))

    def _hold(
        self,
        after: Paths,
        root: SwitchName,
        distances: _Distances,
        pairs: Iterable[tuple[SwitchName, SwitchName]],
    ) -> bool:
        """Whether distances that held before these neighbours' links changed hold afterwards."""
        for pair in pairs:
            for here, there in (pair, pair[::-1]):
                near, far = distances.get(here), distances.get(there)
                if far is None or here == root:
                    continue
                if there in after._bundles[here]:
                    now = far + after._step(here, there, root)
                    if near is None or now < near:
                        return False
                    if now == near:
                        continue
                # Where this was a best way, another one is needed.
                if self._leads(here, there, root, distances) and not any(
                    after._leads(here, other, root, distances) for other in after._bundles[here]
                ):
                    return False
        return True

    def _step(self, here: SwitchName, there: SwitchName, root: SwitchName) -> int:
        """What the step to a neighbour adds to the neighbour's distance from a root."""
        if not self.avoided:
            return 1
        step = 1
        if self.avoided.cables and all(
            link.cable in self.avoided.cables for link in self._bundles[here][there]
        ):
            step += _AROUND
        return step + _AROUND if there != root and there in self.avoided.switches else step

    def _leads(self, here: SwitchName, there: SwitchName, root: SwitchName, distances: _Distances) -> bool:
        """Whether a neighbour, or none, is on a best way to the root."""
        near, far = distances.get(here), distances.get(there)
        if near is None or far is None or here == root or there not in self._bundles[here]:
            return False
        return near == far + self._step(here, there, root)

    def _nearer(self, here: SwitchName, root: SwitchName, distances: _Distances) -> list[SwitchName]:
        """The neighbours on best ways to the root, of a switch from which it is reachable."""
        if self.avoided:
            return [there for there in self._bundles[here] if self._leads(here, there, root, distances)]
        step = distances[here] - 1
        return [there for there in self._bundles[here] if distances[there] == step]

    def _taken(self, here: SwitchName, there: SwitchName) -> tuple[Link, ...]:
        """The links to a neighbour that are used: all, but for those to be avoided where there are others."""
        links = self._bundles[here][there]
        if not self.avoided.cables:
            return links
        return tuple(link for link in links if link.cable not in self.avoided.cables) or links

    def fabric_ports(self, switch: SwitchName) -> tuple[Port, ...]:
        """All ports of a switch with a usable link, sorted."""
        return tuple(sorted(port for there in self._bundles[switch] for port in self._ports(switch, there)))

    def bundle(self, here: SwitchName, there: SwitchName) -> tuple[Link, ...]:
        """The links from a switch to another, sorted; several where they are parallel."""
        return self._bundles.get(here, {}).get(there, ())

    def neighbours(self, switch: SwitchName) -> tuple[SwitchName, ...]:
        """The switches that a switch has links to, sorted."""
        return tuple(sorted(self._bundles.get(switch, ())))

    def distance(self, source: SwitchName, destination: SwitchName) -> int | None:
        """Links on a shortest path, or None where there is no path."""
        distance = self._from(destination).get(source)
        return None if distance is None else distance % _AROUND

    def crossing(self, source: SwitchName, destination: SwitchName) -> frozenset[Drained]:
        """What is to be avoided of shortest paths, since there are none without; each may be on some only."""
        distances = self._from(destination)
        if distances.get(source, 0) < _AROUND:
            return frozenset()
        found: set[Drained] = set()
        seen, waiting = {source}, [source]
        while waiting:
            here = waiting.pop()
            for there in self._nearer(here, destination, distances):
                found |= {link.cable for link in self._taken(here, there)} & self.avoided.cables
                if there not in seen:
                    seen.add(there)
                    waiting.append(there)
        return frozenset(found | (seen - {source, destination}) & self.avoided.switches)

    def count(self, source: SwitchName, destination: SwitchName) -> int:
        """How many shortest paths there are, parallel links counted; 0 where there is none."""
        if destination not in self._counts:
            counts = {destination: 1}
            distances = self._from(destination)
            for here in list(distances)[1:]:  # nearer ones first
                counts[here] = sum(
                    counts[there] * len(self._taken(here, there))
                    for there in self._nearer(here, destination, distances)
                )
            self._counts[destination] = counts
        return self._counts[destination].get(source, 0)

    def next_hop_ports(self, source: SwitchName, destination: SwitchName) -> tuple[Port, ...]:
        """The ports on shortest paths, sorted; empty at the destination and where there is no path."""
        distances = self._from(destination)
        if source not in distances:
            return ()
        return tuple(
            sorted(
                link.source.port
                for neighbour in self._nearer(source, destination, distances)
                for link in self._taken(source, neighbour)
            )
        )

    def shortest(self, source: SwitchName, destination: SwitchName) -> Iterator[Path]:
        """The shortest paths, parallel links counted, in order of their links; none where there is none."""
        distances = self._from(destination)
        if source not in distances:
            return
        if source == destination:
            yield ()
            return
        for there in sorted(self._nearer(source, destination, distances)):
            for rest in self.shortest(there, destination):
                for link in self._taken(source, there):
                    yield (link, *rest)

    def between(self, members: Collection[SwitchName]) -> frozenset[SwitchName]:
        """The members and all switches on shortest paths between them."""
        known = frozenset(member for member in members if member in self._bundles)
        if known not in self._between:
            self._between[known] = self._all_between(sorted(known))
        return self._between[known]

    def _all_between(self, known: list[SwitchName]) -> frozenset[SwitchName]:
        found = set(known)
        for place, one in enumerate(known):
            near = self._from(one)
            for other in known[place + 1 :]:
                if other in near:
                    far, whole = self._from(other), near[other]
                    found.update(node for node in near if near[node] + far[node] + self._cross(node) == whole)
        return frozenset(found)

    def _cross(self, switch: SwitchName) -> int:
        """What a switch adds to a way that crosses it."""
        return _AROUND if switch in self.avoided.switches else 0

    def flood_tree(self, members: Collection[SwitchName]) -> FloodTree:
        """A shortest-path tree from one spine, cut down to what leads to members.

        The root is the spine nearest to all members, the first by name among equals; a member where
        no spine reaches them, or none without what is to be avoided. Members in different parts of a divided
        fabric get a tree each; those that are not in the topology are left out.
        """
        known = frozenset(member for member in members if member in self._bundles)
        if known not in self._trees:
            self._trees[known] = MappingProxyType(self._forest(set(known)))
        return self._trees[known]

    def _forest(self, left: set[SwitchName]) -> dict[SwitchName, tuple[Port, ...]]:
        tree: dict[SwitchName, set[Port]] = {}
        while left:
            part = left & self._from(min(left)).keys()
            left -= part
            for here, there in self._branches(part):
                link = self._taken(here, there)[0]
                tree.setdefault(here, set()).add(link.source.port)
                tree.setdefault(there, set()).add(link.destination.port)
            if len(part) == 1:
                tree.setdefault(min(part), set())
        return {switch: tuple(sorted(ports)) for switch, ports in sorted(tree.items())}

    def _branches(self, part: set[SwitchName]) -> set[tuple[SwitchName, SwitchName]]:
        """The edges, away from the root, of a tree over connected members."""
        if len(part) == 1:
            return set()
        reachable = self._from(min(part))
        spines = self._spines & reachable.keys()
        root = min(spines or part, key=lambda name: self._cost_as_root(name, part))
        if self.avoided and self._cost_as_root(root, part)[0] >= _AROUND:
            root = min(spines | part, key=lambda name: self._cost_as_root(name, part))
        distances = self._from(root)
        edges: set[tuple[SwitchName, SwitchName]] = set()
        for member in part:
            here = member
            while here != root:
                parent = min(self._nearer(here, root, distances))
                edges.add((parent, here))
                here = parent
        return edges

    def _cost_as_root(self, root: SwitchName, part: set[SwitchName]) -> tuple[int, SwitchName]:
        """How far the root of a tree is from the members that it connects; the name decides among equals."""
        distances = self._from(root)
        return sum(distances[member] for member in part) + len(part) * self._cross(root), root

    def _ports(self, here: SwitchName, there: SwitchName) -> list[Port]:
        return [link.source.port for link in self._bundles[here][there]]

    def _from(self, root: SwitchName) -> _Distances:
        """The distance of each switch that is reachable, nearer ones first."""
        found = self._distances.get(root)
        if found is None:
            found = self._distances[root] = self._search(root)
        return found

    def _search(self, root: SwitchName) -> _Distances:
        if root not in self._bundles:
            return {}
        if self.avoided:
            return self._search_around(root)
        distances, waiting = {root: 0}, deque([root])
        while waiting:
            here = waiting.popleft()
            step = distances[here] + 1
            for there in self._bundles[here]:
                if there not in distances:
                    distances[there] = step
                    waiting.append(there)
        return distances

    def _search_around(self, root: SwitchName) -> _Distances:
        distances: _Distances = {}
        waiting = [(0, root)]
        while waiting:
            distance, here = heappop(waiting)
            if here in distances:
                continue
            distances[here] = distance
            for there in self._bundles[here]:
                if there not in distances:
                    heappush(waiting, (distance + self._step(there, here, root), there))
        return distances


def _pair(one: SwitchName, other: SwitchName) -> tuple[SwitchName, SwitchName]:
    return (one, other) if one < other else (other, one)


def _rewire(
    bundles: _Bundles, up: Iterable[Cable], down: Iterable[Cable]
) -> set[tuple[SwitchName, SwitchName]]:
    """Add and remove cables, replacing inner mappings; the pairs of switches concerned."""
    changes: dict[tuple[SwitchName, SwitchName], tuple[set[Link], set[Link]]] = {}
    for place, cables in enumerate((up, down)):
        for cable in cables:
            here, there = cable.one.switch, cable.other.switch
            if here == there or here not in bundles or there not in bundles:
                continue
            for link in cable.links:
                pair = (link.source.switch, link.destination.switch)
                changes.setdefault(pair, (set(), set()))[place].add(link)
    fresh: dict[SwitchName, dict[SwitchName, tuple[Link, ...]]] = {}
    for (here, there), (more, fewer) in changes.items():
        neighbours = fresh.setdefault(here, dict(bundles[here]))
        links = (set(neighbours.pop(there, ())) - fewer) | more
        if links:
            neighbours[there] = tuple(sorted(links))
    bundles.update(fresh)
    return {pair for pair in changes if pair[0] < pair[1]}

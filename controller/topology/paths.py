"""Ways through the fabric: equal-cost next hops, and trees that reach every member once.

A link counts once both its directions are known. Results depend on the topology's switches and
links only, not on what order they were found in. This module must never know networks or entries.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import networkx as nx

from controller.names import PortRef, SwitchName
from controller.topology.model import Link, Role, Topology
from pipelines.values import Port

if TYPE_CHECKING:
    Graph = nx.Graph[SwitchName]

__all__ = ["FloodTree", "Paths", "flood_tree", "next_hop_ports", "paths_of"]

FloodTree = Mapping[SwitchName, tuple[Port, ...]]
"""The ports by which each switch of a tree reaches its neighbours in it, sorted."""


def next_hop_ports(topology: Topology, source: SwitchName, destination: SwitchName) -> tuple[Port, ...]:
    """The ports of `source` on shortest paths to `destination`, sorted; empty where there is no path."""
    return paths_of(topology).next_hop_ports(source, destination)


def flood_tree(topology: Topology, members: Collection[SwitchName]) -> FloodTree:
    """A tree over `members` and the switches between them; one for each part of a divided fabric."""
    return paths_of(topology).flood_tree(members)


def paths_of(topology: Topology, closed: frozenset[PortRef] = frozenset()) -> Paths:
    """The ways through a topology without the links at `closed` ports; computed once and shared."""
    roles = frozenset((switch.name, switch.role) for switch in topology.switches.values())
    return _paths(roles, topology.links, closed)


@lru_cache(maxsize=8)
def _paths(
    roles: frozenset[tuple[SwitchName, Role]], links: frozenset[Link], closed: frozenset[PortRef]
) -> Paths:
    return Paths(dict(roles), links, closed)


class Paths:
    """Shortest paths over the links of one topology. Immutable as far as anyone can see."""

    def __init__(
        self, roles: Mapping[SwitchName, Role], links: frozenset[Link], closed: frozenset[PortRef]
    ) -> None:
        self._spines = frozenset(name for name, role in roles.items() if role is Role.SPINE)
        self._links: dict[tuple[SwitchName, SwitchName], list[Link]] = {}
        self._graph: Graph = nx.Graph()
        self._graph.add_nodes_from(sorted(roles))
        for link in sorted(links):
            here, there = link.source, link.destination
            known = {here.switch, there.switch} <= roles.keys() and here.switch != there.switch
            if known and link.reverse in links and not {here, there} & closed:
                self._links.setdefault((here.switch, there.switch), []).append(link)
                self._graph.add_edge(here.switch, there.switch)
        self._distances: dict[SwitchName, dict[SwitchName, int]] = {}
        self._between: dict[frozenset[SwitchName], frozenset[SwitchName]] = {}
        self._trees: dict[frozenset[SwitchName], FloodTree] = {}

    def fabric_ports(self, switch: SwitchName) -> tuple[Port, ...]:
        """All ports of a switch with a usable link, sorted."""
        return tuple(sorted(port for there in self._graph[switch] for port in self._ports(switch, there)))

    def distance(self, source: SwitchName, destination: SwitchName) -> int | None:
        """Links on a shortest path, or None where there is no path."""
        return self._from(destination).get(source)

    def next_hop_ports(self, source: SwitchName, destination: SwitchName) -> tuple[Port, ...]:
        """The ports on shortest paths, sorted; empty at the destination and where there is no path."""
        distances = self._from(destination)
        if source not in distances:
            return ()
        ports = [
            port
            for neighbour in self._graph[source]
            if distances[neighbour] == distances[source] - 1
            for port in self._ports(source, neighbour)
        ]
        return tuple(sorted(ports))

    def between(self, members: Collection[SwitchName]) -> frozenset[SwitchName]:
        """The members and all switches on shortest paths between them."""
        known = frozenset(member for member in members if member in self._graph)
        if known not in self._between:
            self._between[known] = self._all_between(sorted(known))
        return self._between[known]

    def _all_between(self, known: list[SwitchName]) -> frozenset[SwitchName]:
        found = set(known)
        for place, one in enumerate(known):
            near = self._from(one)
            for other in known[place + 1 :]:
                if other in near:
                    far = self._from(other)
                    found.update(node for node in near if near[node] + far[node] == near[other])
        return frozenset(found)

    def flood_tree(self, members: Collection[SwitchName]) -> FloodTree:
        """A shortest-path tree from one spine, cut down to what leads to members.

        The root is the spine nearest to all members, the first by name among equals; a member where
        no spine reaches them. Members in different parts of a divided fabric get a tree each; those
        that are not in the topology are left out.
        """
        known = frozenset(member for member in members if member in self._graph)
        if known not in self._trees:
            self._trees[known] = MappingProxyType(self._forest(set(known)))
        return self._trees[known]

    def _forest(self, left: set[SwitchName]) -> dict[SwitchName, tuple[Port, ...]]:
        tree: dict[SwitchName, set[Port]] = {}
        while left:
            part = left & self._from(min(left)).keys()
            left -= part
            for here, there in self._branches(part):
                link = self._links[here, there][0]
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
        roots = sorted(self._spines & reachable.keys()) or sorted(part)
        root = min(roots, key=lambda name: (sum(self._from(name)[member] for member in part), name))
        distances = self._from(root)
        edges: set[tuple[SwitchName, SwitchName]] = set()
        for member in part:
            here = member
            while here != root:
                parent = min(n for n in self._graph[here] if distances[n] == distances[here] - 1)
                edges.add((parent, here))
                here = parent
        return edges

    def _ports(self, here: SwitchName, there: SwitchName) -> list[Port]:
        return [link.source.port for link in self._links[here, there]]

    def _from(self, root: SwitchName) -> dict[SwitchName, int]:
        if root not in self._distances:
            reachable = (
                nx.single_source_shortest_path_length(self._graph, root) if root in self._graph else {}
            )
            self._distances[root] = dict(reachable)
        return self._distances[root]

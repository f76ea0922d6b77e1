"""How much can fail before hosts lose each other: links expected and found, and what is at risk.

Pure: links in, findings out, in words for whoever repairs cables. What is expected comes from a
configuration, or from what was seen before. This module knows nothing of how links are found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, cast

import networkx as nx

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.severity import Finding, Problem, Severity, severity_of
from p4fabric.controller.topology.crossings import Crossings, crossings
from p4fabric.controller.topology.drain import NOTHING, Avoided
from p4fabric.controller.topology.model import Cable, Role
from p4fabric.controller.topology.paths import Paths

if TYPE_CHECKING:
    Graph = nx.Graph[SwitchName]

__all__ = ["LeafPair", "Redundancy", "SwitchRedundancy", "redundancy"]

_NAMED = 5
"""Names in a text before the rest is counted."""
_MOST_CUTS = 100
"""Single points of failure that are looked at, of links and of switches each."""
_MOST_LEAVES = 256
"""Leaves between which paths are counted, pair by pair: that costs a search for each."""


@dataclass(frozen=True, slots=True)
class SwitchRedundancy:
    """One switch's links."""

    expected: int
    found: int
    severity: Severity
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class LeafPair:
    """The shortest paths between two leaves, parallel links counted."""

    one: SwitchName
    other: SwitchName
    found: int
    expected: int
    """With all expected links."""

    @property
    def is_short(self) -> bool:
        """Whether there are fewer than expected."""
        return self.found < self.expected


@dataclass(frozen=True, slots=True)
class Redundancy:
    """The whole fabric's links."""

    expected: int
    found: int
    severity: Severity
    findings: tuple[Finding, ...]
    """The worst first."""
    switches: Mapping[SwitchName, SwitchRedundancy]
    pairs: tuple[LeafPair, ...]
    """All pairs of leaves, those that lack paths first; none in a fabric with more than 256 leaves."""
    missing: tuple[Cable, ...] = ()
    """Links that are expected and not found."""
    crossings: Crossings = field(default_factory=dict)
    """What is drained and is the only way for some."""


def redundancy(
    paths: Paths,
    expected: Collection[Cable],
    flapping: Collection[Cable] = frozenset(),
    drained: Avoided = NOTHING,
    ends: Collection[SwitchName] = (),
) -> Redundancy:
    """Compare the links that are up with those expected.

    Takes tens of milliseconds in a fabric of a hundred switches: run it beside the event loop.

    Args:
        paths: over the links that are up.
        expected: links that should be up.
        flapping: those of them that are held down because they flap.
        drained: switches and links that are drained; of these, links may be down.
        ends: switches where packets enter and leave the fabric.
    """
    found, flaps = paths.cables, frozenset(flapping)
    wanted = frozenset(cable for cable in expected if cable in found or not drained.has(cable))
    leaves = frozenset(_leaves(paths))
    now = _graph(paths.roles, found)
    planned = now if wanted <= found else _graph(paths.roles, found | wanted)
    last_links: set[Cable] = set()
    findings = [
        *_cut_off(now, planned, leaves, _Missing(wanted - found, flaps)),
        *_uplinks(paths, leaves, wanted, flaps, last_links),
        *_miswired(found - wanted, wanted, found),
    ]
    if only_links := _only_links(paths, now, leaves):
        by_design = _only_links(Paths(paths.roles, found | wanted), planned, leaves).keys()
        findings += [
            Finding(
                Severity.AT_RISK,
                Problem.ONLY_LINK,
                str(cable),
                f"only {cable} connects {_sides(sides, leaves)}",
                sides,
                cable in by_design,
            )
            for cable, sides in only_links.items()
            if cable not in last_links
        ]
    if only_switches := _only_switches(now, leaves):
        needed = _only_switches(planned, leaves).keys()
        findings += [
            Finding(
                Severity.AT_RISK,
                Problem.ONLY_SWITCH,
                name,
                f"only {name} connects {_sides(sides, leaves)}",
                (name, *sides),
                name in needed,
            )
            for name, sides in only_switches.items()
        ]
    findings.sort(key=lambda one: (-one.severity.rank, one.by_design, one.switches, one.text))
    severity = severity_of(findings)
    if severity is Severity.DOWN and len(_parts(now, leaves)) < len(leaves):
        severity = Severity.DEGRADED  # Some leaves reach each other.
    return Redundancy(
        len(wanted),
        len(wanted & found),
        severity,
        tuple(findings),
        _by_switch(paths.roles, wanted, found, findings),
        _pairs(paths, found | wanted),
        tuple(sorted(wanted - found)),
        crossings(Paths(paths.roles, found, drained), ends),
    )


def _pairs(paths: Paths, planned: frozenset[Cable]) -> tuple[LeafPair, ...]:
    leaves = _leaves(paths)
    if len(leaves) > _MOST_LEAVES:
        return ()
    # Not `paths` itself: it keeps what it is asked for, and others may use it at the same time.
    now = Paths(paths.roles, paths.cables)
    then = now if planned <= paths.cables else Paths(paths.roles, planned)
    pairs = [
        LeafPair(one, other, now.count(one, other), then.count(one, other))
        for one, other in combinations(leaves, 2)
    ]
    return tuple(sorted(pairs, key=lambda pair: (not pair.is_short, pair.found - pair.expected)))


@dataclass(frozen=True, slots=True)
class _Missing:
    """Expected links that are not up, in words."""

    cables: frozenset[Cable]
    flapping: frozenset[Cable]

    def text(self, switches: Iterable[SwitchName]) -> str:
        """Those at some switches, as the end of a sentence; empty if there are none."""
        names = frozenset(switches)
        here = [cable for cable in sorted(self.cables) if names & {cable.one.switch, cable.other.switch}]
        if not here:
            return ""
        words = [f"{cable} (flapping, held down)" if cable in self.flapping else str(cable) for cable in here]
        return f"; down: {_listed(words)}"


def _cut_off(
    now: Graph, planned: Graph, leaves: frozenset[SwitchName], missing: _Missing
) -> Iterator[Finding]:
    """Parts of the fabric whose leaves do not reach those of the largest part."""
    for part in _parts(now, leaves)[1:]:
        inside = sorted(part & leaves)
        others = sorted(leaves - part)
        reachable = nx.node_connected_component(planned, inside[0])
        text = f"there is no path between {_listed(inside)} and {_listed(others)}{missing.text(part)}"
        by_design = not reachable & set(others)
        yield Finding(Severity.DOWN, Problem.NO_PATH, _listed(inside), text, tuple(inside), by_design)


def _parts(graph: Graph, leaves: frozenset[SwitchName]) -> list[set[SwitchName]]:
    """What hangs together and has leaves, the largest first."""
    parts = [part for part in nx.connected_components(graph) if part & leaves]
    parts.sort(key=lambda part: (-len(part & leaves), -len(part), min(part)))
    return parts


def _uplinks(
    paths: Paths,
    leaves: frozenset[SwitchName],
    wanted: frozenset[Cable],
    flaps: frozenset[Cable],
    last_links: set[Cable],
) -> Iterator[Finding]:
    """Leaves that have fewer links than expected, but some."""
    by_leaf: dict[SwitchName, set[Cable]] = {leaf: set() for leaf in leaves}
    for cable in wanted:
        for end in {cable.one.switch, cable.other.switch} & leaves:
            by_leaf[end].add(cable)
    for leaf, expected in by_leaf.items():
        left = {link.cable for there in paths.neighbours(leaf) for link in paths.bundle(leaf, there)}
        missing = _Missing(frozenset(expected - left), flaps)
        if missing.cables and left:
            text = f"{leaf} has {len(expected - missing.cables)} of {len(expected)} links"
            if len(left) == 1:
                last_links |= left
                text += ", and one more failure cuts it off" if len(leaves) > 1 else ""
            far = {end.switch for cable in missing.cables for end in cable.ports} - {leaf}
            concerned = (leaf, *sorted(far))
            text += missing.text([leaf])
            yield Finding(Severity.AT_RISK, Problem.LINKS_MISSING, leaf, text, concerned)


def _miswired(
    surprising: Iterable[Cable], wanted: Iterable[Cable], found: Collection[Cable]
) -> Iterator[Finding]:
    """Links that are up and not expected: at ports that are for others, or besides."""
    peers: dict[PortRef, PortRef] = {}
    for cable in wanted:
        if cable not in found:
            peers |= {cable.one: cable.other, cable.other: cable.one}
    for cable in sorted(surprising):
        switches = tuple(sorted({cable.one.switch, cable.other.switch}))
        wrong = [
            f"{end} is cabled to {there}, expected {peers[end]}"
            for end, there in ((cable.one, cable.other), (cable.other, cable.one))
            if end in peers
        ]
        if wrong:
            yield Finding(Severity.AT_RISK, Problem.MISWIRED, str(cable), "; ".join(wrong), switches)
        else:
            text = f"{cable} is up, and is not among the expected links"
            yield Finding(Severity.OK, Problem.UNEXPECTED_LINK, str(cable), text, switches)


def _only_links(
    paths: Paths, graph: Graph, leaves: frozenset[SwitchName]
) -> dict[Cable, tuple[SwitchName, ...]]:
    """Cables whose loss parts leaves, with the leaves of the smaller part."""
    found: dict[Cable, tuple[SwitchName, ...]] = {}
    bridges = cast("list[tuple[SwitchName, SwitchName]]", sorted(map(sorted, nx.bridges(graph))))
    for one, other in bridges[:_MOST_CUTS]:
        links = paths.bundle(one, other)
        if len(links) != 1:
            continue
        rest = graph.copy()
        rest.remove_edge(one, other)
        side = _smaller_side(nx.node_connected_component(graph, one), rest, leaves)
        if side:
            found[links[0].cable] = side
    return found


def _only_switches(graph: Graph, leaves: frozenset[SwitchName]) -> dict[SwitchName, tuple[SwitchName, ...]]:
    """Switches whose loss parts the other leaves, with the leaves of all parts but the largest."""
    found: dict[SwitchName, tuple[SwitchName, ...]] = {}
    for switch in sorted(nx.articulation_points(graph))[:_MOST_CUTS]:
        rest = graph.copy()
        rest.remove_node(switch)
        side = _smaller_side(nx.node_connected_component(graph, switch) - {switch}, rest, leaves - {switch})
        if side:
            found[switch] = side
    return found


def _smaller_side(
    part: Iterable[SwitchName], rest: Graph, leaves: frozenset[SwitchName]
) -> tuple[SwitchName, ...]:
    """The leaves of what was one part, but for the largest part left; empty: all hang together."""
    sides = [side & leaves for side in nx.connected_components(rest.subgraph(part)) if side & leaves]
    sides.sort(key=lambda side: (-len(side), min(side)))
    return tuple(sorted(name for side in sides[1:] for name in side))


def _sides(side: Collection[SwitchName], leaves: frozenset[SwitchName]) -> str:
    return f"{_listed(sorted(side))} to {_listed(sorted(leaves - set(side)))}"


def _by_switch(
    names: Iterable[SwitchName],
    wanted: frozenset[Cable],
    found: frozenset[Cable],
    findings: Iterable[Finding],
) -> dict[SwitchName, SwitchRedundancy]:
    expected = Counter(end.switch for cable in wanted for end in (cable.one, cable.other))
    there = Counter(end.switch for cable in wanted & found for end in (cable.one, cable.other))
    about: dict[SwitchName, list[Finding]] = {}
    for finding in findings:
        for name in finding.switches:
            about.setdefault(name, []).append(finding)
    return {
        name: SwitchRedundancy(expected[name], there[name], severity_of(mine), mine)
        for name in sorted(names)
        for mine in (tuple(about.get(name, ())),)
    }


def _graph(roles: Iterable[SwitchName], cables: Iterable[Cable]) -> Graph:
    graph: Graph = nx.Graph()
    graph.add_nodes_from(sorted(roles))
    graph.add_edges_from(
        (cable.one.switch, cable.other.switch)
        for cable in cables
        if cable.one.switch != cable.other.switch
        and cable.one.switch in graph
        and cable.other.switch in graph
    )
    return graph


def _leaves(paths: Paths) -> list[SwitchName]:
    return sorted(name for name, role in paths.roles.items() if role is Role.LEAF)


def _listed(names: list[SwitchName] | list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"

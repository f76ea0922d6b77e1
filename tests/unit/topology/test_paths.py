from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.controller.names import SwitchName
from p4fabric.controller.topology.model import Cable, Role
from p4fabric.controller.topology.paths import Paths
from p4fabric.pipelines.values import Port

from .fabrics import at, cable, leaf_spine

NAMES = [SwitchName(name) for name in ("leaf1", "leaf2", "leaf3", "leaf4", "spine1", "spine2")]
ROLES = {name: Role.SPINE if name.startswith("spine") else Role.LEAF for name in NAMES}
CABLES = [
    Cable.of(at(one, 10 * place + number), at(other, 10 * place + number))
    for place, (one, other) in enumerate(itertools.combinations(NAMES, 2), 1)
    for number in range(2)
]
MEMBERS = [frozenset(NAMES[:count]) for count in (1, 2, 4)]


def everything(paths: Paths) -> object:
    """All that can be asked."""
    pairs = list(itertools.product(NAMES, NAMES))
    return (
        [paths.next_hop_ports(*pair) for pair in pairs],
        [paths.distance(*pair) for pair in pairs],
        [paths.count(*pair) for pair in pairs],
        [paths.fabric_ports(name) for name in NAMES],
        [dict(paths.flood_tree(members)) for members in MEMBERS],
        [paths.between(members) for members in MEMBERS],
    )


@settings(deadline=None)
@given(st.lists(st.sets(st.sampled_from(CABLES), max_size=12), min_size=1, max_size=6), st.randoms())
def test_step_by_step_gives_the_same_as_at_once(steps: list[set[Cable]], luck: random.Random) -> None:
    paths = Paths(ROLES, ())
    for wanted in steps:
        everything(paths)  # whatever was asked for before is kept, as far as it still holds
        before = {pair: paths.next_hop_ports(*pair) for pair in itertools.product(NAMES, NAMES)}
        change = paths.changed(frozenset(wanted) - paths.cables, paths.cables - wanted)
        paths = change.paths
        shuffled = list(wanted)
        luck.shuffle(shuffled)
        assert everything(paths) == everything(Paths(ROLES, shuffled))
        after = {pair: paths.next_hop_ports(*pair) for pair in before}
        assert change.next_hops == {pair for pair in before if before[pair] != after[pair]}


@given(st.sets(st.sampled_from(CABLES), max_size=12), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_the_shortest_paths_are_as_many_and_as_long_as_is_said(
    cables: set[Cable], source: SwitchName, destination: SwitchName
) -> None:
    paths = Paths(ROLES, cables)
    found = list(paths.shortest(source, destination))
    assert len(found) == len(set(found)) == paths.count(source, destination)
    for path in found:
        assert len(path) == paths.distance(source, destination)
        assert all(link.cable in cables for link in path)
        ends = [(link.source.switch, link.destination.switch) for link in path]
        places = [source, *(there for _, there in ends)]
        assert [here for here, _ in ends] == places[:-1] and places[-1] == destination


def test_all_parallel_links_carry_traffic_and_a_tree_uses_one() -> None:
    roles, cables = leaf_spine(2, 1, parallel=2)
    paths = Paths(roles, cables)
    one, other, spine = SwitchName("leaf1"), SwitchName("leaf2"), SwitchName("spine1")
    assert paths.next_hop_ports(one, other) == (Port(1), Port(2))
    assert paths.next_hop_ports(spine, other) == (Port(3), Port(4))
    assert paths.count(one, other) == 4
    assert paths.flood_tree([one, other]) == {one: (1,), spine: (1, 3), other: (1,)}
    fewer = paths.changed((), [cable("leaf1:1", "spine1:1")]).paths
    assert fewer.next_hop_ports(one, other) == (Port(2),)
    assert fewer.flood_tree([one, other]) == {one: (2,), spine: (2, 3), other: (1,)}


def test_a_lost_link_changes_ways_from_and_to_its_ends_only() -> None:
    roles, cables = leaf_spine(4, 2)
    paths = Paths(roles, cables)
    for source, destination in itertools.product(roles, roles):
        paths.next_hop_ports(source, destination)
    change = paths.changed((), [cable("leaf1:1", "spine1:1")])
    ends = {SwitchName("leaf1"), SwitchName("spine1")}
    assert (SwitchName("leaf2"), SwitchName("leaf1")) in change.next_hops
    assert {pair for pair in change.next_hops if not ends & set(pair)} == set()

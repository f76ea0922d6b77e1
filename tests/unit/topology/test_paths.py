from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.controller.names import SwitchName
from p4fabric.controller.topology.drain import Avoided, Drained
from p4fabric.controller.topology.model import Cable, Link, Role
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


cables = st.sets(st.sampled_from(CABLES), max_size=12)
avoided = st.builds(
    Avoided,
    st.frozensets(st.sampled_from(NAMES), max_size=2),
    st.frozensets(st.sampled_from(CABLES), max_size=3),
)


@settings(deadline=None)
@given(st.lists(st.tuples(cables, avoided), min_size=1, max_size=6), st.randoms())
def test_step_by_step_gives_the_same_as_at_once(
    steps: list[tuple[set[Cable], Avoided]], luck: random.Random
) -> None:
    paths = Paths(ROLES, ())
    for wanted, around in steps:
        everything(paths)  # whatever was asked for before is kept, as far as it still holds
        before = {pair: paths.next_hop_ports(*pair) for pair in itertools.product(NAMES, NAMES)}
        change = paths.changed(frozenset(wanted) - paths.cables, paths.cables - wanted, around)
        paths = change.paths
        shuffled = list(wanted)
        luck.shuffle(shuffled)
        assert everything(paths) == everything(Paths(ROLES, shuffled, around))
        after = {pair: paths.next_hop_ports(*pair) for pair in before}
        assert change.next_hops == {pair for pair in before if before[pair] != after[pair]}


@given(cables, avoided, st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_the_shortest_paths_are_as_many_and_as_long_as_is_said(
    cables: set[Cable], around: Avoided, source: SwitchName, destination: SwitchName
) -> None:
    paths = Paths(ROLES, cables, around)
    found = list(paths.shortest(source, destination))
    assert len(found) == len(set(found)) == paths.count(source, destination)
    for path in found:
        assert len(path) == paths.distance(source, destination)
        assert all(link.cable in cables for link in path)
        ends = [(link.source.switch, link.destination.switch) for link in path]
        places = [source, *(there for _, there in ends)]
        assert [here for here, _ in ends] == places[:-1] and places[-1] == destination


def simple_ways(paths: Paths, source: SwitchName, destination: SwitchName) -> Iterator[tuple[Link, ...]]:
    """All ways that come to no switch twice."""
    waiting: list[tuple[SwitchName, tuple[Link, ...]]] = [(source, ())]
    while waiting:
        here, way = waiting.pop()
        if here == destination:
            yield way
            continue
        been = {source, *(link.destination.switch for link in way)}
        for there in paths.neighbours(here):
            if there not in been:
                waiting += [(there, (*way, link)) for link in paths.bundle(here, there)]


def crossing(way: tuple[Link, ...], around: Avoided) -> set[Drained]:
    """What is to be avoided of a way; its ends are not."""
    switches = {link.destination.switch for link in way[:-1]}
    return {*(switches & around.switches), *({link.cable for link in way} & around.cables)}


@settings(deadline=None, max_examples=50)
@given(cables, avoided, st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_a_path_crosses_what_is_to_be_avoided_only_where_no_other_way_is_left(
    cables: set[Cable], around: Avoided, source: SwitchName, destination: SwitchName
) -> None:
    """Compared with all ways there are, one by one."""
    paths = Paths(ROLES, cables, around)
    cost = {way: (len(crossing(way, around)), len(way)) for way in simple_ways(paths, source, destination)}
    best = min(cost.values(), default=None)
    found = set(paths.shortest(source, destination))
    assert found == {way for way, each in cost.items() if each == best}
    assert paths.crossing(source, destination) == {one for way in found for one in crossing(way, around)}
    ports = {way[0].source.port for way in found if way}
    assert paths.next_hop_ports(source, destination) == tuple(sorted(ports))


@settings(deadline=None, max_examples=50)
@given(cables, avoided)
def test_a_flood_tree_keeps_off_what_is_to_be_avoided_where_its_members_reach_each_other_without(
    cables: set[Cable], around: Avoided
) -> None:
    paths, members = Paths(ROLES, cables, around), NAMES[:4]
    rest = [one for one in paths.cables if one not in around.cables]
    without = Paths({name: ROLES[name] for name in NAMES if name not in around.switches}, rest)
    inside = [name for name in members if name not in around.switches]
    if any(without.distance(inside[0], other) is None for other in inside):
        return
    tree = paths.flood_tree(inside)
    used = {at(here, port) for here, ports in tree.items() for port in ports}
    if len(inside) > 1:
        assert not tree.keys() & around.switches
        assert not any(used & one.ports for one in around.cables)


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


def test_what_is_to_be_avoided_stays_open_and_takes_nothing() -> None:
    roles, cables = leaf_spine(3, 2)
    leaf, other, spine = SwitchName("leaf1"), SwitchName("leaf2"), SwitchName("spine1")
    paths = Paths(roles, cables, Avoided(switches=frozenset([spine])))
    assert paths.next_hop_ports(leaf, other) == (2,)
    assert paths.fabric_ports(leaf) == (1, 2)
    assert paths.next_hop_ports(spine, other) == (2,)
    assert paths.next_hop_ports(leaf, spine) == (1,)
    assert paths.between([leaf, other]) == {leaf, other, SwitchName("spine2")}
    assert spine not in paths.flood_tree([leaf, other])
    again = paths.changed((), (), Avoided())
    assert (leaf, other) in again.next_hops
    assert again.paths.next_hop_ports(leaf, other) == (1, 2)


def test_a_link_that_is_to_be_avoided_is_used_where_a_leaf_has_no_other() -> None:
    roles, cables = leaf_spine(2, 1)
    leaf, other = SwitchName("leaf1"), SwitchName("leaf2")
    paths = Paths(roles, cables, Avoided(cables=frozenset([cable("leaf1:1", "spine1:1")])))
    assert paths.next_hop_ports(leaf, other) == (1,)
    assert paths.crossing(leaf, other) == {cable("leaf1:1", "spine1:1")}
    assert paths.distance(leaf, other) == 2

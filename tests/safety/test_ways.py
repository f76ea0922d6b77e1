"""Whatever is drained and used again, in fabrics of any shape: no frame is lost, goes round or comes twice.

But for those that are flooded: they are lost for as long as their tree changes, and are never doubled.
Control channels come and go meanwhile, and switches answer at any pace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.drain import Avoided, Drained
from p4fabric.controller.topology.model import Cable, Role
from p4fabric.controller.topology.paths import Paths
from p4fabric.pipelines.values import Port
from tests.unit.southbound.simulated_switch import run_without_waiting

from .ways import WaysWorld


class Shape(NamedTuple):
    roles: dict[SwitchName, Role]
    cables: list[Cable]
    edges: list[SwitchName]


def named(count: int) -> list[SwitchName]:
    return [SwitchName(f"s{number}") for number in range(1, count + 1)]


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Connected, with parallel links here and there."""
    names = named(draw(st.integers(3, 6)))
    roles = {name: draw(st.sampled_from(Role)) for name in names}
    pairs = list(combinations(names, 2))
    spanning = [(names[draw(st.integers(0, n - 1))], names[n]) for n in range(1, len(names))]
    more = draw(st.lists(st.sampled_from(pairs), max_size=8))
    ports = dict.fromkeys(names, 0)
    cables = []
    for pair in (*spanning, *more):
        ends = []
        for name in pair:
            ports[name] += 1
            ends.append(PortRef(name, Port(ports[name])))
        cables.append(Cable.of(*ends))
    edges = draw(st.lists(st.sampled_from(names), unique=True, min_size=2, max_size=4))
    return Shape(roles, cables, sorted(edges))


def leaf_spine() -> Shape:
    leaves, spines = named(3), [SwitchName("t1"), SwitchName("t2")]
    roles = dict.fromkeys(leaves, Role.LEAF) | dict.fromkeys(spines, Role.SPINE)
    cables = [
        Cable.of(PortRef(leaf, Port(s)), PortRef(spine, Port(n)))
        for n, leaf in enumerate(leaves, 1)
        for s, spine in enumerate(spines, 1)
    ]
    return Shape(roles, cables, leaves)


class Ask(NamedTuple):
    number: int
    """Of what is drained: switches, then links."""
    wanted: bool
    seconds: float
    """Until something else happens."""
    away: int | None
    """Of a switch whose connection is lost, or comes back."""


asks = st.lists(
    st.builds(
        Ask,
        st.integers(0, 30),
        st.booleans(),
        st.sampled_from((0.0, 0.01, 0.1, 30.0)),
        st.none() | st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


def drainable(shape: Shape, number: int) -> Drained:
    found: list[Drained] = [*sorted(shape.roles), *shape.cables]
    return found[number % len(found)]


async def drained_and_back(shape: Shape, asked: Sequence[Ask], seed: int) -> None:
    world = WaysWorld(shape.roles, shape.cables, shape.edges, seed)
    await world.start()
    try:
        for each in asked:
            world.ask(drainable(shape, each.number), each.wanted)
            if each.away is not None:
                world.toggle(sorted(shape.roles)[each.away % len(shape.roles)])
            await asyncio.sleep(each.seconds)
        world.connect_all()
        await asyncio.sleep(60)
        assert world.is_settled and world.floods_to_all()
        drained = [one for one, _ in world.core.view.drains.rows()]
        paths = Paths(shape.roles, shape.cables, Avoided.of(drained))
        no_other_way = {one for pair in combinations(shape.edges, 2) for one in paths.crossing(*pair)}
        if not no_other_way:
            assert not {*world.uses()} & {*drained} - {*shape.edges}
        for one in drained:
            world.ask(one, False)
        await asyncio.sleep(60)
        assert not [*world.core.view.drains.rows()]
        world.follow_all("the end")
    finally:
        await world.stop()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(shapes() | st.just(leaf_spine()), asks, st.integers(0, 1 << 30))
def test_a_drain_loses_nothing(shape: Shape, asked: list[Ask], seed: int) -> None:
    run_without_waiting(drained_and_back(shape, asked, seed))

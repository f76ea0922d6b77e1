"""Postcards put together on a clock that is given: in any order, with losses, across services, bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from p4fabric.controller.names import PortRef, SwitchName, TenantName
from p4fabric.controller.telemetry.collector import ClockEstimate
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.flow_paths import (
    FlowPath,
    PathAssembler,
    PathChange,
    PathNames,
    latency_step,
)
from p4fabric.controller.telemetry.incidents import FlowNames
from p4fabric.controller.telemetry.reports import FlowReport, FlowWords, Inner, InnerType
from p4fabric.pipelines.values import Port

MS, S = 1_000_000, 1_000_000_000
EDGE = 9
VLAN = 100


def ref(text: str) -> PortRef:
    switch, _, port = text.partition(":")
    return PortRef(SwitchName(switch), Port(int(port)))


CABLES = {
    ("leaf1:1", "spine1:1"), ("leaf1:2", "spine2:1"), ("leaf2:1", "spine1:2"), ("leaf2:2", "spine2:2"),
}  # fmt: skip
LINKS = {ref(one): ref(other) for pair in CABLES for one, other in (pair, pair[::-1])}
BY_1 = ("leaf1:9>1", "spine1:1>2", "leaf2:1>9")
BY_2 = ("leaf1:9>2", "spine2:1>2", "leaf2:2>9")


@dataclass
class World:
    """An assembler, and all that it told."""

    most: int = 100
    now: int = 1_800_000_000 * S
    links: dict[PortRef, PortRef] = field(default_factory=lambda: dict(LINKS))
    told: list[tuple[str, FlowPath]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.assembler = PathAssembler(
            self,
            peer_of=lambda port: self.links.get(port),
            clock=lambda switch, now: ClockEstimate(1000, 500),
            name=lambda flow, port, translated: PathNames(FlowNames(tenant_of(flow))),
            most=self.most,
        )

    def changed(self, change: PathChange, path: FlowPath) -> None:
        self.told.append((change.value, path))

    def silent(self, path: FlowPath) -> None:
        self.told.append(("silent", path))

    def card(
        self, step: str, *, us: int = 100, source: str = "10.0.1.7", port: int = 80, **words: bool
    ) -> None:
        """A postcard, such as of `leaf1:9>1`."""
        switch, _, ports = step.partition(":")
        came, _, went = ports.partition(">")
        packet = bytes(IP(src=source, dst="10.0.1.8") / TCP(sport=999, dport=port) / Raw(b"x"))
        report = FlowReport(
            int(came), int(went), us, 0, 1, None, 5 * S, FlowWords(0, VLAN, 0, 0, **words), None, 2,
            Inner(InnerType.IPV4, packet), tracked=True,
        )  # fmt: skip
        self.assembler.take(SwitchName(switch), report, self.now)

    def go(self, span: int) -> None:
        until = self.now + span
        while self.now < until:
            self.now = min(until, self.now + 100 * MS)
            self.assembler.advance(self.now)

    def news(self) -> list[tuple[str, tuple[str, ...], bool]]:
        """What was told since the last time."""
        found, self.told = self.told, []
        return [(what, way(path), path.is_whole) for what, path in found]


def tenant_of(flow: FlowId) -> TenantName:
    return TenantName("acme" if flow.flow.source == IPv4Address("10.0.1.7") else "globex")


def way(path: FlowPath) -> tuple[str, ...]:
    return tuple(f"{step.switch}:{step.ingress}>{step.egress}" for step in path.way)


@given(st.permutations(BY_1), st.permutations(BY_2), st.integers(0, 2 * S))
def test_a_path_is_told_once_it_is_whole_in_whatever_order_switches_tell(
    first: list[str], second: list[str], between: int
) -> None:
    world = World()
    for step in first:
        world.card(step)
    assert world.news() == [("new", BY_1, True)]
    world.go(between)
    world.news()
    for step in second:
        world.card(step)
    assert world.news() == [("path", BY_2, True)]
    (path,) = world.assembler.paths
    assert (path.ways, tuple(f"{one.switch}:{one.ingress}>{one.egress}" for one in path.before)) == (2, BY_1)


@given(
    st.lists(st.sampled_from((*BY_1, *BY_2)), max_size=30),
    st.lists(st.integers(0, 500 * MS), min_size=30, max_size=30),
)
def test_a_whole_path_begins_and_ends_at_the_edge_and_its_steps_are_linked(
    steps: list[str], pauses: list[int]
) -> None:
    world = World()
    for step, pause in zip(steps, pauses, strict=False):
        world.card(step)
        world.go(pause)
    for _, path in world.told:
        if path.is_whole:
            assert path.way[0].ingress == path.way[-1].egress == EDGE
        for one, other in pairwise(path.way):
            assert LINKS[PortRef(one.switch, one.egress)] == PortRef(other.switch, other.ingress)


def test_where_a_switch_is_silent_the_path_ends_and_its_old_end_stays_known() -> None:
    world = World()
    for step in BY_1:
        world.card(step)
    world.news()
    for _ in range(5):
        world.go(S)
        world.card(BY_1[0])
    assert world.news() == [("path", BY_1[:1], False)]
    for step in BY_1:
        world.card(step)
    assert world.news() == [("path", BY_1, True)]
    assert world.assembler.paths[0].ways == 1


def test_a_link_that_has_just_gone_is_no_edge() -> None:
    world = World()
    for step in BY_1:
        world.card(step)
    world.news()
    del world.links[ref("leaf1:1")]
    world.card(BY_1[0])
    assert world.news() == [] and way(world.assembler.paths[0]) == BY_1
    for step in BY_2:
        world.card(step)
    assert world.news() == [("path", BY_2, True)]


def test_latencies_are_told_when_they_double_and_not_too_often() -> None:
    world = World()
    for step in BY_1:
        world.card(step, us=100)
    world.go(S)
    world.news()
    world.card(BY_1[1], us=127)
    assert world.news() == []
    world.card(BY_1[1], us=129)
    assert [what for what, *_ in world.news()] == ["latency"]
    for us in (300, 600, 1200):
        world.card(BY_1[1], us=us)
    assert world.news() == []
    world.go(S)
    ((what, path),) = world.told
    assert (what, path.hops[1].latency_us, path.latency_us) == ("latency", 1200, 1400)
    assert path.hops[1].left == 5 * S + 1000 and path.hops[1].clock_error_ns == 500
    assert [latency_step(us) for us in (0, 15, 16, 31, 32, 262_143, 262_144, 1 << 31)] == [
        0, 0, 1, 1, 2, 14, 15, 15,
    ]  # fmt: skip


def test_a_flow_is_silent_comes_back_and_is_forgotten() -> None:
    world = World()
    for step in BY_1:
        world.card(step)
    world.go(6 * S)
    for step in BY_1:
        world.card(step)
    assert [what for what, *_ in world.news()] == ["new", "silent", "resumed"]
    world.go(599 * S)
    assert len(world.assembler.paths) == 1 and not world.assembler.paths[0].is_active
    world.go(2 * S)
    assert world.assembler.paths == [] and world.assembler.get(1) is None


@given(st.permutations(("leaf1:9>1", "spine1:1>2")), st.integers(0, 2))
def test_an_answer_whose_source_a_service_rewrites_at_the_end_is_one_flow(
    steps: list[str], place: int
) -> None:
    world = World()
    for index in range(3):
        if index == place:
            world.card("leaf2:1>9", source="10.0.100.80", translated=True)
        if index < 2:
            world.card(steps[index])
    assert world.news() == [("new", BY_1, True)]
    (path,) = world.assembler.paths
    assert path.flow.flow.source == IPv4Address("10.0.1.7") and path.hops[-1].translated


def test_whoever_has_most_flows_loses_the_longest_silent_ones() -> None:
    world = World(most=10)
    world.card(BY_1[0], source="10.0.1.66")
    for port in range(1, 100):
        world.card(BY_1[0], port=port)
    world.go(2 * S)
    kept = {(path.names.flow.tenant, path.flow.flow.destination_port) for path in world.assembler.paths}
    assert kept == {("globex", 80), *(("acme", port) for port in range(91, 100))}
    assert world.assembler.began == 100 and len(world.assembler) == 10


def test_postcards_that_say_too_little_are_counted() -> None:
    world = World()
    world.assembler.take(SwitchName("leaf1"), FlowReport(1, None, 5, tracked=True), world.now)
    world.assembler.take(SwitchName("leaf1"), FlowReport(1, 600, 5, egress_ns=1, tracked=True), world.now)
    world.assembler.take(SwitchName("leaf1"), FlowReport(1, 2, 5, egress_ns=1, tracked=True), world.now)
    assert (world.assembler.unread, world.assembler.paths) == (3, [])

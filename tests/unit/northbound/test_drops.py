"""Drops: what the pipeline counts, added up over restarts, judged, and told; the clock is held."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from finsy.proto import p4r
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime import RequestRefused, SwitchUnavailable
from p4fabric.controller.p4runtime.cells import CellRequest, CellsRead
from p4fabric.controller.telemetry.drop_alarm import DropAlarm
from p4fabric.controller.telemetry.drop_counts import DropCounts, Growth
from p4fabric.controller.telemetry.drop_watch import DropWatch
from p4fabric.controller.telemetry.drops import Direction, DropPoint, DropReason, drop_points
from p4fabric.controller.telemetry.events import TrafficDropped, TrafficDropsCleared
from p4fabric.controller.topology.model import Role, Switch
from p4fabric.pipelines.entities import Counter, EntityKey
from p4fabric.pipelines.fabric.bindings import EgressDrops, IngressDrops
from p4fabric.pipelines.values import Port
from tests.unit.northbound.test_fabric import fake_switch, network, running

ROOT = Path(__file__).parents[3]
LEAF, OTHER = SwitchName("leaf1"), SwitchName("leaf2")


def point(reason: DropReason = DropReason.CLOSED, port: int = 3, switch: SwitchName = LEAF) -> DropPoint:
    return DropPoint(PortRef(switch, Port(port)), Direction.INGRESS, reason)


CLOSED = point()


# What the pipeline counts.


def test_reasons_are_those_of_the_pipeline() -> None:
    source = (ROOT / "p4src/include/drops.p4").read_text()
    in_p4 = {
        name.lower(): int(number)
        for name, number in re.findall(r"const drop_reason_t DROP_(\w+)\s*= (\d+);", source)
    }
    assert in_p4.pop("none") == 0
    assert {reason.label: int(reason) for reason in DropReason} == in_p4
    assert "typedef bit<5> drop_reason_t;" in source
    assert IngressDrops.SIZE == EgressDrops.SIZE == 512 << 5


def test_reasons_are_all_documented() -> None:
    text = (ROOT / "docs/reference/drops.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)
    assert [(int(number), name) for number, name in rows] == [(int(r), r.label) for r in sorted(DropReason)]


def test_a_point_is_the_cell_of_its_port_and_reason() -> None:
    assert point(DropReason.FLOOD, port=509).cell == IngressDrops(509 << 5 | 22)
    reply = DropPoint(PortRef(LEAF, Port(2)), Direction.EGRESS, DropReason.FRAGMENT_REPLY)
    assert reply.cell == EgressDrops(2 << 5 | 23)
    with pytest.raises(ValueError, match=r"ingress_drops has cells 0 to 16383, not 16384"):
        IngressDrops(16384)


def test_all_reasons_are_watched_where_a_network_is_open_and_those_that_need_none_elsewhere() -> None:
    switch = Switch(LEAF, 1, Role.LEAF, ports=frozenset(map(Port, (1, 2, 40))))
    points = drop_points(switch, {Port(2), Port(77)})
    assert {p.reason for p in points if p.port.port == 2} == set(DropReason)
    for port in (1, 40):
        assert {p.reason.label for p in points if p.port.port == port} == {
            "closed", "control_frame", "checksum", "fragment_reply",
        }  # fmt: skip
    assert {p.port.port for p in points} == {1, 2, 40}
    assert {p.direction for p in points if p.reason is DropReason.FRAGMENT_REPLY} == {Direction.EGRESS}
    closed = {(p.port.port, p.direction) for p in points if p.reason is DropReason.CLOSED}
    assert closed == {(port, direction) for port in (1, 2, 40) for direction in Direction}
    assert len({p.cell for p in points}) == len(points)
    # A switch that does not say which ports it has, as bmv2.
    silent = Switch(LEAF, 1, Role.LEAF, link_ports=(Port(100),))
    assert {p.port.port for p in drop_points(silent, {Port(77)})} == {*range(1, 33), 77, 100}


# Adding up.


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=2, max_size=20))
def test_totals_never_go_back_whatever_a_switch_counts(steps: list[tuple[int, bool]]) -> None:
    """A step: packets dropped since the last read, after a restart of the switch or not."""
    counts, cell, seen = DropCounts(), 0, []
    for number, (packets, restarted) in enumerate(steps):
        cell = packets if restarted else cell + packets
        counts.take(LEAF, {CLOSED: cell}, 1000.0 + 5 * number)
        seen.append(sum(count.packets for count in counts.nonzero()))
    assert seen == sorted(seen)
    if not any(restarted for _, restarted in steps):
        assert seen[-1] == sum(packets for packets, _ in steps)
    assert seen[-1] <= sum(packets for packets, _ in steps)


def test_what_a_restarted_switch_has_dropped_is_added() -> None:
    counts = DropCounts()
    assert counts.take(LEAF, {CLOSED: 500}, 100.0) == []  # no rate can be told yet
    assert [(c.packets, c.rate) for c in counts.nonzero()] == [(500, None)]
    counts.take(LEAF, {CLOSED: 700}, 110.0)
    assert [(c.packets, c.rate) for c in counts.nonzero()] == [(700, 20.0)]
    counts.take(LEAF, {CLOSED: 50}, 120.0)
    assert [(c.packets, c.rate) for c in counts.nonzero()] == [(750, 5.0)]


def test_a_rate_is_over_the_time_since_the_switch_answered_last() -> None:
    counts = DropCounts()
    counts.take(LEAF, {CLOSED: 0}, 100.0)
    counts.take(OTHER, {point(switch=OTHER): 0}, 100.0)
    (growth,) = counts.take(LEAF, {CLOSED: 6000}, 160.0)
    assert growth == Growth(CLOSED, 6000, 60.0) and growth.rate == 100.0
    assert (counts.read_at(LEAF), counts.read_at(OTHER)) == (160.0, 100.0)


def test_a_point_that_is_not_read_any_more_keeps_its_total_and_drops_nothing() -> None:
    counts, guarded = DropCounts(), point(DropReason.SOURCE_ADDRESS)
    for number in (0, 900):
        counts.take(LEAF, {CLOSED: 0, guarded: number}, 100.0 + number)
    assert Growth(guarded, 0, 5.0) in counts.take(LEAF, {CLOSED: 0}, 1005.0)
    assert [(c.point, c.packets, c.rate) for c in counts.nonzero()] == [(guarded, 900, 0.0)]


def test_the_worst_come_first_and_what_dropped_nothing_is_not_there() -> None:
    counts = DropCounts()
    flood, old, none = point(DropReason.FLOOD), point(DropReason.ARP), point(DropReason.TTL)
    counts.take(LEAF, {flood: 0, old: 5000, none: 0}, 100.0)
    counts.take(LEAF, {flood: 10, old: 5000, none: 0}, 105.0)
    assert [count.point for count in counts.nonzero()] == [flood, old]


# Alarms.


class Alarm:
    """An alarm at 100 packets/s that is over after 30 s, read every 5 s."""

    def __init__(self, threshold: float = 100.0) -> None:
        self.events: list[TrafficDropped | TrafficDropsCleared] = []
        self.alarm = DropAlarm(self.events.append, threshold=threshold, clear_after=30.0)
        self.now = 1000.0

    def read(self, *rates: float, at: DropPoint = CLOSED) -> None:
        for rate in rates:
            self.now += 5
            self.alarm.judge([Growth(at, int(rate * 5), 5.0)], self.now)


def test_a_flood_is_told_once_at_its_onset_and_once_when_it_was_calm_for_a_while() -> None:
    watched = Alarm()
    watched.read(0, 99, 100, 4000, 4000, 20)
    assert watched.events == [TrafficDropped(CLOSED, 500, 5.0, 100.0)]
    assert list(watched.alarm.raised) == [CLOSED]
    watched.read(0, 0, 0, 0)
    assert len(watched.events) == 1
    watched.read(0)
    assert watched.events[1:] == [TrafficDropsCleared(CLOSED, 500 + 40_000 + 100, 15.0, 4000.0)]
    assert not watched.alarm.raised
    watched.read(300)
    assert watched.events[2:] == [TrafficDropped(CLOSED, 1500, 5.0, 300.0)]


def test_one_that_stops_and_starts_again_makes_no_more_events() -> None:
    watched = Alarm()
    watched.read(*[500, 0, 0, 0, 0, 0] * 100)
    assert len(watched.events) == 1
    watched.read(0)
    assert [type(event) for event in watched.events] == [TrafficDropped, TrafficDropsCleared]


def test_ports_and_reasons_are_judged_apart() -> None:
    watched = Alarm()
    others = [point(DropReason.FLOOD), point(port=4), point(switch=OTHER)]
    watched.read(60, at=CLOSED)
    for other in others:
        watched.read(200, at=other)
    assert [event.point for event in watched.events] == others


def test_without_a_threshold_there_are_no_alarms() -> None:
    watched = Alarm(threshold=0)
    watched.read(0, 1e6)
    assert watched.events == []


# Reading.


class Switches:
    """Two switches whose cells, and whether they answer, are ours."""

    def __init__(self) -> None:
        self.cells: dict[EntityKey, int] = {}
        self.failures: dict[SwitchName, Exception] = {}
        self.reads: list[SwitchName] = []
        self.now = 1000.0
        self.events: list[TrafficDropped | TrafficDropsCleared] = []
        alarm = DropAlarm(self.events.append, threshold=100.0, clear_after=30.0)
        self.decoded: list[SwitchName] = []
        points = {name: [point(switch=name)] for name in (LEAF, OTHER)}
        self.watch = DropWatch([LEAF, OTHER], points.__getitem__, self.read, alarm, lambda: self.now)

    async def read(self, switch: SwitchName, cells: CellRequest, unless: bytes | None) -> CellsRead | None:
        self.reads.append(switch)
        if switch in self.failures:
            raise self.failures[switch]
        asked = [
            one.counter_entry for part in cells.parts for one in p4r.ReadRequest.FromString(part).entities
        ]
        keys = [(one.counter_id, one.index.index) for one in asked]
        counters: dict[EntityKey, Counter] = {key: Counter(self.cells.get(key, 0), 0) for key in keys}
        digest = repr(counters).encode()
        if digest == unless:
            return None
        self.decoded.append(switch)
        return CellsRead(counters, digest)

    def dropped(self) -> dict[SwitchName, int]:
        return {count.point.port.switch: count.packets for count in self.watch.counts()}


async def test_a_switch_that_does_not_answer_keeps_its_counts_and_delays_nobody() -> None:
    switches = Switches()
    switches.cells[CLOSED.cell.key] = 7
    await switches.watch.refresh()
    assert switches.dropped() == {LEAF: 7, OTHER: 7}
    for failure in (SwitchUnavailable("away"), RequestRefused("no such counter"), RuntimeError("a bug")):
        switches.failures[LEAF] = failure
        switches.cells[CLOSED.cell.key] += 1
        switches.now += 5
        await switches.watch.refresh()
    assert switches.dropped() == {LEAF: 7, OTHER: 10}
    assert switches.watch.read_at == {LEAF: 1000.0, OTHER: 1015.0}
    switches.failures.clear()
    await switches.watch.refresh()
    assert switches.dropped() == {LEAF: 10, OTHER: 10}


async def test_a_switch_that_is_away_has_no_rate_and_its_flood_is_not_called_over() -> None:
    switches = Switches()
    turns = asyncio.create_task(switches.watch.run(0.01))

    async def turn() -> None:
        switches.now += 5
        reads = switches.reads.count(LEAF)
        async with asyncio.timeout(60):
            while switches.reads.count(LEAF) < reads + 2:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    await turn()
    switches.cells[CLOSED.cell.key] = 10_000
    await turn()
    assert [type(event) for event in switches.events if event.point == CLOSED] == [TrafficDropped]
    switches.failures[LEAF] = SwitchUnavailable("away")
    for _ in range(10):
        await turn()
    assert {c.rate for c in switches.watch.counts() if c.point == CLOSED} == {None}
    assert CLOSED in switches.watch.raised
    switches.failures.clear()
    await turn()
    assert CLOSED not in switches.watch.raised
    assert {c.packets for c in switches.watch.counts()} == {10_000}
    turns.cancel()


async def test_an_answer_that_stays_the_same_is_not_looked_at_and_its_time_counts() -> None:
    switches = Switches()

    async def read(packets: int, seconds: float) -> None:
        switches.now += seconds
        switches.cells[CLOSED.cell.key] = packets
        await switches.watch.refresh()

    for packets in (7, 7, 7, 7):
        await read(packets, 5.0)
    assert switches.decoded.count(LEAF) == 2, "the first, and the one that shows no growth"
    assert switches.watch.read_at[LEAF] == switches.now
    await read(57, 5.0)
    (count,) = (count for count in switches.watch.counts() if count.point == CLOSED)
    assert (count.packets, count.rate) == (57, 10.0), "over the time since it was found the same"
    await read(57, 5.0)
    (count,) = (count for count in switches.watch.counts() if count.point == CLOSED)
    assert (count.packets, count.rate) == (57, 0.0)


async def test_a_refusal_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    switches = Switches()
    switches.failures[LEAF] = RequestRefused("no such counter")
    for _ in range(3):
        await switches.watch.refresh()
    assert [record.getMessage() for record in caplog.records] == [
        "leaf1: drop counters were not read: no such counter"
    ]


async def test_requests_between_turns_raise_no_alarm() -> None:
    switches = Switches()
    for packets in (0, 1000):
        switches.cells[CLOSED.cell.key] = packets
        await switches.watch.refresh()
        switches.now += 0.001
    assert switches.dropped() == {LEAF: 1000, OTHER: 1000} and switches.events == []


async def test_turns_go_on_whatever_one_switch_does() -> None:
    switches = Switches()
    switches.failures[LEAF] = RuntimeError("a bug")
    running = asyncio.create_task(switches.watch.run(0.01))
    async with asyncio.timeout(60):
        while min(switches.reads.count(name) for name in (LEAF, OTHER)) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


# In the fabric.


async def test_a_flood_at_a_closed_port_is_measured_and_told(tmp_path: Path) -> None:
    telemetry: dict[str, Any] = {"counterInterval": 0.05, "dropThreshold": 1000, "dropClearAfter": 0.2}
    closed = (IngressDrops.COUNTER_ID, 9 << 5 | DropReason.CLOSED)
    denied = (IngressDrops.COUNTER_ID, 1 << 5 | DropReason.FIREWALL)
    async with fake_switch() as fake, running(tmp_path, fake, **telemetry) as found:
        await found.fabric.intents.apply([network()])
        await found.until(lambda: found.fabric.switches[0].in_sync)
        fake.cells[denied] = 1
        await found.until(lambda: found.fabric.observation.drops.counts())
        fake.cells[closed] = 5000
        (event,) = await found.until(lambda: found.heard(TrafficDropped))
        assert (str(event.point.port), event.point.reason.label) == ("s1:9", "closed")
        assert event.packets == 5000 and event.rate > 1000
        page = (await found.fabric.metrics.page()).decode()
        labels = 'direction="ingress",port="{}",reason="{}",switch="s1"'
        assert f"p4fabric_program_drops_total{{{labels.format(9, 'closed')}}} 5000.0" in page
        assert f"p4fabric_program_drops_total{{{labels.format(1, 'firewall')}}} 1.0" in page
        # A counter is there before its first packet.
        assert f"p4fabric_program_drops_total{{{labels.format(1, 'no_route')}}} 0.0" in page
        (cleared,) = await found.until(lambda: found.heard(TrafficDropsCleared))
        assert cleared.packets == 5000 and len(found.heard(TrafficDropped)) == 1
        # The switch restarts: nothing goes back.
        fake.cells[closed] = 3
        await found.until(
            lambda: {count.packets for count in found.fabric.observation.drops.counts()} == {5003, 1}
        )

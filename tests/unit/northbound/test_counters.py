"""Counts of intents never go back, whatever becomes of switches and entries."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.p4runtime.counter_reads import TakeCounter, WantedCounters
from p4fabric.controller.p4runtime.errors import SwitchUnavailable
from p4fabric.controller.telemetry.counter_turns import CounterTurns
from p4fabric.controller.telemetry.counters import CounterTotals, Sample, Source
from p4fabric.controller.telemetry.intent_series import IntentSeries, StateCounts
from p4fabric.pipelines.entities import Counter, EntityKey, TableEntry
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, Teid, VrfId

WEB, UE, UE2 = (
    IntentKey(kind, TenantName("acme"), name)
    for kind, name in (("Service", "web"), ("UpfSession", "ue"), ("UpfSession", "ue2"))
)
LEAF1, LEAF2 = SwitchName("leaf1"), SwitchName("leaf2")
HOST = IPv4Address("10.0.0.1")


def entry(number: int) -> TableEntry:
    return b.UpfUplinkSessions(HOST, HOST, Teid(number), HOST, b.Decapsulate(VrfId(1)))


@dataclass
class Switch:
    """What one has counted, as it would answer."""

    counted: dict[EntityKey, int] = field(default_factory=dict)
    epoch: int = 0
    away: bool = False
    seconds: float = 0.0
    """That an answer takes."""
    busy: float = 0.0
    """Seconds for which an answer keeps the controller's loop busy."""

    def count(self, **packets: int) -> None:
        self.counted = {entry(int(name[1:])).key: number for name, number in packets.items()}


class Fabric:
    """Two switches, a clock that the test holds, and the counts."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.switches = {LEAF1: Switch(), LEAF2: Switch()}
        self.totals = CounterTotals()
        self.turns = CounterTurns(
            list(self.switches),
            self.totals,
            self._read,
            lambda name: self.switches[name].epoch,
            lambda: self.now,
            interval=5.0,
            share=0.05,
        )

    async def _read(self, name: SwitchName, wanted: WantedCounters, take: TakeCounter) -> float:
        switch = self.switches[name]
        self.now += switch.seconds
        if switch.away:
            raise SwitchUnavailable("away")
        for key in set(wanted) & switch.counted.keys():
            take(key, switch.counted[key], 100 * switch.counted[key])
        return switch.busy

    async def read(self) -> None:
        self.now += 1.0
        for name in self.switches:
            await self.turns.turn(name)

    def packets(self, owner: IntentKey) -> dict[str, int]:
        return {count.label: count.packets for count in self.totals.counts(owner)}

    def tally(self) -> dict[str, int]:
        return {kind: packets for kind, _, packets, _ in self.totals.tallies()}


@pytest.fixture
def fabric() -> Fabric:
    return Fabric()


async def test_a_switch_that_restarts_is_added_to_what_was_counted(fabric: Fabric) -> None:
    leaf1, leaf2 = fabric.switches.values()
    fabric.totals.replace(WEB, [Source("web", LEAF1, entry(1)), Source("web", LEAF2, entry(2))])
    seen = []
    for first, second in ((50, 7), (60, 7), (None, 8), (3, 8), (5, 9)):
        leaf1.away = first is None
        leaf1.count(e1=first or 0)
        leaf2.count(e2=second)
        await fabric.read()
        seen.append(fabric.packets(WEB)["web"])
    assert seen == [57, 67, 68, 71, 74]
    (count,) = fabric.totals.counts(WEB)
    assert count.bytes == 7400 and count.by_switch == {LEAF1: Counter(65, 6500), LEAF2: Counter(9, 900)}


async def test_a_restarted_switch_that_has_counted_more_than_before_loses_nothing(fabric: Fabric) -> None:
    leaf1 = fabric.switches[LEAF1]
    fabric.totals.replace(WEB, [Source("web", LEAF1, entry(1))])
    for epoch, packets in ((1, 50), (2, 70), (2, 71)):
        leaf1.epoch = epoch
        leaf1.count(e1=packets)
        await fabric.read()
    assert fabric.packets(WEB) == {"web": 121}


async def test_answers_that_come_in_another_order_than_asked_for_are_no_restart(fabric: Fabric) -> None:
    fabric.totals.replace(WEB, [Source("web", LEAF1, entry(1))])
    early, late = (Sample(LEAF1, 1, asked_at) for asked_at in (1.0, 2.0))
    fabric.totals.take(late, entry(1).key, 60, 6000, now=3.0)
    fabric.totals.take(early, entry(1).key, 50, 5000, now=4.0)
    assert fabric.packets(WEB) == {"web": 60}
    fabric.totals.take(Sample(LEAF1, 2, 5.0), entry(1).key, 80, 8000, now=6.0)
    fabric.totals.take(Sample(LEAF1, 1, 4.5), entry(1).key, 70, 7000, now=7.0)
    assert fabric.packets(WEB) == {"web": 140}


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), max_size=30))
def test_totals_are_what_was_counted_and_seen_whatever_restarts(
    steps: list[tuple[int, bool, bool]],
) -> None:
    """Each step: packets that come, whether the switch restarts before, whether it is read after."""
    totals = CounterTotals()
    totals.replace(UE, [Source("uplink", LEAF1, entry(1))])
    raw, epoch, expected, unseen, before = 0, 0, 0, 0, 0
    for moment, (packets, restarts, read) in enumerate(steps):
        if restarts:
            raw, unseen, epoch = 0, 0, epoch + 1
        raw += packets
        unseen += packets
        if read:
            expected, unseen = expected + unseen, 0
            totals.take(Sample(LEAF1, epoch, moment), entry(1).key, raw, raw, moment + 0.5)
        now = totals.counts(UE)[0].packets
        assert before <= now == expected
        before = now


async def test_an_entry_that_goes_to_another_switch_takes_its_count_along(fabric: Fabric) -> None:
    leaf1, leaf2 = fabric.switches.values()
    here, there = Source("downlink", LEAF1, entry(1)), Source("downlink", LEAF2, entry(1))
    fabric.totals.replace(UE, [here])
    leaf1.count(e1=100)
    await fabric.read()
    # For a while there is none at all: the session's gNB is not found.
    fabric.totals.replace(UE, [])
    assert fabric.packets(UE) == {} and not len(fabric.totals.wanted(LEAF1))
    fabric.totals.replace(UE, [there])
    leaf2.count(e1=4)
    await fabric.read()
    assert fabric.packets(UE) == {"downlink": 104}
    # Back again, where the entry is a new one.
    fabric.totals.replace(UE, [here])
    leaf1.count(e1=1)
    await fabric.read()
    assert fabric.packets(UE) == {"downlink": 105} and fabric.tally() == {"UpfSession": 105}


async def test_an_entry_that_is_not_there_for_a_while_counts_from_zero_again(fabric: Fabric) -> None:
    fabric.totals.replace(WEB, [Source("web", LEAF1, entry(1))])
    for found in ({"e1": 10}, {}, {"e1": 12}):
        fabric.switches[LEAF1].count(**found)
        await fabric.read()
    assert fabric.packets(WEB) == {"web": 22}


async def test_a_rule_with_another_name_counts_from_then_on(fabric: Fabric) -> None:
    fabric.totals.replace(WEB, [Source("old", LEAF1, entry(1))])
    fabric.switches[LEAF1].count(e1=10)
    await fabric.read()
    fabric.totals.replace(WEB, [Source("new", LEAF1, entry(1))])
    fabric.switches[LEAF1].count(e1=12)
    await fabric.read()
    assert fabric.packets(WEB) == {"new": 2} and fabric.tally() == {"Service": 12}


async def test_an_intent_that_was_deleted_leaves_no_count_to_its_successor(fabric: Fabric) -> None:
    leaf1 = fabric.switches[LEAF1]
    web = [Source("web", LEAF1, entry(1))]
    fabric.totals.replace(WEB, web)
    fabric.totals.replace(UE, [Source("uplink", LEAF1, entry(2))])
    leaf1.count(e1=10, e2=20)
    await fabric.read()
    fabric.totals.forget(WEB)
    assert fabric.totals.counts(WEB) == ()
    fabric.totals.replace(WEB, web)
    assert fabric.totals.counts(WEB)[0].read_at is None
    leaf1.count(e1=1, e2=20)
    await fabric.read()
    assert fabric.packets(WEB) == {"web": 1} and fabric.packets(UE) == {"uplink": 20}


async def test_what_a_tenant_has_counted_stays_until_its_last_intent_goes(fabric: Fabric) -> None:
    for number, owner in enumerate((UE, UE2), 1):
        fabric.totals.replace(owner, [Source("uplink", LEAF1, entry(number))])
    fabric.switches[LEAF1].count(e1=10, e2=20)
    await fabric.read()
    fabric.totals.forget(UE)
    assert fabric.tally() == {"UpfSession": 30}
    fabric.totals.forget(UE2)
    assert fabric.tally() == {}


async def test_labels_that_come_and_go_are_bounded(fabric: Fabric) -> None:
    fabric.switches[LEAF1].count(e1=1)
    for number in range(5000):
        fabric.totals.replace(WEB, [Source(f"rule {number}", LEAF1, entry(1))])
        await fabric.read()
        fabric.totals.replace(WEB, [])
    fabric.totals.replace(WEB, [Source(f"rule {number}", LEAF1, entry(1)) for number in range(5000)])
    assert sum(bool(count.packets) for count in fabric.totals.counts(WEB)) == 2048


@pytest.mark.parametrize(
    ("seconds", "busy", "pause"), [(0.01, 0.001, 5.0), (2.0, 0.1, 38.0), (2.0, 3.0, 58.0)]
)
async def test_reading_takes_a_twentieth_of_the_time_at_most(
    fabric: Fabric, seconds: float, busy: float, pause: float
) -> None:
    fabric.switches[LEAF1].seconds, fabric.switches[LEAF1].busy = seconds, busy
    fabric.totals.replace(WEB, [Source("web", LEAF1, entry(1))])
    assert await fabric.turns.turn(LEAF1) == pytest.approx(pause)
    assert max(seconds, busy) / (seconds + pause) <= 0.05 + 1e-9


async def test_a_switch_that_does_not_answer_keeps_no_other_waiting() -> None:
    read = asyncio.Event()

    async def answer(name: SwitchName, wanted: WantedCounters, take: TakeCounter) -> float:
        if name == LEAF1:
            await asyncio.Event().wait()
        read.set()
        return 0.0

    totals = CounterTotals()
    totals.replace(WEB, [Source("web", name, entry(1)) for name in (LEAF1, LEAF2)])
    turns = CounterTurns(
        (LEAF1, LEAF2), totals, answer, lambda name: 0, asyncio.get_running_loop().time,
        interval=0.001, share=1.0,
    )  # fmt: skip
    running = asyncio.create_task(turns.run())
    async with asyncio.timeout(60):
        for _ in range(3):
            await read.wait()
            read.clear()
    running.cancel()


def test_series_are_bounded_and_free_places_are_taken_in_order() -> None:
    def policy(number: int) -> IntentKey:
        return IntentKey("FirewallPolicy", TenantName("acme"), f"p{number}")

    series = IntentSeries(["FirewallPolicy"], most=10)
    series.put(UE, 2)
    for number in range(4):
        series.put(policy(number), 4)
    assert list(series) == [policy(0), policy(1)] and series.waiting == 2
    series.put(policy(0), 2)
    assert list(series) == [policy(0), policy(1), policy(2)] and series.waiting == 1
    series.drop(policy(1))
    assert list(series) == [policy(0), policy(2), policy(3)] and series.waiting == 0


def test_intents_are_counted_by_state() -> None:
    states = StateCounts()
    for key, state in ((UE, "accepted"), (UE2, "accepted"), (UE, "active")):
        states.changed(key, state)
    states.forget(UE2)
    states.forget(UE2)
    assert states.numbers == {("UpfSession", "accepted"): 0, ("UpfSession", "active"): 1}

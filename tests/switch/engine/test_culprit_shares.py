"""How much of a congested queue was whose: what the controller makes of reports, and what the oracle saw."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate
from statistics import mean

import pytest
from scapy.layers.inet import UDP

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents.evidence import PacketEvidence, evidence_of
from p4fabric.controller.telemetry.incidents.spells import QueueSpells
from p4fabric.controller.telemetry.incidents.tally import Tally
from p4fabric.controller.telemetry.reports import FlowReport
from tests.oracle import Seen

from .queueing import MS, Held, S
from .test_culprits import Mix, flow_of, frame
from .test_reports import IN, OUT, fabric, groups, left, told, watch

DEPTH, DELAY_US = 64, 5000
INTERVAL_US, AT_ONCE = 3125, 32
"""As intents have them that say nothing: 32 reports of each kind in 100 ms."""
Arrivals = Iterator[tuple[int, bytes]]


def interleaved(chance: random.Random) -> Arrivals:
    """Each sender's packets stand between the others'."""
    senders, each = chance.randint(2, 8), chance.randint(16, 48)
    for number in range(each):
        for flow in range(senders):
            yield number * MS // 4 + chance.randrange(MS // 4), frame(flow, 1400)


def blocks(chance: random.Random) -> Arrivals:
    """Each sender's packets stand behind each other, eight at a time."""
    senders = chance.randint(2, 8)
    for turn in range(chance.randint(2, 5)):
        for place, flow in enumerate(chance.sample(range(senders), senders)):
            for _ in range(8):
                yield turn * 2 * MS + place * MS // 5, frame(flow, 1400)


def one_after_another(chance: random.Random) -> Arrivals:
    """Senders begin at different times."""
    each = chance.randint(16, 48)
    for flow in range(chance.randint(3, 8)):
        start = chance.randrange(10 * MS)
        for number in range(each):
            yield start + number * MS // 4, frame(flow, 1400)


def unequal(chance: random.Random) -> Arrivals:
    """Senders of different rates and sizes come and go, for a second."""
    for flow in range(chance.randint(3, 12)):
        start, gap = chance.randrange(100) * MS, chance.choice((MS, 2 * MS, 4 * MS))
        size = chance.choice((700, 1400))
        steps = (chance.randrange(2 * gap) for _ in range(chance.randint(50, 300)))
        for offset in accumulate(steps):
            for _ in range(chance.choice((1, 1, 4, 8))):
                yield start + offset, frame(flow, size)


def shares_that_were(seen: list[Seen]) -> dict[int, float]:
    """Of what left from when the first packet came that waited too long, until the last one was gone."""
    long = [one for one in seen if one.waited_ns // 1000 >= DELAY_US]
    if not long:
        return {}
    sent = Counter[int]()
    for one in seen:
        if min(other.enqueued_ns for other in long) < one.at_ns <= long[-1].at_ns:
            sent[flow_of(one.head)] += one.length
    return {flow: count / sent.total() for flow, count in sent.items()}


def tally_of(world: Held) -> tuple[Tally, dict[int, FlowId]]:
    """What reports sum up to, and the flows by their numbers."""
    spells, flows = QueueSpells(gap=1 << 62), {}
    for group in groups(told(world)):
        for report, packet in zip(group, evidence_of(SwitchName("leaf1"), group), strict=True):
            assert isinstance(report, FlowReport) and isinstance(packet, PacketEvidence)
            flows[UDP(report.inner.data[20:]).sport - 10_000] = packet.flow
            spells.packet(packet)
    (tally,) = spells.spells or [Tally(0, 0)]
    return tally, flows


def watched(world: Held, rate_bps: int, depth: int, delay_us: int) -> None:
    longest_us = depth * 1460 * 8 * 10**6 // rate_bps
    window_log2 = ((longest_us + 6) // 7 - 1).bit_length()
    watch(world, depth // 2, delay_us, window_log2, INTERVAL_US, INTERVAL_US * (AT_ONCE - 1))
    world.engine.set_queue(OUT, rate_bps=rate_bps, depth=depth)
    world.go(S)
    world.oracle.take()
    told(world)


def errors(world: Held, load: Callable[[random.Random], Arrivals], seed: int) -> list[float]:
    """By how much the shares of flows are told wrong that had at least a tenth."""
    chance = random.Random(seed)
    watched(world, chance.choice((10**7, 2 * 10**7)), DEPTH, DELAY_US)
    began = world.now
    for at, packet in sorted(load(chance)):
        world.go(max(0, began + at - world.now))
        assert world.engine.inject(IN, packet)
        world.engine.collect()
    world.drain(OUT)
    were = shares_that_were(left(world.oracle.take()))
    tally, flows = tally_of(world)
    return [
        abs((tally.share(flows[flow]) if flow in flows else 0) - share)
        for flow, share in were.items()
        if share >= 0.1
    ]


@pytest.mark.parametrize(
    ("load", "on_average", "mostly"),
    [
        (interleaved, 0.05, 0.10),
        (blocks, 0.06, 0.12),
        (one_after_another, 0.05, 0.10),
        (unequal, 0.02, 0.05),
    ],
)
def test_shares_of_an_incident_are_about_those_that_were(
    load: Callable[[random.Random], Arrivals], on_average: float, mostly: float
) -> None:
    with fabric() as world:
        found = sorted(error for seed in range(16) for error in errors(world, load, seed))
    most = found[len(found) * 9 // 10]
    print(f"{load.__name__}: wrong by {mean(found):.3f}, in 9 of 10 by less than {most:.3f}, {found[-1]:.3f}")
    assert len(found) > 40
    assert mean(found) < on_average and most < mostly


def test_equal_senders_have_equal_shares() -> None:
    """Four that begin one after another, as answers to one question do."""
    with fabric() as world:
        watched(world, 2 * 10**7, DEPTH, DELAY_US)
        began = world.now
        packets = [(flow * 3 * MS + n * MS // 2, frame(flow, 1400)) for flow in range(4) for n in range(24)]
        for at, packet in sorted(packets):
            world.go(max(0, began + at - world.now))
            assert world.engine.inject(IN, packet)
            world.engine.collect()
        world.drain(OUT)
        were = shares_that_were(left(world.oracle.take()))
        tally, flows = tally_of(world)
    shares = {flow: tally.share(which) for flow, which in flows.items()}
    print(were, shares)
    assert all(abs(shares[flow] - share) < 0.1 for flow, share in were.items())


@pytest.mark.parametrize(("rate_bps", "depth"), [(10**8, 256), (10**9, 1024)])
def test_reports_that_are_too_few_say_too_little_of_shares_and_not_too_much(
    rate_bps: int, depth: int
) -> None:
    """A gigabit port passes thousands of windows a second, and has 320 reports of culprits for them."""
    with fabric() as world:
        watched(world, rate_bps, depth, delay_us := 1000)
        seen: list[Seen] = []
        for seed in range(2):
            load = Mix(seed, rate_bps)
            for _ in range(500):
                for packet in load.arrivals(MS // 10):
                    assert world.engine.inject(IN, packet)
                world.go(MS // 10)
                world.engine.collect()
                seen += left(world.oracle.take())
        world.drain(OUT)
        seen += left(world.oracle.take())
        tally, flows = tally_of(world)
    sent = Counter[int]()
    long = [one for one in seen if one.waited_ns // 1000 >= delay_us]
    for one in seen:
        if long[0].enqueued_ns < one.at_ns <= long[-1].at_ns:
            sent[flow_of(one.head)] += one.length
    for flow, count in sent.items():
        if count >= sent.total() / 10:
            share = count / sent.total()
            print(flow, share, tally.share(flows[flow]))
            assert share - 0.06 < tally.share(flows[flow]) < share + 0.02

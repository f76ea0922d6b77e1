"""Who holds a queue as fabric.p4 sees it, against who held it: precision and recall."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache

import pytest
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from p4fabric.controller.telemetry.reports import FlowReport, Role
from tests.oracle import Seen

from .queueing import MS, Held, S
from .test_reports import IN, OUT, bridged, fabric, groups, left, told, unbound, watch

LOG2_US = 10
"""Windows of reports: 1.024 ms."""
WINDOW_US = 1 << LOG2_US
TRIGGER_US = 500


class Mix:
    """Flows with shares of their own that come in bursts, faster than the port sends."""

    BYTES = 1000
    """Of a packet, such that hardly one waits longer than the windows that are kept."""

    def __init__(self, seed: int, rate_bps: int) -> None:
        self._random = random.Random(seed)
        count = self._random.randint(2, 60)
        steepness = self._random.uniform(0, 2)
        self._weights = [1 / (rank + 1) ** steepness for rank in range(count)]
        self._sizes = [self._random.choice((50, 200, 700, 1400)) for _ in range(count)]
        self._load = self._random.uniform(1.1, 3) * rate_bps
        self._owed = 0.0

    def arrivals(self, ns: int) -> Iterator[bytes]:
        """What comes in so much time. Now and then, a flow has a burst of its own."""
        self._owed += self._load * ns / 8e9
        burst = self._random.randrange(len(self._sizes)) if self._random.random() < 0.2 else None
        while self._owed > 0:
            packet = self.packet(burst)
            self._owed -= len(packet)
            yield packet

    def packet(self, burst: int | None = None) -> bytes:
        """The next one."""
        (flow,) = self._random.choices(range(len(self._sizes)), self._weights)
        if burst is not None and self._random.random() < 0.5:
            flow = burst
        return frame(flow, self._sizes[flow])


class Incast:
    """Senders that answer at about one time, each with a block of its own, and are silent then."""

    BYTES = 1000

    def __init__(self, seed: int, rate_bps: int) -> None:
        self._random = random.Random(seed)
        self._senders, self._block_ns = self._random.randint(2, 24), self._random.randint(1, 4) * MS
        self._rate_bps, self._ns = rate_bps, 0
        self._waiting: list[tuple[int, bytes]] = []

    def arrivals(self, ns: int) -> Iterator[bytes]:
        """What comes in so much time: blocks begin each 10 ms, three times as fast as the port sends."""
        if self._ns % (10 * MS) == 0:
            begun = self._ns
            length = 3 * self._rate_bps * self._block_ns // 8_000_000_000
            for flow in range(self._senders):
                start, left_of_it = begun + self._random.randrange(self._block_ns), length // self._senders
                while left_of_it > 0:
                    packet = frame(flow, self._random.choice((200, 1400)))
                    self._waiting.append((start + self._random.randrange(self._block_ns // 2), packet))
                    left_of_it -= len(packet)
            self._waiting.sort()
        self._ns += ns
        while self._waiting and self._waiting[0][0] < self._ns:
            yield self._waiting.pop(0)[1]


@cache
def frame(flow: int, length: int) -> bytes:
    udp = UDP(sport=10_000 + flow, dport=7, chksum=0) / Raw(bytes(length))
    return bytes(bridged(IP(src="10.0.1.10", dst="10.0.1.11") / udp))


def flow_of(head: bytes) -> int:
    return int.from_bytes(head[34:36], "big") - 10_000


Found = dict[Role, set[tuple[int, int]]]
"""Flows by role, each with the window of time in which it was one."""


def role_of(share: float) -> Role:
    if share >= 1 / 10:
        return Role.CULPRIT
    return Role.VICTIM if share < 1 / 32 else Role.PARTICIPANT


def true_roles(seen: list[Seen]) -> Found:
    """By the bytes that were in the queue when a packet came that had to wait for long, with its own."""
    found: Found = defaultdict(set)
    held: Counter[int] = Counter()
    first = 0
    for one in seen:
        flow = flow_of(one.head)
        held[flow] += one.length
        while seen[first].at_ns <= one.enqueued_ns and seen[first] is not one:
            held[flow_of(seen[first].head)] -= seen[first].length
            first += 1
        if one.waited_ns // 1000 >= TRIGGER_US:
            share = held[flow] / held.total()
            found[role_of(share)].add((flow, one.at_ns // 1000 >> LOG2_US))
    return found


def reported_roles(world: Held) -> Found:
    found: Found = defaultdict(set)
    for group in groups(told(world)):
        for report in group.reports:
            assert isinstance(report, FlowReport) and report.flow is not None and report.window is not None
            assert report.window.log2_us == LOG2_US and report.egress_ns is not None
            assert report.window.number == report.egress_ns // 1000 >> LOG2_US
            flow = UDP(report.inner.data[20:]).sport - 10_000
            found[Role(report.flow.role)].add((flow, report.window.number))
    return found


def run(world: Held, depth: int, seed: int, kind: type[Mix | Incast]) -> tuple[Found, Found]:
    """30 ms of a load, and what was said of it: (truth, reports)."""
    # Of packets of the middle size, the longest wait is what switches count bytes for.
    rate_bps = depth * kind.BYTES * 8 * 10**6 // (7 * WINDOW_US // 4)
    world.engine.set_queue(OUT, rate_bps=rate_bps, depth=depth)
    world.oracle.take()
    told(world)
    load, step = kind(seed, rate_bps), MS // 10
    said: Found = defaultdict(set)
    for _ in range(30 * MS // step):
        for packet in load.arrivals(step):
            assert world.engine.inject(IN, packet)
        unbound(world)
        world.go(step)
        world.engine.collect()
        for role, which in reported_roles(world).items():
            said[role] |= which
    world.drain(OUT)
    for role, which in reported_roles(world).items():
        said[role] |= which
    return true_roles(left(world.oracle.take())), said


@pytest.mark.parametrize("kind", [Mix, Incast])
@pytest.mark.parametrize("depth", [64, 256, 1024])
def test_culprits_and_victims_are_those_of_the_oracle(depth: int, kind: type[Mix | Incast]) -> None:
    with fabric() as world:
        world.go(S)
        watch(world, depth=1 << 31, delay_us=TRIGGER_US, window_log2=LOG2_US - 2)
        right, said, were = Counter[Role](), Counter[Role](), Counter[Role]()
        for seed in range(8 if kind is Mix else 24):
            truth, reports = run(world, depth, seed, kind)
            for role in (Role.CULPRIT, Role.VICTIM):
                right[role] += len(truth[role] & reports[role])
                said[role] += len(reports[role])
                were[role] += len(truth[role])
    precision = {role: right[role] / said[role] for role in right}
    recall = {role: right[role] / were[role] for role in right}
    print(f"depth {depth}, {kind.__name__}: precision {precision}, recall {recall}, of {dict(were)}")
    assert were[Role.CULPRIT] > 200 and were[Role.VICTIM] > (200 if kind is Mix else 20)
    assert precision[Role.CULPRIT] >= 0.95 and recall[Role.CULPRIT] >= 0.95
    assert recall[Role.VICTIM] >= 0.95

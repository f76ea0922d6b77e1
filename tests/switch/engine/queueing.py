"""An engine whose queues are filled by tests, on a clock that is held: frames name port, priority and
number (`programs/deflected.p4`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import Bin, EngineOptions
from tests.oracle import Fate, Oracle, Seen

from .conftest import PROGRAMS

PROGRAM = PROGRAMS / "deflected.json"
MS, S = 10**6, 10**9
IN, OUT, REPORTS = 1, 2, 3


def order(length: int = 375, priority: int = 0, number: int = 0, *, port: int = OUT, kept: int = 0) -> bytes:
    """A frame that leaves by a port's queue; 375 bytes take 0.3 ms at 10 Mbit/s. `kept` is what ingress keeps
    in its metadata."""
    return bytes([0, port, priority, kept]) + number.to_bytes(4, "big") + bytes(length - 8)


class Held:
    """An engine on memory ports, and the time that it goes by."""

    def __init__(self, engine: NativeEngine, oracle: Oracle) -> None:
        self.engine, self.oracle, self.now = engine, oracle, 0

    def go(self, ns: int) -> None:
        """Let so much time pass."""
        self.now += ns
        self.engine.advance(self.now)

    def send(self, *frames: bytes) -> None:
        """Frames arrive now, one behind the other."""
        for one in frames:
            assert self.engine.inject(IN, one)
        self.engine.collect()

    def drain(self, port: int = OUT) -> None:
        """Until nothing waits, and the bins are over."""
        while any(one.waiting for one in self.engine.queues.counts(port)):
            self.go(100 * MS)
        self.go(2 * MS)
        self.engine.collect()


@contextmanager
def held() -> Iterator[Held]:
    config = load_config(PROGRAM.read_bytes())
    with open_engine(config, EngineOptions(clock=lambda: 0)) as engine:
        for port in (IN, OUT, REPORTS):
            engine.add_port(port, None)
        engine.start()
        with Oracle(engine) as oracle:
            yield Held(engine, oracle)


def expected(record: Sequence[Seen], port: int, priority: int) -> list[Bin]:
    """The bins that a record of each packet's fate makes: counted in the plainest way."""
    ours = [one for one in record if (one.port, one.priority) == (port, priority)]
    came = [one for one in ours if one.fate is Fate.QUEUED]
    left = [one for one in ours if one.fate is Fate.LEFT]
    lost = [one for one in ours if one.reason == "queue_full"]
    numbers = {one.at_ns // MS for one in lost} | {one.enqueued_ns // MS for one in came}
    numbers |= {
        number
        for one in left
        for number in range(one.enqueued_ns // MS, one.at_ns // MS + 1)
        if one.waited_ns
    }
    bins: list[Bin] = []
    for number in sorted(numbers):
        start, end = number * MS, (number + 1) * MS
        depths = {0: sum(one.enqueued_ns < start <= one.at_ns for one in left)}
        for one in came:
            if start <= one.enqueued_ns < end:
                # All that comes at one time is there, and what leaves then is not.
                now = one.enqueued_ns
                depths[now - start] = max(
                    depths.get(now - start, 0), sum(other.enqueued_ns <= now < other.at_ns for other in left)
                )
        deepest = max(depths.values())
        begun = Bin(
            start,
            deepest,
            min(offset for offset, depth in depths.items() if depth == deepest),
            max((one.waited_ns for one in left if start <= one.at_ns < end), default=0),
            sum(start <= one.enqueued_ns < end for one in came),
            sum(one.length for one in came if start <= one.enqueued_ns < end),
            sum(start <= one.at_ns < end for one in lost),
            after_gap=not bins or bins[-1].start_ns != start - MS,
        )
        if begun.packets or begun.drops or begun.max_depth:
            bins.append(begun)
    return bins

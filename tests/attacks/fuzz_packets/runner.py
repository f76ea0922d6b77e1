"""Sends cases through a leaf, compares with the evaluator, and makes what differs small."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.attacks.fuzz_packets.compare import agrees
from tests.attacks.fuzz_packets.evaluator import Evaluator, Verdict
from tests.attacks.fuzz_packets.fabric import World, make_world
from tests.attacks.fuzz_packets.grammar import Case, Grammar
from tests.attacks.fuzz_packets.leaf import Frames, Keep, Leaf, open_leaf

__all__ = ["Mismatch", "Result", "run"]

PACKETS_A_WORLD = 20_000
FORGET_EVERY = 500
"""Frames between two looks at what the controller would be told."""


@dataclass(slots=True)
class Mismatch:
    """A frame that pipeline and evaluator judge differently, as small as it got."""

    world: int
    case: Case
    port: int
    frame: bytes
    verdict: Verdict
    came_out: Frames
    trace: str

    @property
    def kind(self) -> str:
        """Mismatches of one kind have likely one cause."""
        expected = "pass" if self.verdict.passes else "be dropped"
        came_out = "came out" if self.came_out else "did not come out"
        return f"{self.verdict.reason}: should {expected}, {came_out}"

    def __str__(self) -> str:
        ways = "\n".join(f"    {way}" for way in self.verdict.ways) or "    nothing"
        shown = "\n".join(f"    port {port}: {frame.hex()}" for port, frame in self.came_out) or "    nothing"
        return "\n".join(
            (
                f"{self.kind}\n  world {self.world}, port {self.port}, {self.case}",
                f"  frame: {self.frame.hex()}",
                f"  {_dissected(self.frame)}",
                f"  expected ({self.verdict.reason}):",
                ways,
                "  came out:",
                shown,
            )
        )


@dataclass(slots=True)
class Result:
    """What a run came to."""

    packets: int = 0
    seconds: float = 0.0
    passed: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    left_open: Counter[str] = field(default_factory=Counter)
    mismatches: list[Mismatch] = field(default_factory=list)
    """The first of each kind."""
    kinds: Counter[str] = field(default_factory=Counter)
    """How many there were of each kind."""

    def report(self) -> str:
        """Figures, and what was covered, by class."""
        rate = self.packets / self.seconds if self.seconds else 0.0
        lines = [f"{self.packets} packets in {self.seconds:.1f} s, {rate:.0f}/s"]
        for name, counts in (("passed", self.passed), ("dropped", self.dropped), ("left open", self.left_open)):
            lines.append(f"{name}: {counts.total()}")
            lines += [f"  {count:>8}  {reason}" for reason, count in sorted(counts.items())]
        lines.append(f"mismatches: {self.kinds.total()}")
        lines += [f"  {count:>8}  {kind}" for kind, count in self.kinds.most_common()]
        return "\n".join(lines)


def run(packets: int, seed: int, *, most: int = 1, keep: Keep = lambda entity: True) -> Result:
    """Send so many frames, in a new world every now and then; ends early after `most` mismatches."""
    result = Result()
    began = time.monotonic()
    world_seed = seed
    while result.packets < packets and len(result.mismatches) < most:
        count = min(PACKETS_A_WORLD, packets - result.packets)
        _run_world(world_seed, count, most, keep, result)
        world_seed += 1
    result.seconds = time.monotonic() - began
    return result


def _run_world(seed: int, packets: int, most: int, keep: Keep, result: Result) -> None:
    world = make_world(seed)
    with open_leaf(world, keep) as leaf:
        bench = Bench(world, leaf)
        for count, mismatch in enumerate(bench.cases(seed, packets, result)):
            if mismatch is not None:
                if mismatch.kind not in result.kinds:
                    result.mismatches.append(mismatch)
                result.kinds[mismatch.kind] += 1
                if len(result.mismatches) >= most:
                    return
            if count % FORGET_EVERY == 0:
                leaf.forget_events()


class Bench:
    """A leaf and its evaluator."""

    def __init__(self, world: World, leaf: Leaf) -> None:
        self._world = world
        self._leaf = leaf
        self._evaluator = Evaluator(world, leaf.vlans)
        self._grammar = Grammar(world, world.seed)

    def cases(self, seed: int, packets: int, result: Result) -> Iterator[Mismatch | None]:
        """Whether each of so many new cases differs."""
        for _ in range(packets):
            case = self._grammar.case()
            port, frame, verdict, came_out = self._try(case)
            result.packets += 1
            if verdict.either:
                result.left_open[f"{verdict.reason}, {'passed' if came_out else 'dropped'}"] += 1
            else:
                (result.passed if verdict.passes else result.dropped)[verdict.reason] += 1
            yield None if agrees(verdict, frame, came_out) else self._smallest(case)

    def _try(self, case: Case) -> tuple[int, bytes, Verdict, Frames]:
        draft = self._grammar.build(case)
        frame = draft.render()
        return draft.port, frame, self._evaluator.judge(draft.port, frame), self._leaf.send(draft.port, frame)

    def _smallest(self, case: Case) -> Mismatch:
        """The case without mutations that do not matter."""
        index = 0
        while index < len(case.mutations):
            smaller = case.without(index)
            _, frame, verdict, came_out = self._try(smaller)
            if agrees(verdict, frame, came_out):
                index += 1
            else:
                case = smaller
        port, frame, verdict, came_out = self._try(case)
        return Mismatch(self._world.seed, case, port, frame, verdict, came_out, self._leaf.trace(port, frame))


def _dissected(frame: bytes) -> str:
    from scapy.layers.l2 import Ether

    try:
        return repr(Ether(frame))
    except Exception as error:  # scapy has its own ideas of what a frame is
        return f"scapy cannot read it: {error!r}"

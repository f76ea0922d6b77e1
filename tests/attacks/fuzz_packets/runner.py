"""A run: one world after the other, and what it came to."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.attacks.fuzz_packets.bench import Bench, Mismatch, Trial
from tests.attacks.fuzz_packets.leaf import Keep, open_leaf
from tests.attacks.fuzz_packets.worlds import make_world

__all__ = ["PACKETS_A_WORLD", "Result", "run"]

PACKETS_A_WORLD = 20_000
BATCH = 64


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

    def count(self, trial: Trial) -> None:
        """Add a trial to the figures."""
        verdict = trial.verdict
        self.packets += 1
        if verdict.either:
            self.left_open[f"{verdict.reason}, {'passed' if trial.came_out else 'dropped'}"] += 1
        else:
            (self.passed if verdict.passes else self.dropped)[verdict.reason] += 1

    def report(self) -> str:
        """Figures, and what was covered, by class."""
        rate = self.packets / self.seconds if self.seconds else 0.0
        lines = [f"{self.packets} packets in {self.seconds:.1f} s, {rate:.0f}/s"]
        for name, counts in (
            ("passed", self.passed),
            ("dropped", self.dropped),
            ("left open", self.left_open),
        ):
            lines.append(f"{name}: {counts.total()}")
            lines += [f"  {count:>8}  {reason}" for reason, count in sorted(counts.items())]
        lines.append(f"mismatches: {self.kinds.total()}")
        lines += [f"  {count:>8}  {kind}" for kind, count in self.kinds.most_common()]
        return "\n".join(lines)


def run(
    packets: int,
    seed: int,
    *,
    a_world: int = PACKETS_A_WORLD,
    most: int = 1,
    keep: Keep = lambda entity: True,
) -> Result:
    """Send so many frames, `a_world` of them in each world; ends early after `most` kinds of mismatches.
    Entities that `keep` refuses are not written."""
    result = Result()
    began = time.monotonic()
    while result.packets < packets and len(result.mismatches) < most:
        _run_world(seed, min(a_world, packets - result.packets), most, keep, result)
        seed += 1
    result.seconds = time.monotonic() - began
    return result


def _run_world(seed: int, packets: int, most: int, keep: Keep, result: Result) -> None:
    world = make_world(seed)
    with open_leaf(world, keep) as leaf:
        bench = Bench(world, leaf)
        while packets > 0 and len(result.mismatches) < most:
            trials = bench.batch(min(BATCH, packets))
            packets -= len(trials)
            for trial in trials:
                result.count(trial)
                if trial.differs:
                    mismatch = bench.mismatch(trial)
                    if mismatch.kind not in result.kinds:
                        result.mismatches.append(mismatch)
                    result.kinds[mismatch.kind] += 1
            leaf.forget_events()

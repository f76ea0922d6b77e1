"""A leaf beside its evaluator: sends cases, compares, and makes what differs small."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

from tests.attacks.fuzz_packets.compare import agrees, take
from tests.attacks.fuzz_packets.evaluator import Evaluator, Verdict
from tests.attacks.fuzz_packets.fabric import World
from tests.attacks.fuzz_packets.grammar import Case, Grammar
from tests.attacks.fuzz_packets.leaf import Frames, Leaf

__all__ = ["Bench", "Mismatch", "Trial"]


@dataclass(slots=True)
class Trial:
    """A case, what should become of it, and what did, where that was looked at."""

    case: Case
    port: int
    frame: bytes
    verdict: Verdict
    came_out: Frames | None = None

    @property
    def differs(self) -> bool:
        """Pipeline and evaluator judge it differently."""
        return self.came_out is not None and not agrees(self.verdict, self.frame, self.came_out)


@dataclass(slots=True)
class Mismatch:
    """A trial that differs, as small as it got, and the frame's way through the switch."""

    world: int
    trial: Trial
    trace: str

    @property
    def kind(self) -> str:
        """Mismatches of one kind have likely one cause."""
        verdict = self.trial.verdict
        expected = "pass" if verdict.passes else "be dropped"
        came_out = "came out" if self.trial.came_out else "did not come out"
        return f"{verdict.reason}: should {expected}, {came_out}"

    def __str__(self) -> str:
        trial = self.trial
        ways = [f"    {way}" for way in trial.verdict.ways] or ["    nothing"]
        shown = [f"    port {port}: {frame.hex()}" for port, frame in trial.came_out or ()] or ["    nothing"]
        lines = [
            self.kind,
            f"  world {self.world}, port {trial.port}, {trial.case}",
            f"  frame: {trial.frame.hex()}",
            f"  {_dissected(trial.frame)}",
            "  expected:",
            *ways,
            "  came out:",
            *shown,
        ]
        return "\n".join(lines)


class Bench:
    """A leaf and its evaluator."""

    def __init__(self, world: World, leaf: Leaf) -> None:
        self._world = world
        self._leaf = leaf
        self._evaluator = Evaluator(world, leaf.vlans)
        self._grammar = Grammar(world, leaf.vlans, world.seed)

    def batch(self, size: int) -> list[Trial]:
        """So many new cases. They go in together; where what comes out is not what is expected, they go in
        again one by one, as do those that may become anything."""
        trials = [self._trial(self._grammar.case()) for _ in range(size)]
        sure = [trial for trial in trials if not trial.verdict.either]
        came_out = self._leaf.send_all([(trial.port, trial.frame) for trial in sure])
        queues: dict[int, deque[bytes]] = defaultdict(deque)
        for port, frame in came_out:
            queues[port].append(frame)
        as_expected = all(take(trial.verdict, trial.frame, queues) for trial in sure) and not any(
            queues.values()
        )
        for trial in trials:
            if trial.verdict.either or not as_expected:
                trial.came_out = self._leaf.send(trial.port, trial.frame)
        return trials

    def mismatch(self, trial: Trial) -> Mismatch:
        """The trial without mutations that do not matter."""
        index = 0
        while index < len(trial.case.mutations):
            smaller = self._trial(trial.case.without(index))
            smaller.came_out = self._leaf.send(smaller.port, smaller.frame)
            if smaller.differs:
                trial = smaller
            else:
                index += 1
        return Mismatch(self._world.seed, trial, self._leaf.trace(trial.port, trial.frame))

    def _trial(self, case: Case) -> Trial:
        draft = self._grammar.build(case)
        frame = draft.render()
        return Trial(case, draft.port, frame, self._evaluator.judge(draft.port, frame))


def _dissected(frame: bytes) -> str:
    from scapy.layers.l2 import Ether

    try:
        return repr(Ether(frame))
    except Exception as error:  # scapy has its own ideas of what a frame is
        return f"scapy cannot read it: {error!r}"

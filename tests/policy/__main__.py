"""Compare compiled policies with what the API says, for as many random sets as you like.

    .venv/bin/python -m tests.policy [--sets 10000] [--seed 1]

A set is a cluster with policies and one to four changes of single objects, judged after each write for all
pairs of addresses; one that is wrong is made as small as it can be and is printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .judge import Judge
from .worlds import Change, histories

ROUND = 50
"""Sets between two lines of the report."""


def main() -> None:
    """Round after round, each with a seed of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    options = parser.parse_args()
    begun, sets, changes, writes = time.monotonic(), 0, 0, 0

    def judge_one(history: tuple[Change, Sequence[Change]], seed: int) -> None:
        nonlocal sets, changes, writes
        first, following = history
        judge = Judge(seed=seed)
        judge.change(first, between=False)
        for change in following:
            transition = judge.change(change)
            changes += 1
            writes += sum(len(phase.writes) for phase in transition.phases)
        sets += 1

    for number in range(options.seed, options.seed + -(-options.sets // ROUND)):
        profile = settings(
            max_examples=min(ROUND, options.sets - sets),
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        hypothesis.seed(number)(profile(given(histories, st.integers(0, 1 << 16))(judge_one)))()
        took = time.monotonic() - begun
        print(
            f"{sets} sets, {changes} changes, {writes} writes judged one by one, {took:.0f} s: no finding",
            flush=True,
        )


if __name__ == "__main__":
    main()

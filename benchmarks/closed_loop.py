"""What the closed loop is worth, and that it does no harm, on a clock that is held.

Pairs of runs without and with the loop, of one minute each, with elephants of random rates; then ten minutes
of traffic that needs no remedy, flows that switch on and off at many periods, reports that are lost, a clock
that jumps, and a controller that is killed. Reports, incidents, series and decisions are real (`held_loop`
says what is not). `p4fabric lab closed-loop` measures pairs on real packets.

    .venv/bin/python -m benchmarks.closed_loop [--pairs 20] [--figures FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from benchmarks.figures import Figure, add_option, print_table, save
from benchmarks.held_loop import RATE, Flow, HeldFabric, Outcome, response

MOUSE = Flow(9, 0, lambda at: 6_000.0, is_elephant=False)
PERIODS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
BUDGET, LEASE = 3, 20
MINUTE = 60.0


def constant(rate: float) -> Callable[[float], float]:
    """After a second."""
    return lambda at: rate if at >= 1 else 0.0


def elephants(seed: int) -> list[Flow]:
    """Two that are too much for one path together, and fit on two."""
    random = Random(seed)
    return [Flow(number, 0, constant(random.uniform(0.53, 0.78) * RATE)) for number in (1, 2)]


def run(seed: int, *, acts: bool, seconds: float = MINUTE, **options: Any) -> Outcome:
    """Two elephants and a mouse."""
    policy = response(holdSeconds=1) if acts else None
    return HeldFabric([*elephants(seed), MOUSE], policy, seed=seed, **options).run(seconds)


def jumping(at: float) -> float:
    """A clock that is right and wrong by turns of seven seconds."""
    return 0.05 if int(at / 7) % 2 else 0.0


def placebo(minutes: float = 10) -> Outcome:
    """Both paths are used by six or seven tenths, one with a burst of 30 to 100 ms each second.

    What such a burst leaves behind is gone within 200 ms.
    """
    random = Random(7)
    lengths = [random.uniform(0.03, 0.1) for _ in range(int(minutes * 60) + 1)]
    burst = Flow(1, 0, lambda at: 3 * RATE if at % 1 < lengths[int(at)] else 0.5 * RATE)
    policy = response(police={"rateKilobits": 1000}, holdSeconds=1)
    return HeldFabric([burst, Flow(2, 1, constant(0.7 * RATE)), MOUSE], policy).run(minutes * 60)


def adversary(period: float, seconds: float = 2 * MINUTE) -> Outcome:
    """Three flows that are too much together, on and off."""
    flows = [
        Flow(number, 0, lambda at: 0.9 * RATE if at % (2 * period) < period else 0.0) for number in (1, 2, 3)
    ]
    bounds = {"maxActions": BUDGET, "leaseSeconds": LEASE, "holdSeconds": 1}
    return HeldFabric([*flows, MOUSE], response(**bounds, police={"rateKilobits": 1000})).run(seconds)


def killed() -> int:
    """A controller ends after a remedy, and another one begins: how many are left when the lease is over."""
    fabric = HeldFabric([*elephants(1), MOUSE], response(holdSeconds=1, leaseSeconds=10))
    fabric.run(4)
    if not fabric.remedies:
        raise RuntimeError("nothing was done before the controller was killed")
    fabric.kill_loop()
    fabric.flows = [MOUSE]
    fabric.run(4)
    fabric.start_loop()
    fabric.run(6)
    return len(fabric.remedies)


def figures(pairs: int) -> Iterator[Figure]:
    """All of them."""
    both = [(run(seed, acts=False), run(seed, acts=True)) for seed in range(pairs)]
    for number, (off, on) in enumerate(both, 1):
        print(
            f"pair {number:3}: p99 {off.p99:5.1f} -> {on.p99:5.1f} ms, {len(on.granted)} remedies", flush=True
        )
    ratios = [on.p99 / off.p99 for off, on in both]
    goodput = [sum(on.delivered.values()) / sum(off.delivered.values()) for off, on in both]
    yield _ratio("victims", "the mouse's p99 wait with the loop, of that without", ratios, 0.5)
    yield Figure(
        "closed_loop.goodput", "bytes delivered with it, of those without", "ratio", goodput, limit=1.0
    )
    moves = [float(len(on.granted)) for _, on in both]
    yield _count("remedies", "remedies in a minute with two elephants", moves, 2)
    yield _count("placebo", "remedies in ten minutes that need none", [len(placebo().granted)], 0)
    most = [float(adversary(period).most_within(LEASE)) for period in PERIODS]
    title = f"most remedies in {LEASE} s, flows on and off at {len(PERIODS)} periods"
    yield _count("adversary", title, [max(most)], BUDGET)
    few = both[:3]
    lossy = [run(seed, acts=True, lost=0.05) for seed in range(len(few))]
    done = [float(len(one.granted)) for one in lossy]
    yield _count("lost_reports", "remedies while 5 % of reports are lost", done, 0)
    ratios = [one.p99 / off.p99 for one, (off, _) in zip(lossy, few, strict=True)]
    yield _ratio("lost_reports_wait", "the mouse's p99 then, of that without the loop", ratios, 1.0)
    skewed = [run(seed, acts=True, skew=jumping) for seed in range(len(few))]
    ratios = [one.p99 / off.p99 for one, (off, _) in zip(skewed, few, strict=True)]
    yield _ratio("skew_wait", "its p99 if a clock jumps by 50 ms, of that without the loop", ratios, 1.0)
    yield _count("killed", "remedies left of a controller that was killed", [killed()], 0)


def _ratio(name: str, title: str, samples: list[float], most: float) -> Figure:
    return Figure(f"closed_loop.{name}", title, "ratio", samples, less_is_better=True, limit=most)


def _count(name: str, title: str, samples: list[float], most: float) -> Figure:
    return Figure(f"closed_loop.{name}", title, "remedies", samples, less_is_better=True, limit=most)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=10)
    add_option(parser)
    options = parser.parse_args()
    found = list(figures(options.pairs))
    print_table(found)
    save(options.figures, found)


if __name__ == "__main__":
    main()

"""A long run: `python -m tests.explain --flows 1000 --seed 1`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Iterator

from p4fabric.controller.explain.answer import explain
from p4fabric.controller.explain.question import QuestionError
from p4fabric.controller.explain.result import End, Walk
from tests.attacks.fuzz_packets.worlds import make_world
from tests.explain.flows import Flows
from tests.explain.judge import Disagreement, judge
from tests.explain.switches import RealFabric, open_fabric

__all__ = ["run"]

FLOWS_A_WORLD = 50


def run(
    flows: int, seed: int, *, lacking: float = 0.03, most: int = 1
) -> tuple[Counter[str], list[Disagreement]]:
    """Judge so many flows, some in each world; in every second world, switches lack some entries.

    Returns:
        What became of how many, and the first disagreements.
    """
    became: Counter[str] = Counter()
    wrong: list[Disagreement] = []
    left = flows
    while left > 0 and len(wrong) < most:
        world = make_world(seed)
        with open_fabric(world, lacking=lacking if seed % 2 else 0.0) as fabric:
            random = Flows(world, seed)
            for number in range(min(left, FLOWS_A_WORLD)):
                left -= 1
                try:
                    asked = _asked(fabric, random) if number % 5 == 0 else None
                    for found in asked or [judge(fabric, *random.next())]:
                        _count(found, became)
                except Disagreement as error:
                    wrong.append(error)
                    if len(wrong) >= most:
                        break
        seed += 1
    return became, wrong


def _asked(fabric: RealFabric, flows: Flows) -> Iterator[Walk]:
    """Ask as a user does, and judge all packets of the answer: both ways, with the questions before them."""
    try:
        found = asyncio.run(explain(flows.question(), fabric, fabric.ask))
    except QuestionError:
        return
    for way in (found.forward, found.reply):
        for walk in (way.resolution, way.walk) if way is not None else ():
            if walk is not None:
                yield judge(fabric, walk.hops[0].ref, walk.hops[0].packet)


def _count(found: Walk, became: Counter[str]) -> None:
    end, hop, out = found.verdict()
    reason = hop.reason if out is None else out.reason
    tables = len({step.table for _, step in found.steps()})
    became[f"{end}{f': {reason}' if end in (End.DROPPED, End.LOST) else ''}"] += 1
    became["tables applied"] = max(became["tables applied"], tables)


def main() -> None:
    """Run, print what became of the flows, and all disagreements with the switch's trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first world")
    parser.add_argument("--most", type=int, default=10, help="end after so many disagreements")
    options = parser.parse_args()
    became, wrong = run(options.flows, options.seed, most=options.most)
    for what, count in became.most_common():
        print(f"{count:>8}  {what}")
    print(f"{len(wrong):>8}  disagreements")
    for error in wrong:
        print(f"\n{error}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

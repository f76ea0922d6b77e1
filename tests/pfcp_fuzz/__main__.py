"""Fuzzes the PFCP codec and sessions: no message raises anything, and none that is refused changes anything.

    .venv/bin/python -m tests.pfcp_fuzz [--seconds 3600] [--seed 1]

Messages are made of valid ones of three SMFs. What breaks a rule is printed with its octets.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from tests.pfcp_fuzz.node import Node
from tests.pfcp_fuzz.rounds import fuzz

A_ROUND = 2000


def main() -> None:
    """Go on until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each has one of its own")
    options = parser.parse_args()
    end, seed = time.monotonic() + options.seconds, options.seed
    outcomes: Counter[str] = Counter()
    while time.monotonic() < end:
        node = Node()
        fuzz(node, seed, A_ROUND)
        outcomes += node.outcomes
        seed += 1
    print(f"seeds {options.seed} to {seed - 1}, {outcomes.total():,} messages")
    for outcome, count in outcomes.most_common():
        print(f"{count:>12,}  {outcome}")


if __name__ == "__main__":
    main()

"""Look for packets that switches let through together, and no intents allow, for as long as you like.

    .venv/bin/python -m tests.safety [--seconds 3600] [--steps 40]

Each example begins with a fabric of its own; one that fails is made as small as it can be and is printed.
"""

from __future__ import annotations

import argparse
import logging
import time

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import FabricMachine

EXAMPLES = 25
"""In one round: between rounds it is looked at the time."""


def main() -> None:
    """Round after round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--steps", type=int, default=40, help="things that happen in one example")
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # refusals, all of them wanted
    profile = settings(
        max_examples=EXAMPLES,
        stateful_step_count=options.steps,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    until, rounds = time.monotonic() + options.seconds, 0
    while time.monotonic() < until:
        run_state_machine_as_test(FabricMachine, settings=profile)
        rounds += 1
        print(f"{rounds * EXAMPLES} examples, no finding", flush=True)


if __name__ == "__main__":
    main()

"""Fuzzes the API of a whole controller: nothing that is sent may be a fault of it (5xx), and each answer is
as the description says.

    .venv/bin/python -m tests.api_fuzz [--seconds 3600] [--seed 1] [--part described|requests|wire]

* `described`: schemathesis, each operation and sequences of them, from the OpenAPI description
* `requests`: odd bodies, queries, paths and headers, for all roles
* `wire`: what is nearly HTTP, and readers of streams that go away

Parts take turns. What a fault was sent is printed with the seed that sends it again; all faults are counted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.api_fuzz.rounds import PARTS
from tests.api_fuzz.world import Fault, fuzzed

MOST_FAULTS = 20
"""That are told before the run ends."""


def main() -> None:
    """Take turns until the time is over; the exit status is 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each has one of its own")
    parser.add_argument("--part", choices=PARTS, help="only this")
    options = parser.parse_args()
    parts = [options.part] if options.part else list(PARTS)
    end, seed = time.monotonic() + options.seconds, options.seed
    with tempfile.TemporaryDirectory() as folder, fuzzed(Path(folder)) as controller:
        while time.monotonic() < end and len(controller.faults) < MOST_FAULTS:
            for part in parts:
                try:
                    PARTS[part](controller, seed)
                    controller.renew()
                except Fault as fault:
                    controller.faults.append(f"{part}, seed {seed}: {fault}")
                    print(controller.faults[-1], flush=True)
            seed += 1
        try:
            controller.finish()
        except Fault as fault:
            controller.faults.append(str(fault))
            print(fault)
        print(f"seeds {options.seed} to {seed - 1}: {controller.report()}")
        sys.exit(1 if controller.faults else 0)


if __name__ == "__main__":
    main()

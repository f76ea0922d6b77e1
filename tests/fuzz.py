"""All fuzzers under ASan and UBSan, one after the other, with seeds of their own: packets, writes and traces
on each program, broken programs, frames to be cut up, P4Runtime write requests.

    .venv/bin/python -m tests.fuzz [--seconds 3600] [--seed 1]
"""

from __future__ import annotations

import argparse
import sys

from tests.switch.engine.conftest import PROGRAMS
from tests.switch.sanitized import ROOT, run_sanitized

ENGINE, JSON, SERVER = "tests.switch.engine.fuzz", "tests.switch.engine.fuzz_json", "tests.switch.server.fuzz"
SEGMENTS = "tests.switch.engine.fuzz_segments"
SLACK = 900  # seconds that a fuzzer may take longer: to compile, to end


def main() -> None:
    """Share the time out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0, help="all together")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    programs = [
        *(PROGRAMS / f"{name}.json" for name in ("constructs", "deflected", "headers", "profiles", "state")),
        ROOT / "pipelines" / "fabric" / "fabric.json",
    ]
    runs: list[tuple[object, ...]] = [(ENGINE, program) for program in programs]
    runs += [(JSON, program) for program in programs[:-1]]
    runs += [(SEGMENTS,)]
    runs += [(SERVER, name) for name in ("kinds", "signed", "entries", "translated", "hidden", "fabric")]
    share = options.seconds / len(runs)
    for number, (module, *subject) in enumerate(runs):
        seed, shown = options.seed * len(runs) + number, " ".join(map(str, (module, *subject)))
        last = ("sanitize",) if module == SERVER else ()
        try:
            said = run_sanitized(str(module), *subject, share, seed, *last, timeout=share + SLACK)
        except AssertionError as finding:
            sys.exit(f"{shown} {share:.0f} {seed}: {finding}")
        print(f"{shown}, {share:.0f} s, seed {seed}: {said.strip()}", flush=True)
    print("no finding")


if __name__ == "__main__":
    main()

"""A long run: `python -m tests.attacks.fuzz_packets --packets 1000000 --seed 1`."""

from __future__ import annotations

import argparse
import sys

from tests.attacks.fuzz_packets.runner import run


def main() -> None:
    """Run, print what was covered, and every mismatch with its trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first world; every 20,000 packets have a new one"
    )
    parser.add_argument("--most", type=int, default=10, help="end after so many mismatches")
    parser.add_argument("--no-trace", action="store_true", help="do not show the switch's traces")
    options = parser.parse_args()
    result = run(options.packets, options.seed, most=options.most)
    print(result.report())
    for mismatch in result.mismatches:
        print(f"\n{mismatch}")
        if not options.no_trace:
            print(mismatch.trace)
    sys.exit(bool(result.mismatches))


if __name__ == "__main__":
    main()

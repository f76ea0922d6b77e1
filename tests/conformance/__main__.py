"""Runs the packet tests of a folder and tells which passed:

python -m tests.conformance FOLDER --compiler p4c-bm2-ss [--json FOLDER] [--p4info] [--jobs N]
    [--at-least PERCENT]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .report import table
from .runner import Setting, find_tests, run_tests


def main() -> int:
    """Exits with 0 when enough tests pass."""
    parser = argparse.ArgumentParser(prog="tests.conformance", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds *.p4 and *.stf")
    parser.add_argument("--compiler", help="makes bmv2 JSON: p4c-bm2-ss")
    parser.add_argument("--json", type=Path, help="a folder with the programs' JSON instead of a compiler")
    parser.add_argument(
        "--p4info", action="store_true", help="push programs with their P4Info (NAME.p4info.txtpb)"
    )
    parser.add_argument("--pattern", default="*bmv2*.p4", help="which programs (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="tests at once (default: %(default)s)")
    parser.add_argument(
        "--sanitize", action="store_true", help="build with ASan and UBSan (libraries preloaded)"
    )
    parser.add_argument("--at-least", type=float, default=0, help="percent that must pass")
    arguments = parser.parse_args()
    if (arguments.compiler is None) == (arguments.json is None):
        parser.error("one of --compiler and --json is needed")
    programs = find_tests(arguments.folder, arguments.pattern)
    if not programs:
        parser.error(f"{arguments.folder} holds no v1model program with a packet test")
    setting = Setting(arguments.compiler, arguments.json, arguments.sanitize, arguments.p4info)
    results = list(run_tests(programs, setting, arguments.jobs))
    print(table(results))
    passed = sum(one.passed for one in results)
    return 0 if 100 * passed >= arguments.at_least * len(results) else 1


if __name__ == "__main__":
    sys.exit(main())

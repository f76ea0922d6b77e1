"""Runs the solutions of p4lang/tutorials with `make run`, as a student does, on the embedded switch.

    python -m tests.tutorials FOLDER [EXERCISE ...]

FOLDER is a checkout. It is copied, the solutions are put in place, and `make run` gets what an exercise's
README has typed at Mininet's prompt. Needs root, Mininet, p4c-bm2-ss, iperf. Each exercise runs in a network
namespace of its own. Prints a table; the exit status is 0 when all exercises pass.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from p4fabric.pipelines.children import cache_folder
from tests.tutorials.environment import make_path, make_python
from tests.tutorials.exercises import EXERCISES, Exercise

LONGEST = 300
"""Seconds for an exercise."""
_ISOLATED = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c")
_RUN = "mount -t proc none /proc; mount -t sysfs none /sys; ip link set lo up; exec make run"


def run(exercise: Exercise, checkout: Path, path: str, folder: Path, solved: bool = True) -> str:
    """Run one in a folder of its own; what is wrong, or nothing. Unsolved it need only come up."""
    shutil.copytree(checkout, folder, symlinks=True, ignore=shutil.ignore_patterns(".git", "vm*"))
    place = folder / "exercises" / exercise.name
    for file in (place / "solution").iterdir():
        if solved and file.is_file():
            shutil.copy(file, place)
            if file.name == "s1-runtime.json":  # multicast: its solution's entries belong to its topology
                shutil.copy(file, place / "sig-topo")
    try:
        done = subprocess.run(
            (*_ISOLATED, _RUN),
            cwd=place,
            env={**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"},
            input="\n".join((*(exercise.lines if solved else ()), "exit", "")),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired as expired:
        (place / "output.log").write_bytes(expired.stdout or b"")
        return f"not over in {LONGEST} s"
    (place / "output.log").write_text(done.stdout)
    if done.returncode:
        return f"make run: status {done.returncode}"
    try:
        wrong = exercise.judge(done.stdout, place) if solved else ""
    except FileNotFoundError as error:
        wrong = f"{error.filename} is missing"
    if "mininet>" not in done.stdout:
        wrong = "Mininet's prompt does not come"
    if not wrong and not (place / "pcaps" / "s1-eth1_in.pcap").exists():
        wrong = "there are no pcap files"
    return wrong


def main() -> int:
    """Run and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.tutorials")
    parser.add_argument("checkout", type=Path)
    parser.add_argument("exercises", nargs="*", metavar="EXERCISE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the copies and logs there")
    parser.add_argument("--unsolved", action="store_true", help="the skeletons, which need only come up")
    given = parser.parse_args()
    known = {one.name for one in EXERCISES}
    found = {path.name for path in (given.checkout / "exercises").iterdir() if path.is_dir()}
    for name in sorted(found - known):
        print(f"{name:16} is not known here")
    chosen = [one for one in EXERCISES if one.name in (given.exercises or found)]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="tutorials-") as scratch:
        work = given.keep or Path(scratch)
        path = make_path(work / "bin", make_python(cache_folder("tutorials-python")))
        for exercise in chosen:
            begin = time.monotonic()
            wrong = run(exercise, given.checkout, path, work / exercise.name, not given.unsolved)
            failed += bool(wrong)
            seconds = time.monotonic() - begin
            print(
                f"{exercise.name:16} {'FAILED' if wrong else 'passed'} {seconds:4.0f} s  {wrong}", flush=True
            )
    print(f"{len(chosen) - failed} of {len(chosen)} pass")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

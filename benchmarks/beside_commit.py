"""Packets/s of fabric.p4 beside an earlier commit's, in turns: `python -m benchmarks.beside_commit COMMIT`.

Each commit runs its own engine and pipeline on the entries that its own benchmark writes, from memory and
between two veth interfaces; a round measures both, one after the other, so that what else the machine does
meets both alike. Prints each round and the medians of the ratios. Needs root.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_MEASURE = """
import tempfile
from benchmarks import forwarding as f
config = f.load_config((f.ROOT / "pipelines" / "fabric" / "fabric.json").read_bytes())
frame = f.the_frame()
print(f.from_memory(config, frame, {packets}))
with tempfile.TemporaryDirectory() as scratch, f.Wires():
    print(f.through_switch(config, f.build_tool(scratch), frame, {seconds})[0])
"""


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """The sources of a commit of this repository, in a folder of their own."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "before"
        subprocess.run([*git, "add", "--quiet", "--detach", str(place), commit], check=True)
        try:
            yield place
        finally:
            subprocess.run([*git, "remove", "--force", str(place)], check=True)


def measure(sources: Path, packets: int, seconds: float) -> tuple[float, float]:
    """Packets/s from memory, and between interfaces."""
    program = _MEASURE.format(packets=packets, seconds=seconds)
    environment = {**os.environ, "PYTHONPATH": f"{sources}:{sources / 'src'}"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=sources, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    memory, wires = map(float, done.stdout.split())
    return memory, wires


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    ratios: list[tuple[float, float]] = []
    with checkout(options.commit) as before:
        for number in range(options.rounds):
            # Who is first changes from round to round.
            turns = (ROOT, before) if number % 2 else (before, ROOT)
            found = {place: measure(place, options.packets, options.seconds) for place in turns}
            (memory, wires), (memory_before, wires_before) = found[ROOT], found[before]
            ratios.append((memory / memory_before, wires / wires_before))
            print(
                f"round {number + 1}: from memory {memory:,.0f}, before {memory_before:,.0f}, "
                f"ratio {memory / memory_before:.2f}; veth to veth {wires:,.0f}, before {wires_before:,.0f}, "
                f"ratio {wires / wires_before:.2f}"
            )
    by_memory, by_wires = (statistics.median(values) for values in zip(*ratios, strict=True))
    print(f"median ratios: from memory {by_memory:.2f}, veth to veth {by_wires:.2f}")


if __name__ == "__main__":
    main()

"""The failures of this folder, for as long as one likes.

    python -m tests.fabric.failures controller --kills 100 --changes 1000
    python -m tests.fabric.failures switches --kills 20
    python -m tests.fabric.failures channels
    python -m tests.fabric.failures smf --kills 50

It needs root, and makes interfaces: `unshare --net` keeps them from others. Exit status 0: everything holds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .bed import FabricBed
from .controller_kills import KillsSeen, kill_controllers
from .outages import OutagesSeen, Taps, channels_away
from .smf_kills import SmfKillsSeen, free_udp_port, kill_agents
from .switch_kills import RefillsSeen, kill_switches


def _say(words: str) -> None:
    print(words, flush=True)


def _run(options: argparse.Namespace, folder: Path) -> KillsSeen | RefillsSeen | OutagesSeen | SmfKillsSeen:
    if options.what == "channels":
        with Taps() as taps, FabricBed(folder, taps.at) as bed:
            return channels_away(bed, taps)
    if options.what == "smf":
        port = free_udp_port()
        with FabricBed(folder, n4={"listen": f"127.0.0.1:{port}"}) as bed:
            return kill_agents(bed, port, options.kills, options.seed, say=_say)
    with FabricBed(folder) as bed:
        if options.what == "controller":
            return kill_controllers(bed, options.changes, options.kills, options.seed, _say)
        return kill_switches(bed, options.kills, options.seed, _say)


def main() -> int:
    """Read the command line, let things fail, say what became of it."""
    parser = argparse.ArgumentParser(prog="tests.fabric.failures")
    parser.add_argument("what", choices=("controller", "switches", "channels", "smf"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        seen = _run(options, Path(folder))
    load = " ".join(Path("/proc/loadavg").read_text().split()[:3])
    _say(f"{seen}\n{time.monotonic() - started:.0f} s, load of the machine {load}")
    _say("holds" if seen.holds else "DOES NOT HOLD")
    return 0 if seen.holds else 1


if __name__ == "__main__":
    sys.exit(main())

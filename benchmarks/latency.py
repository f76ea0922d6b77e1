"""Microseconds that the embedded switch adds to a packet at low load (fabric.p4, tables filled), and the
processor time that it takes when there is nothing to do. Needs root.

In turns: a cable alone, the switch between two cables, a bare AF_PACKET forwarder in its place. Added is what
is above the cable's own.

    .venv/bin/python -m benchmarks.latency [--packets 2000] [--rounds 5] [--idle 10]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, add_option, save
from benchmarks.forwarding import (
    ROOT,
    SWITCH_CORE,
    Wires,
    build_tool,
    core,
    pinned,
    populate,
    the_frame,
)
from p4fabric.softswitch.engine import LoadedConfig, load_config, open_engine
from p4fabric.softswitch.engine.api import EngineOptions

PAUSE_US = 1000
BUSY_POLL_US = 5000


@dataclass(frozen=True, slots=True)
class Latency:
    """Of many packets, in microseconds."""

    median: float
    p99: float
    lost: int

    def above(self, other: Latency) -> str:
        """What is added to another."""
        return f"median {self.median - other.median:.0f} us, p99 {self.p99 - other.p99:.0f} us"


def build(directory: str) -> str:
    """The tool."""
    tool = f"{directory}/latency"
    source = str(ROOT / "benchmarks" / "latency.c")
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", tool, source], check=True)
    return tool


def measured(tool: str, out: str, into: str, packets: int) -> Latency:
    """One packet at a time from an interface to another."""
    command = [
        "taskset",
        "-c",
        str(core(1)),
        tool,
        out,
        into,
        the_frame().hex(),
        str(packets),
        str(PAUSE_US),
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    every = [int(line) for line in said.split()]
    found = sorted(one / 1000 for one in every if one >= 0)
    return Latency(statistics.median(found), found[len(found) * 99 // 100], len(every) - len(found))


def through_switch(
    config: LoadedConfig, tool: str, packets: int, *, xdp: bool = False, busy_poll_us: int = 0
) -> Latency:
    """By AF_PACKET or AF_XDP; asleep between packets, or looking for the next one."""
    with open_engine(config, EngineOptions(busy_poll_us=busy_poll_us)) as engine:
        populate(engine)
        engine.add_port(1, "ebs1", xdp=xdp)
        engine.add_port(2, "ebs2", xdp=xdp)
        pinned(engine.start)
        return measured(tool, "ebs0", "ebs3", packets)


def through_forwarder(forwarding: str, tool: str, packets: int) -> Latency:
    """Without a pipeline."""
    seconds = packets * (PAUSE_US + 500) / 1e6 + 2
    command = ["taskset", "-c", str(SWITCH_CORE), forwarding, "forward", "ebs1", "ebs2", str(seconds)]
    with subprocess.Popen(command) as forwarder:
        time.sleep(0.2)
        result = measured(tool, "ebs0", "ebs3", packets)
        forwarder.terminate()
        return result


def idle_share(config: LoadedConfig, seconds: float) -> float:
    """Of one core, when no packet comes."""
    with open_engine(config) as engine:
        populate(engine)
        engine.add_port(1, "ebs1")
        engine.add_port(2, "ebs2")
        engine.start()
        time.sleep(1)
        before = time.process_time()
        time.sleep(seconds)
        return (time.process_time() - before) / seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--packets", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=float, default=10.0)
    parser.add_argument("--program", type=Path, default=ROOT / "pipelines" / "fabric" / "fabric.json")
    add_option(parser)
    options = parser.parse_args()
    config = load_config(options.program.read_bytes())
    medians, added, added_busy, beside = [], [], [], []
    with tempfile.TemporaryDirectory() as scratch, Wires():
        tool, forwarding = build(scratch), build_tool(scratch)
        for number in range(options.rounds):
            cable = measured(tool, "ebs0", "ebs1", options.packets)
            switch = through_switch(config, tool, options.packets)
            xdp = through_switch(config, tool, options.packets, xdp=True)
            bare = through_forwarder(forwarding, tool, options.packets)
            busy = through_switch(config, tool, options.packets, busy_poll_us=BUSY_POLL_US)
            medians.append(switch.median - cable.median)
            added.append(switch.p99 - cable.p99)
            beside.append(bare.median / switch.median)
            added_busy.append(busy.p99 - cable.p99)
            print(
                f"round {number + 1}: cable median {cable.median:.0f} us, p99 {cable.p99:.0f} us; "
                f"added by the switch "
                f"{switch.above(cable)} ({switch.lost} lost), by AF_XDP {xdp.above(cable)}, "
                f"with a busy poll {busy.above(cable)}, "
                f"by a bare forwarder {bare.above(cable)}"
            )
        print(
            f"median of the p99 that the switch adds: {statistics.median(added):.0f} us, "
            f"with a busy poll of {BUSY_POLL_US} us {statistics.median(added_busy):.0f} us"
        )
        idle = idle_share(config, options.idle)
        print(f"idle: {idle:.2%} of one core")
    save(
        options.figures,
        [
            Figure("latency.median", "added to a packet, median", "us", medians, less_is_better=True),
            Figure("latency.p99", "added to a packet, p99", "us", added, less_is_better=True),
            Figure("latency.busy_p99", "the same, busy polling, p99", "us", added_busy, less_is_better=True),
            Figure(
                "latency.beside_bare", "a bare forwarder's median beside the switch's", "ratio", beside,
                threshold=0.25,
            ),
            Figure("latency.idle", "of a core when idle", "%", [100 * idle], less_is_better=True),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()

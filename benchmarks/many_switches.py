"""One controller process with many switches: memory, the time to take them over again, and idle work.

The switches are light P4Runtime servers in other processes, over real gRPC; each is a leaf with one network
port, and all hold some hundred entries. The controller runs in a process of its own, started twice: the first
time it fills the switches, the second time it finds them as they should be.

    .venv/bin/python -m benchmarks.many_switches [--switches 1000] [--seconds 120] [--servers 4]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, add_option, print_table, save
from benchmarks.light_switches import address_of, light_switches
from benchmarks.loop_watch import loop_watch, run
from benchmarks.table_writes import processor_seconds, resident
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.descriptors import raise_limit
from p4fabric.controller.fabric import Fabric, running_fabric
from p4fabric.controller.interpreter import set_aside, set_up_interpreter

READY = 900.0
"""Seconds in which all switches are filled, or taken over again."""
WATCHED = 30.0
"""Seconds for which the loop is watched."""
NETWORKS, LEAVES_A_NETWORK = 200, 5


@dataclass(frozen=True, slots=True)
class _Started:
    process: int
    ready: float
    """Seconds from the start until all switches hold what is desired."""
    entries: int
    in_sync: int


def configuration(folder: Path, ports: list[int], switches: int) -> FabricConfig:
    """Leaves, spread over servers."""
    listed = [
        {
            "name": f"leaf{device}",
            "deviceId": device,
            "address": address_of(device, ports[device % len(ports)]),
            "role": "leaf",
            "target": "bmv2",  # they speak no gNMI
            "ports": [500, 501],
        }
        for device in range(1, switches + 1)
    ]
    return FabricConfig.read({"switches": listed}, folder / "fabric.yaml")


def documents(switches: int) -> list[dict[str, Any]]:
    """Networks, each on some leaves, with stated hosts."""
    found = []
    for number in range(NETWORKS):
        attachments = [
            {
                "switch": f"leaf{1 + (number * LEAVES_A_NETWORK + leaf) % switches}",
                "port": 1 + number * LEAVES_A_NETWORK // switches,
                "mac": f"02:00:00:00:{number:02x}:{leaf:02x}",
                "addresses": [f"10.0.0.{10 + leaf}"],
            }
            for leaf in range(LEAVES_A_NETWORK)
        ]
        spec = {"subnets": ["10.0.0.0/24"], "gateways": ["10.0.0.1"], "attachments": attachments}
        found.append({"kind": "Network", "name": "pods", "tenant": f"tenant{number}", "spec": spec})
    return found


def _controller(told: Connection, config: FabricConfig, fill: bool) -> None:
    """A controller that tells when it is ready, and, if asked, how long its loop is blocked while idle."""
    begun = time.perf_counter()
    set_up_interpreter()
    raise_limit()
    run(_run(told, config, fill, begun))


async def _run(told: Connection, config: FabricConfig, fill: bool, begun: float) -> None:
    async with running_fabric(config) as fabric:
        set_aside()
        if fill:
            await fabric.intents.apply(documents(len(config.switches)))
        told.send(await _ready(fabric, begun))
        await _told(told)
        watch = loop_watch()
        await _told(told)
        told.send(watch.take())


async def _told(told: Connection) -> None:
    """Wait for a word, without waking up meanwhile."""
    came, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(told.fileno(), came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(told.fileno())
    told.recv()


async def _ready(fabric: Fabric, begun: float) -> _Started:
    views = fabric.switches
    try:
        async with asyncio.timeout(READY):
            while not all(view.in_sync for view in views):
                await asyncio.sleep(0.25)
                views = fabric.switches
    except TimeoutError:
        pass
    took = time.perf_counter() - begun
    entries = sum(view.desired for view in views)
    return _Started(multiprocessing.current_process().pid or 0, took, entries, sum(v.in_sync for v in views))


@dataclass(frozen=True, slots=True)
class _Idle:
    started: _Started
    processor: float
    """Share of one core, in percent."""
    memory: float
    """MiB at most."""
    blocked: float
    """Milliseconds."""


def controller(config: FabricConfig, *, fill: bool, settle: float, seconds: float) -> _Idle:
    """Run a controller; measure it while it is idle, and then watch its loop."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_controller, args=(theirs, config, fill))
    process.start()
    try:
        started: _Started = ours.recv()
        time.sleep(settle)
        before, begun = processor_seconds(started.process), time.perf_counter()
        time.sleep(seconds)
        used = processor_seconds(started.process) - before
        share = 100 * used / (time.perf_counter() - begun)
        memory = resident(started.process, "VmHWM")
        ours.send("watch")
        time.sleep(min(seconds, WATCHED))
        ours.send("end")
        blocked, _ = ours.recv()
        return _Idle(started, share, memory, 1000 * blocked)
    finally:
        process.terminate()
        process.join()


def measure(switches: int, servers: int, seconds: float) -> list[Figure]:
    """Fill, restart, be idle."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as name:
        running = [stack.enter_context(light_switches()) for _ in range(servers)]
        config = configuration(Path(name), [server.port for server in running], switches)
        first = controller(config, fill=True, settle=0.0, seconds=0.1).started
        print(
            f"{first.in_sync} of {switches} switches filled, {first.entries:,} entries, {first.ready:.1f} s",
            flush=True,
        )
        again = controller(config, fill=False, settle=30.0, seconds=seconds)
    titled = f"{switches:,} switches"
    adopted = float(again.started.in_sync)
    return [
        Figure("many_switches.sessions", f"{titled}: in sync", "1", [adopted], False, limit=float(switches)),
        Figure("many_switches.filled", f"{titled}: filled", "s", [first.ready], True),
        Figure(
            "many_switches.adopted", f"{titled}: taken over", "s", [again.started.ready], True, limit=30.0
        ),
        Figure("many_switches.memory", f"{titled}: memory", "MiB", [again.memory], True, 0.2, 2048.0),
        Figure("many_switches.idle", f"{titled}: one core, idle", "%", [again.processor], True, 0.5, 5.0),
        Figure(
            "many_switches.blocked", f"{titled}: loop blocked, idle", "ms", [again.blocked], True, None, 20.0
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--switches", type=int, default=1000)
    parser.add_argument("--servers", type=int, default=4, help="processes")
    parser.add_argument("--seconds", type=float, default=120.0, help="idle")
    add_option(parser)
    options = parser.parse_args()
    raise_limit()
    figures = measure(options.switches, options.servers, options.seconds)
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()

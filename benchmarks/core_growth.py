"""What one change costs in fabrics of 100 to 50,000 endpoints: a policy, a host that moves, a service.

A controller with its store runs in this process, on 10 leaves and 2 spines that are light P4Runtime servers
in another one. A change takes from the call, of `Fabric.apply` or over REST (a client in a third process),
until its intent is active and all switches are in sync; whoever waits for that is woken, and asks for nothing
before.

    .venv/bin/python -m benchmarks.core_growth [--endpoints 100,1000,10000,50000] [--turns 200]
        [--plot docs/performance/core-growth.svg]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import http.client
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import fabrics, plots
from benchmarks.figures import Figure, add_option, print_table, save
from benchmarks.light_switches import light_switches
from benchmarks.loop_watch import loop_watch, run
from p4fabric.controller.access import Access
from p4fabric.controller.api import create_app, listen, read_token, serve
from p4fabric.controller.fabric import Fabric, IntentState, running_fabric
from p4fabric.controller.fabric.intent_log import Change
from p4fabric.controller.interpreter import set_aside, set_up_interpreter
from p4fabric.controller.names import IntentKey, TenantName

SIZES = (100, 1_000, 10_000, 50_000)
WAYS = ("call", "REST")
POLL = 0.001
"""Seconds between looks whether switches are in sync, should they not be so when the intent is active."""
WARM_UP = 20
"""Turns before those that are measured."""
COUNTED = 20
"""Changes of each kind whose function calls are counted."""
READY = 600.0
"""Seconds in which the largest fabric is written to all switches."""


@dataclass(slots=True)
class Samples:
    """Seconds, of each change of one kind."""

    took: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    """Used by the controller's process meanwhile."""
    blocked: list[float] = field(default_factory=list)
    calls: float = 0.0
    """Function calls of the loop's thread for one change: the same on a busy machine as on an idle one."""

    def quantile(self, share: float) -> float:
        """Of the times taken."""
        ordered = sorted(self.took)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


Measured = dict[tuple[str, str, int], Samples]
"""By way, kind of change, and endpoints."""


class Acknowledgements:
    """Wakes up who waits until an intent is active, and every switch holds exactly what is desired."""

    def __init__(self, fabric: Fabric) -> None:
        """Make it."""
        self._fabric = fabric
        self._key: IntentKey | None = None
        self._changed = asyncio.Event()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Be told of changes meanwhile."""
        self._fabric.intents.log.follow(self._note)
        try:
            yield
        finally:
            self._fabric.intents.log.leave(self._note)

    def _note(self, changes: Sequence[Change]) -> None:
        if any(change.key == self._key for change in changes):
            self._changed.set()

    async def of(self, key: IntentKey) -> None:
        """Wait until an intent is active, and all switches are in sync."""
        self._key = key
        while (view := self._fabric.intents.get(key)) is None or view.status.state is not IntentState.ACTIVE:
            self._changed.clear()
            await self._changed.wait()
        while not all(switch.in_sync for switch in self._fabric.switches):  # noqa: ASYNC110
            await asyncio.sleep(POLL)


async def until_ready(fabric: Fabric) -> None:
    """Wait until every switch holds all."""
    async with asyncio.timeout(READY):
        while not all(switch.in_sync for switch in fabric.switches):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def key_of(document: dict[str, Any]) -> IntentKey:
    """The key of a document's intent."""
    return IntentKey(document["kind"], TenantName(document["tenant"]), document["name"])


async def by_call(fabric: Fabric, told: Acknowledgements, document: dict[str, Any]) -> float:
    """Seconds of one change."""
    begun = time.perf_counter()
    await fabric.intents.apply([document])
    await told.of(key_of(document))
    return time.perf_counter() - begun


def _client(orders: Connection, port: int, token: str) -> None:
    """A REST client: posts what it is given; tells when it posted, by the clock that processes share."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    while (document := orders.recv()) is not None:
        body = json.dumps(document)
        begun = time.clock_gettime(time.CLOCK_MONOTONIC)
        connection.request("POST", "/api/v1/intents", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        orders.send((begun, answer.status, text[:500]))


class RestClient:
    """A client in another process, which sends one document after another."""

    def __init__(self, port: int, token: str) -> None:
        """Start it."""
        self._orders, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_client, args=(theirs, port, token), daemon=True)
        self._process.start()

    async def change(self, told: Acknowledgements, document: dict[str, Any]) -> float:
        """Seconds of one change, from the request until it is acknowledged."""
        answered, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._orders.fileno(), answered.set)
        try:
            self._orders.send(document)
            await answered.wait()
        finally:
            loop.remove_reader(self._orders.fileno())
        begun, status, text = self._orders.recv()
        if status not in (200, 201):
            raise SystemExit(f"the API answered {status}: {text!r}")
        await told.of(key_of(document))
        return float(time.clock_gettime(time.CLOCK_MONOTONIC) - begun)

    def close(self) -> None:
        """End it."""
        self._orders.send(None)
        self._process.join()


async def measure_one(fabric: Fabric, rest: RestClient, endpoints: int, turns: int) -> Measured:
    """All kinds of change, both ways, in turns."""
    found: Measured = {(way, kind, endpoints): Samples() for way in WAYS for kind in fabrics.CHANGES}
    watch, told = loop_watch(), Acknowledgements(fabric)
    with told.following():
        for turn in range(1, 2 * (turns + WARM_UP) + 1):
            way = WAYS[turn // 2 % 2]
            for kind, make in fabrics.CHANGES.items():
                document = make(turn)
                watch.take()
                used = time.process_time()
                if way == "call":
                    took = await by_call(fabric, told, document)
                else:
                    took = await rest.change(told, document)
                used = time.process_time() - used
                if turn > 2 * WARM_UP:
                    samples = found[way, kind, endpoints]
                    samples.took.append(took)
                    samples.processor.append(used)
                    samples.blocked.append(watch.take()[0])
        for kind, make in fabrics.CHANGES.items():
            found["call", kind, endpoints].calls = await calls_of(fabric, told, make)
    return found


async def calls_of(fabric: Fabric, told: Acknowledgements, make: Callable[[int], dict[str, Any]]) -> float:
    """Function calls of the loop's thread for one change."""
    profile = cProfile.Profile()
    profile.enable()
    for turn in range(1, COUNTED + 1):
        await by_call(fabric, told, make(turn))
    profile.disable()
    return sum(one.callcount for one in profile.getstats()) / COUNTED


async def measure(endpoints: int, turns: int, folder: Path) -> Measured:
    """One fabric."""
    with light_switches(fabrics.CABLES) as switches:
        config = fabrics.configuration(folder, switches)
        await fabrics.fill(config.store.path, endpoints)
        token, stop = read_token(config.api.token_file), asyncio.Event()
        with listen(config.api) as listener:
            begun = time.perf_counter()
            async with running_fabric(config) as fabric, asyncio.TaskGroup() as tasks:
                await until_ready(fabric)
                wanted = sum(switch.desired for switch in fabric.switches)
                took = time.perf_counter() - begun
                print(
                    f"{endpoints:,} endpoints: {wanted:,} entries written {took:.1f} s after the start",
                    flush=True,
                )
                set_aside()
                access = await Access.load(config, fabric.store, token)
                tasks.create_task(
                    serve(create_app(fabric, access), config.api, listener, stop, fabric.end_streams)
                )
                rest = RestClient(listener.getsockname()[1], token)
                try:
                    return await measure_one(fabric, rest, endpoints, turns)
                finally:
                    rest.close()
                    stop.set()


def figures_of(measured: Measured, sizes: Sequence[int]) -> list[Figure]:
    """The figures, and what they are to reach."""
    found: list[Figure] = []
    for way in WAYS:
        for kind in fabrics.CHANGES:
            for size in sizes:
                samples = measured[way, kind, size]
                name, title = f"core_growth.{way}.{kind}.{size}", f"{kind}, by {way}, of {size:,} endpoints"
                p50, p99 = (1000 * samples.quantile(share) for share in (0.5, 0.99))
                limits = (20.0, 50.0) if size == 10_000 else (None, None)
                found.append(Figure(f"{name}.p50", f"{title}: p50", "ms", [p50], True, limit=limits[0]))
                found.append(Figure(f"{name}.p99", f"{title}: p99", "ms", [p99], True, limit=limits[1]))
                used = [1000 * statistics.median(samples.processor)]
                found.append(Figure(f"{name}.cpu", f"{title}: processor time", "ms", used, True))
                if samples.calls:
                    counted = [samples.calls]
                    found.append(Figure(f"{name}.calls", f"{title}: function calls", "1", counted, True, 0.1))
    for way in WAYS:
        for kind in fabrics.CHANGES:
            small, large = measured[way, kind, sizes[0]], measured[way, kind, sizes[-1]]
            title = f"{kind}, by {way}: growth from {sizes[0]:,} to {sizes[-1]:,} endpoints"
            growth = large.quantile(0.5) / small.quantile(0.5)
            name = f"core_growth.{way}.{kind}.growth"
            found.append(Figure(name, title, "ratio", [growth], True, 0.5, 2.0))
            cpu = statistics.median(large.processor) / statistics.median(small.processor)
            found.append(Figure(f"{name}_cpu", f"{title}, in processor time", "ratio", [cpu], True, 0.5, 2.0))
            if small.calls:
                calls = large.calls / small.calls
                title = f"{title}, in function calls"
                found.append(Figure(f"{name}_calls", title, "ratio", [calls], True, 0.5, 2.0))
    blocked = [1000 * max(samples.blocked) for samples in measured.values()]
    title = "the loop was blocked, at worst in each series"
    found.append(Figure("core_growth.blocked", title, "ms", [max(blocked)], True, limit=20.0))
    return found


def plot(measured: Measured, sizes: Sequence[int]) -> str:
    """The medians over the sizes, as SVG."""
    points = {
        f"{kind}, {quantile}": [(size, 1000 * measured["call", kind, size].quantile(share)) for size in sizes]
        for quantile, share in (("p50", 0.5),)
        for kind in fabrics.CHANGES
    }
    title = "One change, until all switches have acknowledged it"
    return plots.curves(title, "endpoints in the fabric", "ms", points)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--endpoints", default=",".join(map(str, SIZES)), help="sizes, the smallest first")
    parser.add_argument("--turns", type=int, default=200, help="changes of each kind, each way")
    parser.add_argument("--plot", type=Path, help="where to draw the medians, as SVG")
    add_option(parser)
    options = parser.parse_args()
    set_up_interpreter()
    sizes = [int(word) for word in options.endpoints.split(",")]
    measured: Measured = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measured |= run(measure(size, options.turns, Path(folder)))
    figures = figures_of(measured, sizes)
    print_table(figures)
    if options.plot is not None:
        options.plot.write_text(plot(measured, sizes))
    save(options.figures, figures)


if __name__ == "__main__":
    main()

"""What a change of one entry costs on a switch that holds few entries and many, and what an audit costs.

An embedded switch in a process of its own; a session and a reconciler in this one. Growth is what counts:
a change must cost the same however much stands beside it. An audit reads a switch of 100 entries that
nobody has changed; its cost gives the share of a core that 1,000 such switches take, each audited at the
default interval.

    nice .venv/bin/python -m benchmarks.reconcile [--entries 1000 10000 60000] [--changes 200]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.figures import Figure, add_option, save
from benchmarks.table_writes import switch
from p4fabric.controller.compiler.delta import SwitchDelta
from p4fabric.controller.fabric.pipeline import fabric_pipeline
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import Endpoint, Phase, SwitchSession
from p4fabric.controller.p4runtime.state import PacketIn, SessionState
from p4fabric.controller.reconcile.barrier import Barrier
from p4fabric.controller.reconcile.progress import Progress
from p4fabric.controller.reconcile.session import Timing
from p4fabric.controller.reconcile.switch_reconciler import Reconciler
from p4fabric.controller.targets import Softswitch
from p4fabric.pipelines.entities import DigestMessage, Entity, EntityKey
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.values import MacAddress, Port, VlanId

FIRST_MAC = 0x020000000000
SWITCHES = 1000
ENTRIES_AUDITED = 100


def entry(number: int, port: int = 1) -> Entity:
    """One of many entries of `bridging`."""
    return b.Bridging(VlanId(1 + number % 4000), MacAddress(FIRST_MAC + number), b.ToPort(Port(port)))


class Deaf:
    """A session's listener that has no use for what a switch says."""

    def state_changed(self, switch: SwitchName, state: SessionState) -> None:
        """Nothing."""

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        """Nothing."""

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        """Nothing."""

    async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
        """Nothing."""

    async def digests(self, switch: SwitchName, messages: Sequence[DigestMessage]) -> None:
        """Nothing."""


class Reports:
    """Waits for a key to be reported as installed."""

    def __init__(self) -> None:
        self._wanted: EntityKey | None = None
        self._found = asyncio.Event()
        self.in_sync = asyncio.Event()

    def __call__(self, progress: Progress) -> None:
        """Take a report."""
        if self._wanted in progress.installed:
            self._found.set()
        if progress.summary.in_sync:
            self.in_sync.set()

    def expect(self, key: EntityKey) -> asyncio.Event:
        """Set when the key is reported next."""
        self._wanted = key
        self._found.clear()
        return self._found


@asynccontextmanager
async def reconciled(address: str, entries: int) -> AsyncIterator[tuple[SwitchSession, Reconciler, Reports]]:
    """A switch that holds so many entries, all of them acknowledged."""
    target = Softswitch()
    pipeline = fabric_pipeline(target)
    endpoint = Endpoint(SwitchName("leaf1"), 1, address)
    session = SwitchSession(endpoint, target, pipeline, Deaf(), election_id=time.time_ns())
    reports = Reports()
    reconciler = Reconciler(session, FabricRules(), Barrier(), reports, timing=Timing(audit=3600.0))
    running = [asyncio.ensure_future(session.run()), asyncio.ensure_future(reconciler.run())]
    await session.wait_until(lambda state: state.phase is Phase.PRIMARY)
    reconciler.begin({one.key: one for one in map(entry, range(entries))}, 1)
    await reports.in_sync.wait()
    try:
        yield session, reconciler, reports
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changes of one entry took."""

    entries: int
    filling: float
    """Seconds until all entries stood."""
    milliseconds: list[float]
    """From each change to its acknowledgement."""
    processor: float
    """Milliseconds of this process for one change."""


async def change_one_by_one(address: str, entries: int, changes: int) -> Changes:
    """Fill a switch, then change one entry after the other."""
    begin = time.perf_counter()
    async with reconciled(address, entries) as (_, reconciler, reports):
        filling = time.perf_counter() - begin
        gc.collect()
        gc.freeze()
        took: list[float] = []
        used = time.process_time()
        for number in range(changes):
            changed = entry(number * 7919 % entries, 2 + number % 400)
            installed = reports.expect(changed.key)
            begin = time.perf_counter()
            reconciler.change(SwitchDelta(2 + number, {changed.key: changed}, ()))
            await installed.wait()
            took.append((time.perf_counter() - begin) * 1000)
        processor = (time.process_time() - used) / changes * 1000
    return Changes(entries, filling, took, processor)


async def audit_again_and_again(address: str, audits: int) -> float:
    """Processor seconds that an audit of an unchanged switch takes here."""
    async with reconciled(address, ENTRIES_AUDITED) as (session, _, _):
        result = await session.read()
        result = await session.read()  # the first one asked table by table
        used = time.process_time()
        for _ in range(audits):
            assert await session.read_if_changed(result.digest) is None
        return (time.process_time() - used) / audits


async def measure(sizes: Sequence[int], changes: int) -> tuple[list[Changes], float]:
    """Changes at each size, and the processor seconds of an audit."""
    results: list[Changes] = []
    for entries in sizes:
        with switch() as (_, address):
            result = await change_one_by_one(address, entries, changes)
        results.append(result)
        median, worst = statistics.median(result.milliseconds), sorted(result.milliseconds)[-2]
        print(
            f"{entries:>7,} entries: filled in {result.filling:.2f} s; a change: {median:.2f} ms, all but "
            f"one of {changes} within {worst:.2f} ms, {result.processor:.2f} ms of processor"
        )
    with switch() as (_, address):
        return results, await audit_again_and_again(address, 500)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, nargs="+", default=[1000, 10_000, 60_000])
    parser.add_argument("--changes", type=int, default=200)
    add_option(parser)
    options = parser.parse_args()
    results, audit = asyncio.run(measure(options.entries, options.changes))
    fewest, most = results[0], results[-1]
    growth = statistics.median(most.milliseconds) / statistics.median(fewest.milliseconds)
    processor = most.processor / fewest.processor
    span = f"{fewest.entries:,} to {most.entries:,}"
    print(f"growth from {span}: time {growth:.2f}, processor {processor:.2f}")
    interval = Timing().audit
    print(
        f"an audit of {ENTRIES_AUDITED} entries: {audit * 1000:.2f} ms of processor; {SWITCHES:,} of them "
        f"every {interval:g} s: {audit * SWITCHES / interval:.1%} of a core"
    )
    save(
        options.figures,
        [
            Figure("reconcile.change", "A change of one entry", "ms", most.milliseconds, True),
            Figure("reconcile.growth", "Its growth with the entries", "ratio", [growth], True, 0.5),
            Figure("reconcile.audit", "An audit of 100 entries", "ms", [audit * 1000], True, 0.5),
        ],
    )


if __name__ == "__main__":
    main()

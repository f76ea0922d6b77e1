"""What telemetry costs where there is much of everything: counters of sessions, metrics, congestion, events.

A P4Runtime server in another process answers reads of two tables with counters of all sessions, as a leaf
with all of them would; it does nothing else, so what is measured is the controller's side. Each part is
measured with few and with many of its things, and printed as the growth of what one of them costs.

    .venv/bin/python -m benchmarks.telemetry [--sessions 100000] [--queues 4000] [--figures FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
from finsy.proto import p4r, p4r_grpc

from benchmarks.figures import Figure, add_option, save
from p4fabric.controller.fabric.announcements import StatusAnnouncements
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.p4runtime.counter_reads import read_counters
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.severity import Severity
from p4fabric.controller.status import IntentState, IntentStatus
from p4fabric.controller.telemetry.bus import EventBus
from p4fabric.controller.telemetry.collector import Collector, CollectorSettings
from p4fabric.controller.telemetry.congestion import CongestionMonitor
from p4fabric.controller.telemetry.congestion_series import CongestionSeries
from p4fabric.controller.telemetry.counters import CounterTotals, Sample, Source
from p4fabric.controller.telemetry.flow import Flow, FlowId
from p4fabric.controller.telemetry.incidents import IncidentMachine, PacketEvidence
from p4fabric.controller.telemetry.intent_series import IntentSeries
from p4fabric.controller.telemetry.metrics import Metrics
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.queue_maxima import QueueMaxima
from p4fabric.pipelines.entities import TableEntry
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import (
    IpProtocol,
    IPv4Address,
    L4Port,
    Port,
    Qfi,
    Teid,
    TunnelPeerId,
    VrfId,
)

LEAF = SwitchName("leaf1")
N3, GNB = IPv4Address("10.0.1.200"), IPv4Address("10.0.1.3")
FIRST_UE = int(IPv4Address("10.45.0.0"))
_A_MESSAGE = 1000
_ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
LEAST_INTERVAL = 5.0


def entries_of(session: int) -> tuple[TableEntry, TableEntry]:
    """What a session has on a leaf: uplink and downlink."""
    address = IPv4Address(FIRST_UE + session)
    uplink = b.UpfUplinkSessions(N3, GNB, Teid(session + 1), address, b.Decapsulate(VrfId(1)))
    downlink = b.UpfDownlinkSessions(
        VrfId(1), address, b.Encapsulate(TunnelPeerId(1), Teid(session + 1), Qfi(9))
    )
    return uplink, downlink


class CountingSwitch(p4r_grpc.P4RuntimeServicer):
    """Answers reads of a table's counters with what was prepared; counts nothing further."""

    def __init__(self, sessions: int) -> None:
        self._answers: dict[int, list[p4r.ReadResponse]] = {}
        for session in range(sessions):
            for entry in entries_of(session):
                messages = self._answers.setdefault(entry.TABLE_ID, [])
                if not messages or len(messages[-1].entities) == _A_MESSAGE:
                    messages.append(p4r.ReadResponse())
                counter = messages[-1].entities.add().direct_counter_entry
                counter.table_entry.CopyFrom(entry.encode_key())
                counter.data.packet_count, counter.data.byte_count = session, 100 * session

    async def Read(self, request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
        """All of the table."""
        for entity in request.entities:
            for message in self._answers[entity.direct_counter_entry.table_entry.table_id]:
                yield message


async def _serve(sessions: int, told: Connection) -> None:
    server = grpc.aio.server(options=_ANY_SIZE)
    p4r_grpc.add_P4RuntimeServicer_to_server(CountingSwitch(sessions), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    told.send(port)
    await server.wait_for_termination()


def _run_server(sessions: int, told: Connection) -> None:
    asyncio.run(_serve(sessions, told))


@contextmanager
def counting_switch(sessions: int) -> Iterator[str]:
    """A server in a process of its own; its address."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run_server, args=(sessions, there))
    process.start()
    try:
        yield f"127.0.0.1:{here.recv()}"
    finally:
        process.kill()
        process.join()


@dataclass
class Loop:
    """For how long the event loop was kept from others, in time of a core: others use the machine too."""

    longest: float = 0.0


@asynccontextmanager
async def watched() -> AsyncIterator[Loop]:
    """Look at the event loop every millisecond while the body runs."""
    found = Loop()

    async def look() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            found.longest = max(found.longest, time.thread_time() - before)

    looking = asyncio.create_task(look())
    await asyncio.sleep(0)
    try:
        yield found
    finally:
        looking.cancel()


def session_key(session: int) -> IntentKey:
    """Of one of ten tenants."""
    return IntentKey("UpfSession", TenantName(f"tenant{session % 10}"), f"ue-{session}")


def totals_of(sessions: int) -> CounterTotals:
    """All sessions' entries, wanted of one leaf."""
    totals = CounterTotals()
    for session in range(sessions):
        uplink, downlink = entries_of(session)
        totals.replace(
            session_key(session), [Source("uplink", LEAF, uplink), Source("downlink", LEAF, downlink)]
        )
    return totals


@dataclass(frozen=True)
class Read:
    """One read of all counters."""

    took: float
    cpu: float
    """Seconds of this process: others use the machine too."""
    blocked: float


async def read_all(address: str, totals: CounterTotals, turns: int) -> list[Read]:
    """Read all counters a few times; the first time, keys are encoded as well."""
    reads = []
    async with grpc.aio.insecure_channel(address, _ANY_SIZE) as channel:
        stub = p4r_grpc.P4RuntimeStub(channel)
        for turn in range(turns):
            sample = Sample(LEAF, 1, float(turn))

            def take(key: Any, packets: int, octets: int, sample: Sample = sample) -> None:
                totals.take(sample, key, packets, octets, sample.asked_at + 0.5)

            async with watched() as loop:
                started, cpu = time.perf_counter(), time.process_time()
                await read_counters(stub, 1, totals.wanted(LEAF), take, missing=(), timeout=60)
                took, cpu = time.perf_counter() - started, time.process_time() - cpu
                reads.append(Read(took, cpu, loop.longest))
    return reads


async def counters(sessions: int) -> Iterator[Figure]:
    """Reads of all sessions' counters of one switch."""
    microseconds = {}
    for number in (sessions // 10, sessions):
        with counting_switch(number) as address:
            started = time.process_time()
            totals = totals_of(number)
            made = time.process_time() - started
            first, *later = await read_all(address, totals, 4)
        best = min(later, key=lambda read: read.cpu)
        microseconds[number] = best.cpu / number / 2 * 1e6
        pause = max(LEAST_INTERVAL, best.took / 0.05 - best.took)
        print(
            f"{number:>9,} sessions: {2 * number:,} counters in {best.took:.2f} s, with {best.cpu:.2f} s of "
            f"a core, {microseconds[number]:.1f} us each; the loop is never blocked for longer than "
            f"{1e3 * best.blocked:.0f} ms; read every {best.took + pause:.0f} s; the first read takes "
            f"{first.cpu:.2f} s of a core, and to be told what counts {made:.2f} s"
        )
    few, many = microseconds.values()
    print(f"          growth of what a counter costs: {many / few:.2f}")
    return iter(
        [
            Figure("telemetry.counter", "Reading a counter of a session", "us", [many], less_is_better=True),
            Figure(
                "telemetry.counter_growth", "… at ten times the sessions", "ratio", [many / few], True, 0.5
            ),
        ]
    )


def no_incidents() -> Any:
    """A fabric that takes no reports."""
    collector = Collector(CollectorSettings({}), lambda switch, group, arrived: None)
    machine = IncidentMachine(lambda turn, incident: None, clock=collector.clock)
    return SimpleNamespace(
        is_listening=False, collector=collector, machine=machine, began=0, export_failures=None
    )


def view_of(totals: CounterTotals, series: IntentSeries) -> Any:
    """A fabric that has nothing but intents."""
    return SimpleNamespace(
        ports=PortCounts([LEAF]), events_lost={}, events_published={}, links_up=0, hosts_known=0,
        switch_figures=lambda: (), intents_by_state=lambda: {("UpfSession", "active"): 1},
        intent_counts=lambda: ((key, totals.counts(key)) for key in series),
        tenant_counts=totals.tallies, drops=lambda: (),
        intents_without_series=series.waiting, counter_intervals={},
        status=lambda: SimpleNamespace(severity=Severity.OK, links_expected=0, links_found=0, switches=()),
        watches=lambda: (), congestion_series=CongestionSeries(), now=0.0,
        maxima=QueueMaxima(), incidents=no_incidents(), balances=lambda: (),
        peer_of=lambda port: None, drains=dict,
    )  # fmt: skip


async def scraped(metrics: Metrics) -> tuple[bytes, float, float]:
    """The page, seconds of a core that it takes, and for how long the loop is blocked; the best of three."""
    took, blocked = [], []
    for _ in range(3):
        async with watched() as loop:
            started = time.process_time()
            page = await metrics.page()
            took.append(time.process_time() - started)
            blocked.append(loop.longest)
    return page, min(took), min(blocked)


async def scrapes(sessions: int) -> Iterator[Figure]:
    """Pages of metrics beside few and many sessions."""
    seconds = {}
    for number in (sessions // 100, sessions):
        totals, series = totals_of(number), IntentSeries(["FirewallPolicy", "Service"], 2000)
        for session in range(number):
            series.put(session_key(session), 2)
        for policy in range(3000):
            key = IntentKey("FirewallPolicy", TenantName("tenant1"), f"policy-{policy}")
            totals.replace(key, [Source("rule", LEAF, entries_of(number + policy)[0])])
            series.put(key, totals.labels(key))
        page, took, blocked = await scraped(Metrics(view_of(totals, series)))
        seconds[number] = took
        print(
            f"{number:>9,} sessions: a scrape of {len(page) >> 10:,} KiB with {1e3 * took:.0f} ms of a "
            f"core, the loop never blocked for longer than {1e3 * blocked:.0f} ms"
        )
    few, many = seconds.values()
    print(f"          growth of a scrape: {many / few:.2f}")
    return iter(
        [
            Figure(
                "telemetry.scrape_growth",
                "A scrape, at 100 times the sessions",
                "ratio",
                [many / few],
                True,
                0.5,
            )
        ]
    )


def congestion(queues: int) -> Iterator[Figure]:
    """Reports of few and many congested queues at once."""
    microseconds = {}
    for number in (queues // 100, queues):
        monitor = CongestionMonitor(lambda turn, episode: None, clear_after=lambda queue: 1.0)
        found = [Queue(PortRef(SwitchName(f"leaf{n // 500}"), Port(1 + n % 500)), 0) for n in range(number)]
        flow = FlowId(1, Flow(IpProtocol(6), N3, GNB, L4Port(1), L4Port(80)))
        packets = [PacketEvidence(queue, 0, flow, wait_ns=900_000, depth=40) for queue in found]
        reports = max(20_000, 5 * number)
        started = time.process_time()
        for turn in range(reports):
            monitor.report(packets[turn % number], turn * 1e-4)
        microseconds[number] = (time.process_time() - started) / reports * 1e6
        print(f"{number:>9,} congested queues: {microseconds[number]:.1f} us a report")
    few, many = microseconds.values()
    print(f"          growth of a report: {many / few:.2f}")
    yield Figure(
        "telemetry.congestion_growth", "A report, at 100 times the queues", "ratio", [many / few], True, 0.5
    )


async def flaps(intents: int) -> Iterator[Figure]:
    """A switch goes and comes back, and all intents with it."""
    bus = EventBus()
    announcements = StatusAnnouncements(bus.publish)
    keys = [session_key(number) for number in range(intents)]
    away = Reason(Code.SWITCH_DISCONNECTED, f"{LEAF} is not connected", switch=LEAF)
    states: list[tuple[IntentState, tuple[Reason, ...]]] = [
        (IntentState.ACTIVE, ()),
        (IntentState.DEGRADED, (away,)),
    ]
    with bus.subscribe() as reader:
        async with watched() as loop:
            for turn in range(5):
                state, reasons = states[turn % 2]
                for number, key in enumerate(keys):
                    announcements.changed(key, IntentStatus(state, 1, reasons))
                    if number % 1000 == 999:
                        await asyncio.sleep(0)
                await asyncio.sleep(1.5)
        events = reader.take()
    print(
        f"{intents:>9,} intents that change five times: {len(events)} events, the loop never blocked for "
        f"longer than {1e3 * loop.longest:.0f} ms"
    )
    return iter(
        [
            Figure(
                "telemetry.flap_events",
                "Events of five changes of all intents",
                "events",
                [len(events)],
                True,
            )
        ]
    )


async def measure(sessions: int, queues: int) -> list[Figure]:
    """Everything, one after another."""
    figures = [*await counters(sessions), *await scrapes(sessions), *congestion(queues)]
    return [*figures, *await flaps(6000)]


def main(figures: Path | None, sessions: int, queues: int) -> None:
    """Measure, print, and save."""
    save(figures, asyncio.run(measure(sessions, queues)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=100_000, help="PDU sessions of one leaf")
    parser.add_argument("--queues", type=int, default=4000, help="queues that are congested at once")
    add_option(parser)
    options = parser.parse_args()
    main(options.figures, options.sessions, options.queues)

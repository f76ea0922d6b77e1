"""What reports of switches cost the controller: taken from a socket, made incidents of, and kept as series.

Reports of congested queues come in datagrams of one report and of ten. First they are given to the collector
directly, with all that follows: series, incidents, events. Then another process sends them to a socket at a
steady rate. The time is that of this process's core, so what else the machine does counts little.

    .venv/bin/python -m benchmarks.collector [--reports 200000] [--rate 20000] [--seconds 5] [--figures FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import time
import tracemalloc
from collections.abc import Iterator
from ipaddress import IPv4Address
from multiprocessing.synchronize import Event

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from benchmarks.figures import Figure, add_option, print_table, save
from p4fabric.controller.fabric.incident_service import IncidentService
from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.bus import EventBus
from p4fabric.controller.telemetry.collector import open_endpoint
from p4fabric.controller.telemetry.incidents import FlowNames, Thresholds
from p4fabric.controller.telemetry.reports import (
    Bin,
    FlowReport,
    FlowWords,
    Inner,
    Origin,
    ReportGroup,
    Role,
    Window,
    encode,
)
from p4fabric.controller.telemetry.series import QueueSeries
from p4fabric.controller.telemetry_config import ReportsConfig

NODES = {node: SwitchName(f"leaf{node}") for node in range(1, 5)}
QUEUES = 16
"""That are congested at once, over all switches."""
FLOWS = 32
"""Of each queue; a quarter of them are culprits."""
MS = 1_000_000


def datagrams(count: int, together: int) -> Iterator[bytes]:
    """Datagrams of so many reports each, as sixteen congested queues cause them; they begin now."""
    frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    inners = []
    for flow in range(FLOWS):
        packet = IP(src=str(IPv4Address("10.0.1.0") + flow), dst="10.0.2.1") / UDP(
            sport=40000 + flow, dport=5001
        )
        inners.append(Inner(3, bytes(frame / packet)[:128]))
    sequences = dict.fromkeys(NODES, 0)
    for number in range(count):
        node = number % len(NODES) + 1
        reports = []
        for index in range(together):
            sent = number * together + index
            at = sent * 50_000
            culprit = sent % 4 == 0
            words = FlowWords(Role.CULPRIT if culprit else Role.VICTIM, 100, 9000 if culprit else 300, 60_000)
            reports.append(
                FlowReport(
                    1,
                    sent // len(NODES) % (QUEUES // len(NODES)),
                    6000 + sent % 1000,
                    0,
                    40 + sent % 20,
                    None,
                    at,
                    words,
                    Window(at // MS, 10),
                    0,
                    inners[sent * 7 % FLOWS],
                    congested=True,
                )
            )
        yield encode(ReportGroup(node, Origin.EGRESS, sequences[node] & 0x3FFFFF, tuple(reports)))
        sequences[node] += 1


def service() -> IncidentService:
    """As a controller has it; nobody follows events."""
    bus = EventBus()
    return IncidentService(
        ReportsConfig.model_validate({"listen": "127.0.0.1:0"}),
        NODES,
        bus.publish,
        congested=lambda packet: None,
        thresholds=lambda queue: Thresholds.of(5 * MS, 32),
        report_interval=lambda queue: 0.0,
        name=lambda flow, queue: FlowNames(),
    )


def taken(reports: int, together: int) -> float:
    """Reports a second of a core, without a socket."""
    incidents = service()
    ready = list(datagrams(reports // together, together))
    collector, machine = incidents.collector, incidents.machine
    arrived, next_look = time.time_ns(), 0
    begun = time.process_time()
    for number, datagram in enumerate(ready):
        now = arrived + number * together * 50_000
        collector.take(datagram, "192.0.2.1", now)
        if now >= next_look:
            machine.advance(now)
            next_look = now + 50 * MS
    spent = time.process_time() - begun
    assert sum(one.reports for one in collector.nodes.values()) == len(ready) * together
    return len(ready) * together / spent


def _send(address: tuple[str, int], rate: int, seconds: float, together: int, ready: Event) -> None:
    """Sends at a steady rate."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        each, sent = list(datagrams(int(rate * seconds) // together, together)), 0
        ready.set()
        begun = time.monotonic()
        while sent < len(each):
            due = min(len(each), int((time.monotonic() - begun) * rate / together) + 1)
            for datagram in each[sent:due]:
                sender.sendto(datagram, address)
            sent = due
            time.sleep(0.001)


async def received(rate: int, seconds: float, together: int) -> tuple[float, float]:
    """The share of a core that so many reports a second take, and the share of them that is lost."""
    incidents = service()
    async with open_endpoint(incidents.settings, incidents.collector) as address:
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        process = context.Process(target=_send, args=(address, rate, seconds, together, ready))
        follower = asyncio.create_task(incidents._follow())
        process.start()
        await asyncio.to_thread(ready.wait)
        begun, used = time.monotonic(), time.process_time()
        await asyncio.to_thread(process.join)
        took, cpu = time.monotonic() - begun, time.process_time() - used
        follower.cancel()
    figures = incidents.collector.nodes.values()
    heard, lost = sum(one.received for one in figures), sum(one.lost for one in figures)
    return cpu / took, lost / (heard + lost)


def memory() -> tuple[float, float]:
    """MiB of a queue that is full to the brim, and of one that had a burst of 100 ms each minute of a day."""

    def grown(bins: Iterator[int]) -> float:
        tracemalloc.start()
        series = QueueSeries()
        for ms in bins:
            series.add(Bin(ms * MS, ms % 64, 5, 100_000, 10, 15_000, 0))
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert next(iter(series.points(0, 1, 1))) is not None
        return size / (1 << 20)

    day = 24 * 3600 * 1000
    full = grown(iter([*range(0, day - 60_000, 1000), *range(day - 60_000, day)]))
    return full, grown(iter([minute * 60_000 + ms for minute in range(24 * 60) for ms in range(100)]))


def query() -> float:
    """Milliseconds for a minute by milliseconds in 600 steps."""
    series = QueueSeries()
    for ms in range(60_000):
        series.add(Bin(ms * MS, ms % 64, 5, 100_000, 10, 15_000, 0))
    begun = time.process_time()
    assert sum(1 for _ in series.points(0, 60_000 * MS, 100 * MS)) == 600
    return (time.process_time() - begun) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reports", type=int, default=200_000)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--turns", type=int, default=3)
    add_option(parser)
    options = parser.parse_args()
    figures = []
    for together in (1, 10):
        samples = [taken(options.reports, together) for _ in range(options.turns)]
        title = f"Reports taken, {together} to a datagram"
        name = f"collector.taken_{together}"
        figures.append(Figure(name, title, "reports/s", samples, threshold=0.3, limit=20_000))
        loads = [asyncio.run(received(options.rate, options.seconds, together)) for _ in range(options.turns)]
        title = f"{options.rate} reports/s from a socket, {together} to a datagram"
        figures += [
            Figure(
                f"collector.load_{together}", title, "of a core", [one for one, _ in loads], True, limit=1.0
            ),
            Figure(f"collector.lost_{together}", f"{title}: lost", "ratio", [one for _, one in loads], True),
        ]
    full, bursts = memory()
    figures += [
        Figure("collector.memory_full", "Series of one queue, full", "MiB", [full], True, 0.1),
        Figure("collector.memory_bursts", "Series of one queue, 100 ms a minute", "MiB", [bursts], True, 0.1),
        Figure("collector.query", "A minute by milliseconds in 600 steps", "ms", [query()], True, 0.5),
    ]
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()

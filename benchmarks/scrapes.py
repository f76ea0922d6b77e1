"""What a scrape costs by its series: few and many switches, with all that their ports and queues count.

.venv/bin/python -m benchmarks.scrapes [--switches 100] [--figures FILE]
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, add_option, save
from benchmarks.telemetry import scraped, view_of
from p4fabric.controller.interpreter import set_aside, set_up_interpreter
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.port_samples import COUNTERS, QUEUE_LEAVES, PortSample, QueueSample
from p4fabric.controller.telemetry.congestion_series import Watched
from p4fabric.controller.telemetry.counters import CounterTotals
from p4fabric.controller.telemetry.drop_counts import PointCount
from p4fabric.controller.telemetry.drops import drop_points
from p4fabric.controller.telemetry.intent_series import IntentSeries
from p4fabric.controller.telemetry.metrics import Metrics
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.topology.model import Role, Switch
from p4fabric.pipelines.values import Port

PORTS = [Port(number) for number in range(1, 33)]
OPEN = frozenset(PORTS[:8])
LEAVES = dict.fromkeys(QUEUE_LEAVES, 1)
QUEUES = tuple(QueueSample(name, LEAVES) for name in ("egress", *(f"priority-{n}" for n in range(8))))


def fabric_of(switches: int) -> Any:
    """A fabric of switches with 32 ports, 8 of them open and all of them watched."""
    names = [SwitchName(f"leaf{number}") for number in range(1, switches + 1)]
    counts = PortCounts(names)
    samples = [PortSample(port, f"eth{port}", True, dict.fromkeys(COUNTERS, 1), QUEUES) for port in PORTS]
    dropped: list[PointCount] = []
    watches: list[Watched] = []
    for name in names:
        counts.ports_sampled(name, samples)
        switch = Switch(name, 1, Role.LEAF, ports=frozenset(PORTS))
        dropped += [PointCount(point, 1, None) for point in drop_points(switch, OPEN)]
        watches += [Watched(PortRef(name, port), 32, 5000) for port in PORTS]
    view = view_of(CounterTotals(), IntentSeries([], 1))
    view.ports, view.drops, view.watches = counts, lambda: dropped, lambda: watches
    return view


async def measure(switches: int) -> list[Figure]:
    """Pages of metrics of a tenth of the switches, and of all."""
    microseconds = {}
    for number in (switches // 10, switches):
        metrics = Metrics(fabric_of(number))
        set_aside()
        page, took, blocked = await scraped(metrics)
        series = sum(not line.startswith(b"#") for line in page.splitlines())
        microseconds[number] = 1e6 * took / series
        print(
            f"{number:>6,} switches: {series:,} series ({len(page) >> 10:,} KiB) with "
            f"{1e3 * took:.0f} ms of a core, {microseconds[number]:.1f} us a series; "
            f"the loop never blocked for longer than {1e3 * blocked:.0f} ms"
        )
    few, many = microseconds.values()
    return [
        Figure("scrapes.series", "A series of a scrape", "us", [many], less_is_better=True),
        Figure("scrapes.growth", "… at ten times the switches", "ratio", [many / few], True, 0.5),
    ]


def main(figures: Path | None, switches: int) -> None:
    """Measure, print, and save."""
    set_up_interpreter()
    save(figures, asyncio.run(measure(switches)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--switches", type=int, default=100, help="with 32 ports each")
    add_option(parser)
    options = parser.parse_args()
    main(options.figures, options.switches)

"""What large requests take: many entries, many intents, and requests made to keep a controller busy.

A controller with its store runs in this process, on 10 leaves and 2 spines that are not there: what is
measured ends with the change being kept. The event loop is watched meanwhile; the processor time of the
whole process stands beside each duration, as others use the machine, too.

    .venv/bin/python -m benchmarks.core_bulk [--rounds 3] [--intents 10000]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import fabrics
from benchmarks.figures import Figure, add_option, print_table, save
from benchmarks.light_switches import LightSwitches
from benchmarks.loop_watch import LoopWatch, loop_watch, run
from p4fabric.controller.core import Capacity, Core
from p4fabric.controller.fabric import Fabric, running_fabric
from p4fabric.controller.intents import IntentError, parse_all
from p4fabric.controller.interpreter import set_aside, set_up_interpreter
from p4fabric.controller.resources import Write
from p4fabric.controller.state import Change
from p4fabric.controller.topology.model import Switch

SESSION_LEAVES = 10
ENTRIES = 100_000
FEWER = 10
"""To see growth: so many times fewer intents."""

Document = dict[str, Any]


def session_networks(leaves: int, tenant: str = "operator") -> list[Document]:
    """The two networks of PDU sessions, on some leaves."""
    at = range(1, leaves + 1)
    return [
        fabrics.network(tenant, "access", "10.0.3", [(leaf, 400) for leaf in at]),
        fabrics.network(tenant, "data", "10.0.4", [(leaf, 401) for leaf in at]),
    ]


def sessions(count: int, first: int = 0, tenant: str = "operator") -> Iterator[Document]:
    """PDU sessions at 200 gNBs."""
    for number in range(first, first + count):
        spec = {
            "accessNetwork": "access",
            "dataNetwork": "data",
            "n3Address": "10.0.3.2",
            "gnbAddress": f"10.0.3.{10 + number % 200}",
            "uplinkTeid": 0x100000 + number,
            "downlinkTeid": 0x200000 + number,
            "ueAddress": f"10.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}",
            "qfi": 9,
        }
        yield {"kind": "UpfSession", "name": f"ue{number}", "tenant": tenant, "spec": spec}


def many_subnets(count: int) -> Document:
    """Networks with 64 subnets each would be many documents; this one has as many subnets as asked for."""
    subnets = [f"10.{number >> 8 & 255}.{number & 255}.0/24" for number in range(count)]
    return {"kind": "Network", "name": "wide", "tenant": "mallory", "spec": {"subnets": subnets}}


def networks_of_subnets(count: int) -> list[Document]:
    """As many subnets as asked for, 64 to a network."""
    found = []
    for first in range(0, count, 64):
        numbers = range(first, min(count, first + 64))
        subnets = [f"10.{number >> 8 & 255}.{number & 255}.0/24" for number in numbers]
        spec = {"subnets": subnets}
        found.append({"kind": "Network", "name": f"wide{first}", "tenant": "mallory", "spec": spec})
    return found


def equal_subnets(count: int) -> Document:
    """One network that has the same subnet many times."""
    spec = {"subnets": ["10.0.0.0/24"] * count}
    return {"kind": "Network", "name": "equal", "tenant": "mallory", "spec": spec}


def networks_of_one_subnet(count: int) -> list[Document]:
    """Networks of which each has the same subnet."""
    spec = {"subnets": ["10.0.0.0/24"]}
    return [
        {"kind": "Network", "name": f"equal{number}", "tenant": "mallory", "spec": spec}
        for number in range(count)
    ]


def core_of_leaves() -> Core:
    """A core that knows the switches and their links."""
    core = Core(Capacity({}))
    core.plan(
        [
            *(
                Change(core.view.switches, name, Switch(name, device, role))
                for device, name, role in fabrics.switches()
            ),
            *(Change(core.view.links, link.source, link) for link in fabrics.links()),
        ]
    )
    return core


@dataclass(slots=True)
class Samples:
    """Seconds."""

    took: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    blocked: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    def figures(self, name: str, title: str, limit: float | None) -> list[Figure]:
        """Of one thing that was done, and of the loop meanwhile."""
        found = [
            Figure(f"core_bulk.{name}", title, "s", self.took, True, limit=limit),
            Figure(f"core_bulk.{name}_cpu", f"{title}: processor time", "s", self.processor, True),
        ]
        if self.blocked:
            blocked = [1000 * one for one in self.blocked]
            found.append(
                Figure(f"core_bulk.{name}_loop", f"{title}: loop blocked", "ms", blocked, True, limit=20.0)
            )
        return found


def compiled(count: int) -> tuple[float, float, int]:
    """Wall and processor seconds of the core's part of sessions, and how many entries they come to."""
    core = core_of_leaves()
    core.plan_apply(parse_all(session_networks(SESSION_LEAVES)))
    core.plan_apply(parse_all(list(sessions(10, first=count))))
    intents = parse_all(list(sessions(count)))
    set_aside()
    begun, used = time.perf_counter(), time.process_time()
    plan = core.plan_apply(intents)
    took, used = time.perf_counter() - begun, time.process_time() - used
    return took, used, sum(len(delta.wanted) for delta in plan.delta.switches.values())


def entries_compiled(rounds: int) -> list[Figure]:
    """100,000 entries, and a tenth of them."""
    many, few = Samples(), Samples()
    growth = []
    count = ENTRIES // (2 * SESSION_LEAVES)
    for _ in range(rounds):
        per_entry = []
        for samples, number in ((few, count // FEWER), (many, count)):
            took, used, entries = compiled(number)
            samples.took.append(took)
            samples.processor.append(used)
            per_entry.append(used / entries)
        growth.append(per_entry[1] / per_entry[0])
    title = f"{ENTRIES:,} entries compiled from {count:,} intents"
    found = many.figures("entries", title, 2.0)
    found.append(
        Figure(
            "core_bulk.entries_growth", "an entry among ten times as many", "ratio", growth, True, 0.5, 1.5
        )
    )
    return found


@asynccontextmanager
async def running(leaves: int) -> AsyncIterator[tuple[Fabric, LoopWatch]]:
    """A controller whose switches are not there, with the networks of sessions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = fabrics.configuration(folder, LightSwitches(1, 0))
        await fabrics.fill(config.store.path, 100)
        async with running_fabric(config) as fabric:
            await fabric.intents.apply(session_networks(leaves))
            set_aside()
            yield fabric, loop_watch()


async def timed(samples: Samples, watch: LoopWatch, work: Callable[[], Any]) -> Any:
    """Do something; a refusal is an answer as well."""
    await asyncio.sleep(0.2)
    watch.take()
    begun, used = time.perf_counter(), time.process_time()
    try:
        answer = await work()
    except IntentError as error:
        answer = error
    samples.took.append(time.perf_counter() - begun)
    samples.processor.append(time.process_time() - used)
    await asyncio.sleep(0.5)
    blocked, late = watch.take()
    samples.blocked.append(blocked)
    samples.late.append(late)
    return answer


async def intents_admitted(rounds: int, count: int) -> list[Figure]:
    """Many intents in one apply, and a tenth of them."""
    many, few = Samples(), Samples()
    growth = []
    for _ in range(rounds):
        async with running(2) as (fabric, watch):
            documents = list(sessions(count // FEWER))
            await timed(few, watch, partial(fabric.intents.apply, documents))
        async with running(2) as (fabric, watch):
            documents = list(sessions(count))
            await timed(many, watch, partial(fabric.intents.apply, documents))
        growth.append(many.processor[-1] / few.processor[-1] / FEWER)
    title = f"{count:,} intents admitted in one apply"
    found = many.figures("intents", title, 3.0)
    found.append(
        Figure(
            "core_bulk.intents_growth", "an intent among ten times as many", "ratio", growth, True, 0.5, 1.5
        )
    )
    return found


async def adversarial(rounds: int) -> list[Figure]:
    """Requests that took seconds to minutes once, in a dry run each."""
    requests: Sequence[tuple[str, str, list[Document]]] = (
        ("subnets", "dry run of 4,000 subnets", networks_of_subnets(4000)),
        ("wide", "dry run of one Network with 4,000 subnets", [many_subnets(4000)]),
        ("equal", "dry run of 1,600 equal subnets", networks_of_one_subnet(1600)),
        ("equal_in_one", "dry run of one Network with 1,600 equal subnets", [equal_subnets(1600)]),
        ("sessions", "dry run of 5,000 sessions", list(sessions(5000))),
    )
    found: list[Figure] = []
    for name, title, documents in requests:
        samples, sizes = Samples(), []
        for _ in range(rounds):
            writes = [Write(document, "operator") for document in documents]
            async with running(2) as (fabric, watch):
                answer = await timed(samples, watch, partial(fabric.intents.preview_write, writes, 200))
            if isinstance(answer, IntentError):
                sizes.append(float(sum(len(str(one)) for one in answer.listed())))
        found += samples.figures(name, title, 5.0)
        if sizes:
            answered = f"{title}: characters of errors"
            found.append(Figure(f"core_bulk.{name}_answer", answered, "1", sizes, True, limit=65536.0))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--intents", type=int, default=10_000, help="in one apply")
    add_option(parser)
    options = parser.parse_args()
    set_up_interpreter()
    figures = entries_compiled(options.rounds)
    figures += run(intents_admitted(options.rounds, options.intents))
    figures += run(adversarial(options.rounds))
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()

"""What explaining a flow costs in a fabric of 10,000 endpoints, and for how long it blocks the event loop.

A controller runs in this process, on 10 leaves and 2 spines that are light P4Runtime servers in another one,
and a tenant has a firewall of some thousand entries. Processor time counts from the question to the answer's
JSON, in all threads. Members of groups are tried one by one, since these switches do not say how they hash.

    .venv/bin/python -m benchmarks.explain [--endpoints 10000] [--rules 2000] [--turns 200]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Coroutine, Generator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import fabrics
from benchmarks.core_growth import until_ready
from benchmarks.figures import Figure, add_option, print_table, save
from benchmarks.light_switches import light_switches
from p4fabric.controller.access import TenantView
from p4fabric.controller.access.allotments import Allotments
from p4fabric.controller.access.authentication import BOOTSTRAP
from p4fabric.controller.api.explain import answer_json
from p4fabric.controller.documents.explanation import QuestionDocument
from p4fabric.controller.explain.question import QuestionError
from p4fabric.controller.fabric import Fabric, running_fabric
from p4fabric.controller.interpreter import set_aside, set_up_interpreter

T = TypeVar("T")
RULES_A_POLICY = 200
QUESTIONS: dict[str, dict[str, Any]] = {
    "bridged": {"from": "10.0.0.10", "to": "10.0.0.11"},
    "routed": {"from": "10.0.0.10", "to": "10.0.2.14", "protocol": "tcp", "destinationPort": 80},
    "to a service": {"from": "10.0.0.10", "to": "10.0.100.80", "protocol": "tcp", "destinationPort": 80},
    "denied": {"from": "10.0.0.10", "to": "10.0.2.14", "protocol": "tcp", "destinationPort": 1024},
    "unknown host": {"from": "10.0.0.10", "to": "10.0.0.250"},
    "from a port": {"from": "leaf3:1", "to": "10.0.2.14", "sourceAddress": "10.0.0.12"},
    "by name": {"from": "pod-503", "to": "pod-504", "protocol": "tcp", "destinationPort": 80},
    "unknown name": {"from": "pod-503", "to": "pod-999"},
    "of another tenant": {"from": "10.0.1.10", "to": "10.0.1.11", "tenant": "tenant7"},
}


def policies(rules: int) -> list[dict[str, Any]]:
    """So many rules that packets of the tenant are compared with, and none is for them."""
    found = []
    for first in range(0, rules, RULES_A_POLICY):
        own = [
            {
                "name": f"rule-{number}",
                "action": "deny",
                "from": {"cidr": f"10.0.0.{number % 250}/32"},
                "to": {"cidr": f"172.16.{number >> 8 & 255}.{number & 255}/32"},
                "protocol": "udp",
            }
            for number in range(first, min(first + RULES_A_POLICY, rules))
        ]
        spec = {"priority": 100, "rules": own}
        name = f"many-{first // RULES_A_POLICY}"
        found.append({"kind": "FirewallPolicy", "name": name, "tenant": "acme", "spec": spec})
    return found


class Stretches:
    """Awaits something, and notes how long it keeps the event loop at a time (seconds of processor time)."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        """Take what is to be awaited."""
        self._work = work
        self.longest = 0.0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._work.__await__()
        while True:
            begun = time.thread_time()
            try:
                waited_for = next(inner)
            except StopIteration as ended:
                return ended.value
            finally:
                self.longest = max(self.longest, time.thread_time() - begun)
            yield waited_for


async def ask(fabric: Fabric, question: dict[str, Any]) -> tuple[str, float, float]:
    """The verdict or `refused`, the seconds of processor time, and the longest stretch on the event loop."""
    used = time.process_time()
    tenant_view = TenantView(fabric, BOOTSTRAP, Allotments())
    stretches = Stretches(answer_json(fabric, QuestionDocument.model_validate(question), tenant_view))
    try:
        verdict = json.loads(await stretches)["forward"]["verdict"]
    except QuestionError:
        verdict = "refused"
    return verdict, time.process_time() - used, stretches.longest


async def measure_all(fabric: Fabric, turns: int) -> list[Figure]:
    """All questions, in turns."""
    took: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    stretches: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    verdicts: dict[str, str] = {}
    for _ in range(turns):
        for name, question in QUESTIONS.items():
            verdicts[name], used, longest = await ask(fabric, question)
            took[name].append(1000 * used)
            stretches[name].append(1000 * longest)
    figures: list[Figure] = []
    for name, samples in took.items():
        title = f"{name} ({verdicts[name]})"
        word = f"explain.{name.replace(' ', '_')}"
        figures.append(Figure(word, f"{title}: processor time", "ms", samples, True, limit=50.0))
        longest_title = f"{title}: longest stretch on the loop"
        figures.append(Figure(f"{word}.stretch", longest_title, "ms", stretches[name], True, limit=20.0))
    return figures


async def measure(endpoints: int, rules: int, turns: int, folder: Path) -> list[Figure]:
    """One fabric."""
    with light_switches(fabrics.CABLES) as switches:
        config = fabrics.configuration(folder, switches)
        await fabrics.fill(config.store.path, endpoints)
        async with running_fabric(config) as fabric:
            await until_ready(fabric)
            for policy in policies(rules):
                await fabric.intents.apply([policy])
            await until_ready(fabric)
            print(
                f"{endpoints:,} endpoints, {sum(one.installed for one in fabric.switches):,} entries",
                flush=True,
            )
            set_aside()
            return await measure_all(fabric, turns)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--rules", type=int, default=2000, help="of the tenant's firewall, on each leaf")
    parser.add_argument("--turns", type=int, default=200, help="explanations of each flow")
    add_option(parser)
    options = parser.parse_args(arguments)
    set_up_interpreter()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(options.endpoints, options.rules, options.turns, Path(folder)))
    print_table(figures)
    save(options.figures, figures)


if __name__ == "__main__":
    main()

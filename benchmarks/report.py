"""All benchmarks in one run, one document of their figures, and a comparison with an earlier run.

    .venv/bin/python -m benchmarks.report [--out run/bench] [--only forwarding] [--against figures.json]

Writes `report.md` (the machine, versions, each figure with minimum, median, maximum and its command) and
`figures.json`, which is what `--against` takes. Ends with status 1 if a figure fell by more than its
threshold. Needs root.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks.figures import Figure, load, save

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module of benchmarks, with the options of the report's run."""

    module: str
    title: str
    options: tuple[str, ...] = ()
    program: str | None = None
    """What must be on PATH for it."""

    @property
    def command(self) -> str:
        """What a reader types to have its figures alone."""
        return " ".join((".venv/bin/python -m", f"benchmarks.{self.module}", *self.options))


BENCHMARKS = (
    Benchmark("forwarding", "Forwarding"),
    Benchmark("queue_watches", "Watched queues beside others"),
    Benchmark("lookups", "Lookups in large tables"),
    Benchmark("latency", "Latency"),
    Benchmark("tcp", "TCP between two hosts", program="iperf3"),
    Benchmark("table_writes", "Table entries over P4Runtime"),
    Benchmark("reconcile", "Changes of one entry, and audits"),
    Benchmark("api_connections", "The API beside many connections", ("--seconds", "15")),
    Benchmark("api_lists", "Lists of intents"),
    Benchmark("store", "The controller's store"),
    Benchmark("discovery", "Links and paths", ("--seconds", "20")),
    Benchmark("core_growth", "One change in fabrics of all sizes", ("--turns", "100")),
    Benchmark("core_bulk", "Large requests"),
    Benchmark("cni_add", "Containers by CNI", ("--turns", "100")),
    Benchmark("collector", "Reports of switches"),
    Benchmark("explain", "Explanations of flows", ("--turns", "100")),
    Benchmark("p4runtime_writes", "Writes and reads beside other clients", ("--rounds", "3")),
    Benchmark("many_switches", "A thousand switches", ("--seconds", "60")),
    Benchmark("pfcp", "PFCP"),
    Benchmark("page", "The page", program="chromium"),
    Benchmark("beside_bmv2", "Beside bmv2", program="simple_switch_grpc"),
)


def run(benchmark: Benchmark) -> list[Figure]:
    """Run one in a process of its own, whose output is shown as it comes.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    print(f"\n{benchmark.title}: {benchmark.command}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        words = (sys.executable, "-m", f"benchmarks.{benchmark.module}", *benchmark.options)
        subprocess.run((*words, "--figures", str(path)), cwd=ROOT, check=True)
        return load(path)


def machine() -> dict[str, str]:
    """What the figures depend on, by name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{os.cpu_count()} x {', '.join(sorted(models)) or platform.machine()}",
        "memory": f"{memory:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "kernel": platform.release(),
        "p4fabric": f"{metadata.version('p4fabric')} ({_output('git', 'describe', '--always', '--dirty')})",
        "Python": platform.python_version(),
        "C compiler": _output("cc", "--version"),
        "gRPC": metadata.version("grpcio"),
    }


def _output(*command: str) -> str:
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.splitlines()[0] if found else ""


def number(value: float) -> str:
    """Three digits that count, with thousands set apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(figures: Iterable[Figure], earlier: Mapping[str, Figure]) -> list[str]:
    """The rows of one benchmark, in Markdown."""
    before = " | before | as good as before" if earlier else ""
    rows = [f"| figure | unit | minimum | median | maximum{before} |"]
    rows.append("| --- | --- " + "| ---: " * (5 if earlier else 3) + "|")
    for figure in figures:
        cells = [figure.title, figure.unit]
        cells += [number(one) for one in (min(figure.samples), figure.median, max(figure.samples))]
        if earlier:
            old = earlier.get(figure.name)
            cells += [number(old.median), f"{figure.against(old):.2f}"] if old is not None else ["new", ""]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def document(
    facts: Mapping[str, str],
    found: Sequence[tuple[Benchmark, Sequence[Figure]]],
    earlier: Mapping[str, Figure],
) -> str:
    """The report, in Markdown."""
    lines = ["# Performance report", ""]
    lines += [f"* {name}: {value}" for name, value in facts.items()]
    lines += [
        "",
        "Ratios compare two things measured in turns in one run. From one machine to another they hold",
        "better than other figures do.",
    ]
    for benchmark, figures in found:
        lines += ["", f"## {benchmark.title}", "", f"`{benchmark.command}`", "", *table(figures, earlier)]
    return "\n".join(lines) + "\n"


def losses(figures: Iterable[Figure], earlier: Mapping[str, Figure]) -> list[str]:
    """What fell by more than its threshold, a sentence each."""
    found = []
    for figure in figures:
        old = earlier.get(figure.name)
        if old is not None and figure.fell(old):
            found.append(
                f"{figure.title}: {number(figure.median)} {figure.unit}, {number(old.median)} before: "
                f"{figure.against(old):.2f} as good, and {1 - (figure.threshold or 0):.2f} is the least"
            )
    return found


def main() -> None:
    """Measure, write, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("run/bench"), help="folder for the report")
    names = [benchmark.module for benchmark in BENCHMARKS]
    parser.add_argument("--only", choices=names, action="append", help="run only this one (repeatable)")
    parser.add_argument("--against", type=Path, help="figures.json of an earlier run")
    options = parser.parse_args()
    try:
        earlier = {one.name: one for one in load(options.against)} if options.against else {}
    except (OSError, ValueError) as error:
        parser.error(f"--against: {error}")
    facts = machine()
    found = []
    for benchmark in BENCHMARKS:
        if options.only and benchmark.module not in options.only:
            continue
        if benchmark.program is not None and shutil.which(benchmark.program) is None:
            print(f"\n{benchmark.title}: left out, {benchmark.program} is not on PATH")
            continue
        found.append((benchmark, run(benchmark)))
    facts["load after"] = f"{os.getloadavg()[0]:.1f}"
    options.out.mkdir(parents=True, exist_ok=True)
    everything = [figure for _, figures in found for figure in figures]
    save(options.out / "figures.json", everything)
    (options.out / "report.md").write_text(document(facts, found, earlier))
    print(f"\nWritten: {options.out / 'report.md'}, {options.out / 'figures.json'}")
    if lost := losses(everything, earlier):
        sys.exit("Fell by more than is allowed:\n  " + "\n  ".join(lost))


if __name__ == "__main__":
    main()

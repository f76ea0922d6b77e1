"""CNI's ADD and DEL, from the plugin's start to its answer: with two node switches, a controller and agents.

An ADD makes the veth pair, addresses and routes, states the endpoint over REST, and ends when both switches
have acknowledged it and the container's port is up. Each turn adds one container beside those that there are,
and takes it out again; then 50 are added at once. What the plugin costs by itself is that of VERSION.

    .venv/bin/python -m benchmarks.cni_add [--turns 200] [--beside 50] [--figures FILE]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, add_option, print_table, save
from tests.node.bed import Answer, bed

AT_ONCE = 50
MEDIAN_MS, TAIL_MS = 50.0, 200.0
"""What ADD is to take at most: its median, and 99 of 100."""


def _timed(what: Callable[[], Answer]) -> float:
    began = time.perf_counter()
    answer = what()
    assert answer.status == 0, answer
    return (time.perf_counter() - began) * 1000


def measure(folder: Path, turns: int, beside: int) -> list[Figure]:
    """Run it; needs root."""
    with bed(folder) as found:
        node = found.nodes["node1"]
        others = [found.container(f"beside-{number}") for number in range(beside)]
        for one in others:
            assert node.call("ADD", one).status == 0
        adds, deletes, alone = [], [], []
        for turn in range(turns):
            container = found.container(f"turn-{turn}")
            alone.append(_timed(lambda: node.call("VERSION")))
            adds.append(_timed(lambda one=container: node.call("ADD", one)))  # type: ignore[misc]
            deletes.append(_timed(lambda one=container: node.call("DEL", one)))  # type: ignore[misc]
            container.namespace.close()
        many = [found.container(f"many-{number}") for number in range(AT_ONCE)]
        began = time.perf_counter()
        answers = [node.end(ran) for ran in [node.begin("ADD", one) for one in many]]
        at_once = (time.perf_counter() - began) * 1000
        assert all(answer.status == 0 for answer in answers), answers
    tail = statistics.quantiles(adds, n=100)[98]
    return [
        Figure("cni.add", f"ADD, beside {beside} others", "ms", adds, True, limit=MEDIAN_MS),
        Figure("cni.add.tail", "ADD, 99 of 100 within", "ms", [tail], True, limit=TAIL_MS),
        Figure("cni.delete", "DEL", "ms", deletes, True),
        Figure("cni.plugin", "the plugin alone (VERSION)", "ms", alone, True),
        Figure("cni.at_once", f"{AT_ONCE} ADDs at once, all answered", "ms", [at_once], True),
    ]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--beside", type=int, default=50, help="containers that are there meanwhile")
    add_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.turns, arguments.beside)
    print_table(figures)
    save(arguments.figures, figures)


if __name__ == "__main__":
    main()

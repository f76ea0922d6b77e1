"""What it costs to watch queues: packets/s of fabric.p4 from memory with a watch on the port that packets
leave by, beside without, in turns; on a port without a rate, on one whose packets go through its queue,
with every bin reported to a collector, and with the program's own watch. And what it costs that nobody
watches: the program beside itself without what it does for watches.

    .venv/bin/python -m benchmarks.queue_watches [--rounds 9] [--packets 20000]
"""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from benchmarks.figures import Figure, add_option, print_table, save
from benchmarks.forwarding import ROOT, entry, pinned, populate, the_frame
from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import Change, Exact, WriteEntry

OUT = 2
FAST = 10**13
"""bit/s, more than the switch sends: packets go through the queue and do not wait for the port."""
TURNS = 30
"""Of a round, with and without; of each the third best counts: what else the machine does takes time away."""
PROMISED = 0.9
NOTHING = 0.97
"""Of a program without watches, what one reaches whose watches nobody has asked for: a look-up in an empty
table is more than nothing, and less than what turns differ by."""
FIRST = "FabricEgress.congestion_watch.congestion_watch"
BEHIND = "FabricEgress.marking.marking"
"""Tables of the program: where what it does for watches begins, and what comes behind that."""


def without(engine: NativeEngine) -> None:
    """Nobody watches."""
    engine.queues.unwatch(OUT)
    watch_of_program(engine, Change.DELETE)


def watched(engine: NativeEngine) -> None:
    """Bins are kept."""
    engine.queues.watch(OUT)


def by_the_program(engine: NativeEngine) -> None:
    """An intent's watch: the program counts bytes by flow, and judges each packet. None waits for long."""
    watch_of_program(engine, Change.INSERT)


def watch_of_program(engine: NativeEngine, change: Change) -> None:
    """Write or delete what a TelemetryWatch has at the port."""
    name = "FabricEgress.congestion_watch"
    written = entry(
        f"{name}.congestion_watch", (Exact(OUT),), f"{name}.watch", 10_000, 1 << 30, 12, 3125, 96_875
    )
    engine.apply([written if change is Change.INSERT else WriteEntry(change, written.table, written.match)])


def reported(engine: NativeEngine) -> None:
    """Each of them is sent."""
    engine.queues.watch(OUT, report_depth=0)


def side_by_side(one: Callable[[], float], other: Callable[[], float]) -> float:
    """Packets/s of one beside another, in turns."""
    measured: tuple[tuple[Callable[[], float], list[float]], ...] = ((one, []), (other, []))
    for number in range(TURNS):
        for measure, rates in measured if number % 2 else reversed(measured):
            rates.append(measure())
    best, plain = (sorted(rates)[-3] for _, rates in measured)
    return best / plain


def ratio(engine: NativeEngine, frame: bytes, packets: int, setting: Callable[[NativeEngine], None]) -> float:
    """Packets/s with a setting beside without it."""

    def rate(of: Callable[[NativeEngine], None]) -> float:
        of(engine)
        return engine.measure(1, [frame], packets)

    found = side_by_side(lambda: rate(setting), lambda: rate(without))
    without(engine)
    return found


def without_watches(program: bytes) -> bytes:
    """What the P4 compiler wrote of fabric.p4, as if packets left without watches and postcards.

    Raises:
        ValueError: the program has no place where they begin, or several.
    """
    document = json.loads(program)
    (egress,) = (one for one in document["pipelines"] if one["name"] == "egress")
    begins = [one["name"] for one in egress["tables"] if one["base_default_next"] == FIRST]
    if len(begins) != 1:
        raise ValueError(f"{FIRST} comes behind {begins}, not behind one step")

    def led(node: str | None) -> str | None:
        return BEHIND if node == begins[0] else node

    for one in egress["tables"]:
        one["base_default_next"] = led(one["base_default_next"])
        one["next_tables"] = {how: led(node) for how, node in one["next_tables"].items()}
    for one in egress["conditionals"]:
        one["true_next"], one["false_next"] = led(one["true_next"]), led(one["false_next"])
    return json.dumps(document).encode()


def prepared(engine: NativeEngine) -> None:
    """Two ports, and entries."""
    populate(engine)
    engine.add_port(1, None)
    engine.add_port(OUT, None, discard=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--packets", type=int, default=20_000, help="of each turn")
    add_option(parser)
    options = parser.parse_args()
    program = (ROOT / "pipelines" / "fabric" / "fabric.json").read_bytes()
    config, cut = load_config(program), load_config(without_watches(program))
    frame = the_frame()
    cases = (
        ("unrated", "a watched port without a rate", 0, watched),
        ("rated", "a watched port with a rate", FAST, watched),
        ("reported", "and each bin reported", FAST, reported),
        ("program", "a port that the program watches, with a rate", FAST, by_the_program),
    )
    found: dict[str, list[float]] = {name: [] for name, *_ in cases}
    with ExitStack() as stack:
        engine, plain = (stack.enter_context(open_engine(one)) for one in (config, cut))
        collector = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        collector.bind(("127.0.0.1", 0))
        prepared(engine)
        prepared(plain)
        unwatched: list[float] = []

        def measure() -> None:
            for _ in range(options.rounds):
                engine.set_queue(OUT, rate_bps=0, depth=10_000)
                each = (partial(one.measure, 1, [frame], options.packets) for one in (engine, plain))
                unwatched.append(side_by_side(*each))
                for name, _, rate, setting in cases:
                    engine.set_queue(OUT, rate_bps=rate, depth=10_000)
                    if setting is reported:
                        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        made.connect(collector.getsockname())
                        engine.queues.report_to(made.detach(), 1)
                    found[name].append(ratio(engine, frame, options.packets, setting))
                    engine.queues.report_to(-1, 1)

        pinned(measure)
        sent = engine.queues.reports()
        assert engine.port_stats()[OUT].tx_packets and plain.port_stats()[OUT].tx_packets
    figures = [
        Figure(
            f"queue_watches.{name}",
            title,
            "ratio",
            found[name],
            limit=PROMISED,
        )
        for name, title, *_ in cases
    ]
    title = "nobody watches, beside the program without watches"
    figures.append(Figure("queue_watches.unwatched", title, "ratio", unwatched, limit=NOTHING))
    print_table(figures)
    print(f"{sent.datagrams} datagrams with {sent.sent_bins} bins, {sent.sent_bytes} bytes")
    save(options.figures, figures)


if __name__ == "__main__":
    main()

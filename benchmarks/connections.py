"""Packets/s from memory of a tenant whose connections are known and whose policies hold, beside one without:
packets of one connection, and of many that are there already. Measured in turns.

    .venv/bin/python -m benchmarks.connections [--rounds 5] [--packets 1000000] [--connections 50000]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.figures import Figure, add_option, save
from benchmarks.forwarding import VRF, entry, pinned, populate, the_frame
from p4fabric.pipelines.fabric import device_config
from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import Exact, Lpm, Status, Ternary

CONNECTIONS = "FabricIngress.connections"
JUDGEMENT = f"{CONNECTIONS}.judgement"
SPORT_AT = 34
RULES = 1000
SERVERS, CLIENTS = 0x800100, 0x800001


def track(engine: NativeEngine) -> None:
    """A tenant that is judged by its policies; the packets meet the last of a thousand rules."""
    policies = f"{JUDGEMENT}.policies"
    network = f"{policies}.ingress.network"
    entries = [
        entry(f"{CONNECTIONS}.tracking", (Exact(VRF),), f"{CONNECTIONS}.track", 0),
        entry(
            f"{JUDGEMENT}.peers.peers_ipv4",
            (Exact(VRF), Lpm(0x0A000200, 24)),
            f"{JUDGEMENT}.peers.peer",
            *(SERVERS, 0),
        ),
        entry(
            f"{policies}.port_classes",
            (Exact(VRF), None, Exact(17), Ternary(2000, 0xFFFF)),
            f"{policies}.classify",
            1,
            priority=1,
        ),
        entry(
            f"{network}.rules",
            (Exact(VRF), None, None, Ternary(SERVERS, 0xFFFFFF), Ternary(1, 0xFFFF), None),
            f"{network}.allow",
            1,
            priority=5,
        ),
    ]
    for number in range(RULES):
        ends = Ternary(CLIENTS + number, 0xFFFFFF), Ternary(SERVERS, 0xFFFFFF)
        match = (Exact(VRF), None, *ends, Ternary(number, 0xFFFF), None)
        entries.append(entry(f"{network}.rules", match, f"{network}.deny", number, priority=10))
    for outcome in engine.apply(entries):
        assert outcome.status is Status.OK, outcome


def frames(connections: int) -> list[bytes]:
    """One packet of each connection."""
    found = []
    for number in range(connections):
        frame = bytearray(the_frame())
        frame[SPORT_AT - 4 : SPORT_AT] = (0x0A00020B + number // 50_000).to_bytes(4, "big")
        frame[SPORT_AT : SPORT_AT + 2] = (1024 + number % 50_000).to_bytes(2, "big")
        # The checksum of the IPv4 header, which the destination has changed.
        frame[24:26] = b"\0\0"
        total = sum(int.from_bytes(frame[at : at + 2], "big") for at in range(14, 34, 2))
        total = (total & 0xFFFF) + (total >> 16)
        frame[24:26] = (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
        found.append(bytes(frame))
    return found


def rate(engine: NativeEngine, batch: Sequence[bytes], packets: int) -> float:
    """Packets/s on the switch's core."""
    rates: list[float] = []
    before = engine.port_stats()[2].tx_packets
    pinned(lambda: rates.append(engine.measure(1, batch, packets)))
    assert engine.port_stats()[2].tx_packets - before == packets, engine.stats()
    return rates[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=50_000)
    add_option(parser)
    options = parser.parse_args()
    config = load_config(device_config())
    loads = {"one": frames(1), "many": frames(options.connections)}
    ratios: dict[str, list[float]] = {name: [] for name in loads}
    rates: dict[str, list[float]] = {name: [] for name in loads}
    with ExitStack() as stack:
        without, tracked = (stack.enter_context(open_engine(config)) for _ in range(2))
        for engine in (without, tracked):
            populate(engine)
            engine.add_port(1, None)
            engine.add_port(2, None, discard=True)
        track(tracked)
        for _ in range(options.rounds):
            for name, batch in loads.items():
                plain, judged = (rate(engine, batch, options.packets) for engine in (without, tracked))
                rates[name].append(judged)
                ratios[name].append(judged / plain)
                print(
                    f"{name}: {plain:,.0f} packets/s without, {judged:,.0f} with, ratio {judged / plain:.2f}"
                )
        (overflows,) = tracked.read_counters(f"{CONNECTIONS}.connection_overflows", 1, 1)
        held = sum(
            head >> 29 & 7 != 0
            for way in range(4)
            for head in tracked.read_registers(f"{CONNECTIONS}.head_{way}")
        )
    print(f"{held:,} connections are remembered; {overflows.packets} packets found no room for theirs")
    for name in loads:
        print(f"{name}: median ratio {statistics.median(ratios[name]):.2f}")
    save(
        options.figures,
        [
            figure
            for name in loads
            for figure in (
                Figure(f"connections.{name}", f"{name} known, judged", "packets/s", rates[name]),
                Figure(f"connections.{name}_ratio", f"{name} known, beside none", "ratio", ratios[name]),
            )
        ],
    )


if __name__ == "__main__":
    main()

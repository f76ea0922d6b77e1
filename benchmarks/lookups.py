"""Packets/s from memory through small programs of one table each, with few entries and with many: exact,
longest prefix, ternary. Packets are random ones that entries match. Both sizes are measured in turns.

    .venv/bin/python -m benchmarks.lookups [--rounds 5] [--packets 1000000]
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from benchmarks.figures import Figure, add_option, save
from benchmarks.forwarding import pinned
from benchmarks.programs import program
from p4fabric.softswitch.engine import NativeEngine, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Change,
    EntryAction,
    Exact,
    FieldMatch,
    Lpm,
    Status,
    Ternary,
    WriteEntry,
)

FRAMES = 65_536
BATCH = 500
SOURCE_AT, DESTINATION_AT = 26, 30  # of the IPv4 addresses in a frame
MAC_ADDRESS = 0x020000000000

# How many of 1000 routes have which prefix length, about as in the Internet's table.
LENGTHS = {
    24: 600, 23: 95, 22: 110, 21: 50, 20: 45, 19: 27, 18: 15, 17: 9, 16: 14,
    15: 2, 14: 2, 13: 1, 12: 1, 11: 1, 10: 1, 9: 1, 8: 1, 32: 10, 30: 5, 28: 5, 25: 5,
}  # fmt: skip
BLOCKS = 20_000  # of 16 bits, that routes come from


@dataclass(frozen=True, slots=True)
class Load:
    """A table's entries, and packets that meet them."""

    entries: Sequence[WriteEntry]
    frames: Sequence[bytes]


def plain_frame() -> bytes:
    """64 bytes with the checksum that a wire would add."""
    frame = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:0a") / IP(src="10.0.1.10", dst="10.0.2.11")
    return bytes(frame / TCP(sport=1000, dport=2000)).ljust(60, b"\0")


def exact(count: int, chance: random.Random) -> Load:
    """Hosts with random MAC addresses."""
    hosts = [MAC_ADDRESS | number for number in chance.sample(range(1 << 40), count)]
    call = ActionCall("In.forward", (2,))
    entries = [WriteEntry(Change.INSERT, "In.hosts", (Exact(host),), call) for host in hosts]
    rest = plain_frame()[6:]
    return Load(entries, [chance.choice(hosts).to_bytes(6, "big") + rest for _ in range(FRAMES)])


def routes(count: int, chance: random.Random) -> Load:
    """Prefixes of the Internet's lengths; packets go somewhere into a random one of them."""
    blocks = chance.sample(range(0x0100, 0xE000), BLOCKS)
    found: dict[tuple[int, int], None] = {}
    lengths, weights = list(LENGTHS), list(LENGTHS.values())
    while len(found) < count:
        (length,) = chance.choices(lengths, weights)
        address = chance.choice(blocks) << 16 | chance.getrandbits(16)
        found[address >> (32 - length) << (32 - length), length] = None
    entries = []
    for number, (address, length) in enumerate(found):
        call = ActionCall("In.next_hop", (MAC_ADDRESS, MAC_ADDRESS + number % 4096, 2))
        entries.append(WriteEntry(Change.INSERT, "In.routes", (Lpm(address, length),), call))
    frame, frames, prefixes = plain_frame(), [], list(found)
    for _ in range(FRAMES):
        address, length = chance.choice(prefixes)
        destination = address | chance.getrandbits(32 - length) if length < 32 else address
        frames.append(frame[:DESTINATION_AT] + destination.to_bytes(4, "big") + frame[DESTINATION_AT + 4 :])
    return Load(entries, frames)


def shapes(chance: random.Random) -> list[tuple[int, ...]]:
    """Masks as access lists have them: networks of a few lengths, a protocol, mostly a destination port."""
    networks = [0, *((1 << length) - 1 << (32 - length) for length in (8, 16, 20, 24, 28, 32))]
    every: list[tuple[int, ...]] = [
        (source, destination, 0xFF, 0, port)
        for source in networks
        for destination in networks
        for port in (0, 0xFFFF)
        if max(source, destination) >= 0xFFFF0000  # no rule that most packets meet
    ]
    return chance.sample(every, 48)


def rules(count: int, chance: random.Random) -> Load:
    """Rules of 48 distinct masks with random priorities; packets meet a random one."""
    masks = shapes(chance)
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], None] = {}
    while len(found) < count:
        mask = chance.choice(masks)
        source = 0x0A000000 | chance.getrandbits(24)
        destination = 0xC0A80000 | chance.getrandbits(16) if chance.random() < 0.5 else chance.getrandbits(32)
        value: tuple[int, ...] = (
            source,
            destination,
            6,
            0,
            chance.choice((22, 53, 80, 443, chance.getrandbits(16))),
        )
        found[tuple(one & bits for one, bits in zip(value, mask, strict=True)), mask] = None
    entries = []
    for value, mask in found:
        match: tuple[FieldMatch, ...] = tuple(
            Ternary(one, bits) if bits else None for one, bits in zip(value, mask, strict=True)
        )
        call: EntryAction = ActionCall("In.allow", (2,))
        entries.append(WriteEntry(Change.INSERT, "In.rules", match, call, chance.randrange(1, 1 << 16)))
    frame, frames, known = plain_frame(), [], list(found)
    for _ in range(FRAMES):
        value, mask = chance.choice(known)
        source, destination, port = (
            value[at] | chance.getrandbits(width) & ~mask[at] for at, width in ((0, 32), (1, 32), (4, 16))
        )
        addresses = source.to_bytes(4, "big") + destination.to_bytes(4, "big")
        ports = frame[34:36] + port.to_bytes(2, "big")
        frames.append(frame[:SOURCE_AT] + addresses + ports + frame[38:])
    return Load(entries, frames)


def filled(engine: NativeEngine, load: Load) -> float:
    """Write the entries, add the ports; entries/s."""
    begin = time.monotonic()
    for at in range(0, len(load.entries), BATCH):
        for outcome in engine.apply(load.entries[at : at + BATCH]):
            assert outcome.status is Status.OK, outcome
    taken = time.monotonic() - begin
    engine.add_port(1, None)
    engine.add_port(2, None, discard=True)
    return len(load.entries) / taken


def compare(
    name: str, made: Callable[[int, random.Random], Load], sizes: tuple[int, int], options: argparse.Namespace
) -> list[Figure]:
    """Rates with few and with many entries, in turns; prints and gives both and the ratio."""
    config, ratios, rates = program(name), [], []
    loads = [made(size, random.Random(size)) for size in sizes]
    with ExitStack() as stack:
        engines = [stack.enter_context(open_engine(config)) for _ in sizes]
        writes = [filled(engine, load) for engine, load in zip(engines, loads, strict=True)]
        for _ in range(options.rounds):
            pair = [
                engine.measure(1, load.frames, options.packets)
                for engine, load in zip(engines, loads, strict=True)
            ]
            rates.append(pair)
            ratios.append(pair[1] / pair[0])
        for engine in engines:
            assert engine.port_stats()[2].tx_packets == options.rounds * options.packets, engine.stats()
    few, many = (statistics.median(side) for side in zip(*rates, strict=True))
    print(
        f"{name}: {sizes[0]:,} entries {few:,.0f} packets/s, {sizes[1]:,} entries {many:,.0f}, "
        f"median ratio {statistics.median(ratios):.2f} (written at {writes[1]:,.0f} entries/s)"
    )
    of_many = f"{name}, {sizes[1]:,} entries"
    return [
        Figure(f"lookups.{name}", of_many, "packets/s", [pair[1] for pair in rates]),
        Figure(f"lookups.{name}_ratio", f"{of_many} beside {sizes[0]}", "ratio", ratios, threshold=0.25),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packets", type=int, default=1_000_000)
    add_option(parser)
    options = parser.parse_args()
    figures: list[Figure] = []

    def everything() -> None:
        figures.extend(compare("exact", exact, (10, 100_000), options))
        figures.extend(compare("l3", routes, (10, 100_000), options))
        figures.extend(compare("ternary", rules, (10, 10_000), options))

    pinned(everything)
    save(options.figures, figures)


if __name__ == "__main__":
    main()

"""What pairs of runs without and with the loop say, and the verdict.

This module knows figures. It does not know how they were gathered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Address
from statistics import median
from typing import Any
from zlib import crc32

__all__ = ["PATHS", "Pair", "Run", "pair_shown", "ports_on", "table", "verdict"]

PATHS = 2
UDP, UDP_PORT = 17, 7000
BUDGET = 2
"""Moves of two elephants until each has a path: one is enough, and one more may be needed."""
HALVED = 0.5
KEPT = 0.95
"""Of what elephants get without the loop, what they must get with it at least."""


@dataclass(frozen=True)
class Run:
    """One run."""

    acts: bool
    queued_ms: float | None
    """The 99th percentile of waits in the queues on the mouse's path; None: too little is known."""
    median_ms: float
    """From the mouse to the receiver."""
    p99_ms: float
    lost: int
    """Datagrams of the mouse."""
    elephants: Sequence[float]
    """Datagrams a second of each that came."""
    reordered: int
    """Datagrams of elephants that were overtaken."""
    remedies: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Pair:
    """The same flows twice."""

    number: int
    off: Run
    on: Run
    document: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        found = {"number": self.number, "off": asdict(self.off), "on": asdict(self.on)}
        object.__setattr__(self, "document", found)

    @property
    def counts(self) -> bool:
        """Whether the machine let switches report what their queues did, in both runs."""
        return self.off.queued_ms is not None and self.on.queued_ms is not None

    @property
    def ratio(self) -> float:
        """Of the 99th percentile of what the mouse's packets wait in queues."""
        return (self.on.queued_ms or 0.0) / self.off.queued_ms if self.off.queued_ms else 1.0


def ports_on(path: int, source: str, destination: str, first: int) -> int:
    """The first source port from there on whose flow takes a path, by the hashes of `p4src`."""
    ends = IPv4Address(source).packed + IPv4Address(destination).packed + bytes([UDP])
    for port in range(first, first + 64):
        flow = crc32(ends + port.to_bytes(2, "big") + UDP_PORT.to_bytes(2, "big"))
        if _crc16(flow.to_bytes(4, "big")) % PATHS == path:
            return port
    raise ValueError("no port in 64 takes the path")


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def pair_shown(pair: Pair) -> str:
    """A pair in a few words."""
    if not pair.counts:
        return f"pair {pair.number + 1} does not count: reports came too late"
    return f"pair {pair.number + 1}: p99 wait {pair.off.queued_ms:.1f} -> {pair.on.queued_ms:.1f} ms"


def table(pairs: Sequence[Pair]) -> Iterator[str]:
    """All pairs."""
    yield "pair  loop  p99 wait  mouse p50       p99  lost   elephants/s   reordered  remedies"
    for pair in pairs:
        for run in (pair.off, pair.on):
            rates = " ".join(f"{rate:6.0f}" for rate in run.elephants)
            queued = "?" if run.queued_ms is None else f"{run.queued_ms:.1f}"
            yield (
                f"{pair.number + 1:4}  {'on ' if run.acts else 'off'} {queued:>9} {run.median_ms:10.1f} "
                f"{run.p99_ms:9.1f} {run.lost:5}  {rates}  {run.reordered:9}  {len(run.remedies):8}"
            )


def verdict(pairs: Sequence[Pair]) -> Iterator[tuple[str, str, str, list[str]]]:
    """For each thing that must hold: its name, a title, the figures, and what does not hold."""
    if not pairs:
        yield "reports", "Switches report what their queues do", "never in time", ["no pair of runs counts"]
        return
    ratios = [pair.ratio for pair in pairs]
    half = median(ratios)
    shown = f"median {half:.2f} of without, pairs {min(ratios):.2f} to {max(ratios):.2f}"
    wrong = [] if half <= HALVED else [f"it is {half:.2f} of what it is without the loop"]
    yield "victims", "Victims wait at most half as long (p99)", shown, wrong

    on = [sum(pair.on.elephants) for pair in pairs]
    off = [sum(pair.off.elephants) for pair in pairs]
    kept = median(one / max(1.0, other) for one, other in zip(on, off, strict=True))
    wrong = [] if kept >= KEPT else [f"elephants get {kept:.2f} of what they get without the loop"]
    yield "elephants", "Nobody is worse off", f"elephants get {kept:.2f} of what they had", wrong

    counts = [len(pair.on.remedies) for pair in pairs]
    wrong = [
        f"pair {pair.number + 1}: {count}"
        for pair, count in zip(pairs, counts, strict=True)
        if not 1 <= count <= BUDGET
    ]
    yield "moves", "The loop acts, and not often", f"{min(counts)} to {max(counts)} remedies in a run", wrong

    without = sum(len(pair.off.remedies) for pair in pairs)
    wrong = [f"{without} remedies were granted by a response that only recommends"] if without else []
    yield "recommends", "A response that recommends does nothing", f"{without} remedies", wrong

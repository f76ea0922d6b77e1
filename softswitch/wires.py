"""Links between switches and hosts in memory: what a test says of them, and what they carry.

Knows time only as numbers that it is given. Must not know switches.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple, Self

MOST_RECORDED = 10_000
"""Frames that a wire remembers, the latest."""


class End(NamedTuple):
    """One end of a link: a switch's port, or a host (without a port)."""

    node: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """`s1:2` is port 2 of switch s1, `h1` a host.

        Raises:
            ValueError: it is neither.
        """
        node, colon, port = text.partition(":")
        if not node or (colon and not (port.isascii() and port.isdigit())):
            raise ValueError(
                f"{text!r} is no end of a link: SWITCH:PORT or HOST is needed, such as s1:2 or h1"
            )
        return cls(node, int(port) if colon else None)

    def __str__(self) -> str:
        return self.node if self.port is None else f"{self.node}:{self.port}"


@dataclass(frozen=True, slots=True)
class Link:
    """A cable between two ends, `s1:2` (a switch's port) or `h1` (a host).

    `rate_bps` is each direction's: a frame then takes its time to be sent, and waits for the one before it;
    at a switch's port at most `depth` frames wait in each queue. `delay_us` is what the cable adds, in
    microseconds.
    """

    one: str
    other: str
    rate_bps: int | None = None
    depth: int | None = None
    delay_us: float = 0

    def __post_init__(self) -> None:
        if self.rate_bps is not None and not 0 < self.rate_bps <= 10**13:
            raise ValueError(f"link {self}: rate_bps {self.rate_bps} is not in 1..10^13")
        if self.depth is not None and (self.rate_bps is None or not 1 <= self.depth <= 10**6):
            raise ValueError(
                f"link {self}: depth {self.depth} is not in 1..1,000,000, or there is no rate_bps"
            )
        if self.delay_us < 0:
            raise ValueError(f"link {self}: delay_us {self.delay_us} is negative")

    def __str__(self) -> str:
        return f"{self.one} - {self.other}"


class Arrival(tuple[str, bytes]):
    """A frame that has come to the network's edge: (host, frame), and when. Where no host is, `s1:3` is."""

    at_ns: int
    """The clock's time, in nanoseconds."""

    def __new__(cls, host: str, frame: bytes, at_ns: int) -> Self:
        """Compares as the pair."""
        self = super().__new__(cls, (host, frame))
        self.at_ns = at_ns
        return self

    @property
    def host(self) -> str:
        """Who has received it."""
        return self[0]

    @property
    def frame(self) -> bytes:
        """All of it, from the Ethernet header on."""
        return self[1]


class Crossing(NamedTuple):
    """A frame that was put on a wire: when (its first bit), where, and whether it was lost as the wire was
    down."""

    at_ns: int
    source: str
    target: str
    frame: bytes
    lost: bool


@dataclass(slots=True)
class Wire:
    """A link as it runs. With `up` False whatever is put on it is lost."""

    link: Link
    ends: tuple[End, End]
    up: bool = True
    crossings: deque[Crossing] = field(default_factory=lambda: deque(maxlen=MOST_RECORDED))
    """What was put on it, oldest first: the latest 10,000."""
    _free_ns: dict[End, int] = field(default_factory=dict)

    def frames(self, source: str | None = None) -> list[bytes]:
        """What it has carried, from one end or from both."""
        return [one.frame for one in self.crossings if not one.lost and source in (None, one.source)]

    def carry(self, source: End, frame: bytes, at_ns: int) -> tuple[int, End] | None:
        """A frame is put on it at one end: when it comes out, and where; None: it is lost."""
        target = self.ends[1] if source == self.ends[0] else self.ends[0]
        begin = at_ns
        if source.port is None:  # of a switch's port the queue keeps frames apart
            begin = max(at_ns, self._free_ns.get(source, 0))
            self._free_ns[source] = begin + self._sending_ns(frame)
        self.crossings.append(Crossing(begin, str(source), str(target), frame, not self.up))
        if not self.up:
            return None
        return begin + self._sending_ns(frame) + round(self.link.delay_us * 1000), target

    def _sending_ns(self, frame: bytes) -> int:
        return len(frame) * 8 * 10**9 // self.link.rate_bps if self.link.rate_bps else 0

"""The three acts of `p4fabric lab congestion`: who sends what to the host at the slow port.

This module knows figures. It does not know how datagrams are sent, nor what is told of them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ACTS", "BIG", "FRAME_HEAD", "Act", "Stream"]

BIG, SMALL = 1400, 60
"""Bytes of a datagram."""
FRAME_HEAD = 42
"""What Ethernet, IPv4 and UDP add to them."""


@dataclass(frozen=True)
class Stream:
    """Datagrams of one flow."""

    host: str
    from_port: int
    congests: bool = True
    """What it sends fills the queue; otherwise it is a mouse, and waits there."""
    count: int | None = None
    seconds: float | None = None
    rate: float | None = None
    """Datagrams a second; None: as fast as the sender's link takes them."""

    @property
    def size(self) -> int:
        """Bytes of each datagram."""
        return BIG if self.congests else SMALL

    @property
    def words(self) -> tuple[object, ...]:
        """What volley.py is told of it."""
        options = {"--count": self.count, "--seconds": self.seconds, "--rate": self.rate, "--size": self.size}
        given = ((name, value) for name, value in options.items() if value is not None)
        return ("--from-port", self.from_port, *(word for option in given for word in option))


@dataclass(frozen=True)
class Act:
    """What is sent at the same moment."""

    name: str
    title: str
    streams: tuple[Stream, ...]

    @property
    def mice(self) -> tuple[Stream, ...]:
        """Those that only wait."""
        return tuple(stream for stream in self.streams if not stream.congests)


ACTS = (
    # 23 ms at 40 Mbit/s: half of them stay behind, and none is lost.
    Act("burst", "A burst: 80 datagrams of one client", (Stream("h1", 40001, count=80),)),
    Act(
        "incast",
        "An incast: four clients answer at once",
        # Few enough for each to find room, whichever comes first: 96 meet 64 places, and 12 leave meanwhile.
        tuple(Stream(f"h{number}", 40010 + number, count=24) for number in range(1, 5)),
    ),
    Act(
        "elephant",
        "An elephant beside three mice",
        (
            Stream("h1", 40021, seconds=2.0),
            *(
                Stream(f"h{number}", 40020 + number, congests=False, seconds=2.0, rate=50)
                for number in range(2, 5)
            ),
        ),
    ),
)

"""What the engine says: of packets, of entries, and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self


@dataclass(frozen=True, slots=True)
class PacketIn:
    """A frame that was sent to the CPU port, as deparsed: the packet_in header, if any, is in front.
    `priority` is that of the CPU port's queue that it was in."""

    frame: bytes
    priority: int = 0


@dataclass(frozen=True, slots=True)
class DigestMessage:
    """One digest call of one packet: the list's id and name, its values in their order."""

    list_id: int
    name: str
    values: tuple[int, ...]


Event = PacketIn | DigestMessage


class Departure(tuple[int, bytes]):
    """A frame that left by a memory port: (port, frame), and when."""

    at_ns: int
    """Nanoseconds since the switch started; of a virtual clock, its time."""

    def __new__(cls, port: int, frame: bytes, at_ns: int) -> Self:
        """Compares as the pair."""
        self = super().__new__(cls, (port, frame))
        self.at_ns = at_ns
        return self

    @property
    def port(self) -> int:
        """Where it left."""
        return self[0]

    @property
    def frame(self) -> bytes:
        """All of it, from the Ethernet header on."""
        return self[1]


class IdleEntry(NamedTuple):
    """An entry that no packet has hit for its timeout."""

    table: str
    handle: int


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A port's egress queues together, in packets: now, the most since the start, tail drops."""

    depth: int
    max_depth: int
    drops: int


@dataclass(frozen=True, slots=True)
class PortStats:
    """A port's figures since it was added; `drops` counts by reason (a closed set of names)."""

    number: int
    interface: str | None
    up: bool
    rx_packets: int
    rx_bytes: int
    tx_packets: int
    tx_bytes: int
    drops: Mapping[str, int]
    queue: QueueStats


@dataclass(frozen=True, slots=True)
class CaptureStats:
    """One pcap file: frames that are in it, frames that are missing because it was written too slowly, and
    why it is written no further, if it is not."""

    file: Path
    frames: int
    missing: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EngineStats:
    """The engine as a whole; `drops` by reason, `events_lost`: packet-ins and digests that found no room."""

    ingress_packets: int
    egress_packets: int
    drops: Mapping[str, int]
    events_lost: int
    recirculated: int

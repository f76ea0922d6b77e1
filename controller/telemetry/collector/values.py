"""What the collector takes, refuses and hands on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.collector.clock import ClockSample
from p4fabric.controller.telemetry.reports import PORT, ReportGroup

__all__ = ["ClockExchange", "CollectorSettings", "Refused", "ReportSink"]


class Refused(StrEnum):
    """Why a datagram does not count."""

    SOURCE = "source"
    """Its address is not one that reports may come from."""
    NODE = "node"
    """Its node id is no switch's."""
    VERSION = "version"
    """Of another version of the format."""
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    TOO_LONG = "too_long"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class CollectorSettings:
    """Where reports are taken, and from whom."""

    nodes: Mapping[int, SwitchName]
    """The switches, by node id."""
    host: str = "127.0.0.1"
    port: int = PORT
    """0: the system chooses one."""
    sources: Collection[IPv4Network | IPv6Network] = field(default=())
    """Addresses that reports may come from; none named: any."""
    receive_buffer: int = 4 << 20
    """Bytes that the kernel keeps for us, as far as it lets us."""


class ReportSink(Protocol):
    """Who is given reports, in the order of their arrival; must not block."""

    def __call__(self, switch: SwitchName, group: ReportGroup, arrived: int) -> None:
        """Take a group that arrived at a moment (nanoseconds since 1970)."""


class ClockExchange(Protocol):
    """Asks a switch for its time; the session of a switch is one."""

    async def __call__(self, switch: SwitchName) -> ClockSample | None:
        """Ask once; None: the switch cannot say, or is not connected."""

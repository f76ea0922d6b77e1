"""What the configuration says of telemetry: counters, reports of switches, incidents, exports."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from p4fabric.controller.config_section import FilePath, Section
from p4fabric.controller.listen_address import ListenAddress, listen_address

__all__ = ["IncidentsConfig", "ReportsConfig", "TelemetryConfig"]

_SHORTEST_SAMPLE = 0.1
"""Seconds; the embedded switch samples no faster."""


def _sample_interval(value: float) -> float:
    if 0 < value < _SHORTEST_SAMPLE:
        raise ValueError(f"must be 0 or at least {_SHORTEST_SAMPLE} seconds")
    return value


def _prefix(value: object) -> IPv4Network | IPv6Network:
    try:
        if isinstance(value, str):
            return ip_network(value)
    except ValueError:
        pass
    raise ValueError("must be a prefix or an address, such as 192.0.2.0/24")


class ReportsConfig(Section):
    """Where reports of switches are taken, and from whom."""

    listen: Annotated[ListenAddress, BeforeValidator(listen_address)] | None = None
    """A UDP port; without it, no reports are taken."""
    sources: tuple[Annotated[IPv4Network | IPv6Network, BeforeValidator(_prefix)], ...] = Field(
        (), strict=False
    )
    """Addresses that they may come from; none named: any."""
    receive_buffer: int = Field(4 << 20, ge=4096, le=1 << 30)
    """Bytes that the system keeps for the controller while it is busy."""


class IncidentsConfig(Section):
    """Where incidents are kept, and for how long."""

    path: FilePath | None = None
    """The file; without it, one beside the store's."""
    max_bytes: int = Field(256 << 20, ge=1 << 16, le=1 << 40)
    """Of all incidents with their films; the oldest are removed."""
    max_age: float = Field(30 * 86_400.0, gt=0, le=10 * 366 * 86_400, strict=False)
    """Seconds after its end when an incident is removed."""


class TelemetryConfig(Section):
    """Seconds, but for the counts."""

    clear_after: float = Field(1.0, gt=0, le=3600, strict=False)
    """Silence after which congestion is over (never less than two report intervals of the queue)."""
    counter_interval: float = Field(5.0, ge=0, le=3600, strict=False)
    """Between reads of all counters, for metrics and events of drops; 0: only when asked, no such events."""
    counter_share: float = Field(0.05, gt=0, le=1, strict=False)
    """Of the time that reads of intents' counters may take: the more there are, the rarer they are read."""
    port_interval: Annotated[float, AfterValidator(_sample_interval)] = Field(
        5.0, ge=0, le=3600, strict=False
    )
    """Between samples of what ports and queues count, for metrics; 0: none are taken."""
    event_history: int = Field(4096, ge=16, le=1 << 20)
    """Events of each class kept for subscribers that are slow or come back."""
    series_kinds: tuple[Literal["FirewallPolicy", "Service", "UpfSession"], ...] = (
        "FirewallPolicy",
        "Service",
    )
    """Kinds whose intents have metrics of their own; all kinds have metrics by tenant."""
    most_series: int = Field(2000, ge=0, le=1 << 20)
    """Counters of intents with metrics of their own."""
    drop_threshold: float = Field(100.0, ge=0, le=1e9, strict=False)
    """Packets a second that one port drops for one reason before there is an event; 0: never one."""
    drop_clear_after: float = Field(30.0, gt=0, le=3600, strict=False)
    """Below the threshold, before that event is over."""
    reports: ReportsConfig = Field(default_factory=lambda: ReportsConfig.model_validate({}))
    incidents: IncidentsConfig = Field(default_factory=lambda: IncidentsConfig.model_validate({}))

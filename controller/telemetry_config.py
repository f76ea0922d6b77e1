"""What the configuration says of reports of switches and of incidents."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import BeforeValidator, Field

from p4fabric.controller.api_config import ListenAddress
from p4fabric.controller.config_section import FilePath, Section, host_and_port

__all__ = ["IncidentsConfig", "IpfixConfig", "ReportsConfig"]


def _listen_address(value: object) -> ListenAddress:
    host_and_port(value, lowest=0)
    return ListenAddress(value)


def _prefix(value: object) -> IPv4Network | IPv6Network:
    try:
        if isinstance(value, str):
            return ip_network(value)
    except ValueError:
        pass
    raise ValueError("must be a prefix or an address, such as 192.0.2.0/24")


def _ipv4_collector(value: object) -> ListenAddress:
    host, _ = host_and_port(value, lowest=1)
    try:
        IPv4Address(host)
    except ValueError:
        raise ValueError("must be an IPv4 address and a port, such as 192.0.2.9:32766") from None
    return ListenAddress(value)


class ReportsConfig(Section):
    """Where reports of switches are taken, and from whom."""

    listen: Annotated[ListenAddress, BeforeValidator(_listen_address)] | None = None
    """A UDP port; without it, no reports are taken."""
    socket: FilePath | None = None
    """A Unix socket that `p4fabric collector` passes them on by; then only that listens."""
    sources: tuple[Annotated[IPv4Network | IPv6Network, BeforeValidator(_prefix)], ...] = Field(
        (), strict=False
    )
    """Addresses that they may come from; none named: any."""
    collector: Annotated[ListenAddress, BeforeValidator(_ipv4_collector)] | None = None
    """`address:port` that the programs of switches with `reports` send to."""
    receive_buffer: int = Field(4 << 20, ge=4096, le=1 << 30)
    """Bytes that the system keeps for the controller while it is busy."""


def _collector(value: object) -> ListenAddress:
    host_and_port(value, lowest=1)
    return ListenAddress(value)


class IpfixConfig(Section):
    """Where incidents and drops are exported to."""

    collector: Annotated[ListenAddress, BeforeValidator(_collector)] | None = None
    """`host:port` of a collector; without it, nothing is exported."""


class IncidentsConfig(Section):
    """Where incidents are kept, and for how long."""

    path: FilePath | None = None
    """The file; without it, one beside the store's."""
    max_bytes: int = Field(256 << 20, ge=1 << 16, le=1 << 40)
    """Of all incidents with their films; the oldest are removed."""
    max_age: float = Field(30 * 86_400.0, gt=0, le=10 * 366 * 86_400, strict=False)
    """Seconds after its end when an incident is removed."""

"""Which paths somebody wants: by the flow, whose it is, where it passes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

from p4fabric.controller.names import IntentKey
from p4fabric.controller.telemetry.flow_paths.values import FlowPath

__all__ = ["FlowEnd", "PathFilter"]


class FlowEnd(NamedTuple):
    """A place that a flow comes from, or goes to."""

    network: IPv4Network | IPv6Network | None = None
    """None: any address."""
    port: int | None = None
    """None: any."""

    def has(self, address: IPv4Address | IPv6Address | None, port: int) -> bool:
        """Whether this is the end of a flow."""
        is_there = self.network is None or (address is not None and address in self.network)
        return is_there and self.port in (None, port)


@dataclass(frozen=True, slots=True)
class PathFilter:
    """What is None does not matter."""

    sources: Sequence[FlowEnd] | None = None
    """Any of them."""
    destinations: Sequence[FlowEnd] | None = None
    protocols: frozenset[int] | None = None
    tenant: str | None = None
    switch: str | None = None
    watch: IntentKey | None = None
    active: bool | None = None

    def passes(self, path: FlowPath) -> bool:
        """Whether it is wanted, by what may be told of it."""
        flow = path.flow.flow
        return (
            (self.active is None or path.is_active is self.active)
            and (self.tenant is None or path.names.flow.tenant == self.tenant)
            and (self.protocols is None or flow.protocol in self.protocols)
            and _is_one(self.sources, flow.source, flow.source_port)
            and _is_one(self.destinations, flow.destination, flow.destination_port)
            and (self.watch is None or self.watch in path.names.watches)
            and (self.switch is None or self.switch in path.switches)
        )


def _is_one(ends: Sequence[FlowEnd] | None, address: IPv4Address | IPv6Address | None, port: int) -> bool:
    return ends is None or any(end.has(address, port) for end in ends)

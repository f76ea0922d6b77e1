"""How evenly the ports of an equal-cost group are used, from what each of them sent.

Switches do not count by member of a group: what a port sends for others counts too, and groups with the same
ports are one here. This module does not know which groups there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.port_counts import PortCount
from p4fabric.pipelines.values import Port

__all__ = ["Balance", "balance_of"]


@dataclass(frozen=True, slots=True)
class Balance:
    """One group of equal-cost ports over the last minute."""

    switch: SwitchName
    ports: tuple[Port, ...]
    imbalance: float
    """What the busiest port sent, over the mean of all: 1 is even, the number of ports is all by one."""
    load: float | None
    """The part of the ports' speed that was used; None where a speed is not known."""

    @property
    def group(self) -> str:
        """Its name: its ports."""
        return "+".join(str(port) for port in self.ports)


def balance_of(
    switch: SwitchName, group: Collection[Port], counts: Mapping[Port, PortCount]
) -> Balance | None:
    """The balance of a group; None where there is no choice, nothing was sent, or a port is not read.

    Args:
        switch: whose ports they are.
        group: the ports that share traffic.
        counts: of the switch's ports.
    """
    ports = tuple(sorted(group))
    rates = [counts[port].sent.rate if port in counts else None for port in ports]
    known = [rate for rate in rates if rate is not None]
    total = sum(known)
    if len(ports) < 2 or len(known) < len(ports) or not total:
        return None
    speeds = [counts[port].speed for port in ports]
    speed = sum(speed for speed in speeds if speed is not None)
    load = None if None in speeds else total / speed
    return Balance(switch, ports, max(known) * len(ports) / total, load)

"""What ports and queues have counted, of all switches, so that no total ever goes back.

A switch that restarts counts from zero. It says so itself, by when its counters were cleared last; or a
counter does, that is smaller than before. Totals stay while a switch is away, and go on when it is back;
what only holds for the moment (up or down, depth, how fast it sends) is not known then. Time is given, never
read. This module does not know where samples come from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.port_samples import PortSample
from p4fabric.controller.telemetry.port_rates import PortRates
from p4fabric.controller.telemetry.recent_rate import RecentRate
from p4fabric.pipelines.values import Port

__all__ = ["PortCount", "PortCounts", "QueueCount"]

_UNASKED = "not connected"


@dataclass(slots=True)
class QueueCount:
    """One egress queue, by the names of the leaves that gNMI has."""

    totals: dict[str, int] = field(default_factory=dict)
    now: dict[str, int] = field(default_factory=dict)
    """What holds for the moment; empty where nothing is known."""


@dataclass(slots=True)
class PortCount:
    """One port. Totals begin with what the switch had counted when this controller first heard of it."""

    interface: str
    up: bool | None
    totals: dict[str, int] = field(default_factory=dict)
    rates: Mapping[str, float] | None = None
    """What the totals grew by a second, between the last two samples; None where there are not two."""
    queues: dict[str, QueueCount] = field(default_factory=dict)
    is_read: bool = True
    """Whether the switch still tells; if not, totals are those of its last sample."""
    sent: RecentRate = field(default_factory=RecentRate)
    """Bytes that left, over the last minute."""

    @property
    def speed(self) -> float | None:
        """Bytes a second that can leave at most; None where there is no limit, or the switch does not say."""
        rate = self.rate_bps
        return None if rate is None else rate / 8

    @property
    def rate_bps(self) -> int | None:
        """The same in bits."""
        rates = [rate for queue in self.queues.values() if (rate := queue.now.get("rate-bps", 0))]
        return max(rates, default=None)


_NOW = frozenset(("occupancy", "max-queue-len", "depth-limit", "rate-bps", "rate-pps"))


class PortCounts:
    """Feed it samples (it is a `PortWatcher`); its size is that of the ports and queues that there were."""

    def __init__(
        self,
        switches: Collection[SwitchName],
        clock: Callable[[], float] = time.monotonic,
        rate_changed: Callable[[PortRef, int | None], None] = lambda port, rate_bps: None,
    ) -> None:
        """Begin without counts.

        Args:
            switches: all that there are.
            clock: says when a sample came, in seconds.
            rate_changed: told the bits a second that leave at most by a port, if a switch says another number
                than before (None: any number). While it says nothing, the last one holds.
        """
        self._clock, self._rate_changed = clock, rate_changed
        self._rates_bps: dict[PortRef, int | None] = {}
        self._rates: dict[tuple[SwitchName, Port], PortRates] = {}
        self._ports: dict[SwitchName, dict[Port, PortCount]] = {name: {} for name in switches}
        self._last: dict[tuple[SwitchName, Port, str | None], tuple[int, Mapping[str, int]]] = {}
        """When the switch had cleared its counters, and what they were last."""
        self._unread: dict[SwitchName, str | None] = dict.fromkeys(switches, _UNASKED)

    def __iter__(self) -> Iterator[tuple[PortRef, PortCount]]:
        """All ports that there were; samples may come in between."""
        for switch, ports in self._ports.items():
            for port, count in sorted(ports.items(), key=lambda item: item[0]):
                yield PortRef(switch, port), count

    def of(self, switch: SwitchName) -> Mapping[Port, PortCount]:
        """The ports of a switch that there were."""
        return self._ports[switch]

    @property
    def unread(self) -> Mapping[SwitchName, str | None]:
        """Why the ports of each switch are not read; None while they are."""
        return self._unread

    def ports_sampled(self, switch: SwitchName, samples: Collection[PortSample]) -> None:
        """Some ports said what they have counted."""
        self._unread[switch] = None
        now = self._clock()
        for sample in samples:
            count = self._ports[switch].setdefault(sample.port, PortCount(sample.interface, sample.up))
            count.interface, count.up, count.is_read = sample.interface, sample.up, True
            self._add(count.totals, (switch, sample.port, None), sample.cleared_at, sample.counters)
            rates = self._rates.setdefault((switch, sample.port), PortRates())
            count.rates = rates.sampled(count.totals, now)
            if "out-octets" in count.totals:
                count.sent.take(count.totals["out-octets"], now)
            for queue in sample.queues:
                queue_count = count.queues.setdefault(queue.name, QueueCount())
                leaves = queue.leaves
                queue_count.now = {name: value for name, value in leaves.items() if name in _NOW}
                counters = {name: value for name, value in leaves.items() if name not in _NOW}
                self._add(queue_count.totals, (switch, sample.port, queue.name), sample.cleared_at, counters)
            port = PortRef(switch, sample.port)
            if (rate_bps := count.rate_bps) != self._rates_bps.get(port):
                self._rates_bps[port] = rate_bps
                self._rate_changed(port, rate_bps)

    def ports_gone(self, switch: SwitchName, ports: Collection[Port]) -> None:
        """Ports that the switch had are there no more."""
        for port in ports:
            if port in self._ports[switch]:
                self._forget_the_moment(switch, port)

    def ports_unread(self, switch: SwitchName, reason: str) -> None:
        """Nothing is sampled of a switch for now."""
        self._unread[switch] = reason
        for port in self._ports[switch]:
            self._forget_the_moment(switch, port)

    def _forget_the_moment(self, switch: SwitchName, port: Port) -> None:
        count = self._ports[switch][port]
        count.up, count.rates, count.is_read = None, None, False
        self._rates[switch, port].forget()
        count.sent.forget()
        for queue in count.queues.values():
            queue.now = {}

    def _add(
        self,
        totals: dict[str, int],
        key: tuple[SwitchName, Port, str | None],
        cleared_at: int,
        counters: Mapping[str, int],
    ) -> None:
        cleared_before, last = self._last.get(key, (cleared_at, {}))
        if cleared_at and cleared_before and cleared_at != cleared_before:
            last = {}
        for name, value in counters.items():
            before = last.get(name, 0)
            totals[name] = totals.get(name, 0) + (value - before if value >= before else value)
        self._last[key] = cleared_at, {**last, **counters}

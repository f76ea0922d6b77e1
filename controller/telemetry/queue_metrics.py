"""Queues in Prometheus's words, by the names of the leaves that gNMI has.

A switch that knows its priorities apart tells of each (`priority-3`), and of all together (`egress`): limits
hold for the port, counts are those of priorities. This module does not know how a value came about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.telemetry.port_counts import QueueCount

__all__ = ["QueueFamilies", "drops_of_port"]

_PORT, _QUEUE = ("switch", "port"), ("switch", "port", "priority")
_PRIORITY = "priority-"
_COUNTERS = {
    "transmit-pkts": ("packets", "Packets that left a queue."),
    "transmit-octets": ("bytes", "Bytes of frames that left a queue."),
    "dropped-pkts": ("drops", "Packets that found a queue full."),
}
_DEPTH = "occupancy"


class _Limit(NamedTuple):
    name: str
    text: str
    scale: float = 1
    """Of Prometheus's base unit."""


_LIMITS = {
    "depth-limit": _Limit("queue_limit_packets", "Packets that may wait in each queue of a port."),
    "rate-bps": _Limit(
        "rate_limit_bytes_per_second", "Bytes of frames a second that may leave a port.", 1 / 8
    ),
    "rate-pps": _Limit("rate_limit_packets_per_second", "Packets a second that may leave a port."),
}
"""0 is none."""
_REASONS = {
    "dropped-pkts": "queue_full",
    "drops/port-down": "port_down",
    "drops/send-failed": "send_failed",
    "drops/beyond-mtu": "beyond_mtu",
}


def _priorities_of(queues: Mapping[str, QueueCount]) -> dict[str, QueueCount]:
    """The queues by priority, or by their names where a switch does not have priorities."""
    found = {name.removeprefix(_PRIORITY): one for name, one in queues.items() if name.startswith(_PRIORITY)}
    return found or dict(queues)


def drops_of_port(queues: Mapping[str, QueueCount]) -> dict[str, int]:
    """What did not leave a port, by reason; nothing where the switch does not tell reasons."""
    found: dict[str, int] = {}
    for queue in _priorities_of(queues).values():
        if _REASONS.keys() <= queue.totals.keys():
            for leaf, reason in _REASONS.items():
                found[reason] = found.get(reason, 0) + queue.totals[leaf]
    return found


class QueueFamilies:
    """Families that take the queues of one port after another."""

    def __init__(self) -> None:
        """Begin with empty ones."""
        self._counters = {
            leaf: CounterMetricFamily(f"p4fabric_queue_{name}", text, labels=_QUEUE)
            for leaf, (name, text) in _COUNTERS.items()
        }
        self._depth = GaugeMetricFamily(
            "p4fabric_queue_depth_packets", "Packets that waited in a queue when it was read.", labels=_QUEUE
        )
        self._limits = {
            leaf: GaugeMetricFamily(f"p4fabric_port_{limit.name}", limit.text, labels=_PORT)
            for leaf, limit in _LIMITS.items()
        }

    def add(self, port: list[str], queues: Mapping[str, QueueCount]) -> None:
        """Take the queues of a port, which is named by its labels."""
        for leaf, limit in _LIMITS.items():
            values = [queue.now[leaf] for queue in queues.values() if queue.now.get(leaf)]
            if values:
                self._limits[leaf].add_metric(port, max(values) * limit.scale)
        for priority, queue in _priorities_of(queues).items():
            labels = [*port, priority]
            for leaf, family in self._counters.items():
                if leaf in queue.totals:
                    family.add_metric(labels, queue.totals[leaf])
            if _DEPTH in queue.now:
                self._depth.add_metric(labels, queue.now[_DEPTH])

    def __iter__(self) -> Iterator[Metric]:
        """All of them."""
        return iter((*self._counters.values(), self._depth, *self._limits.values()))

"""Ports, queues and groups of ports in Prometheus's words.

This module does not know how a value came about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.balance import Balance
from p4fabric.controller.telemetry.drops import Direction
from p4fabric.controller.telemetry.families import Filling, handed_on
from p4fabric.controller.telemetry.port_counts import PortCount

__all__ = ["balance_metrics", "port_metrics"]

_PORTS_A_TURN = 16

_PORT, _QUEUE = ("switch", "port"), ("switch", "port", "queue")
_PORT_COUNTERS = {
    "pkts": ("packets", "Packets that came in (ingress) or left (egress)."),
    "octets": ("bytes", "Bytes of frames that came in or left."),
    "discards": (
        "drops",
        "Packets that found no room, were too long, or did not leave: see the queue's drops.",
    ),
    "errors": ("errors", "Broken packets that came in or failed to leave, where the switch counts them."),
}
_DIRECTIONS = {"in": Direction.INGRESS, "out": Direction.EGRESS}
_QUEUE_COUNTERS = {
    "transmit-pkts": ("packets", "Packets that left a queue."),
    "transmit-octets": ("bytes", "Bytes of frames that left a queue."),
}
_DROPPED = "dropped-pkts"
_FULL = "queue_full"
"""The reason why a queue drops."""


class _Gauge(NamedTuple):
    name: str
    text: str
    scale: float = 1
    """Of Prometheus's base unit."""


_QUEUE_GAUGES = {
    "occupancy": _Gauge("depth_packets", "Packets that wait in a queue."),
    "depth-limit": _Gauge("depth_limit_packets", "Packets that may wait in each priority of a queue."),
    "max-queue-len": _Gauge("max_depth_packets", "The most packets that waited since the switch started."),
    "rate-bps": _Gauge("rate_limit_bytes_per_second", "Bytes a second that may leave a queue.", 1 / 8),
    "rate-pps": _Gauge("rate_limit_packets_per_second", "Packets a second that may leave a queue."),
}
_NO_LIMIT = {"rate-bps": 0, "rate-pps": 0}
"""Values that say that there is none."""


def port_metrics(
    ports: Iterable[tuple[PortRef, PortCount]],
    unread: Mapping[SwitchName, str | None],
    peer_of: Callable[[PortRef], PortRef | None],
) -> Iterator[Metric | None]:
    """All families, and None now and then, for others to have their turn.

    A series exists where the switch has told the value, as long as it goes on to do so.

    Args:
        ports: of all switches.
        unread: why the ports of a switch are not read; None while they are.
        peer_of: the other end of a port's link.
    """
    return handed_on(_filled(ports, unread, peer_of))


def _filled(
    ports: Iterable[tuple[PortRef, PortCount]],
    unread: Mapping[SwitchName, str | None],
    peer_of: Callable[[PortRef], PortRef | None],
) -> Filling:
    read = GaugeMetricFamily(
        "p4fabric_switch_ports_read", "1 while the counters of its ports are read.", labels=["switch"]
    )
    for switch, reason in unread.items():
        read.add_metric([switch], reason is None)
    up = GaugeMetricFamily(
        "p4fabric_port_up", "1 while a port can send; none while nobody knows.", labels=_PORT
    )
    info = GaugeMetricFamily(
        "p4fabric_port_info",
        "1; the name of a port's interface, and the other end of its link.",
        labels=[*_PORT, "interface", "peer"],
    )
    of_ports = {
        leaf: CounterMetricFamily(f"p4fabric_port_{name}", text, labels=[*_PORT, "direction"])
        for leaf, (name, text) in _PORT_COUNTERS.items()
    }
    of_queues: dict[str, CounterMetricFamily | GaugeMetricFamily] = {
        leaf: CounterMetricFamily(f"p4fabric_queue_{name}", text, labels=_QUEUE)
        for leaf, (name, text) in _QUEUE_COUNTERS.items()
    }
    dropped = CounterMetricFamily(
        "p4fabric_queue_drops", "Packets that a queue did not take, by reason.", labels=[*_QUEUE, "reason"]
    )
    for leaf, gauge in _QUEUE_GAUGES.items():
        of_queues[leaf] = GaugeMetricFamily(f"p4fabric_queue_{gauge.name}", gauge.text, labels=_QUEUE)
    for number, (port, count) in enumerate(ports, 1):
        if number % _PORTS_A_TURN == 0:
            yield None
        if not count.is_read:
            continue
        labels = [port.switch, str(port.port)]
        peer = peer_of(port)
        info.add_metric([*labels, count.interface, "" if peer is None else str(peer)], 1)
        if count.up is not None:
            up.add_metric(labels, count.up)
        for leaf, total in count.totals.items():
            way, _, what = leaf.partition("-")
            of_ports[what].add_metric([*labels, _DIRECTIONS[way]], total)
        for queue, found in count.queues.items():
            names = [*labels, queue]
            for leaf, total in found.totals.items():
                if leaf == _DROPPED:
                    dropped.add_metric([*names, _FULL], total)
                else:
                    of_queues[leaf].add_metric(names, total)
            for leaf, value in found.now.items():
                if _NO_LIMIT.get(leaf) != value:
                    of_queues[leaf].add_metric(names, value * _QUEUE_GAUGES[leaf].scale)
    return [read, up, info, *of_ports.values(), *of_queues.values(), dropped]


def balance_metrics(balances: Iterable[Balance | None]) -> Iterator[Metric | None]:
    """How evenly groups of equal-cost ports are used; None, as it comes, is for others to have their turn."""
    labels = ("switch", "group")
    ratio = GaugeMetricFamily(
        "p4fabric_ecmp_imbalance_ratio",
        "Of the bytes of a group of equal-cost ports in the last minute: the busiest port's over the mean.",
        labels=labels,
    )
    load = GaugeMetricFamily(
        "p4fabric_ecmp_load_ratio",
        "The part of a group's speed that was used in the last minute.",
        labels=labels,
    )
    for balance in balances:
        if balance is None:
            yield None
            continue
        names = [balance.switch, balance.group]
        ratio.add_metric(names, balance.imbalance)
        if balance.load is not None:
            load.add_metric(names, balance.load)
    yield from (ratio, load)

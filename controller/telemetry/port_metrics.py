"""Ports and groups of ports in Prometheus's words.

This module does not know how a value came about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.balance import Balance
from p4fabric.controller.telemetry.drops import Direction
from p4fabric.controller.telemetry.families import Filling, handed_on
from p4fabric.controller.telemetry.port_counts import PortCount
from p4fabric.controller.telemetry.queue_metrics import QueueFamilies, drops_of_port

__all__ = ["balance_metrics", "port_metrics"]

_PORTS_A_TURN = 4

_PORT = ("switch", "port")
_COUNTERS = {
    "pkts": ("packets", "Packets that came in (ingress) or left (egress)."),
    "octets": ("bytes", "Bytes of frames that came in or left."),
    "errors": ("errors", "Broken packets that came in or failed to leave, where the switch counts them."),
}
_DROPPED, _ANY = "discards", "any"
_DIRECTIONS = {"in": Direction.INGRESS, "out": Direction.EGRESS}


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
    counters = {
        leaf: CounterMetricFamily(f"p4fabric_port_{name}", text, labels=[*_PORT, "direction"])
        for leaf, (name, text) in _COUNTERS.items()
    }
    dropped = CounterMetricFamily(
        "p4fabric_port_drops",
        "Packets that found no room or were too long (ingress), or did not leave (egress), by reason.",
        labels=[*_PORT, "direction", "reason"],
    )
    queues = QueueFamilies()
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
        reasons = drops_of_port(count.queues)
        for leaf, total in count.totals.items():
            way, _, what = leaf.partition("-")
            direction = _DIRECTIONS[way]
            if what != _DROPPED:
                counters[what].add_metric([*labels, direction], total)
            elif direction is Direction.INGRESS or not reasons:
                dropped.add_metric([*labels, direction, _ANY], total)
        for reason, total in reasons.items():
            dropped.add_metric([*labels, Direction.EGRESS, reason], total)
        queues.add(labels, count.queues)
    return [read, up, info, *counters.values(), dropped, *queues]


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

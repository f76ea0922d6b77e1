"""Ports and queues in Prometheus's words. This module does not know how a value came about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.port_counts import PortCount

__all__ = ["A_TURN", "port_metrics"]

A_TURN = 250
"""Values taken before others have their turn on the event loop."""
_PORTS_A_TURN = 16

_PORT, _QUEUE = ("switch", "port"), ("switch", "port", "queue")
_PORT_COUNTERS = {
    "in-pkts": ("receive_packets", "Packets that came in."),
    "in-octets": ("receive_bytes", "Bytes of frames that came in."),
    "in-discards": ("receive_drops", "Packets that came in and found no room, or were too long."),
    "in-errors": ("receive_errors", "Broken packets that came in, where the switch counts them."),
    "out-pkts": ("transmit_packets", "Packets that left."),
    "out-octets": ("transmit_bytes", "Bytes of frames that left."),
    "out-discards": ("transmit_drops", "Packets that did not leave: queue full, link down, or not taken."),
    "out-errors": ("transmit_errors", "Packets that failed to leave, where the switch counts them."),
}
_QUEUE_COUNTERS = {
    "transmit-pkts": ("transmitted_packets", "Packets that left a queue."),
    "transmit-octets": ("transmitted_bytes", "Bytes of frames that left a queue."),
    "dropped-pkts": ("dropped_packets", "Packets that found a queue full."),
}
_QUEUE_GAUGES = {
    "occupancy": ("depth_packets", "Packets that wait in a queue."),
    "depth-limit": ("depth_limit_packets", "Packets that may wait in each priority of a queue."),
    "max-queue-len": ("max_depth_packets", "The most packets that waited since the switch started."),
}


def port_metrics(
    ports: Iterable[tuple[PortRef, PortCount]], unread: Mapping[SwitchName, str | None]
) -> Iterator[Metric | None]:
    """All families, and None now and then, for others to have their turn.

    A series exists where the switch has told the value at least once.
    """
    read = GaugeMetricFamily(
        "p4fabric_switch_ports_read", "1 while the counters of its ports are read.", labels=["switch"]
    )
    for switch, reason in unread.items():
        read.add_metric([switch], reason is None)
    up = GaugeMetricFamily(
        "p4fabric_port_up", "1 while a port can send; none while nobody knows.", labels=_PORT
    )
    info = GaugeMetricFamily(
        "p4fabric_port_info", "1; the name of a port's interface.", labels=[*_PORT, "interface"]
    )
    of_ports = {
        leaf: CounterMetricFamily(f"p4fabric_port_{name}", text, labels=_PORT)
        for leaf, (name, text) in _PORT_COUNTERS.items()
    }
    of_queues: dict[str, CounterMetricFamily | GaugeMetricFamily] = {
        leaf: CounterMetricFamily(f"p4fabric_queue_{name}", text, labels=_QUEUE)
        for leaf, (name, text) in _QUEUE_COUNTERS.items()
    }
    for leaf, (name, text) in _QUEUE_GAUGES.items():
        of_queues[leaf] = GaugeMetricFamily(f"p4fabric_queue_{name}", text, labels=_QUEUE)
    for number, (port, count) in enumerate(ports, 1):
        if number % _PORTS_A_TURN == 0:
            yield None
        labels = [port.switch, str(port.port)]
        info.add_metric([*labels, count.interface], 1)
        if count.up is not None:
            up.add_metric(labels, count.up)
        for leaf, total in count.totals.items():
            of_ports[leaf].add_metric(labels, total)
        for queue, found in count.queues.items():
            for leaf, value in {**found.totals, **found.now}.items():
                if family := of_queues.get(leaf):
                    family.add_metric([*labels, queue], value)
    yield from (read, up, info, *of_ports.values(), *of_queues.values())

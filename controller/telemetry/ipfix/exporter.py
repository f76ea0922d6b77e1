"""Exports incidents and drops as IPFIX: what happened becomes records, and these messages. It does no I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.drop_reasons import METER, TAIL_DROP, reported_number
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents import FlowFigures, Incident, QueueFigures
from p4fabric.controller.telemetry.ipfix.drops import DroppedFlow
from p4fabric.controller.telemetry.ipfix.wire import (
    DROPPED_FLOW,
    MOST_BYTES,
    QUEUED_FLOW,
    QUEUED_FLOW_WITHOUT_DROPS,
    Template,
    message,
)

__all__ = ["IpfixExporter"]

_MS, _SECOND = 1_000_000, 1_000_000_000
_TEMPLATES_EVERY = 60 * _SECOND
"""Over UDP, collectors forget (RFC 7011, section 8.4)."""
_MESSAGE_OVERHEAD = 64
_FORWARDED, _DROPPED = 64, 128
_STATUSES = {
    reported_number(DropReason.FIREWALL): 129,
    reported_number(DropReason.NO_ROUTE): 131,
    reported_number(DropReason.CHECKSUM): 134,
    reported_number(DropReason.TTL): 137,
    METER: 138,
    TAIL_DROP: 139,
}
"""Of the registry of forwardingStatus (RFC 7270, section 4.12): ACL deny, unroutable, bad header checksum,
bad TTL, policer, WRED."""


class IpfixExporter:
    """Of one collector."""

    def __init__(self, send: Callable[[bytes], None], nodes: Mapping[SwitchName, int]) -> None:
        """Take what sends a datagram without waiting, and the switches' node ids."""
        self._send, self._nodes = send, nodes
        self._sequences: dict[int, int] = defaultdict(int)
        self._described: dict[int, int] = {}
        """When each domain's templates were sent last."""
        self.records = 0
        """Sent so far."""

    def incident(self, incident: Incident, now: int) -> None:
        """Export an incident that is over: a record of each flow at each of its queues (time: since 1970)."""
        by_switch: defaultdict[SwitchName, list[tuple[Template, bytes]]] = defaultdict(list)
        for queue in incident.queues:
            templates = QUEUED_FLOW if queue.untold_drops is None else QUEUED_FLOW_WITHOUT_DROPS
            for flow in queue.flows:
                template = templates[_version(flow.flow)]
                record = template.record(_queued(incident, queue, flow))
                by_switch[queue.queue.port.switch].append((template, record))
        for switch, records in by_switch.items():
            self._export(switch, records, now)

    def drops(self, dropped: Iterable[DroppedFlow], now: int) -> None:
        """Export dropped packets."""
        by_switch: defaultdict[SwitchName, list[tuple[Template, bytes]]] = defaultdict(list)
        for one in dropped:
            template = DROPPED_FLOW[_version(one.flow)]
            by_switch[one.switch].append((template, template.record(_dropped(one))))
        for switch, records in by_switch.items():
            self._export(switch, records, now)

    def _export(self, switch: SwitchName, records: list[tuple[Template, bytes]], now: int) -> None:
        domain = self._nodes.get(switch, 0)
        described = self._described.get(domain)
        if described is None or now - described >= _TEMPLATES_EVERY:
            self._described[domain] = now
            self._send(message(domain, self._sequences[domain], now // _SECOND, (), templates=True))
        together: dict[Template, list[bytes]] = {}
        size = 0
        for template, record in records:
            if size + len(record) > MOST_BYTES - _MESSAGE_OVERHEAD:
                self._flush(domain, together, now)
                together, size = {}, 0
            together.setdefault(template, []).append(record)
            size += len(record)
        self._flush(domain, together, now)

    def _flush(self, domain: int, records: Mapping[Template, list[bytes]], now: int) -> None:
        count = sum(map(len, records.values()))
        if count:
            sequence = self._sequences[domain]
            self._send(message(domain, sequence, now // _SECOND, records.items(), templates=False))
            self._sequences[domain] += count
            self.records += count


def _version(flow: FlowId) -> int:
    """What is not IP is written as IPv4 from nowhere to nowhere."""
    return 4 if flow.flow.source is None else flow.flow.source.version


def _of_flow(flow: FlowId, first: int, last: int) -> list[int]:
    one = flow.flow
    return [
        first // _MS,
        last // _MS,
        0 if one.source is None else int(one.source),
        0 if one.destination is None else int(one.destination),
        one.source_port,
        one.destination_port,
        one.protocol,
        flow.vlan,
    ]


def _queued(incident: Incident, queue: QueueFigures, flow: FlowFigures) -> list[int]:
    return [
        *_of_flow(flow.flow, queue.began, queue.ended),
        0,
        queue.queue.port.port,
        flow.reports,
        *((flow.drops,) if queue.untold_drops is None else ()),
        _STATUSES[TAIL_DROP] if flow.drops else _FORWARDED,
        incident.number,
        flow.role,
        queue.queue.queue,
        flow.bytes,
        round(flow.share * 1_000_000),
        flow.max_wait_ns // 1000,
        queue.peak_depth,
        queue.peak_wait_ns // 1000,
    ]


def _dropped(one: DroppedFlow) -> list[int]:
    return [
        *_of_flow(one.flow, one.first, one.last),
        one.ingress,
        one.egress,
        one.packets,
        one.packets,
        _STATUSES.get(one.reason, _DROPPED),
        one.reason,
    ]

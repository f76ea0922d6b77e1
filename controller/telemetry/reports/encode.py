"""Writes groups of reports, for tests, labs and switches in Python; `decode` reads the same again."""

from __future__ import annotations

from struct import error as StructError
from struct import pack

from p4fabric.controller.telemetry.reports import wire
from p4fabric.controller.telemetry.reports.values import (
    Bin,
    BinsReport,
    DropReport,
    FlowReport,
    FlowWords,
    Inner,
    InnerType,
    ReportGroup,
)

__all__ = ["encode"]


def encode(group: ReportGroup) -> bytes:
    """Write a group. Packets are padded to whole words; what was skipped when it was read is not written.

    Raises:
        ValueError: a number is too large for its field, metadata stands alone that only goes with other
            metadata, or a report that is not the last one is too long.
    """
    first = wire.VERSION << 28 | group.hw_id << wire.SEQUENCE_BITS | group.sequence
    parts = [wire.GROUP.pack(first, group.node)]
    last = len(group.reports) - 1
    try:
        for index, report in enumerate(group.reports):
            written = _bins(report) if isinstance(report, BinsReport) else _packet(report)
            parts.append(_with_header(*written, is_last=index == last))
    except StructError as error:
        raise ValueError(f"a report has a number that does not fit: {error}") from None
    return b"".join(parts)


def _with_header(flags: int, head: bytes, metadata: bytes, inner: Inner, *, is_last: bool) -> bytes:
    packet = inner.data + bytes(-len(inner.data) % wire.WORD)
    if inner.kind == InnerType.NONE and packet:
        raise ValueError(f"a packet of {len(packet)} bytes needs an InnerType")
    words = (len(head) + len(metadata) + len(packet)) // wire.WORD
    if words >= wire.TO_THE_END:
        if not is_last:
            raise ValueError(f"a report of {words} words must be the last one of its group")
        words = wire.TO_THE_END
    types = wire.INT << 4 | inner.kind
    return wire.HEADER.pack(types, words, len(metadata) // wire.WORD, flags) + head + metadata + packet


def _packet(report: FlowReport) -> tuple[int, bytes, bytes, Inner]:
    flags = (
        report.congested * wire.CONGESTED
        | report.tracked * wire.TRACKED
        | report.intermediate * wire.INTERMEDIATE
    )
    bits, metadata = _baseline(report)
    if isinstance(report, DropReport):
        flags |= wire.DROPPED
        pair = _both(report.drop_queue, report.reason, "drop_queue and reason")
        if pair is not None:
            bits |= wire.DROP
            metadata += pack("!BBxx", *pair)
    domain_bits, words = _domain(report)
    domain = wire.DOMAIN if domain_bits else 0
    return flags, wire.MAIN.pack(bits, domain, domain_bits, 0), metadata + words, report.inner


def _baseline(report: FlowReport) -> tuple[int, bytes]:
    bits, metadata = 0, b""
    ports = _both(report.ingress_port, report.egress_port, "ingress_port and egress_port")
    wide = ports is not None and max(ports) > 0xFFFF
    if ports is not None and not wide:
        bits |= wire.INTERFACES
        metadata += pack("!HH", *ports)
    if report.latency_us is not None:
        bits |= wire.LATENCY
        metadata += pack("!I", report.latency_us)
    queue = _both(report.queue, report.depth, "queue and depth")
    if queue is not None:
        bits |= wire.QUEUE
        metadata += pack("!B", queue[0]) + _bits24(queue[1])
    for bit, time in ((wire.INGRESS_TIME, report.ingress_ns), (wire.EGRESS_TIME, report.egress_ns)):
        if time is not None:
            bits |= bit
            metadata += pack("!Q", time)
    if ports is not None and wide:
        bits |= wire.WIDE_INTERFACES
        metadata += pack("!II", *ports)
    return bits, metadata


def _domain(report: FlowReport) -> tuple[int, bytes]:
    bits, words = 0, b""
    if report.flow is not None:
        bits |= wire.FLOW_WORDS
        words += _flow(report.flow)
    if report.window is not None:
        bits |= wire.WINDOW_WORDS
        words += wire.WINDOW.pack(*report.window)
    if report.suppressed is not None:
        bits |= wire.SUPPRESSED
        words += pack("!I", report.suppressed)
    if report.left is not None:
        bits |= wire.LEFT_WORDS
        words += wire.LEFT.pack(*report.left)
    return bits, words


def _flow(flow: FlowWords) -> bytes:
    flags = flow.translated * wire.TRANSLATED | flow.tunnelled * wire.TUNNELLED
    return wire.FLOW.pack(flow.role, flags, flow.vlan, flow.flow_bytes, flow.queue_bytes)


def _bins(report: BinsReport) -> tuple[int, bytes, bytes, Inner]:
    bits, metadata = wire.INTERFACES, pack("!HH", 0, report.egress_port)
    if report.complete_ns is not None:
        bits |= wire.EGRESS_TIME
        metadata += pack("!Q", report.complete_ns)
    head = wire.MAIN.pack(bits, wire.DOMAIN, wire.BINS, 0)
    metadata += wire.BINS_HEAD.pack(len(report.bins), report.priority, 0)
    metadata += b"".join(map(_bin, report.bins))
    flags = report.congested * wire.CONGESTED | report.dropped * wire.DROPPED
    return flags, head, metadata, Inner(InnerType.NONE, b"")


def _bin(one: Bin) -> bytes:
    if not 0 <= one.drops < 1 << 24:
        raise ValueError(f"a bin has at most {(1 << 24) - 1} drops, not {one.drops}")
    drops = one.drops << 8 | one.late * wire.BIN_LATE | one.after_gap * wire.BIN_AFTER_GAP
    return wire.BIN.pack(*one[:6], drops)


def _both(one: int | None, other: int | None, names: str) -> tuple[int, int] | None:
    """Two numbers that share a word."""
    if one is None and other is None:
        return None
    if one is None or other is None:
        raise ValueError(f"{names} share a word: give both or none")
    return one, other


def _bits24(value: int) -> bytes:
    if not 0 <= value < 1 << 24:
        raise ValueError(f"a queue's depth is 0 to {(1 << 24) - 1} packets, not {value}")
    return value.to_bytes(3, "big")

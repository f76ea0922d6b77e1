"""Reads a datagram of reports. Whatever is in it, the answer is a group or a `ReportError`."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from p4fabric.controller.telemetry.reports import wire
from p4fabric.controller.telemetry.reports.errors import (
    MalformedReport,
    TruncatedReport,
    UnsupportedVersion,
)
from p4fabric.controller.telemetry.reports.values import (
    NO_PACKET,
    Bin,
    BinsReport,
    DropReport,
    FlowReport,
    FlowWords,
    Inner,
    InnerType,
    Left,
    Report,
    ReportGroup,
    Window,
)

__all__ = ["decode"]

_ONE, _TWO, _TWO_SHORT, _LONG = Struct("!I"), Struct("!II"), Struct("!HH"), Struct("!Q")
_RESERVED_FIRST = 0x8000
_BETWEEN = 0x01FE
"""RepMdBits 7 to 14, whose words stand before the drop reason."""
_VERSION_NAMES = {0: "v0.5", 1: "v1.0"}


def decode(datagram: bytes) -> ReportGroup:
    """Read a group of reports.

    Reports of other types than INT are skipped and counted. Domain-specific words of other domains, and
    metadata that the specification reserves, are skipped by their lengths. The last report's packet may lack
    its padding.

    Raises:
        UnsupportedVersion: it is no v2.0.
        TruncatedReport: it ends too early.
        MalformedReport: its lengths contradict each other.
    """
    end = len(datagram)
    if end < wire.GROUP.size:
        raise TruncatedReport(f"is {end} bytes long; the group header alone has {wire.GROUP.size}")
    first, node = wire.GROUP.unpack_from(datagram)
    version = first >> 28
    if version != wire.VERSION:
        name = _VERSION_NAMES.get(version, f"version {version}")
        raise UnsupportedVersion(f"is a Telemetry Report {name}; only v2.0 is understood")
    reports: list[Report] = []
    skipped, at = 0, wire.GROUP.size
    if at == end:
        raise TruncatedReport("ends after the group header, without a report")
    while at < end:
        if end - at < wire.WORD:
            raise MalformedReport(f"has {end - at} bytes behind its last report, fewer than a header has")
        types, length, md_words, flags = wire.HEADER.unpack_from(datagram, at)
        at += wire.WORD
        stop = end if length == wire.TO_THE_END else at + length * wire.WORD
        if stop > end:
            # A program cannot pad what it truncates: the last packet may end within its last word.
            if stop - end >= wire.WORD:
                raise TruncatedReport(f"has a report of {length} words, and {end - at} bytes for it")
            stop = end
        if types >> 4 == wire.INT:
            reports.append(_int(datagram, at, stop, types & 0xF, md_words, flags))
        else:
            skipped += 1
        at = stop
    return ReportGroup(
        node, first >> wire.SEQUENCE_BITS & 0x3F, first & (wire.SEQUENCES - 1), tuple(reports), skipped
    )


class _Baseline(NamedTuple):
    """What RepMdBits announce; None: nothing."""

    ingress_port: int | None
    egress_port: int | None
    latency: int | None
    queue: int | None
    depth: int | None
    ingress_ns: int | None
    egress_ns: int | None
    drop_queue: int | None
    reason: int | None


class _Domain(NamedTuple):
    """What DSMdBits of our domain announce."""

    flow: FlowWords | None = None
    window: Window | None = None
    suppressed: int | None = None
    left: Left | None = None


_NOTHING = _Domain()


def _int(data: bytes, at: int, stop: int, inner_type: int, md_words: int, flags: int) -> Report:
    """One report of type INT, which begins at `at` behind its header and ends at `stop`."""
    packet_at = at + wire.MAIN.size + md_words * wire.WORD
    if packet_at > stop:
        raise MalformedReport(
            f"has a report of {stop - at} bytes, "
            f"too few for {wire.MAIN_WORDS} words and {md_words} of metadata"
        )
    bits, domain, domain_bits, _ = wire.MAIN.unpack_from(data, at)
    at += wire.MAIN.size
    words_at = at + wire.WORD * (bits.bit_count() + (bits & wire.TWO_WORDS).bit_count())
    if words_at > packet_at:
        raise MalformedReport(f"has {md_words} words of metadata, too few for RepMdBits {bits:#06x}")
    base, ours = _baseline(data, at, bits), _NOTHING
    if domain == wire.DOMAIN and domain_bits:
        if domain_bits & wire.BINS:
            return _bins(data, words_at, packet_at, domain_bits, base, flags)
        ours = _domain(data, words_at, packet_at, domain_bits)
    if inner_type != InnerType.NONE:
        inner = Inner(inner_type, data[packet_at:stop])
    elif packet_at == stop:
        inner = NO_PACKET
    else:
        raise MalformedReport(f"has a report with {stop - packet_at} bytes behind its metadata and InType 0")
    is_congested = flags & wire.CONGESTED != 0
    is_tracked, is_intermediate = flags & wire.TRACKED != 0, flags & wire.INTERMEDIATE != 0
    if flags & wire.DROPPED:
        return DropReport(
            base.ingress_port,
            base.egress_port,
            base.latency,
            base.queue,
            base.depth,
            base.ingress_ns,
            base.egress_ns,
            ours.flow,
            ours.window,
            ours.suppressed,
            inner,
            is_congested,
            is_tracked,
            is_intermediate,
            ours.left,
            base.drop_queue,
            base.reason,
        )
    return FlowReport(
        base.ingress_port,
        base.egress_port,
        base.latency,
        base.queue,
        base.depth,
        base.ingress_ns,
        base.egress_ns,
        ours.flow,
        ours.window,
        ours.suppressed,
        inner,
        is_congested,
        is_tracked,
        is_intermediate,
        ours.left,
    )


def _baseline(data: bytes, at: int, bits: int) -> _Baseline:
    """Metadata of the specification; the caller has checked that all of it is there."""
    ingress = egress = latency = queue = depth = ingress_ns = egress_ns = drop_queue = reason = None
    if bits & _RESERVED_FIRST:
        at += 4
    if bits & wire.INTERFACES:
        ingress, egress = _TWO_SHORT.unpack_from(data, at)
        at += 4
    if bits & wire.LATENCY:
        (latency,) = _ONE.unpack_from(data, at)
        at += 4
    if bits & wire.QUEUE:
        (word,) = _ONE.unpack_from(data, at)
        queue, depth = word >> 24, word & 0xFFFFFF
        at += 4
    if bits & wire.INGRESS_TIME:
        (ingress_ns,) = _LONG.unpack_from(data, at)
        at += 8
    if bits & wire.EGRESS_TIME:
        (egress_ns,) = _LONG.unpack_from(data, at)
        at += 8
    if bits & wire.WIDE_INTERFACES:
        if ingress is None:
            ingress, egress = _TWO.unpack_from(data, at)
        at += 8
    if bits & wire.DROP:
        at += 4 * (bits & _BETWEEN).bit_count()
        drop_queue, reason = data[at], data[at + 1]
    return _Baseline(ingress, egress, latency, queue, depth, ingress_ns, egress_ns, drop_queue, reason)


def _domain(data: bytes, at: int, stop: int, bits: int) -> _Domain:
    """Our words from `at` to `stop`; bits that a newer switch may set stand for words behind them."""
    flow = window = suppressed = left = None
    _check_room(at, stop, bits)
    if bits & wire.FLOW_WORDS:
        role, flags, vlan, flow_bytes, queue_bytes = wire.FLOW.unpack_from(data, at)
        translated, tunnelled = flags & wire.TRANSLATED != 0, flags & wire.TUNNELLED != 0
        flow = FlowWords(role, vlan, flow_bytes, queue_bytes, translated, tunnelled)
        at += wire.FLOW.size
    if bits & wire.WINDOW_WORDS:
        window = Window(*wire.WINDOW.unpack_from(data, at))
        at += wire.WINDOW.size
    if bits & wire.SUPPRESSED:
        (suppressed,) = _ONE.unpack_from(data, at)
        at += wire.WORD
    if bits & wire.LEFT_WORDS:
        left = Left(*wire.LEFT.unpack_from(data, at))
    return _Domain(flow, window, suppressed, left)


def _bins(data: bytes, at: int, stop: int, bits: int, base: _Baseline, flags: int) -> BinsReport:
    """A report of bins, which stand behind our other words if there are any."""
    port = base.egress_port
    if port is None:
        raise MalformedReport("has bins of a queue without the port that it is at (RepMdBits bit 1)")
    _check_room(at, stop, bits)
    at += _words_size(bits)
    count, priority, _ = wire.BINS_HEAD.unpack_from(data, at)
    at += wire.BINS_HEAD.size
    if at + count * wire.BIN.size > stop:
        raise MalformedReport(f"announces {count} bins and has {stop - at} bytes for them")
    found = []
    for start, depth, when, wait, packets, octets, drops in wire.BIN.iter_unpack(
        data[at : at + count * wire.BIN.size]
    ):
        late, after_gap = drops & wire.BIN_LATE != 0, drops & wire.BIN_AFTER_GAP != 0
        found.append(Bin(start, depth, when, wait, packets, octets, drops >> 8, late, after_gap))
    is_congested, is_dropped = flags & wire.CONGESTED != 0, flags & wire.DROPPED != 0
    return BinsReport(port, priority, tuple(found), base.egress_ns, is_congested, is_dropped)


def _check_room(at: int, stop: int, bits: int) -> None:
    needed = _words_size(bits) + (wire.BINS_HEAD.size if bits & wire.BINS else 0)
    if at + needed > stop:
        raise MalformedReport(
            f"has {(stop - at) // wire.WORD} domain-specific words, too few for DSMdBits {bits:#06x}"
        )


def _words_size(bits: int) -> int:
    """Bytes of our words before any bins."""
    size = wire.FLOW.size if bits & wire.FLOW_WORDS else 0
    size += wire.WINDOW.size if bits & wire.WINDOW_WORDS else 0
    size += wire.WORD if bits & wire.SUPPRESSED else 0
    return size + (wire.LEFT.size if bits & wire.LEFT_WORDS else 0)

"""Telemetry Reports v2.0: what is written is read again, and nothing that comes is believed unchecked."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.telemetry.reports import (
    Bin,
    BinsReport,
    DropReport,
    FlowReport,
    FlowWords,
    Inner,
    MalformedReport,
    Origin,
    ReportError,
    ReportGroup,
    Role,
    TruncatedReport,
    UnsupportedVersion,
    Window,
    decode,
    encode,
)
from tests.unit.telemetry.reports import groups

CULPRIT = FlowReport(
    ingress_port=1,
    egress_port=2,
    latency_us=3000,
    queue=0,
    depth=64,
    egress_ns=5_000_000_000,
    flow=FlowWords(Role.CULPRIT, 100, 60_000, 90_000, translated=True),
    window=Window(77, 10),
    suppressed=4,
    inner=Inner(3, bytes(56)),
    congested=True,
)
ON_THE_WIRE = bytes.fromhex(
    "20000007" "00000009"  # version 2, hw_id 0, sequence 7; node 9
    "131b0b40"  # INT and Ethernet, 27 words, 11 of metadata, Q
    "7400" "5034" "e000" "0000"  # bits 1, 2, 3, 5; our domain; flow, window, suppressed
    "0001" "0002" "00000bb8" "00000040" "000000012a05f200"
    "01010064" "0000ea60" "00015f90"  # culprit, translated, VLAN 100; 60,000 of 90,000 bytes
    "0000004d" "0a000000" "00000004"  # window 77 of 2**10 us; 4 suppressed
) + bytes(56)  # fmt: skip


def group_of(*reports: FlowReport | BinsReport) -> ReportGroup:
    return ReportGroup(9, Origin.EGRESS, 7, reports)


def raw(version: int = 2, *reports: bytes) -> bytes:
    return struct.pack("!II", version << 28, 9) + b"".join(reports)


@given(groups)
def test_what_is_written_is_read_again(group: ReportGroup) -> None:
    assert decode(encode(group)) == group


def test_a_culprit_is_written_as_the_specification_has_it() -> None:
    assert encode(group_of(CULPRIT)) == ON_THE_WIRE
    assert decode(ON_THE_WIRE) == group_of(CULPRIT)


@given(st.binary(max_size=200))
def test_anything_is_a_group_or_an_error_that_says_why(data: bytes) -> None:
    try:
        group = decode(data)
    except ReportError as error:
        assert str(error)
    else:
        assert group.reports or group.skipped


@given(groups, st.data())
def test_a_datagram_that_ends_early_is_never_read_as_if_it_were_whole(
    group: ReportGroup, data: st.DataObject
) -> None:
    whole = encode(group)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        read = decode(cut)
    except ReportError:
        return
    # Whole reports at the beginning, or a last packet that is shorter than it was.
    *first, last = read.reports
    assert tuple(first) == group.reports[: len(first)]
    was = group.reports[len(first)]
    if not isinstance(was, BinsReport):
        assert isinstance(last, FlowReport) and was.inner.data.startswith(last.inner.data)


@given(groups, st.data())
def test_a_damaged_byte_never_raises_anything_else(group: ReportGroup, data: st.DataObject) -> None:
    damaged = bytearray(encode(group))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ReportError):
        decode(bytes(damaged))


@pytest.mark.parametrize(("version", "name"), [(0, "v0.5"), (1, "v1.0"), (3, "version 3")])
def test_other_versions_are_refused_by_name(version: int, name: str) -> None:
    with pytest.raises(UnsupportedVersion, match=f"Telemetry Report {name}; only v2.0 is understood"):
        decode(raw(version, bytes(12)))


def test_words_of_another_domain_are_skipped_and_the_rest_is_read() -> None:
    domain = bytes.fromhex("beef")
    written = bytearray(ON_THE_WIRE)
    written[14:16] = domain
    read = decode(bytes(written)).reports[0]
    assert read == FlowReport(1, 2, 3000, 0, 64, None, 5_000_000_000, inner=CULPRIT.inner, congested=True)


def test_words_that_a_newer_switch_adds_are_skipped() -> None:
    metadata = ON_THE_WIRE[20:64] + b"newwords"
    newer = bytes.fromhex("130f0d4074005034e4000000") + metadata
    assert decode(raw(2, newer)).reports[0] == decode(raw(2, bytes.fromhex(
        "130d0b40740050 34e0000000") + ON_THE_WIRE[20:64])).reports[0]  # fmt: skip


def test_reserved_metadata_is_skipped() -> None:
    """Bits 0 and 9 stand for a word each, before and after what is known."""
    report = bytes.fromhex("10070580a041000000000000111111110000000a2222222207470000")
    report = bytes.fromhex("10060480") + report[4:]
    assert decode(raw(2, report)).reports == (DropReport(latency_us=10, drop_queue=7, reason=0x47),)


def test_other_types_of_reports_are_skipped_and_counted() -> None:
    ioam, inner_only = bytes.fromhex("20010000deadbeef"), bytes.fromhex("03010000cafecafe")
    group = decode(raw(2, ioam, encode(group_of(CULPRIT))[8:], inner_only))
    assert (group.reports, group.skipped) == ((CULPRIT,), 2)


def test_the_last_packet_may_lack_its_padding() -> None:
    report = decode(ON_THE_WIRE[:-3]).reports[0]
    assert isinstance(report, FlowReport) and len(report.inner.data) == 53
    with pytest.raises(TruncatedReport, match="a report of 27 words, and 104 bytes for it"):
        decode(ON_THE_WIRE[:-4])


def test_a_report_longer_than_its_length_can_say_goes_to_the_end() -> None:
    long = FlowReport(inner=Inner(4, bytes(1200)), tracked=True)
    assert encode(group_of(long))[9] == 0xFF
    assert decode(encode(group_of(CULPRIT, long))).reports == (CULPRIT, long)
    with pytest.raises(ValueError, match="must be the last one of its group"):
        encode(group_of(long, CULPRIT))


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("", "ends after the group header"),
        ("1001", "2 bytes behind its last report"),
        ("100201400000000000000000", "too few for 2 words and 1 of metadata"),
        ("10030140740000000000000000000000", "too few for RepMdBits 0x7400"),
        ("10030140000050348000000000000000", "1 domain-specific words, too few for DSMdBits 0x8000"),
        ("10030040000000000000000000000000", "4 bytes behind its metadata and InType 0"),
        ("10030140000050341000000000010000", "without the port"),
        ("1004024040005034100000000000000100010000", "announces 1 bins and has 0 bytes"),
    ],
)
def test_lengths_that_contradict_each_other_are_refused(report: str, message: str) -> None:
    with pytest.raises((MalformedReport, TruncatedReport), match=message):
        decode(raw(2, bytes.fromhex(report)))


def test_bins_are_read_with_their_flags() -> None:
    one = Bin(1_000_000, 64, 400_000, 3_000_000, 120, 150_000, 7, late=True)
    two = Bin(2_000_000, 0, 0, 0, 0, 0, 0, after_gap=True)
    report = BinsReport(2, 3, (one, two), 3_000_000, congested=True, dropped=True)
    assert decode(encode(group_of(report))).reports == (report,)
    with pytest.raises(ValueError, match="at most 31 bins, not 32"):
        BinsReport(2, 3, (one,) * 32)


@pytest.mark.parametrize(
    "report",
    [
        FlowReport(ingress_port=1),
        FlowReport(queue=0, depth=1 << 24),
        FlowReport(latency_us=-1),
        FlowReport(inner=Inner(0, b"1234")),
        DropReport(reason=71),
    ],
)
def test_what_the_format_has_no_room_for_is_not_written(report: FlowReport) -> None:
    with pytest.raises(ValueError):
        encode(group_of(report))

"""What is wrong with a message is refused with the cause and the offending IE that the specification has."""

from __future__ import annotations

import struct

import pytest

from p4fabric.controller.n4.pfcp import (
    Cause,
    IeType,
    MessageDiscarded,
    MessageRefused,
    VersionNotSupported,
    decode_body,
    decode_header,
)
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.datagram import MOST_OCTETS
from p4fabric.controller.n4.pfcp.rules import CreatePdr, Pdi
from tests.unit.n4.vectors import octets


def ie(number: int, value: str | bytes = b"") -> bytes:
    raw = bytes.fromhex(value) if isinstance(value, str) else value
    return struct.pack(">HH", number, len(raw)) + raw


PDI = ie(IeType.PDI, ie(IeType.SOURCE_INTERFACE, "00"))
PDR = ie(IeType.PDR_ID, "0001") + ie(IeType.PRECEDENCE, "00000020") + PDI


def refused(cls: type[CreatePdr] | type[Pdi] | type[m.Message], data: bytes) -> tuple[Cause, int | None]:
    with pytest.raises(MessageRefused) as problem:
        cls.decode(data)
    return problem.value.cause, problem.value.offending_ie


def test_a_mandatory_ie_that_is_missing_is_named() -> None:
    assert refused(CreatePdr, ie(IeType.PDR_ID, "0001") + PDI) == (
        Cause.MANDATORY_IE_MISSING,
        IeType.PRECEDENCE,
    )


def test_so_it_is_in_a_group_and_where_one_of_many_is_needed() -> None:
    assert refused(CreatePdr, PDR[: -len(PDI)] + ie(IeType.PDI)) == (
        Cause.MANDATORY_IE_MISSING,
        IeType.SOURCE_INTERFACE,
    )
    no_rules = ie(IeType.NODE_ID, "000a000004") + ie(IeType.F_SEID, "0200000000000000010a000004")
    assert refused(m.SessionEstablishmentRequest, no_rules) == (
        Cause.MANDATORY_IE_MISSING,
        IeType.CREATE_PDR,
    )


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (IeType.PDR_ID, ""),
        (IeType.PDR_ID, "01"),
        (IeType.PRECEDENCE, "000001"),
        (IeType.OUTER_HEADER_REMOVAL, ""),
        (IeType.FAR_ID, "0000"),
    ],
)
def test_an_ie_with_too_few_octets_has_an_invalid_length(number: IeType, value: str) -> None:
    assert refused(CreatePdr, ie(number, value) + PDR) == (Cause.INVALID_LENGTH, number)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (IeType.SOURCE_INTERFACE, ""),
        (IeType.F_TEID, ""),
        (IeType.F_TEID, "01000000010a0000"),
        (IeType.F_TEID, "02000000010a000004"),
        (IeType.F_TEID, "0f"),
        (IeType.UE_IP_ADDRESS, "020a2d00"),
        (IeType.UE_IP_ADDRESS, "03" + "0a2d0002" + "20010db8" * 3),
        (IeType.UE_IP_ADDRESS, "41" + "20010db8" * 4),
        (IeType.SDF_FILTER, "01"),
        (IeType.SDF_FILTER, "0100"),
        (IeType.SDF_FILTER, "01000005706572"),
        (IeType.SDF_FILTER, "1000000001"),
        (IeType.QFI, ""),
    ],
)
def test_so_has_one_that_ends_within_a_part_that_its_flags_promise(number: IeType, value: str) -> None:
    first = b"" if number == IeType.SOURCE_INTERFACE else ie(IeType.SOURCE_INTERFACE, "00")

    assert refused(Pdi, first + ie(number, value)) == (Cause.INVALID_LENGTH, number)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (IeType.SOURCE_INTERFACE, "0f"),
        (IeType.F_TEID, "0000000001"),
        (IeType.F_TEID, "0905"),
        (IeType.UE_IP_ADDRESS, "120a2d0002"),
        (IeType.UE_IP_ADDRESS, "41" + "20010db8" * 4 + "81"),
        (IeType.SDF_FILTER, "0100" + "0001" + "ff"),
        (IeType.APPLICATION_ID, "ff"),
    ],
)
def test_what_cannot_mean_anything_is_incorrect(number: IeType, value: str) -> None:
    first = b"" if number == IeType.SOURCE_INTERFACE else ie(IeType.SOURCE_INTERFACE, "00")

    assert refused(Pdi, first + ie(number, value)) == (Cause.MANDATORY_IE_INCORRECT, number)


def test_an_ie_that_is_longer_than_what_it_is_in_has_an_invalid_length() -> None:
    assert refused(CreatePdr, PDR + struct.pack(">HH", IeType.FAR_ID, 5) + b"\0" * 4) == (
        Cause.INVALID_LENGTH,
        IeType.FAR_ID,
    )
    assert refused(CreatePdr, PDR + b"\0\x6c\0") == (Cause.INVALID_LENGTH, None)


def test_octets_behind_those_that_are_known_are_ignored() -> None:
    longer = ie(IeType.PDR_ID, "0001ffff") + ie(IeType.PRECEDENCE, "00000020ff") + PDI

    assert CreatePdr.decode(longer) == CreatePdr.decode(PDR)


def test_of_an_ie_that_may_not_be_repeated_the_first_counts() -> None:
    assert CreatePdr.decode(PDR + ie(IeType.PDR_ID, "0009")).pdr_id == 1
    assert CreatePdr.decode(PDR + ie(IeType.PDR_ID, "09")).pdr_id == 1


def test_vendors_ies_and_those_of_other_places_mean_nothing() -> None:
    stray = ie(0x8000 | 2, "466d01") + ie(IeType.CAUSE, "01") + ie(999, "")
    read = CreatePdr.decode(stray + PDR)

    assert [one.ie for one in read.others] == [0x8002, IeType.CAUSE, 999]
    assert read.pdr_id == 1


def test_causes_of_later_releases_are_known_as_rejections() -> None:
    node = ie(IeType.NODE_ID, "000a000004")

    assert m.AssociationReleaseResponse.decode(node + ie(IeType.CAUSE, "fe")).cause is Cause.REQUEST_REJECTED
    assert m.AssociationReleaseResponse.decode(node + ie(IeType.CAUSE, "04")).cause is Cause.REQUEST_ACCEPTED


@pytest.mark.parametrize("length", range(8))
def test_what_is_too_short_for_a_header_is_discarded(length: int) -> None:
    with pytest.raises(MessageDiscarded):
        decode_header(octets("open5gs_association_setup")[:length])


@pytest.mark.parametrize("length", range(8, 16))
def test_so_it_is_with_a_seid(length: int) -> None:
    with pytest.raises(MessageDiscarded):
        decode_header(octets("open5gs_deletion")[:length])


def test_types_of_messages_that_are_not_known_are_discarded() -> None:
    whole = bytearray(octets("open5gs_association_setup"))
    whole[1] = 99

    with pytest.raises(MessageDiscarded, match="99"):
        decode_header(bytes(whole))


def test_a_header_with_a_seid_is_for_sessions_only() -> None:
    node, session = bytearray(octets("open5gs_association_setup")), bytearray(octets("open5gs_deletion"))
    node[1], session[1] = session[1], node[1]

    for datagram in (node, session):
        with pytest.raises(MessageDiscarded, match="SEID"):
            decode_header(bytes(datagram))


def test_another_version_is_answered_with_the_messages_sequence() -> None:
    whole = bytearray(octets("open5gs_idle"))
    whole[0] = 0x41

    with pytest.raises(VersionNotSupported) as problem:
        decode_header(bytes(whole))
    assert problem.value.sequence == 9


@pytest.mark.parametrize("more", [b"\0", octets("open5gs_idle")])
def test_a_datagram_longer_or_shorter_than_its_header_says_is_refused(more: bytes) -> None:
    whole = octets("open5gs_idle")
    for datagram in (whole + more, whole[:-1]):
        header = decode_header(datagram)
        with pytest.raises(MessageRefused) as problem:
            decode_body(header, datagram)
        assert problem.value.cause is Cause.INVALID_LENGTH
        assert problem.value.offending_ie is None


def test_a_message_that_takes_long_to_read_is_refused_unread() -> None:
    body = ie(999, bytes(MOST_OCTETS - 20))
    for more, cause in ((b"", Cause.MANDATORY_IE_MISSING), (b"\0", Cause.NO_RESOURCES_AVAILABLE)):
        raw = struct.pack(">BBHQI", 0x21, 50, 12 + len(body) + len(more), 0, 0) + body + more
        with pytest.raises(MessageRefused) as problem:
            decode_body(decode_header(raw), raw)
        assert problem.value.cause is cause


def test_the_text_names_the_ie_and_what_is_wrong() -> None:
    with pytest.raises(MessageRefused, match=r"SOURCE INTERFACE \(20\): 15 is none of 0 ACCESS, 1 CORE"):
        Pdi.decode(ie(IeType.SOURCE_INTERFACE, "0f"))

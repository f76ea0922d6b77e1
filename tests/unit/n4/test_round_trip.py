"""Whatever is written is read again as it was, and whatever is read is written with the same octets."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.controller.n4.pfcp import Message, decode_body, decode_header, encode
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import ApplyAction, DestinationInterface, SourceInterface
from p4fabric.controller.n4.pfcp.ies import ntp_seconds
from p4fabric.controller.n4.pfcp.rules import ForwardingParameters, Pdi
from p4fabric.controller.n4.pfcp.schema import RawIe
from p4fabric.controller.n4.pfcp.values import FSeid, FTeid, OuterHeaderCreation, SNssai
from tests.unit.n4.strategies import KINDS, MESSAGES, groups


def sent(message: Message, sequence: int = 7) -> bytes:
    return encode(message, sequence, 0x1122334455667788 if message.TYPE.is_of_a_session else None)


def received(datagram: bytes) -> Message:
    return decode_body(decode_header(datagram), datagram)


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_as_it_was(message: Message) -> None:
    assert received(sent(message)) == message


@given(MESSAGES)
@settings(max_examples=100, deadline=None)
def test_what_was_read_is_written_with_the_same_octets(message: Message) -> None:
    datagram = sent(message)

    assert sent(received(datagram)) == datagram


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_message_is_read_with_all_its_ies(kind: type[Message]) -> None:
    @given(groups(kind, whole=True))
    @settings(max_examples=5, deadline=None)
    def check(message: Message) -> None:
        assert received(sent(message)) == message

    check()


@given(
    sequence=st.integers(0, 0xFFFFFF),
    seid=st.integers(0, 2**64 - 1),
    priority=st.none() | st.integers(0, 15),
)
def test_headers_are_read_as_they_were_written(sequence: int, seid: int, priority: int | None) -> None:
    header = decode_header(encode(m.SessionDeletionRequest(), sequence, seid, priority))

    assert (header.sequence, header.seid, header.priority) == (sequence, seid, priority)


def test_ies_that_are_not_known_are_kept_and_written_behind_the_rest() -> None:
    vendors = RawIe(0x8000 | 10, b"\x46\x6d\x01\x02")
    message = m.HeartbeatRequest(recovery_time_stamp=1, others=(vendors, RawIe(300, b"")))

    assert received(sent(message)) == message


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (m.HeartbeatRequest(recovery_time_stamp=-1), "HeartbeatRequest.recovery_time_stamp: -1"),
        (m.HeartbeatRequest(recovery_time_stamp=2**32), "HeartbeatRequest.recovery_time_stamp"),
        (m.AssociationReleaseRequest(node_id="a" * 64), "AssociationReleaseRequest.node_id"),
        (m.AssociationReleaseRequest(node_id=""), "AssociationReleaseRequest.node_id"),
        (m.SessionDeletionRequest(cp_f_seid=FSeid(1)), "neither an IPv4 nor an IPv6 address"),
        (m.SessionModificationRequest(s_nssai=SNssai(1, 1 << 24)), "24 bits"),
    ],
)
def test_values_without_octets_cannot_be_written(message: Message, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        sent(message)


def test_tunnels_have_addresses() -> None:
    with pytest.raises(ValueError, match="f_teid"):
        Pdi(source_interface=SourceInterface.ACCESS, f_teid=FTeid(1)).encode()
    with pytest.raises(ValueError, match="outer_header_creation"):
        ForwardingParameters(
            destination_interface=DestinationInterface.ACCESS, outer_header_creation=OuterHeaderCreation(1)
        ).encode()


def test_sets_of_flags_name_their_flags() -> None:
    action = ApplyAction.BUFF | ApplyAction.NOCP

    assert repr(action) == "ApplyAction(BUFF|NOCP)"
    assert action & ApplyAction.NOCP
    assert not action & ApplyAction.FORW
    assert action.without(ApplyAction.NOCP) == ApplyAction.BUFF


@pytest.mark.parametrize(
    ("unix", "ntp"), [(0, 2_208_988_800), (2_085_978_495.9, 0xFFFFFFFF), (2_085_978_496, 0)]
)
def test_times_are_seconds_since_1900_and_begin_again_in_2036(unix: float, ntp: int) -> None:
    assert ntp_seconds(unix) == ntp


def test_messages_cannot_be_changed() -> None:
    message = m.HeartbeatRequest(recovery_time_stamp=1)

    with pytest.raises(FrozenInstanceError):
        message.recovery_time_stamp = 2  # type: ignore[misc]

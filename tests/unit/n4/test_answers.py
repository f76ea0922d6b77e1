"""Refusals say what the specification wants them to, to whom it wants."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from p4fabric.controller.n4.answers import cp_seid, refusal
from p4fabric.controller.n4.pfcp import (
    Cause,
    FailedRule,
    IeType,
    Message,
    MessageRefused,
    MessageType,
    RuleKind,
    decode_body,
    decode_header,
    encode,
)
from p4fabric.controller.n4.pfcp import messages as m
from tests.unit.n4.vectors import octets

NODE = IPv4Address("10.0.0.5")
RULE = FailedRule(RuleKind.PDR, 9)
WRONG = MessageRefused(Cause.MANDATORY_IE_INCORRECT, "wrong", offending_ie=IeType.PDI, failed_rule=RULE)
TOLD = {"cause": Cause.MANDATORY_IE_INCORRECT, "offending_ie": IeType.PDI}


@pytest.mark.parametrize("kind", m.REQUESTS)
def test_a_request_is_refused_with_its_own_response(kind: MessageType) -> None:
    said = refusal(kind, WRONG, NODE, 5)

    if kind is MessageType.HEARTBEAT_REQUEST:
        assert said is None
        return
    assert said is not None
    assert kind + 1 == said.TYPE
    datagram = encode(said, 7, 1 if kind.is_of_a_session else None)
    assert decode_body(decode_header(datagram), datagram) == said


@pytest.mark.parametrize("kind", m.RESPONSES)
def test_a_response_is_not_answered(kind: MessageType) -> None:
    assert refusal(kind, WRONG, NODE, 5) is None


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (
            MessageType.SESSION_ESTABLISHMENT_REQUEST,
            m.SessionEstablishmentResponse(node_id=NODE, failed_rule=RULE, **TOLD),  # type: ignore[arg-type]
        ),
        (
            MessageType.SESSION_MODIFICATION_REQUEST,
            m.SessionModificationResponse(failed_rule=RULE, **TOLD),  # type: ignore[arg-type]
        ),
        (MessageType.SESSION_DELETION_REQUEST, m.SessionDeletionResponse(**TOLD)),  # type: ignore[arg-type]
    ],
)
def test_sessions_are_told_the_ie_and_the_rule(kind: MessageType, answer: Message) -> None:
    assert refusal(kind, WRONG, NODE, 5) == answer


def test_an_association_that_is_refused_is_told_the_recovery_time_stamp() -> None:
    said = refusal(MessageType.ASSOCIATION_SETUP_REQUEST, WRONG, NODE, 5)

    assert isinstance(said, m.AssociationSetupResponse)
    assert (said.node_id, said.recovery_time_stamp) == (NODE, 5)


def test_the_sender_of_a_refused_establishment_is_found_as_far_as_it_can_be_read() -> None:
    whole = octets("open5gs_establishment")
    broken = whole[:-3]
    without = whole.replace(b"\x00\x39\x00\x0d", b"\x00\xb9\x00\x0d")
    senseless = whole.replace(b"\x00\x39\x00\x0d\x02", b"\x00\x39\x00\x0d\x00")

    crowded = whole[:16] + bytes(4) * 10_000 + whole[16:]
    assert cp_seid(crowded) == 0, "strangers send many empty IEs, too"
    assert [cp_seid(one) for one in (whole, broken, without, senseless, whole[:20])] == [0xD3, 0xD3, 0, 0, 0]

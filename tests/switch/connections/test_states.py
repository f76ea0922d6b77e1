"""How long a connection is remembered, by what has passed: Carol may answer, and begin nothing."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest
from scapy.layers.sctp import (
    SCTP,
    SCTPChunkAbort,
    SCTPChunkCookieEcho,
    SCTPChunkData,
    SCTPChunkInit,
    SCTPChunkInitAck,
)
from scapy.packet import Packet, Raw

from p4fabric.controller.telemetry.drops import DropReason

from .bed import ALICE, CAROL, Bed

DATA = Raw(b"data")


def there(flags: str, payload: Packet | None = None) -> Packet:
    packet = TCP(sport=40000, dport=80, flags=flags)
    return packet if payload is None else packet / payload


def back(flags: str, payload: Packet | None = None) -> Packet:
    packet = TCP(sport=80, dport=40000, flags=flags)
    return packet if payload is None else packet / payload


ASK = UDP(sport=40000, dport=53) / DATA
ANSWER = UDP(sport=53, dport=40000) / DATA
PING, PONG = ICMP(type=8, id=7, seq=1), ICMP(type=0, id=7, seq=1)
PING6, PONG6 = ICMPv6EchoRequest(id=7), ICMPv6EchoReply(id=7)
SCTP_THERE, SCTP_BACK = SCTP(sport=40000, dport=80), SCTP(sport=80, dport=40000)
INIT, INIT_ACK = SCTP_THERE / SCTPChunkInit(), SCTP_BACK / SCTPChunkInitAck()
COOKIE = SCTP_THERE / SCTPChunkCookieEcho(cookie="abcd", len=8)
SCTP_DATA, SCTP_ABORT = SCTP_BACK / SCTPChunkData(data="data"), SCTP_THERE / SCTPChunkAbort()
OPEN = (there("S"), back("SA"), there("A"))
HOUR = 3600.0


class Case(NamedTuple):
    """`before` passes; of two packets that come so long after it, one still passes, and one does not."""

    before: tuple[Packet, ...]
    after: Packet
    seconds: float
    """For how long `after` passes, behind the last of `before`."""


# Those of Carol begin with her port.
CASES = {
    "TCP: a SYN": Case((there("S"),), back("SA"), 10),
    "TCP: a SYN that is repeated": Case((there("S"), there("S")), back("SA"), 10),
    "TCP: established": Case(OPEN, back("A", DATA), 2 * HOUR),
    "TCP: established by the answer alone": Case(OPEN[:2], back("A", DATA), 2 * HOUR),
    "TCP: the originator's FIN": Case((*OPEN, there("FA")), back("A", DATA), 10),
    "TCP: the responder's FIN": Case((*OPEN, back("FA")), back("A", DATA), 10),
    "TCP: both FINs, and their acknowledgement": Case(
        (*OPEN, there("FA"), back("FA"), there("A")), back("A"), 10
    ),
    "TCP: a RST": Case((*OPEN, there("R")), back("A", DATA), 10),
    "TCP: a RST from nowhere, then data": Case(
        (*OPEN, there("R"), back("A", DATA)), back("A", DATA), 2 * HOUR
    ),
    "TCP: a half-closed one that goes on": Case((*OPEN, there("FA"), back("A", DATA)), back("A"), 2 * HOUR),
    "TCP: a refused SYN": Case((there("S"), back("RA")), back("RA"), 10),
    "TCP: a new SYN after the end": Case((*OPEN, there("FA"), there("S")), back("SA"), 10),
    "TCP: a SYN into an established one": Case((*OPEN, there("S")), back("A", DATA), 2 * HOUR),
    "TCP: picked up, not answered": Case((there("A", DATA),), back("A", DATA), 30),
    "TCP: picked up and answered": Case((there("A", DATA), back("A", DATA)), back("A", DATA), 2 * HOUR),
    "UDP: asked": Case((ASK,), ANSWER, 30),
    "UDP: asked twice": Case((ASK, ASK), ANSWER, 30),
    "UDP: answered": Case((ASK, ANSWER), ANSWER, 180),
    "UDP: asked again after an answer": Case((ASK, ANSWER, ASK), ANSWER, 180),
    "SCTP: an INIT": Case((INIT,), INIT_ACK, 10),
    "SCTP: established": Case((INIT, INIT_ACK, COOKIE), SCTP_DATA, 2 * HOUR),
    "SCTP: an ABORT": Case((INIT, INIT_ACK, COOKIE, SCTP_ABORT), SCTP_DATA, 10),
    "ICMP: an echo": Case((PING,), PONG, 30),
    "ICMP: many answers": Case((PING, PONG), PONG, 30),
}
SIX = {
    name: case if "ICMP" not in name else Case((PING6, PONG6)[: len(case.before)], PONG6, case.seconds)
    for name, case in CASES.items()
}


def passes(bed: Bed, packet: Packet, version: int) -> bool:
    """Whether it arrives; the sender is told by its port or type."""
    answers = getattr(packet, "sport", 0) in (80, 53) or packet.__class__ in (ICMPv6EchoReply,)
    answers = answers or (isinstance(packet, ICMP) and packet.type == 0)
    ends = (CAROL, ALICE) if answers else (ALICE, CAROL)
    return bed.pass_(*ends, packet, version=version)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", CASES)
def test_an_answer_passes_as_long_as_its_connection_is_remembered(
    served: Bed, name: str, version: int
) -> None:
    case = (CASES if version == 4 else SIX)[name]
    denied = served.dropped(CAROL, DropReason.POLICY_EGRESS)
    assert not passes(served, case.after, version), "before anything was asked"
    for packet in case.before:
        assert passes(served, packet, version)
    # A look at it makes it live on, so each is at a connection of its own.
    served.go(case.seconds - 0.1)
    assert passes(served, case.after, version)
    served.forget("leaf1")
    served.forget("leaf2")
    for packet in case.before:
        assert passes(served, packet, version)
    served.go(case.seconds + 0.2)
    assert not passes(served, case.after, version)
    assert served.dropped(CAROL, DropReason.POLICY_EGRESS) == denied + 2

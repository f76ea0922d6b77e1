"""Who began: at both ends' leaves, after a leaf has lost its memory, and whoever would like to have."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest
from scapy.packet import Packet, Raw

from p4fabric.controller.compiler.policy_entries import Side, Verdict

from .bed import ALICE, BOB, CAROL, DNS, WEB, Bed, bed, framed, isolated, rule

DATA = Raw(b"data")


def tcp(sport: int, dport: int, flags: str, payload: bool = False) -> Packet:
    packet = TCP(sport=sport, dport=dport, flags=flags)
    return packet / DATA if payload else packet


OPEN = [
    (ALICE, CAROL, tcp(40000, 80, "S")),
    (CAROL, ALICE, tcp(80, 40000, "SA")),
    (ALICE, CAROL, tcp(40000, 80, "A")),
]
ASK, ANSWER = UDP(sport=40000, dport=53) / DATA, UDP(sport=53, dport=40000) / DATA


def test_the_tag_says_what_answers(served: Bed) -> None:
    for source, destination, packet in OPEN:
        assert served.pass_(source, destination, packet)
    assert served.pass_(ALICE, CAROL, ASK) and served.pass_(CAROL, ALICE, ANSWER)
    assert served.pass_(ALICE, CAROL, ICMP(type=8, id=9)) and served.pass_(CAROL, ALICE, ICMP(type=0, id=9))
    assert served.marks() == [0, 1, 0, 0, 1, 0, 1]


@pytest.mark.parametrize("lost", [("leaf1",), ("leaf2",), ("leaf1", "leaf2")], ids="+".join)
@pytest.mark.parametrize("version", [4, 6])
def test_a_leaf_that_has_lost_its_memory_lets_nothing_begin_and_heals_with_the_next_packet(
    served: Bed, lost: tuple[str, ...], version: int
) -> None:
    for source, destination, packet in OPEN:
        assert served.pass_(source, destination, packet, version=version)
    assert served.pass_(ALICE, CAROL, ASK, version=version)
    for leaf in lost:
        served.forget(leaf)
    if "leaf2" in lost:
        # Who began is not known where Carol is, and she may not begin.
        assert not served.pass_(CAROL, ALICE, tcp(80, 40000, "A", payload=True), version=version)
        assert not served.pass_(CAROL, ALICE, ANSWER, version=version)
    assert served.pass_(ALICE, CAROL, tcp(40000, 80, "A", payload=True), version=version)
    assert served.pass_(ALICE, CAROL, ASK, version=version)
    assert served.pass_(CAROL, ALICE, tcp(80, 40000, "A", payload=True), version=version)
    assert served.pass_(CAROL, ALICE, ANSWER, version=version)


def test_a_guess_gives_way_to_the_leaf_that_knows_who_began() -> None:
    """Carol may begin, too, so that her leaf takes her answer for a beginning, until it hears of Alice's."""
    allowed = rule(Side.EGRESS, Verdict.ALLOW, CAROL, ALICE)
    with bed() as open_bed:
        for begin, answer in (
            ((ALICE, CAROL, ASK), (CAROL, ALICE, ANSWER)),
            ((ALICE, CAROL, OPEN[0][2]), (CAROL, ALICE, tcp(80, 40000, "A", payload=True))),
        ):
            assert open_bed.pass_(*begin)
            assert open_bed.pass_(*answer)
            open_bed.forget("leaf2")
            assert open_bed.pass_(*answer) and open_bed.marks()[-1] == 0  # it looks like a beginning
            again = tcp(40000, 80, "A", payload=True) if begin[2].haslayer(TCP) else ASK
            assert open_bed.pass_(ALICE, CAROL, again) and open_bed.marks()[-1] == 0
            assert open_bed.pass_(*answer) and open_bed.marks()[-1] == 1
        # Now she may not begin any more, and still answers.
        assert open_bed.pass_(ALICE, CAROL, ASK)
        open_bed.write(isolated(Side.EGRESS, CAROL))
        assert open_bed.pass_(CAROL, ALICE, ANSWER)
        assert not open_bed.pass_(CAROL, ALICE, UDP(sport=53, dport=40001) / DATA)
        open_bed.write(allowed)
        assert open_bed.pass_(CAROL, ALICE, UDP(sport=53, dport=40001) / DATA)


def test_both_ends_that_begin_at_once_agree_on_the_lower_one() -> None:
    with bed() as open_bed:
        frames = [
            (ALICE, CAROL, UDP(sport=123, dport=123) / DATA),
            (CAROL, ALICE, UDP(sport=123, dport=123) / DATA),
        ]
        # Each leaf has let its own out before it hears of the other's.
        leaf1, leaf2 = open_bed.network["leaf1"], open_bed.network["leaf2"]
        crossing = [
            (switch.send(end.port, framed(end, to, packet)), other)
            for (end, to, packet), switch, other in zip(frames, (leaf1, leaf2), (leaf2, leaf1), strict=True)
        ]
        for departures, other in crossing:
            ((_, frame),) = departures
            other.send(8, frame)
        for _ in range(3):
            for source, destination, packet in frames:
                assert open_bed.pass_(source, destination, packet)
        open_bed.network.wire("leaf1:8").crossings.clear()
        for source, destination, packet in frames:
            assert open_bed.pass_(source, destination, packet)
        assert open_bed.marks() == [0, 1]


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(tcp(80, 40000, "S"), id="a SYN against an established connection"),
        pytest.param(UDP(sport=54, dport=40000) / DATA, id="from another port"),
        pytest.param(UDP(sport=53, dport=40001) / DATA, id="to another port"),
        pytest.param(ICMP(type=8, id=7), id="an echo request with the identifier of another's"),
        pytest.param(ICMP(type=0, id=8), id="an echo reply that nobody asked for"),
    ],
)
def test_who_may_only_answer_begins_nothing(served: Bed, packet: Packet) -> None:
    for source, destination, one in [*OPEN, (ALICE, CAROL, ASK), (ALICE, CAROL, ICMP(type=8, id=7))]:
        assert served.pass_(source, destination, one)
    assert not served.pass_(CAROL, ALICE, packet)
    # What was begun goes on.
    assert served.pass_(CAROL, ALICE, tcp(80, 40000, "A", payload=True))
    assert served.pass_(CAROL, ALICE, ANSWER)
    assert served.pass_(CAROL, ALICE, ICMP(type=0, id=7))


def test_a_neighbour_at_the_same_leaf_is_judged_likewise() -> None:
    entries = (
        isolated(Side.INGRESS, ALICE),
        isolated(Side.INGRESS, BOB),
        rule(Side.INGRESS, Verdict.ALLOW, ALICE, BOB, WEB),
    )
    with bed(*entries) as served:
        assert not served.pass_(BOB, ALICE, tcp(80, 40000, "SA"))
        for source, _, packet in OPEN:
            ends = (BOB, ALICE) if source is CAROL else (ALICE, BOB)
            assert served.pass_(*ends, packet)
        assert not served.pass_(BOB, ALICE, tcp(81, 40000, "SA"))
        assert not served.pass_(ALICE, BOB, tcp(40000, 81, "S"))
        assert served.pass_(ALICE, BOB, ICMPv6EchoRequest(id=1), version=6) is False
        assert served.marks() == []
        assert not served.pass_(ALICE, BOB, UDP(sport=1, dport=53))
        served.write(rule(Side.INGRESS, Verdict.ALLOW, ALICE, BOB, DNS))
        assert served.pass_(ALICE, BOB, UDP(sport=1, dport=53))
        assert not served.pass_(BOB, ALICE, ICMPv6EchoReply(id=1), version=6)

"""ICMP errors, which are judged as what they quote, and fragments, which follow their first."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from finsy.proto import p4r
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    fragment6,
)
from scapy.packet import Packet, Raw

from p4fabric.controller.compiler.policy_entries import Side, Verdict, identified_source, track
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.pipelines.values import Identity

from .bed import ALICE, BOB, CAROL, DNS, RED, TENANT, Bed, Endpoint, bed, isolated, rule

DATA = Raw(b"12345678")
ASK = UDP(sport=40000, dport=53, chksum=1) / DATA
SYN = TCP(sport=40000, dport=80, flags="S")


def sent4(packet: Packet, source: Endpoint = ALICE, destination: Endpoint = CAROL) -> Packet:
    return IP(src=str(source.ipv4), dst=str(destination.ipv4)) / packet


def sent6(packet: Packet, source: Endpoint = ALICE, destination: Endpoint = CAROL) -> Packet:
    return IPv6(src=str(source.ipv6), dst=str(destination.ipv6)) / packet


class Quote(NamedTuple):
    """An error of Carol's about what Alice sends, which passes if that is of a connection."""

    sent: Packet
    error: Packet


QUOTES = {
    "port unreachable": Quote(sent4(ASK), ICMP(type=3, code=3) / sent4(ASK)),
    "time exceeded": Quote(sent4(SYN), ICMP(type=11) / sent4(SYN)),
    "too big": Quote(sent4(SYN), ICMP(type=3, code=4, nexthopmtu=1280) / sent4(SYN)),
    "parameter problem": Quote(sent4(ASK), ICMP(type=12) / sent4(ASK)),
    "about an echo": Quote(sent4(ICMP(id=7)), ICMP(type=3, code=1) / sent4(ICMP(id=7))),
    "port unreachable, IPv6": Quote(sent6(ASK), ICMPv6DestUnreach(code=4) / sent6(ASK)),
    "too big, IPv6": Quote(sent6(SYN), ICMPv6PacketTooBig() / sent6(SYN)),
    "time exceeded, IPv6": Quote(sent6(ASK), ICMPv6TimeExceeded() / sent6(ASK)),
    "about an echo, IPv6": Quote(
        sent6(ICMPv6EchoRequest(id=7)), ICMPv6DestUnreach(code=3) / sent6(ICMPv6EchoRequest(id=7))
    ),
    "behind an extension header": Quote(
        sent6(ASK), IPv6ExtHdrDestOpt() / ICMPv6DestUnreach(code=4) / sent6(ASK)
    ),
}


@pytest.mark.parametrize("name", QUOTES)
def test_an_error_about_a_connection_passes_back_and_no_other_does(served: Bed, name: str) -> None:
    sent, error = QUOTES[name]
    version = 4 if isinstance(sent, IP) else 6
    assert not served.pass_(CAROL, ALICE, error, version=version), "about nothing"
    assert served.pass_(ALICE, CAROL, sent)
    assert served.pass_(CAROL, ALICE, error, version=version)
    # An error keeps nothing alive.
    served.go(40)
    assert not served.pass_(CAROL, ALICE, error, version=version)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ICMP(type=3, code=3) / sent4(ASK, BOB), id="to another than it quotes"),
        pytest.param(ICMP(type=3, code=3) / sent4(ASK, ALICE, BOB), id="about what another one got"),
        pytest.param(
            ICMP(type=3, code=3) / sent4(UDP(sport=40001, dport=53, chksum=1) / DATA), id="about another flow"
        ),
        pytest.param(ICMP(type=5, code=1) / sent4(ASK), id="a redirect"),
        pytest.param(ICMP(type=3, code=3) / sent4(IP(ihl=6) / ASK), id="about what cannot be read"),
        pytest.param(ICMP(type=3, code=3) / Raw(b"short"), id="about nothing"),
    ],
)
def test_an_error_about_something_else_is_judged_as_what_it_is(served: Bed, error: Packet) -> None:
    assert served.pass_(ALICE, CAROL, sent4(ASK))
    assert served.pass_(BOB, ALICE, UDP(sport=40000, dport=53, chksum=1) / DATA)
    assert not served.pass_(CAROL, ALICE, error)


def test_a_change_holds_for_errors_of_the_ends_and_routers_tell_of_what_lives() -> None:
    """Bob's place is a router's, for the sake of the test."""
    router = identified_source(RED, BOB.ipv4, Identity(3))
    with bed(isolated(Side.EGRESS, BOB), isolated(Side.INGRESS, ALICE)) as served:
        quoted = ICMP(type=11) / sent4(ASK)
        assert served.pass_(ALICE, CAROL, sent4(ASK))
        assert served.pass_(CAROL, ALICE, quoted)
        # An endpoint has no business with others' packets.
        assert not served.pass_(BOB, ALICE, quoted)
        served.write(router, kind=p4r.Update.MODIFY, leaves=("leaf1",))
        assert served.pass_(BOB, ALICE, quoted)
        assert not served.pass_(BOB, ALICE, ICMP(type=11) / sent4(UDP(sport=1, dport=53) / DATA))
        served.write(rule(Side.EGRESS, Verdict.DENY, ALICE))
        assert not served.pass_(CAROL, ALICE, quoted)


def pieces(version: int, dport: int, identification: int) -> list[Packet]:
    """Three fragments of a datagram."""
    datagram = UDP(sport=40000, dport=dport) / Raw(bytes(1600))
    if version == 4:
        content = bytes(sent4(datagram))[20:]
        return [
            IP(
                src=str(ALICE.ipv4), dst=str(CAROL.ipv4), id=identification, proto=17,
                flags="MF" if start < 1200 else 0, frag=start // 8,
            )
            / Raw(content[start : start + 600])
            for start in (0, 600, 1200)
        ]  # fmt: skip
    made: list[Packet] = fragment6(sent6(IPv6ExtHdrFragment(id=identification) / datagram), 700)
    return [IPv6(bytes(one)) for one in made]


@pytest.mark.parametrize("version", [4, 6])
def test_later_fragments_follow_the_first_of_their_datagram(served: Bed, version: int) -> None:
    dropped = served.dropped(ALICE, DropReason.POLICY_FRAGMENT)
    first, *later = pieces(version, 53, 1)
    assert not served.pass_(ALICE, CAROL, later[0]), "before the first"
    for one in (first, *later):
        assert served.pass_(ALICE, CAROL, one)
    served.go(29)
    assert served.pass_(ALICE, CAROL, later[0])
    served.go(2)
    assert not served.pass_(ALICE, CAROL, later[0])
    assert served.dropped(ALICE, DropReason.POLICY_FRAGMENT) == dropped + 2
    # Of a datagram that may not pass, and of another one's sender.
    first, *later = pieces(version, 54, 2)
    for one in (first, *later):
        assert not served.pass_(ALICE, CAROL, one)
    assert served.dropped(ALICE, DropReason.POLICY_FRAGMENT) == dropped + 2 + len(later)
    if version == 4:
        (other,) = [IP(src=str(BOB.ipv4), dst=str(CAROL.ipv4), id=1, proto=17, frag=75) / Raw(bytes(40))]
        assert served.pass_(ALICE, CAROL, pieces(4, 53, 1)[0])
        assert not served.pass_(BOB, CAROL, other)


def test_fragments_of_answers_pass_as_answers(served: Bed) -> None:
    assert served.pass_(ALICE, CAROL, sent4(ASK))
    content = bytes(
        IP(src=str(CAROL.ipv4), dst=str(ALICE.ipv4)) / UDP(sport=53, dport=40000) / Raw(bytes(1200))
    )[20:]
    for start in (0, 600):
        header = IP(
            src=str(CAROL.ipv4),
            dst=str(ALICE.ipv4),
            id=9,
            proto=17,
            frag=start // 8,
            flags="MF" if not start else 0,
        )
        assert served.pass_(CAROL, ALICE, header / Raw(content[start : start + 608 - 8]))


def test_a_tenant_without_policies_has_its_fragments_judged_by_nobody(served: Bed) -> None:
    served.delete(track(TENANT))
    for one in pieces(4, 54, 3)[1:]:
        assert served.pass_(ALICE, CAROL, one)
    served.write(track(TENANT))


def test_dns_is_a_class_of_udp_only(served: Bed) -> None:
    assert DNS >> 13 == 2
    assert not served.pass_(ALICE, CAROL, TCP(sport=1, dport=53, flags="S"))

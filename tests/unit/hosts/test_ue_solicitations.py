"""What UEs ask of their router, as scapy writes it, and the answers as scapy reads them."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

import pytest
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrHopByHop,
)
from scapy.packet import Packet

from p4fabric.controller.hosts.ue_solicitations import (
    Solicitation,
    neighbor_advertisement,
    read_solicitation,
    router_advertisement,
)

UE, NONE, PEER = IPv6Address("fe80::99"), IPv6Address("::"), IPv6Address("fe80::1")


def asks(source: object = UE, to: str = "ff02::2", **fields: int) -> Packet:
    return IPv6(src=str(source), dst=to, **{"hlim": 255, **fields})


def summed(packet: bytes | None) -> Packet:
    assert packet is not None
    again = IPv6(packet)
    del again.payload.cksum
    assert bytes(again) == packet and again.hlim == 255
    return IPv6(packet)


@pytest.mark.parametrize(
    ("packet", "found"),
    [
        (asks() / ICMPv6ND_RS(), Solicitation(UE, None)),
        (asks(NONE) / ICMPv6ND_RS(), Solicitation(NONE, None)),
        (asks() / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(), Solicitation(UE, None)),
        (asks(to="fe80::1") / ICMPv6ND_NS(tgt="fe80::1"), Solicitation(UE, PEER)),
        (asks(hlim=254) / ICMPv6ND_RS(), None),
        (asks() / ICMPv6ND_RS(code=1), None),
        (asks() / ICMPv6ND_RS(cksum=7), None),
        (asks(plen=4) / ICMPv6ND_RS(), None),
        (asks() / IPv6ExtHdrHopByHop() / ICMPv6ND_RS(), None),
        (asks() / ICMPv6ND_RA(), None),
        (asks() / ICMPv6ND_RS(bytes(ICMPv6ND_NS())[:12]), None),
    ],
)
def test_a_question_is_read_if_it_is_right_and_no_other(packet: Packet, found: Solicitation | None) -> None:
    octets = bytes(packet)
    assert read_solicitation(octets) == found
    assert all(read_solicitation(octets[:length]) is None for length in range(len(octets)))


def test_a_ue_hears_of_its_first_prefix() -> None:
    prefix = IPv6Network("2001:db8:45:100::/56")
    told = summed(router_advertisement(Solicitation(UE, None), prefix))
    assert (told.src, told.dst) == ("fe80::5eff:fe00:1", str(UE))
    router, option = told[ICMPv6ND_RA], told[ICMPv6NDOptPrefixInfo]
    assert (router.chlim, router.M, router.O, router.routerlifetime) == (64, 0, 0, 0xFFFF)
    assert (option.prefix, option.prefixlen, option.L, option.A) == ("2001:db8:45:100::", 64, 0, 1)
    assert option.validlifetime == option.preferredlifetime == 0xFFFFFFFF
    assert summed(router_advertisement(Solicitation(NONE, None), prefix)).dst == "ff02::1"


def test_the_router_is_there_and_nobody_else_has_a_ues_address() -> None:
    told = summed(neighbor_advertisement(Solicitation(UE, PEER)))
    assert (told.src, told.dst) == (str(PEER), str(UE))
    advertised = told[ICMPv6ND_NA]
    assert (advertised.tgt, advertised.R, advertised.S, advertised.O) == (str(PEER), 1, 1, 0)
    for asked in (
        Solicitation(NONE, UE),
        Solicitation(UE, UE),
        Solicitation(UE, IPv6Address("2001:db8::1")),
        Solicitation(UE, None),
    ):
        assert neighbor_advertisement(asked) is None

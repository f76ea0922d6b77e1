"""UEs with IPv6 at the UPF: fabric.p4 on the wire."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from p4fabric.pipelines.entities import Lpm, Range, TableEntry, Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import (
    IpProtocol,
    L4Port,
    Port,
    Qfi,
    SliceId,
    Teid,
    TunnelPeerId,
    UpfFiltersId,
    UpfMeterId,
    UpfRuleId,
    UpfSessionId,
)

from .harness import PipelineUnderTest
from .test_connectivity import intact
from .test_functions import DOWNLINK_TEID, N3_ADDRESS, UPLINK_TEID, gtpu, upf_entries
from .test_upf_path import handed_over
from .world import ALICE, ALICE_IP, CAROL, CAROL_IP6, RED, ROUTER, TENANT, fabric_entries

PREFIX = Lpm(IPv6Address("2001:db8:45:100::"), 64)
"""Of the UE."""
DELEGATED = Lpm(IPv6Address("2001:db8:46:200::"), 56)
"""Of another one, which has routers behind it."""
UE, ROUTED = "2001:db8:45:100::99", "2001:db8:46:2ff::1"
LINK_LOCAL = "fe80::99"
OTHER_TEID = Teid(0x300)
ALL_ROUTERS = "ff02::2"


def tunnel(teid: Teid, prefix: Lpm[IPv6Address], back: Teid) -> list[TableEntry]:
    peer = TunnelPeerId(1)
    return [
        b.UpfUplinkSessionsIpv6(N3_ADDRESS, ALICE_IP, teid, prefix, b.DecapsulateIpv6(TENANT)),
        b.UpfSolicitations(N3_ADDRESS, ALICE_IP, teid, b.ForController()),
        b.UpfDownlinkSessionsIpv6(TENANT, prefix, b.EncapsulateIpv6(peer, back, Qfi(9))),
    ]


def prepared(switch: PipelineUnderTest) -> None:
    """Alice is a gNB, where two UEs are: the first has IPv4 as well."""
    first = tunnel(UPLINK_TEID, PREFIX, DOWNLINK_TEID)
    second = tunnel(OTHER_TEID, DELEGATED, Teid(0x301))
    switch.insert(*fabric_entries(), *upf_entries(), *first, *second)


def up(source: str = UE, to: str = str(CAROL_IP6), **fields: int) -> Packet:
    return IPv6(src=source, dst=to, hlim=64, **fields)


def query(sport: int = 5000, dport: int = 53) -> Packet:
    return UDP(sport=sport, dport=dport) / b"query"


INSIDE = {
    "UDP": query(),
    "TCP": TCP(sport=5000, dport=80, flags="S"),
    "ICMPv6": ICMPv6EchoRequest(id=7, seq=8),
    "extensions": IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / query(),
    "a fragment": IPv6ExtHdrFragment(offset=0, m=1, id=5) / query(),
    "a later fragment": IPv6ExtHdrFragment(offset=100, m=0, id=5, nh=17) / Raw(b"rest of it"),
    "no next header": Raw(b""),
}


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
@pytest.mark.parametrize("with_container", [False, True])
def test_packets_of_a_ue_come_out_of_its_tunnel(
    switch: PipelineUnderTest, inside: Packet, with_container: bool
) -> None:
    prepared(switch)
    packet = up() / inside if len(inside) else up(nh=59)
    switch.send(1, gtpu(UPLINK_TEID, packet, with_container=with_container))
    opened = switch.receive(3)
    assert opened is not None and opened.type == 0x86DD and opened.dst == str(CAROL)
    sent, came = IPv6(bytes(packet)), IPv6(bytes(opened[IPv6])[: len(packet)])
    assert came.hlim == 63
    came.hlim = 64
    assert bytes(came) == bytes(sent)
    assert switch.packets_counted(tunnel(UPLINK_TEID, PREFIX, DOWNLINK_TEID)[0]) == 1


def test_a_ue_that_delegates_sends_from_all_of_its_prefix(switch: PipelineUnderTest) -> None:
    prepared(switch)
    switch.send(1, gtpu(OTHER_TEID, up(ROUTED) / query()))
    assert intact(switch.receive(3))[IPv6].src == ROUTED
    switch.send(3, Ether(src=str(CAROL), dst=str(ROUTER)) / IPv6(src=str(CAROL_IP6), dst=ROUTED) / query())
    back = intact(switch.receive(1))
    assert back[GTP_U_Header].teid == 0x301 and back[GTPPDUSessionContainer][IPv6].dst == ROUTED


def test_nothing_else_comes_out_of_it(switch: PipelineUnderTest) -> None:
    prepared(switch)
    long = bytearray(bytes(up() / query()))
    long[5] += 1
    others = [
        up("2001:db8:45:101::1") / query(),                                          # another prefix
        up(ROUTED) / query(),                                                        # another UE's
        up(LINK_LOCAL) / query(),
        up(LINK_LOCAL, ALL_ROUTERS) / ICMPv6EchoRequest(),
        up("::", "ff02::1:ff00:99") / query(),
        up(LINK_LOCAL, "ff02::1") / ICMPv6ND_RA(),
        up() / query(sport=547, dport=546),                                          # DHCPv6 of a server
        up() / IPv6ExtHdrRouting(addresses=["2001:db8::1"], segleft=1) / query(),
        up() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrDestOpt() / query(),                                             # one extension too many
        up(plen=5) / IPv6ExtHdrHopByHop(),                                           # longer than its packet
        Raw(bytes(long)),                                                            # longer than its tunnel
        Raw(bytes(up() / query())[:39]),
        up(to="ff02::1") / query(),
        up(to="fe80::1") / query(),
    ]  # fmt: skip
    for packet in others:
        switch.send(1, gtpu(UPLINK_TEID, packet))
    switch.expect_silence(1, 2, 3, 4)
    assert handed_over(switch) == []


SOLICITATIONS = {
    "a router solicitation": up(LINK_LOCAL, ALL_ROUTERS) / ICMPv6ND_RS(),
    "one without an address": up("::", ALL_ROUTERS) / ICMPv6ND_RS(),
    "one from its own address": up(UE, ALL_ROUTERS) / ICMPv6ND_RS(),
    "duplicate address detection": up("::", "ff02::1:ff00:99") / ICMPv6ND_NS(tgt=LINK_LOCAL),
    "is the router there": up(LINK_LOCAL, "fe80::1") / ICMPv6ND_NS(tgt="fe80::1"),
}
for _one in SOLICITATIONS.values():
    _one.hlim = 255


@pytest.mark.parametrize("packet", SOLICITATIONS.values(), ids=SOLICITATIONS)
def test_what_a_ue_asks_goes_to_the_controller_as_it_came(switch: PipelineUnderTest, packet: Packet) -> None:
    prepared(switch)
    frame = gtpu(UPLINK_TEID, packet, with_container=True)
    switch.send(1, frame)
    handed = switch.next_message("packet").packet
    assert handed.payload[: len(frame)] == bytes(frame)
    assert b.PacketInMetadata.decode(handed.metadata).ingress_port == 1
    switch.expect_silence(1, 2, 3, 4)


def test_what_a_ue_must_not_ask_goes_nowhere(switch: PipelineUnderTest) -> None:
    prepared(switch)
    right = SOLICITATIONS["a router solicitation"]
    routed, coded = right.copy(), right.copy()
    routed.hlim, coded[ICMPv6ND_RS].code = 254, 1
    for teid, packet in (
        (UPLINK_TEID, routed),
        (UPLINK_TEID, coded),
        (UPLINK_TEID, up(LINK_LOCAL, ALL_ROUTERS, hlim=255) / IPv6ExtHdrHopByHop() / ICMPv6ND_RS()),
        (Teid(0x999), right),
    ):
        switch.send(1, gtpu(teid, packet))
    switch.expect_silence(1, 2, 3, 4)
    assert handed_over(switch) == []
    for _ in range(300):
        switch.send(1, gtpu(UPLINK_TEID, right))
    switch.expect_silence(1, 2, 3, 4)
    assert 101 <= len(handed_over(switch)) < 300


@pytest.mark.parametrize("tag", [None, RED])
def test_packets_to_a_ue_are_wrapped_for_its_gnb(switch: PipelineUnderTest, tag: int | None) -> None:
    prepared(switch)
    if tag is not None:  # Alice's port has its network tagged.
        switch.modify(b.EgressVlan(Port(1), Ternary.exact(RED, 12), 1, b.EdgeTagged(RED)))
    datagram = IPv6(src=str(CAROL_IP6), dst=UE, tc=0xB9) / UDP(sport=53, dport=5000) / (b"answer" * 10)
    switch.send(3, Ether(src=str(CAROL), dst=str(ROUTER)) / datagram)
    wrapped = intact(switch.receive(1))
    assert (wrapped.src, wrapped.dst) == (str(ROUTER), str(ALICE))
    assert (wrapped.type if tag is None else wrapped[Dot1Q].type) == 0x0800
    assert (wrapped[IP].src, wrapped[IP].dst, wrapped[IP].tos) == (str(N3_ADDRESS), str(ALICE_IP), 0xB9)
    assert wrapped[IP].len == len(wrapped[IP]) and wrapped[UDP].len == wrapped[IP].len - 20
    header, container = wrapped[GTP_U_Header], wrapped[GTPPDUSessionContainer]
    assert (header.teid, header.length) == (DOWNLINK_TEID, wrapped[UDP].len - 16)
    assert (container.type, container.QFI) == (0, 9)
    inner = container[IPv6]
    assert inner.hlim == 63
    inner.hlim = 64
    assert bytes(inner) == bytes(datagram)


def test_a_packet_of_one_ue_to_another_is_wrapped_again(switch: PipelineUnderTest) -> None:
    prepared(switch)
    switch.send(1, gtpu(UPLINK_TEID, up(to=ROUTED) / query()))
    hairpin = intact(switch.receive(1))
    assert hairpin[GTP_U_Header].teid == 0x301
    inner = hairpin[GTPPDUSessionContainer][IPv6]
    assert (inner.src, inner.dst) == (UE, ROUTED) and hairpin.type == 0x0800


def test_filters_find_rules_of_ipv6_packets(switch: PipelineUnderTest) -> None:
    prepared(switch)
    session, filters, none = UpfSessionId(7), UpfFiltersId(3), UpfMeterId(0)
    udp = Ternary.exact(IpProtocol(17), 8)
    carols = Ternary(IPv6Address("2001:db8:2::"), (1 << 128) - (1 << 64))
    dns = Range(L4Port(53), L4Port(53))
    rules = [
        b.UplinkFiltersIpv6(
            filters, None, udp, None, None, carols, Ternary(True, 1), dns, None, 9,
            b.UplinkApplyRule(UpfRuleId(1)),
        ),
        b.UplinkFiltersIpv6(
            filters, None, None, None, Ternary.exact(0xBEEF, 20), None, None, None, None, 8,
            b.UplinkApplyRule(UpfRuleId(2)),
        ),
        b.UplinkRules(session, UpfRuleId(1), b.UplinkForward(none, none)),
        b.UplinkRules(session, UpfRuleId(2), b.UplinkForward(none, none)),
    ]  # fmt: skip
    switch.insert(*rules)
    found = b.UplinkSessionIpv6(TENANT, session, filters, UpfRuleId(255), SliceId(0))
    switch.modify(b.UpfUplinkSessionsIpv6(N3_ADDRESS, ALICE_IP, UPLINK_TEID, PREFIX, found))
    for packet, rule in (
        (up() / query(), 1),
        (up(fl=0xBEEF) / query(dport=54), 2),
        (up(fl=0xBEEE) / query(dport=54), None),
        (up() / TCP(dport=53), None),
    ):
        switch.send(1, gtpu(UPLINK_TEID, packet))
        assert (switch.receive(3, 1.0) is not None) is (rule is not None), packet.summary()
    assert [switch.packets_counted(one) for one in rules[2:]] == [1, 1]

"""Port filtering, bridging, routing, address resolution: fabric.p4 on the wire."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet

from p4fabric.pipelines.entities import Weighted
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import EcmpGroupId, Port

from .harness import PipelineUnderTest
from .world import (
    ALICE,
    ALICE_IP,
    ALICE_IP6,
    BLUE,
    BOB,
    BOB_IP,
    CAROL,
    CAROL_IP,
    CAROL_IP6,
    DAVE,
    DAVE_IP,
    RED,
    RED_GATEWAY,
    RED_GATEWAY6,
    ROUTER,
    fabric_entries,
)


def ping(source: object, destination: object, src: object, dst: object, ttl: int = 64) -> Packet:
    ether = Ether(src=str(source), dst=str(destination))
    return ether / IP(src=str(src), dst=str(dst), ttl=ttl) / ICMP() / b"payload that pads the frame"


def intact(packet: Packet | None) -> Packet:
    """The packet, once its checksums are shown to be right."""
    assert packet is not None, "nothing came out"
    again = packet.copy()
    for layer in (IP, TCP, UDP, ICMP):
        if layer in again and again[layer].chksum != 0:  # 0: a UDP datagram without
            del again[layer].chksum
    for icmpv6 in (ICMPv6EchoRequest, ICMPv6ND_NA):
        if icmpv6 in again:
            del again[icmpv6].cksum
    assert bytes(Ether(bytes(again))) == bytes(packet)
    return packet


def test_nothing_passes_a_switch_without_entries(switch: PipelineUnderTest) -> None:
    switch.send(1, ping(ALICE, BOB, ALICE_IP, BOB_IP))
    switch.send(1, Ether(src=str(ALICE), dst="ff:ff:ff:ff:ff:ff") / ARP(pdst=str(BOB_IP)))
    switch.expect_silence(1, 2, 3, 4)


def test_frames_are_bridged_tagged_and_flooded_within_their_network_only(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())

    to_bob = ping(ALICE, BOB, ALICE_IP, BOB_IP)
    switch.send(1, to_bob)
    assert bytes(intact(switch.receive(2))) == bytes(to_bob)

    switch.send(1, ping(ALICE, DAVE, ALICE_IP, DAVE_IP))
    tagged = intact(switch.receive(4))
    assert tagged[Dot1Q].vlan == RED
    assert tagged[IP].ttl == 64

    switch.send(4, Ether(src=str(DAVE), dst=str(ALICE)) / Dot1Q(vlan=RED) / ping(0, 0, DAVE_IP, ALICE_IP)[IP])
    untagged = intact(switch.receive(1))
    assert Dot1Q not in untagged
    assert untagged.src == str(DAVE)

    switch.drain()
    who_has_bob = ARP(hwsrc=str(ALICE), psrc=str(ALICE_IP), pdst=str(BOB_IP))
    switch.send(1, Ether(src=str(ALICE), dst="ff:ff:ff:ff:ff:ff") / who_has_bob)
    for port in (2, 4):
        flooded = switch.receive(port)
        assert flooded is not None
        assert flooded[ARP].pdst == str(BOB_IP)
    switch.expect_silence(1, 3)

    switch.send(1, ping(ALICE, CAROL, ALICE_IP, CAROL_IP))  # BLUE's MAC address is unknown in RED
    assert switch.receive(2) is not None
    assert switch.receive(4) is not None
    switch.expect_silence(1, 3)


@pytest.mark.parametrize(
    "frame",
    [
        Ether(src=str(ALICE), dst=str(BOB))
        / Dot1Q(vlan=BLUE)
        / IP(src=str(ALICE_IP), dst=str(BOB_IP))
        / UDP(),
        Ether(src=str(ALICE), dst=str(BOB)) / IP(src=str(ALICE_IP), dst=str(BOB_IP), chksum=0x1234) / UDP(),
        Ether(src=str(ALICE), dst=str(BOB))
        / IP(src=str(ALICE_IP), dst=str(BOB_IP), options=[b"\x01"] * 4, chksum=0x1234)
        / UDP(),
    ],
    ids=["tagged frame at an untagged port", "wrong IPv4 checksum", "wrong IPv4 checksum with options"],
)
def test_an_edge_port_refuses(switch: PipelineUnderTest, frame: Packet) -> None:
    switch.insert(*fabric_entries())
    switch.send(1, frame)
    switch.expect_silence(1, 2, 3, 4)


def test_a_network_that_is_not_on_the_switch_does_not_enter_by_a_fabric_link(
    switch: PipelineUnderTest,
) -> None:
    switch.insert(*fabric_entries())
    switch.send(4, Ether(src=str(DAVE), dst=str(ALICE)) / Dot1Q(vlan=300) / IP() / UDP())
    switch.expect_silence(1, 2, 3, 4)


def test_the_gateway_routes_ipv4_and_ipv6_between_networks(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    switch.send(1, ping(ALICE, ROUTER, ALICE_IP, CAROL_IP, ttl=9))
    routed = intact(switch.receive(3))
    assert (routed.src, routed.dst, routed[IP].ttl) == (str(ROUTER), str(CAROL), 8)

    echo = Ether(src=str(ALICE), dst=str(ROUTER)) / IPv6(src=str(ALICE_IP6), dst=str(CAROL_IP6), hlim=9)
    switch.send(1, echo / ICMPv6EchoRequest(data=b"hello"))
    routed = intact(switch.receive(3))
    assert (routed.src, routed.dst, routed[IPv6].hlim) == (str(ROUTER), str(CAROL), 8)

    switch.send(1, ping(ALICE, ROUTER, ALICE_IP, CAROL_IP, ttl=1))
    switch.send(1, ping(ALICE, ROUTER, ALICE_IP, "192.0.2.1"))
    switch.expect_silence(1, 2, 3, 4)


def test_the_switch_answers_arp_for_its_gateway(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    request = ARP(op="who-has", hwsrc=str(ALICE), psrc=str(ALICE_IP), pdst=str(RED_GATEWAY))
    switch.send(1, Ether(src=str(ALICE), dst="ff:ff:ff:ff:ff:ff") / request)
    reply = switch.receive(1)
    assert reply is not None
    assert (reply.src, reply.dst) == (str(ROUTER), str(ALICE))
    assert reply[ARP].op == 2
    assert (reply[ARP].hwsrc, reply[ARP].psrc) == (str(ROUTER), str(RED_GATEWAY))
    assert (reply[ARP].hwdst, reply[ARP].pdst) == (str(ALICE), str(ALICE_IP))
    switch.expect_silence(2, 3, 4)


@pytest.mark.parametrize("with_option", [True, False], ids=["with link-layer option", "without"])
def test_the_switch_answers_neighbor_solicitations_for_its_gateway(
    switch: PipelineUnderTest, with_option: bool
) -> None:
    switch.insert(*fabric_entries())
    solicitation = IPv6(src=str(ALICE_IP6), dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(
        tgt=str(RED_GATEWAY6)
    )
    if with_option:
        solicitation /= ICMPv6NDOptSrcLLAddr(lladdr=str(ALICE))
    switch.send(1, Ether(src=str(ALICE), dst="33:33:ff:00:00:01") / solicitation)
    reply = intact(switch.receive(1))
    assert (reply.src, reply.dst) == (str(ROUTER), str(ALICE))
    assert (reply[IPv6].src, reply[IPv6].dst, reply[IPv6].hlim) == (str(RED_GATEWAY6), str(ALICE_IP6), 255)
    advertisement = reply[ICMPv6ND_NA]
    assert (advertisement.R, advertisement.S, advertisement.O) == (1, 1, 1)
    assert advertisement.tgt == str(RED_GATEWAY6)
    assert reply[ICMPv6NDOptDstLLAddr].lladdr == str(ROUTER)


def test_hosts_that_resolve_addresses_are_reported(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    switch.send(2, Ether(src=str(BOB), dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=str(BOB), psrc=str(BOB_IP)))
    (seen,) = switch.next_message("digest").digest.data
    host = b.HostSeen.decode(seen)
    assert (host.ingress_port, host.vlan_id, host.mac, host.ipv4) == (Port(2), RED, BOB, BOB_IP)

    solicitation = IPv6(src=str(ALICE_IP6), dst="ff02::1:ff00:9", hlim=255) / ICMPv6ND_NS(tgt="2001:db8:1::9")
    switch.send(1, Ether(src=str(ALICE), dst="33:33:ff:00:00:09") / solicitation)
    (seen,) = switch.next_message("digest").digest.data
    host = b.HostSeen.decode(seen)
    assert (host.ingress_port, host.mac, host.ipv6) == (Port(1), ALICE, ALICE_IP6)


def test_flows_spread_over_equal_cost_ports_and_each_keeps_its_own(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    paths = tuple(Weighted(b.ToPort(Port(port))) for port in (2, 4))
    switch.insert(b.EcmpGroups(EcmpGroupId(7), paths))
    switch.modify(b.Bridging(RED, DAVE, b.ToEcmpGroup(EcmpGroupId(7))))
    ports_of_flow: dict[int, set[int]] = {}
    for _ in range(3):
        for source_port in range(2000, 2032):
            flow = IP(src=str(ALICE_IP), dst=str(DAVE_IP)) / UDP(sport=source_port, dport=9)
            switch.send(1, Ether(src=str(ALICE), dst=str(DAVE)) / flow)
        for port in (2, 4):
            while (packet := switch.receive(port, 0.3)) is not None:
                ports_of_flow.setdefault(packet[UDP].sport, set()).add(port)
    assert len(ports_of_flow) == 32
    assert all(len(ports) == 1 for ports in ports_of_flow.values())
    assert {port for ports in ports_of_flow.values() for port in ports} == {2, 4}


def test_lldp_reaches_the_controller_from_a_closed_port_and_packet_outs_leave_untouched(
    switch: PipelineUnderTest,
) -> None:
    switch.insert(b.LinkPorts(Port(3), b.Link()))
    chassis, port = b"\x02\x07\x04\x02\x00\x00\x00\x00\x01", b"\x04\x0f\x07link-discovery"
    lldp = Ether(src=str(BOB), dst="01:80:c2:00:00:0e", type=0x88CC) / (
        chassis + port + b"\x06\x02\x00\x78" + b"\x00\x00"
    )
    switch.send(3, lldp)
    packet = switch.next_message("packet").packet
    assert b.PacketInMetadata.decode(list(packet.metadata)).ingress_port == Port(3)
    assert packet.payload[:36] == bytes(lldp)[:36]

    switch.packet_out(2, bytes(lldp))
    sent = switch.receive(2)
    assert sent is not None
    assert bytes(sent)[: len(lldp)] == bytes(lldp)

"""Firewall, load balancer, UPF, congestion telemetry: fabric.p4 on the wire."""

from __future__ import annotations

import time
from collections import Counter
from ipaddress import IPv4Address
from itertools import pairwise

from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from p4fabric.controller.telemetry.drop_reasons import reason_label
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.controller.telemetry.reports import (
    DropReport,
    FlowReport,
    Inner,
    InnerType,
    Origin,
    Role,
    decode,
)
from p4fabric.pipelines.entities import TableEntry, Ternary, Weighted
from p4fabric.pipelines.fabric import CPU_PORT
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IpProtocol, L4Port, Port, Qfi, Teid, TunnelPeerId

from .harness import NODE, SLOW_PORT, PipelineUnderTest
from .test_connectivity import intact
from .world import (
    ALICE,
    ALICE_IP,
    BOB,
    BOB_IP,
    CAROL,
    CAROL_IP,
    DAVE,
    DAVE_IP,
    RED,
    RED_GATEWAY,
    ROUTER,
    TENANT,
    fabric_entries,
)

TCP_PROTOCOL = IpProtocol(6)
VIRTUAL_IP = IPv4Address("10.0.9.9")
N3_ADDRESS = IPv4Address("10.0.1.2")
UE_ADDRESS = IPv4Address("10.45.0.2")
UPLINK_TEID, DOWNLINK_TEID = Teid(0x100), Teid(0x200)


def tcp(source: IPv4Address, destination: IPv4Address, sport: int, dport: int, flags: str = "S") -> Packet:
    return IP(src=str(source), dst=str(destination)) / TCP(sport=sport, dport=dport, flags=flags)


def deny(priority: int, dport: int, allowed: bool = False) -> b.FirewallIpv4:
    action = b.AllowIpv4() if allowed else b.DenyIpv4()
    return b.FirewallIpv4(
        TENANT,
        None if not allowed else Ternary.exact(ALICE_IP, 32),
        Ternary(IPv4Address("10.0.2.0"), 0xFFFFFF00),
        Ternary.exact(TCP_PROTOCOL, 8),
        None,
        Ternary.exact(L4Port(dport), 16),
        None,
        None,
        priority,
        action,
    )


def test_the_firewall_denies_counts_and_lets_the_higher_priority_win(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    ssh = deny(10, 22)
    switch.insert(ssh)
    to_router = Ether(src=str(ALICE), dst=str(ROUTER))
    for _ in range(5):
        switch.send(1, to_router / tcp(ALICE_IP, CAROL_IP, 4000, 22))
    switch.send(1, to_router / tcp(ALICE_IP, CAROL_IP, 4000, 23))
    passed = intact(switch.receive(3))
    assert passed[TCP].dport == 23
    switch.expect_silence(3)
    assert switch.packets_counted(ssh) == 5

    exception = deny(20, 22, allowed=True)
    switch.insert(exception)
    switch.send(1, to_router / tcp(ALICE_IP, CAROL_IP, 4000, 22))
    assert intact(switch.receive(3))[TCP].dport == 22
    switch.send(1, to_router / tcp(BOB_IP, CAROL_IP, 4000, 22))
    switch.expect_silence(3)
    assert (switch.packets_counted(exception), switch.packets_counted(ssh)) == (1, 6)


def test_a_virtual_ip_spreads_connections_by_weight_and_answers_as_itself(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    service = b.VirtualIps(
        TENANT,
        VIRTUAL_IP,
        TCP_PROTOCOL,
        L4Port(80),
        (
            Weighted(b.ToServer(CAROL_IP, L4Port(8080)), weight=3),
            Weighted(b.ToServer(DAVE_IP, L4Port(8081)), weight=1),
        ),
    )
    reply = b.VirtualIpReplies(
        TENANT, CAROL_IP, TCP_PROTOCOL, L4Port(8080), b.FromVirtualIp(VIRTUAL_IP, L4Port(80))
    )
    switch.insert(service, reply)
    servers: Counter[str] = Counter()
    for sport in range(20000, 20400):
        switch.send(1, Ether(src=str(ALICE), dst=str(ROUTER)) / tcp(ALICE_IP, VIRTUAL_IP, sport, 80))
        if sport % 20 == 0:  # the slow port's queue is 64 deep
            servers.update(_collect(switch))
    for _ in range(3):
        servers.update(_collect(switch, wait=0.5))
    assert set(servers) == {f"{CAROL_IP}:8080", f"{DAVE_IP}:8081"}
    assert 250 <= servers[f"{CAROL_IP}:8080"] <= 350, servers

    answer = tcp(CAROL_IP, ALICE_IP, 8080, 20000, flags="SA")
    switch.send(3, Ether(src=str(CAROL), dst=str(ROUTER)) / answer)
    answered = intact(switch.receive(1))
    assert (answered[IP].src, answered[TCP].sport) == (str(VIRTUAL_IP), 80)


def test_only_a_servers_answers_to_its_gateway_go_to_the_controller(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    asked = b.HealthReplies(RED, ALICE_IP, L4Port(8080), RED_GATEWAY, b.ToController())
    switch.insert(asked)
    to_router = Ether(src=str(ALICE), dst=str(ROUTER))
    for flags in ("SA", "RA"):
        switch.send(1, to_router / tcp(ALICE_IP, RED_GATEWAY, 8080, 50000, flags))
        packet = switch.next_message("packet").packet
        found = Ether(packet.payload)
        assert (found[IP].src, found[TCP].dport, str(found[TCP].flags)) == (str(ALICE_IP), 50000, flags)
        assert b.PacketInMetadata.decode(packet.metadata).ingress_port == 1

    others = [
        to_router / tcp(ALICE_IP, RED_GATEWAY, 8080, 50000, flags="S"),
        to_router / tcp(ALICE_IP, RED_GATEWAY, 8080, 50000, flags="A"),
        to_router / tcp(ALICE_IP, RED_GATEWAY, 8080, 49151, flags="SA"),
        to_router / tcp(ALICE_IP, RED_GATEWAY, 8081, 50000, flags="SA"),
        to_router / tcp(ALICE_IP, CAROL_IP, 8080, 50000, flags="SA"),
        Ether(src=str(ALICE), dst=str(BOB)) / tcp(ALICE_IP, RED_GATEWAY, 8080, 50000, flags="SA"),
        to_router / IP(src=str(ALICE_IP), dst=str(RED_GATEWAY), flags="MF")
        / TCP(sport=8080, dport=50000, flags="SA"),
    ]  # fmt: skip
    for frame in others:
        switch.send(1, frame)
    switch.send(2, Ether(src=str(BOB), dst=str(ROUTER)) / tcp(BOB_IP, RED_GATEWAY, 8080, 50000, flags="SA"))
    assert intact(switch.receive(3))[TCP].sport == 8080  # as it was before: to Carol, and to Bob
    assert intact(switch.receive(2))[IP].dst == str(RED_GATEWAY)
    switch.expect_silence(1, 2, 3, 4)
    assert _handed_over(switch) == 0


def test_a_port_sends_the_controller_no_more_answers_than_it_is_asked_for(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    switch.insert(b.HealthReplies(RED, ALICE_IP, L4Port(8080), RED_GATEWAY, b.ToController()))
    answer = Ether(src=str(ALICE), dst=str(ROUTER)) / tcp(ALICE_IP, RED_GATEWAY, 8080, 50000, flags="SA")
    began = time.monotonic()
    for _ in range(200):
        switch.send(1, answer)
    switch.expect_silence(1, 2, 3, 4)
    taken = _handed_over(switch)
    assert 26 <= taken <= 26 + 50 * (time.monotonic() - began)


def _handed_over(switch: PipelineUnderTest) -> int:
    """How many frames came to the controller; reports of what is dropped come, too."""
    found = 0
    while not switch.messages.empty():
        message = switch.messages.get()
        if message.HasField("packet"):
            metadata = b.PacketInMetadata.decode(list(message.packet.metadata))
            found += metadata.ingress_port != CPU_PORT
    return found


def _collect(switch: PipelineUnderTest, wait: float = 0.02) -> list[str]:
    found = []
    for port in (3, 4):
        while (packet := switch.receive(port, wait)) is not None:
            assert intact(packet)[IP].ttl == 63
            found.append(f"{packet[IP].dst}:{packet[TCP].dport}")
    return found


def upf_entries() -> list[TableEntry]:
    """Dave is the gNB, on RED; the UE's data network is the same tenant's VRF."""
    return [
        b.UpfInterfaces(TENANT, N3_ADDRESS, b.N3()),
        b.UpfUplinkSessions(N3_ADDRESS, ALICE_IP, UPLINK_TEID, UE_ADDRESS, b.Decapsulate(TENANT)),
        b.UpfDownlinkSessions(TENANT, UE_ADDRESS, b.Encapsulate(TunnelPeerId(1), DOWNLINK_TEID, Qfi(9))),
        b.UpfTunnelPeers(TunnelPeerId(1), b.TunnelTo(TENANT, N3_ADDRESS, ALICE_IP)),
    ]


def gtpu(teid: int, inner: Packet, with_container: bool = False) -> Packet:
    """An uplink G-PDU from the gNB (Alice's place on the network)."""
    outer = IP(src=str(ALICE_IP), dst=str(N3_ADDRESS)) / UDP(sport=2152, dport=2152, chksum=0)
    if with_container:
        header = GTP_U_Header(teid=teid, gtp_type=255, E=1, next_ex=0x85)
        return (
            Ether(src=str(ALICE), dst=str(ROUTER))
            / outer
            / header
            / GTPPDUSessionContainer(type=1, QFI=9)
            / inner
        )
    header = GTP_U_Header(teid=teid, gtp_type=255)
    return Ether(src=str(ALICE), dst=str(ROUTER)) / outer / header / inner


def test_the_upf_opens_uplink_tunnels_of_known_sessions_only(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries(), *upf_entries())
    inner = IP(src=str(UE_ADDRESS), dst=str(CAROL_IP)) / UDP(sport=5000, dport=53) / b"query"
    for packet in (gtpu(UPLINK_TEID, inner), gtpu(UPLINK_TEID, inner, with_container=True)):
        switch.send(1, packet)
        opened = intact(switch.receive(3))
        assert GTP_U_Header not in opened
        assert (opened[IP].src, opened[IP].dst, opened[IP].ttl) == (str(UE_ADDRESS), str(CAROL_IP), 63)
        assert opened[Raw].load[:5] == b"query"
    uplink = upf_entries()[1]
    assert switch.packets_counted(uplink) == 2

    spoofed = IP(src="10.45.0.99", dst=str(CAROL_IP)) / UDP(sport=5000, dport=53) / b"query"
    switch.send(1, gtpu(UPLINK_TEID, spoofed))
    switch.send(1, gtpu(0x999, inner))
    switch.expect_silence(2, 3, 4)
    assert switch.packets_counted(uplink) == 2


def test_the_upf_wraps_downlink_packets_towards_the_gnb(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries(), *upf_entries())
    datagram = IP(src=str(CAROL_IP), dst=str(UE_ADDRESS)) / UDP(sport=5300, dport=5000) / (b"answer" * 10)
    switch.send(3, Ether(src=str(CAROL), dst=str(ROUTER)) / datagram)
    wrapped = intact(switch.receive(1))
    assert (wrapped.src, wrapped.dst) == (str(ROUTER), str(ALICE))
    assert (wrapped[IP].src, wrapped[IP].dst) == (str(N3_ADDRESS), str(ALICE_IP))
    assert wrapped[IP].len == len(wrapped) - 14
    assert (wrapped[UDP].sport, wrapped[UDP].dport, wrapped[UDP].len) == (2152, 2152, wrapped[IP].len - 20)
    header = wrapped[GTP_U_Header]
    assert (header.teid, header.gtp_type, header.length) == (DOWNLINK_TEID, 255, wrapped[UDP].len - 16)
    container = wrapped[GTPPDUSessionContainer]
    assert (container.type, container.QFI) == (0, 9)
    inner = container[IP]
    assert (inner.src, inner.dst, inner.ttl) == (str(CAROL_IP), str(UE_ADDRESS), 63)
    assert inner[Raw].load == b"answer" * 10
    assert switch.packets_counted(upf_entries()[2]) == 1


def test_tunnel_off_and_on_in_one_pass_connects_two_ues_and_a_ue_to_a_virtual_ip(
    switch: PipelineUnderTest,
) -> None:
    switch.insert(*fabric_entries(), *upf_entries())
    other = IPv4Address("10.45.0.3")
    switch.insert(
        b.UpfDownlinkSessions(TENANT, other, b.Encapsulate(TunnelPeerId(1), Teid(0x201), Qfi(5))),
        b.VirtualIps(
            TENANT,
            VIRTUAL_IP,
            TCP_PROTOCOL,
            L4Port(80),
            (Weighted(b.ToServer(CAROL_IP, L4Port(8080))),),
        ),
        b.VirtualIpReplies(
            TENANT, CAROL_IP, TCP_PROTOCOL, L4Port(8080), b.FromVirtualIp(VIRTUAL_IP, L4Port(80))
        ),
    )
    switch.send(1, gtpu(UPLINK_TEID, tcp(UE_ADDRESS, other, 1000, 2000)))
    hairpin = intact(switch.receive(1))
    assert hairpin[GTP_U_Header].teid == 0x201
    assert hairpin[GTP_U_Header][IP].dst == str(other)

    switch.send(1, gtpu(UPLINK_TEID, tcp(UE_ADDRESS, VIRTUAL_IP, 1000, 80)))
    to_server = intact(switch.receive(3))
    assert (to_server[IP].dst, to_server[TCP].dport) == (str(CAROL_IP), 8080)
    switch.send(3, Ether(src=str(CAROL), dst=str(ROUTER)) / tcp(CAROL_IP, UE_ADDRESS, 8080, 1000, "SA"))
    answer = intact(switch.receive(1))[GTP_U_Header][IP]
    assert (answer.src, answer[TCP].sport) == (str(VIRTUAL_IP), 80)
    checked = IP(bytes(answer))
    del checked[TCP].chksum
    assert IP(bytes(checked))[TCP].chksum == answer[TCP].chksum


def test_a_full_queue_reports_port_queue_depth_delay_and_the_flow(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    switch.insert(
        b.CongestionWatch(
            Port(SLOW_PORT), b.Watch(depth=20, delay=100_000, window=10, interval=50_000, tolerance=0)
        )
    )
    flow = IP(src=str(ALICE_IP), dst=str(DAVE_IP)) / UDP(sport=7000, dport=7001) / (b"x" * 400)
    for _ in range(5):
        switch.send(1, Ether(src=str(ALICE), dst=str(DAVE)) / flow)
    for _ in range(5):
        assert switch.receive(SLOW_PORT) is not None
    assert switch.messages.empty(), "a short burst is not congestion"

    for _ in range(60):
        switch.send(1, Ether(src=str(ALICE), dst=str(DAVE)) / flow)
    reports = []
    for number in range(4):
        frame = switch.next_report()
        summed = IP(bytes(frame[IP]))
        del summed.chksum
        assert (frame[UDP].dport, IP(bytes(summed)).chksum) == (32766, frame[IP].chksum)
        group = decode(bytes(frame[UDP].payload))
        assert (group.node, group.hw_id, group.sequence) == (NODE, Origin.EGRESS, number)
        (report,) = group.reports
        assert isinstance(report, FlowReport)
        reports.append(report)
    for report in reports:
        assert (report.ingress_port, report.egress_port, report.queue) == (1, SLOW_PORT, 0)
        assert report.depth is not None and report.latency_us is not None and report.flow is not None
        assert report.depth >= 20 or report.latency_us >= 100_000
        assert report.congested and (report.flow.vlan, report.flow.role) == (RED, Role.CULPRIT)
        assert report.flow.flow_bytes == report.flow.queue_bytes > 0
        inner = IP(report.inner.data)
        assert (inner.src, inner.dst) == (str(ALICE_IP), str(DAVE_IP))
        assert (inner[UDP].sport, inner[UDP].dport, len(report.inner.data)) == (7000, 7001, 128)
    assert max(report.latency_us or 0 for report in reports) >= 100_000
    gaps = [(later.egress_ns or 0) - (earlier.egress_ns or 0) for earlier, later in pairwise(reports)]
    assert all(gap >= 50_000_000 for gap in gaps), gaps
    delivered = 0
    while switch.receive(SLOW_PORT, 0.5) is not None:
        delivered += 1
    assert delivered == 60, "the reports' clones must not reach the wire, nor cost a packet"


def test_a_followed_flow_is_told_of_by_a_postcard(switch: PipelineUnderTest) -> None:
    udp, ends = Ternary.exact(IpProtocol(17), IpProtocol.BITS), (ALICE_IP, BOB_IP)
    source, destination = (Ternary.exact(IPv4Address(end), 32) for end in ends)
    port = Ternary.exact(L4Port(7001), L4Port.BITS)
    followed = b.FollowedIpv4(TENANT, source, destination, udp, None, port, priority=1, action=b.Follow())
    switch.insert(*fabric_entries(), followed)
    frame = Ether(src=str(ALICE), dst=str(BOB)) / IP(src=str(ALICE_IP), dst=str(BOB_IP))
    for asked in (7000, 7001):
        switch.send(1, frame / UDP(sport=9, dport=asked) / (b"x" * 300))
        assert switch.receive(2) is not None
    group = decode(bytes(switch.next_report()[UDP].payload))
    assert (group.node, group.hw_id, group.sequence) == (NODE, Origin.POSTCARDS, 0)
    (report,) = group.reports
    assert isinstance(report, FlowReport) and report.tracked and not report.congested
    assert (report.ingress_port, report.egress_port, report.queue) == (1, 2, 0)
    assert report.latency_us is not None and report.egress_ns
    assert IP(report.inner.data)[UDP].dport == 7001


def test_a_dropped_packet_is_reported_with_its_reason_as_it_came(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    nobody = IP(src=str(ALICE_IP), dst="10.9.9.9") / UDP(sport=7000, dport=7001) / (b"x" * 300)
    switch.send(1, Ether(src=str(ALICE), dst=str(ROUTER)) / nobody)
    group = decode(bytes(switch.next_report()[UDP].payload))
    assert (group.node, group.hw_id, group.sequence) == (NODE, Origin.DROPS, 0)
    (report,) = group.reports
    assert isinstance(report, DropReport) and report.flow is not None
    assert (report.ingress_port, report.flow.vlan, report.suppressed) == (1, RED, 0)
    assert reason_label(report.reason or 0) == DropReason.NO_ROUTE.label
    assert report.inner == Inner(InnerType.IPV4, bytes(nobody)[:128])
    wrong = IP(src=str(ALICE_IP), dst=str(BOB_IP), chksum=1) / UDP() / (b"x" * 50)
    switch.send(1, Ether(src=str(ALICE), dst=str(BOB)) / wrong)
    (report,) = decode(bytes(switch.next_report()[UDP].payload)).reports
    assert isinstance(report, DropReport)
    assert reason_label(report.reason or 0) == DropReason.CHECKSUM.label
    assert report.inner == Inner(InnerType.IPV4, bytes(wrong))
    switch.expect_silence(1, 2, 3, 4)


def test_a_queue_that_nobody_watches_reports_nothing(switch: PipelineUnderTest) -> None:
    switch.insert(*fabric_entries())
    switch.insert(b.CongestionWatch(Port(2), b.Watch(depth=1, delay=1, window=0, interval=1, tolerance=0)))
    flow = IP(src=str(ALICE_IP), dst=str(DAVE_IP)) / UDP(sport=7000, dport=7001)
    for _ in range(40):
        switch.send(1, Ether(src=str(ALICE), dst=str(DAVE)) / flow)
    delivered = 0
    while switch.receive(SLOW_PORT, 0.5) is not None:
        delivered += 1
    assert delivered == 40
    assert switch.messages.empty()

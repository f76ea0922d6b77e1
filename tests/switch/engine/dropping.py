"""A switch with fabric.p4 on which a packet may be dropped for any reason, and a packet for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6ND_RA, IPv6, IPv6ExtHdrRouting
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from benchmarks.forwarding import HOST, NETWORK, ROUTER, VRF, entry
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.softswitch.engine.api import (
    Change,
    Exact,
    Lpm,
    Range,
    Replica,
    Ternary,
    TwoRates,
    WriteDirectMeter,
    WriteEntry,
    WriteMulticastGroup,
)

from .queueing import Held
from .test_reports import EGRESS, FRAME, IN, INGRESS, OUT, bridged, fabric

CLOSED = 3
"""A port that no entry opens."""
BACK, UNOPENED = 0x0200000000C1, 0x0200000000C2
"""Hosts at the port that sends, and at one whose network is another."""
SERVER, N3, UE, ROAMING_UE, IDLE_UE = "10.0.1.77", "10.0.1.200", "10.45.0.2", "10.45.0.3", "10.45.0.4"


class Case(NamedTuple):
    """A packet that is dropped."""

    reason: DropReason
    packet: Packet
    port: int = IN
    at: int | None = None
    """The port in whose egress it is dropped; None: in ingress."""
    shown: bytes | None = None
    """What a report shows of it; None: what is behind the Ethernet header and a tag, or of what is no IP the
    Ethernet header."""
    passing: int = 0
    """So many like it pass before."""
    vlan: int = NETWORK
    """The network that it is dropped in; 0: it is not known yet."""

    @property
    def whole(self) -> bytes:
        """The beginning of which a report shows."""
        frame = bytes(self.packet)
        if self.shown is not None:
            return self.shown
        if IP not in self.packet and IPv6 not in self.packet:
            return frame[:14] + frame[14:16]
        return frame[18 if Dot1Q in self.packet else 14 :]

    def __repr__(self) -> str:
        return f"{self.reason.label}: {self.packet.summary()}"


def routed(packet: Packet) -> Packet:
    """To the gateway."""
    return Ether(dst="02:00:5e:00:00:01", src="02:00:00:00:00:0a") / packet


def _to(mac: str, packet: Packet, ether_type: int | None = None) -> Packet:
    frame = Ether(dst=mac, src="02:00:00:00:00:0a") / packet
    if ether_type is not None:
        frame.type = ether_type
    return frame


def _in_tunnel(packet: Packet, teid: int = 9) -> Packet:
    outer = IP(src="10.0.1.10", dst=N3) / UDP(sport=2152, dport=2152, chksum=0)
    return routed(outer / GTP_U_Header(teid=teid, gtp_type=255) / packet)


R = DropReason
FOUR = IP(src="10.0.1.10", dst="10.0.1.11")
SIX = IPv6(src="fe80::a", dst="fe80::b", hlim=255)
EVERYBODY = "ff:ff:ff:ff:ff:ff"
REPLY = IP(src=SERVER, dst="10.0.1.11", frag=100, proto=17)
CHECKED = IP(src=SERVER, dst="10.0.1.1") / TCP(sport=80, dport=50000, flags="SA")
DENIED = IP(src=UE, dst="10.9.0.1") / UDP(sport=7, dport=8) / Raw(bytes(range(200)))
NEIGHBOR = ICMPv6ND_NS(tgt="fe80::b")

CASES = [
    Case(R.CLOSED, FRAME / Raw(bytes(200)), CLOSED, vlan=0),
    Case(R.CLOSED, Ether() / Dot1Q(vlan=9) / IP() / TCP(), CLOSED, vlan=0),
    Case(R.CLOSED, _to("02:00:00:00:00:c2", FOUR / UDP() / Raw(bytes(9))), at=CLOSED),
    Case(R.CONTROL_FRAME, _to("01:80:c2:00:00:0e", Raw(bytes(46)), 0x88CC), vlan=0),
    Case(R.CONTROL_FRAME, _to("01:80:c2:00:00:00", FOUR / UDP() / Raw(bytes(9)))),
    Case(R.NESTED_TAG, bridged(Dot1AD(vlan=5) / FOUR / UDP()),
         shown=bytes.fromhex("02000000000b02000000000a88a80005")),
    Case(R.ETHERTYPE, _to("02:00:00:00:00:0b", Raw(bytes(46)), 0x88B5)),
    Case(R.SOURCE_MAC, Ether(dst="02:00:00:00:00:0b", src="03:00:00:00:00:0a") / FOUR / UDP()),
    Case(R.MALFORMED, bridged(IP(src="10.0.1.10", dst="10.0.1.11", len=9000) / UDP() / Raw(bytes(9)))),
    Case(R.MALFORMED, bridged(FOUR / UDP(len=7) / Raw(bytes(9)))),
    Case(R.CHECKSUM, bridged(IP(src="10.0.1.10", dst="10.0.1.11", chksum=0x1234) / UDP() / Raw(bytes(200)))),
    Case(R.FRAGMENT, bridged(IP(src="10.0.1.10", dst="10.0.1.11", frag=1, proto=6) / Raw(bytes(40)))),
    Case(R.SOURCE_ROUTED, bridged(SIX / IPv6ExtHdrRouting(addresses=["::1"]) / UDP())),
    Case(R.SOURCE_ADDRESS, bridged(IP(src="10.7.7.7", dst="10.0.1.11") / UDP() / Raw(bytes(300)))),
    Case(R.SOURCE_ADDRESS, bridged(IPv6(src="fd00::1", dst="fd00::2") / TCP() / Raw(bytes(300)))),
    Case(R.ADDRESS_ELSEWHERE, bridged(IP(src="10.0.1.66", dst="10.0.1.11") / UDP())),
    Case(R.ARP, _to(EVERYBODY, ARP(hwtype=6, hwsrc="02:00:00:00:00:0a", psrc="10.0.1.10", pdst="10.0.1.1"))),
    Case(R.NEIGHBOR_DISCOVERY, bridged(IPv6(src="fe80::a", dst="fe80::b", hlim=64) / NEIGHBOR)),
    Case(R.ROUTER_ADVERTISEMENT, bridged(SIX / ICMPv6ND_RA())),
    Case(R.DHCP_SERVER, bridged(FOUR / UDP(sport=67, dport=68) / Raw(bytes(240)))),
    Case(R.TUNNEL, _in_tunnel(IP(src=UE, dst="10.0.2.1") / UDP() / Raw(bytes(20)), teid=8)),
    Case(R.FIREWALL, routed(IP(src="10.0.1.10", dst="10.9.0.1") / TCP() / Raw(bytes(99)))),
    Case(R.FIREWALL, _in_tunnel(DENIED), shown=bytes(DENIED)),
    Case(R.TUNNEL_PEER, routed(IP(src="10.0.1.10", dst=ROAMING_UE) / UDP())),
    Case(R.TTL, routed(IP(src="10.0.1.10", dst="10.0.2.11", ttl=1) / UDP())),
    Case(R.DESTINATION, routed(IP(src="10.0.1.10", dst="127.0.0.1") / UDP())),
    Case(R.NO_ROUTE, routed(IP(src="10.0.1.10", dst="10.8.9.9") / UDP(sport=5, dport=6))),
    Case(R.NO_ROUTE, _in_tunnel(IP(src=UE, dst="10.8.9.9") / UDP() / Raw(bytes(3))),
         shown=bytes(IP(src=UE, dst="10.8.9.9") / UDP() / Raw(bytes(3)))),
    Case(R.FLOOD, _to(EVERYBODY, FOUR / UDP() / Raw(bytes(20))), passing=101),
    Case(R.FRAGMENT_REPLY, bridged(REPLY / Raw(bytes(300))), at=OUT),
    Case(R.SAME_PORT, _to("02:00:00:00:00:c1", FOUR / UDP() / Raw(bytes(20)))),
    Case(R.HEALTH_REPLY, routed(CHECKED), passing=26),
    Case(R.UPF_RULE, routed(IP(src="10.0.1.10", dst=IDLE_UE) / UDP(sport=5, dport=7))),
    Case(R.UPF_RATE, routed(IP(src="10.0.1.10", dst=IDLE_UE) / UDP(sport=5, dport=6))),
    Case(R.POLICED, bridged(FOUR / UDP(sport=7, dport=9) / Raw(bytes(99)))),
]  # fmt: skip
"""At least one for each reason. What a report shows of a tunnel that was opened is what was in it."""


def _entries() -> list[WriteEntry]:
    upf = f"{INGRESS}.upf_uplink"
    named = (SERVER, N3, UE, ROAMING_UE, IDLE_UE)
    address = {name: int.from_bytes(bytes(map(int, name.split(".")))) for name in named}
    gnb = 0x0A00010A
    any_but_destination = (None, Ternary(0x0A090000, 0xFFFF0000), None, None, None, None, None)
    bridge, to_port = f"{INGRESS}.bridging.bridging", f"{INGRESS}.bridging.to_port"
    return [
        entry(bridge, (Exact(NETWORK), Exact(BACK)), to_port, IN),
        entry(bridge, (Exact(NETWORK), Exact(UNOPENED)), to_port, CLOSED),
        entry(
            f"{INGRESS}.source_guard.source_ipv4",
            (Exact(NETWORK), Lpm(0x0A000142, 32)),
            f"{INGRESS}.source_guard.source_elsewhere",
        ),
        entry(
            f"{INGRESS}.source_guard.source_ipv6",
            (Exact(NETWORK), Lpm(0xFE80 << 112, 10)),
            f"{INGRESS}.source_guard.source_permitted",
        ),
        entry(
            f"{INGRESS}.firewall.firewall_ipv4",
            (Exact(VRF), *any_but_destination),
            f"{INGRESS}.firewall.deny_ipv4",
            priority=50,
        ),
        entry(f"{upf}.upf_interfaces", (Exact(VRF), Exact(address[N3])), f"{upf}.n3"),
        entry(
            f"{upf}.upf_uplink_sessions",
            (Exact(address[N3]), Exact(gnb), Exact(9), Exact(address[UE])),
            f"{upf}.decapsulate",
            VRF,
        ),
        entry(
            f"{INGRESS}.upf_downlink.upf_downlink_sessions",
            (Exact(VRF), Exact(address[ROAMING_UE])),
            f"{INGRESS}.upf_downlink.encapsulate",
            *(77, 5, 9),
        ),
        # Of a UE that has two rules: one drops, and one has a limit that is not there.
        entry(
            f"{INGRESS}.upf_downlink.upf_downlink_sessions",
            (Exact(VRF), Exact(address[IDLE_UE])),
            f"{INGRESS}.upf_downlink.downlink_session",
            *(1, 1, 0, 0),
        ),
        entry(
            f"{INGRESS}.upf_downlink.downlink.filters",
            (Exact(1), None, None, None, None, None, None, Range(6, 6)),
            f"{INGRESS}.upf_downlink.downlink.apply_rule",
            1,
            priority=1,
        ),
        entry(
            f"{INGRESS}.upf_downlink.downlink.rules",
            (Exact(1), Exact(1)),
            f"{INGRESS}.upf_downlink.downlink.forward",
            *(1, 0),
        ),
        entry(
            f"{EGRESS}.load_balancer_reply.virtual_ip_replies",
            (Exact(VRF), Exact(address[SERVER]), Exact(17), Exact(0)),
            f"{EGRESS}.load_balancer_reply.deny_fragment",
        ),
        entry(
            f"{INGRESS}.health_replies.health_replies",
            (Exact(NETWORK), Exact(address[SERVER]), Exact(80), Exact(0x0A000101)),
            f"{INGRESS}.health_replies.to_controller",
        ),
    ]


def _policed() -> list[WriteEntry | WriteDirectMeter]:
    """A flow that may send no packet."""
    table = f"{INGRESS}.remedies.remedied_ipv4"
    flow = (Exact(NETWORK), Exact(0x0A00010A), Exact(0x0A00010B), Exact(17), Exact(7), Exact(9))
    nothing = TwoRates(1, 1, 1, 1)
    return [
        entry(table, flow, f"{INGRESS}.remedies.police_ipv4"),
        WriteDirectMeter(table, flow, 0, nothing),
    ]


@contextmanager
def dropping() -> Iterator[Held]:
    """Ports 1 and 2 are of one network, port 3 of none; what is flooded leaves by both ports of it."""
    assert (HOST, ROUTER) == (0x02000000000B, 0x02005E000001)
    with fabric() as world:
        world.engine.add_port(CLOSED, None)
        flood = WriteMulticastGroup(Change.INSERT, NETWORK, (Replica(IN), Replica(OUT)))
        outcomes = world.engine.apply([*_entries(), flood, *_policed()])
        assert not any(one.status for one in outcomes), outcomes
        yield world

"""Nobody sends as somebody else: every address that is not a host's own, every MAC address, every tunnel."""

from __future__ import annotations

from collections.abc import Iterator

from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.dhcp import BOOTP
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.attacks.bed import ROUTER, Bed
from tests.attacks.cases import Case, as_parameters, check
from tests.attacks.packets import datagram, from_ue, g_pdu, ipv4, ipv6, options, routed, segment
from tests.attacks.tenants import (
    ALICE,
    BACKEND,
    BOB,
    CAROL,
    DNS,
    GNB,
    INTRUDER,
    N3,
    ROUTER_HOST,
    SERVER,
    SIX,
    SIX_NEIGHBOR,
    UE,
    WEB,
    WIRE_TAGGED,
    WIRE_UNTAGGED,
    Host,
)

NOBODYS_IPV4 = {
    "this host": "0.0.0.0",
    "this network": "0.1.2.3",
    "loopback": "127.0.0.1",
    "link-local": "169.254.1.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "the subnet itself": "10.0.1.0",
    "the subnet's broadcast": "10.0.1.255",
    "the gateway": "10.0.1.1",
    "another network's gateway": "10.0.2.1",
    "another network's host": SERVER.ip,
    "another network, nobody": "10.0.2.77",
    "a virtual IP": WEB,
    "another virtual IP": DNS,
    "the UE": UE,
    "the N3 address": N3,
    "the Internet": "8.8.8.8",
}
NOBODYS_IPV6 = {
    "unspecified": "::",
    "loopback": "::1",
    "multicast": "ff02::1",
    "IPv4-mapped": f"::ffff:{ALICE.ip}",
    "IPv4-compatible": f"::{ALICE.ip}",
    "the gateway": "2001:db8:1::1",
    "another network's gateway": "2001:db8:2::1",
    "another network's host": SERVER.ip6,
    "another network, nobody": "2001:db8:2::77",
    "the Internet": "2001:4860:4860::8888",
}
SOMEBODYS_IPV4 = {
    "a learned host's": BOB.ip,
    "a stated host's": CAROL.ip,
    "the router host's": ROUTER_HOST.ip,
    "behind the router host": "10.70.0.5",
}
SOMEBODYS_IPV6 = {
    "a learned host's": BOB.ip6,
    "a stated host's": CAROL.ip6,
    "the router host's": ROUTER_HOST.ip6,
    "behind the router host": "2001:db8:70::5",
}


def ping(source: str, to: Host) -> Packet:
    """An echo request of the source's family."""
    if ":" in source:
        return IPv6(src=source, dst=to.ip6) / ICMPv6EchoRequest(data=b"ping")
    return IP(src=source, dst=to.ip) / ICMP() / b"ping"


def both_ways(name: str, source: str, expected: str) -> Iterator[Case]:
    # To the backend: what bob sends to the server is denied anyway.
    yield Case(f"{name}, routed", ALICE, routed(ALICE, ping(source, BACKEND)), expected)
    yield Case(f"{name}, bridged", ALICE, ALICE.ether(ROUTER_HOST) / ping(source, ROUTER_HOST), expected)


def forged() -> Iterator[Case]:
    for version, nobodys, somebodys in (
        ("IPv4", NOBODYS_IPV4, SOMEBODYS_IPV4),
        ("IPv6", NOBODYS_IPV6, SOMEBODYS_IPV6),
    ):
        for name, source in nobodys.items():
            yield from both_ways(f"{version} {name}", source, "SOURCE_ADDRESS")
        for name, source in somebodys.items():
            yield from both_ways(f"{version} {name}", source, "ADDRESS_ELSEWHERE")


@as_parameters(*forged())
def test_addresses_that_are_not_the_senders_are_no_sources(bed: Bed, case: Case) -> None:
    check(bed, case)


def honest() -> Iterator[Case]:
    for version, own, free in (
        ("IPv4", ALICE.ip, "10.0.1.99"),
        ("IPv6", ALICE.ip6, "2001:db8:1::99"),
    ):
        for name, source in (("own", own), ("nobody else's", free)):
            yield Case(f"{version} {name}, routed", ALICE, routed(ALICE, ping(source, SERVER)), SERVER.port)
            to_router = ALICE.ether(ROUTER_HOST) / ping(source, ROUTER_HOST)
            yield Case(f"{version} {name}, bridged", ALICE, to_router, ROUTER_HOST.port)
    own_link = ALICE.ether(BOB) / ping("fe80::10", BOB)
    yield Case("IPv6 link-local, bridged", ALICE, own_link, BOB.port)
    yield Case("IPv6 link-local, routed", ALICE, routed(ALICE, ping("fe80::10", SERVER)), "DESTINATION")


@as_parameters(*honest())
def test_own_addresses_and_those_of_the_subnet_that_nobody_else_has_are_sources(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    *(
        case
        for name, own, other in (
            ("IPv4", CAROL.ip, "10.0.1.99"),
            ("IPv6", CAROL.ip6, "2001:db8:1::99"),
        )
        for case in (
            Case(f"{name}, as stated", CAROL, routed(CAROL, ping(own, SERVER)), SERVER.port),
            Case(f"{name}, another address", CAROL, routed(CAROL, ping(other, SERVER)), "SOURCE_ADDRESS"),
            Case(
                f"{name}, another MAC address",
                CAROL,
                Ether(src="02:00:00:00:01:99", dst=ROUTER) / ping(own, SERVER),
                "SOURCE_MAC",
            ),
            Case(
                f"{name}, a learned host's MAC address",
                CAROL,
                Ether(src=ALICE.mac, dst=ROUTER) / ping(own, SERVER),
                "SOURCE_MAC",
            ),
            Case(
                f"{name}, at another port with the stated MAC address",
                ALICE,
                Ether(src=CAROL.mac, dst=ROUTER) / ping(own, SERVER),
                "ADDRESS_ELSEWHERE",
            ),
        )
    ),
    Case("IPv6 link-local", CAROL, CAROL.ether(BOB) / ping("fe80::12", BOB), BOB.port),
)
def test_a_stated_host_is_who_it_is_stated_to_be(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    *(
        Case(f"{name}, {where}", sender, Ether(src=mac, dst=to) / packet, "SOURCE_MAC")
        for name, mac in (
            ("zero", "00:00:00:00:00:00"),
            ("broadcast", "ff:ff:ff:ff:ff:ff"),
            ("multicast", "01:00:5e:00:00:01"),
            ("multicast of IPv6", "33:33:00:00:00:01"),
            ("the fabric's", ROUTER),
        )
        for where, sender, to, packet in (
            ("routed", ALICE, ROUTER, ping(ALICE.ip, SERVER)),
            ("bridged", ALICE, BOB.mac, ping(ALICE.ip6, BOB)),
            ("without subnets", WIRE_UNTAGGED, WIRE_TAGGED.mac, ping("10.9.0.2", SERVER)),
        )
    ),
    Case(
        "a learned host's with its address, at another port",
        ALICE,
        Ether(src=BOB.mac, dst=ROUTER) / ping(BOB.ip, ROUTER_HOST),
        "ADDRESS_ELSEWHERE",
    ),
)
def test_no_host_sends_with_a_mac_address_that_is_no_hosts(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    Case("own", GNB, routed(GNB, ping(GNB.ip, SERVER)), "FIREWALL"),
    Case("nobody's of the network", GNB, routed(GNB, ping("10.0.3.99", SERVER)), "FIREWALL"),
    Case("of no network", GNB, routed(GNB, ping("10.0.9.9", SERVER)), "SOURCE_ADDRESS"),
    Case("of another network", GNB, routed(GNB, ping("10.0.1.12", SERVER)), "SOURCE_ADDRESS"),
    Case("a UE's", GNB, routed(GNB, ping(UE, SERVER)), "SOURCE_ADDRESS"),
    Case("own, to a network that no rule is about", GNB, routed(GNB, ping(GNB.ip, ALICE)), ALICE.port),
)
def test_a_rule_about_a_network_is_not_evaded_by_another_source(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    Case("IPv6 from an IPv4 network", GNB, routed(GNB, ping("2001:db8:3::1", SERVER)), "SOURCE_ADDRESS"),
    Case("IPv6 as a host of another one", GNB, routed(GNB, ping(ALICE.ip6, SERVER)), "SOURCE_ADDRESS"),
    Case("IPv6 of the link", GNB, GNB.ether(INTRUDER) / IPv6(src="fe80::1", dst="fe80::2"), "SOURCE_ADDRESS"),
    Case(
        "IPv6 unspecified, for duplicate address detection",
        GNB,
        GNB.ether("33:33:00:00:00:02") / IPv6(src="::", dst="ff02::2") / ICMPv6EchoRequest(),
        "SOURCE_ADDRESS",
    ),
    Case("IPv4 from an IPv6 network", SIX, routed(SIX, ping("10.0.6.1", SERVER)), "SOURCE_ADDRESS"),
    Case("IPv4 to a neighbor", SIX, SIX.ether(SIX_NEIGHBOR) / ping("10.0.6.1", SERVER), "SOURCE_ADDRESS"),
    Case(
        "DHCP in an IPv6 network",
        SIX,
        SIX.ether("ff:ff:ff:ff:ff:ff")
        / IP(src="0.0.0.0", dst="255.255.255.255")
        / UDP(sport=68, dport=67)
        / BOOTP(),
        "SOURCE_ADDRESS",
    ),
    Case("IPv6 from an IPv6 network", SIX, routed(SIX, ping(SIX.ip6, SERVER)), SERVER.port),
    Case("IPv6 to a neighbor", SIX, SIX.ether(SIX_NEIGHBOR) / ping(SIX.ip6, SIX_NEIGHBOR), SIX_NEIGHBOR.port),
    Case("IPv4 from an IPv4 network", GNB, GNB.ether(INTRUDER) / ping(GNB.ip, INTRUDER), INTRUDER.port),
    Case(
        "anything where the network has no subnets",
        WIRE_UNTAGGED,
        WIRE_UNTAGGED.ether(WIRE_TAGGED) / ping("8.8.8.8", SERVER),
        WIRE_TAGGED.port,
    ),
    Case(
        "loopback where the network has no subnets",
        WIRE_UNTAGGED,
        WIRE_UNTAGGED.ether(WIRE_TAGGED) / ping("127.0.0.1", SERVER),
        "SOURCE_ADDRESS",
    ),
)
def test_a_family_that_the_network_has_not_is_closed(bed: Bed, case: Case) -> None:
    check(bed, case)


def discover(
    source: str = "0.0.0.0", to: str = "255.255.255.255", ports: tuple[int, int] = (68, 67)
) -> Packet:
    client = UDP(sport=ports[0], dport=ports[1], chksum=0) / BOOTP(chaddr=b"\x02\0\0\0\x01\x10")
    return ALICE.ether("ff:ff:ff:ff:ff:ff") / IP(src=source, dst=to) / client


NEIGHBORS = (BOB.port, CAROL.port, ROUTER_HOST.port)


@as_parameters(
    Case("DHCP of a client", ALICE, discover(), NEIGHBORS),
    Case("to one host", ALICE, discover(to=BOB.ip), "SOURCE_ADDRESS"),
    Case("to the subnet's broadcast", ALICE, discover(to="10.0.1.255"), "SOURCE_ADDRESS"),
    Case("from another port", ALICE, discover(ports=(9, 67)), "SOURCE_ADDRESS"),
    Case("to another port", ALICE, discover(ports=(68, 9)), "SOURCE_ADDRESS"),
    Case("from 0.0.0.1", ALICE, discover("0.0.0.1"), "SOURCE_ADDRESS"),
    Case(
        "a first fragment of DHCP",
        ALICE,
        ALICE.ether("ff:ff:ff:ff:ff:ff")
        / IP(src="0.0.0.0", dst="255.255.255.255", flags="MF")
        / UDP(sport=68, dport=67, chksum=0)
        / BOOTP(),
        "SOURCE_ADDRESS",
    ),
    Case(
        "TCP",
        ALICE,
        ALICE.ether("ff:ff:ff:ff:ff:ff") / ipv4("0.0.0.0", "255.255.255.255", segment(67, source=68)),
        "SOURCE_ADDRESS",
    ),
    Case(
        "IPv6 echo to a group",
        ALICE,
        ALICE.ether("33:33:00:00:00:01") / IPv6(src="::", dst="ff02::1") / ICMPv6EchoRequest(),
        NEIGHBORS,
    ),
    Case(
        "IPv6 UDP to a group",
        ALICE,
        ALICE.ether("33:33:00:00:00:01") / ipv6("::", "ff02::1", [], datagram(9), 17),
        "SOURCE_ADDRESS",
    ),
    Case("IPv6 echo to a host", ALICE, ALICE.ether(BOB) / ping("::", BOB), "SOURCE_ADDRESS"),
)
def test_only_who_asks_for_an_address_sends_without_one(bed: Bed, case: Case) -> None:
    check(bed, case)


OPENED = ipv4(UE, SERVER.ip, segment(2323))


@as_parameters(
    Case("the session's gNB", GNB, routed(GNB, g_pdu(OPENED)), SERVER.port),
    Case(
        "a host of the access network, own address",
        INTRUDER,
        routed(INTRUDER, g_pdu(OPENED, INTRUDER.ip)),
        "TUNNEL",
    ),
    Case(
        "a host of the access network, the gNB's",
        INTRUDER,
        routed(INTRUDER, g_pdu(OPENED)),
        "ADDRESS_ELSEWHERE",
    ),
    Case(
        "the gNB's addresses both, at another port",
        INTRUDER,
        Ether(src=GNB.mac, dst=ROUTER) / g_pdu(OPENED),
        "ADDRESS_ELSEWHERE",
    ),
    Case("a server, own address", SERVER, routed(SERVER, g_pdu(OPENED, SERVER.ip)), "TUNNEL"),
    Case("a server, the gNB's address", SERVER, routed(SERVER, g_pdu(OPENED)), "SOURCE_ADDRESS"),
    Case("a client, own address", ALICE, routed(ALICE, g_pdu(OPENED, ALICE.ip)), "TUNNEL"),
    Case("from behind a router", ROUTER_HOST, routed(ROUTER_HOST, g_pdu(OPENED, "10.70.0.9")), "TUNNEL"),
    Case("another TEID", GNB, routed(GNB, g_pdu(OPENED, teid=0x102)), "TUNNEL"),
    Case("another UE", GNB, routed(GNB, g_pdu(ipv4("10.45.0.3", SERVER.ip, segment(2323)))), "TUNNEL"),
    Case("as a client", GNB, routed(GNB, g_pdu(ipv4(ALICE.ip, SERVER.ip, segment(2323)))), "TUNNEL"),
    Case("inner ping", GNB, routed(GNB, g_pdu(ping(UE, SERVER))), SERVER.port),
    Case("inner packet to the N3 address", GNB, routed(GNB, g_pdu(ping(UE, Host(0, "", N3)))), "NO_ROUTE"),
    Case("inner packet to a gateway", GNB, routed(GNB, g_pdu(ping(UE, Host(0, "", "10.0.1.1")))), "NO_ROUTE"),
    Case("a tunnel in the tunnel", GNB, routed(GNB, g_pdu(g_pdu(OPENED, UE))), "NO_ROUTE"),
    Case("a ping of the N3 address", GNB, routed(GNB, ping(GNB.ip, Host(0, "", N3))), "TUNNEL"),
    Case("udp of another port", GNB, routed(GNB, ipv4(GNB.ip, N3, datagram(2153), 17)), "TUNNEL"),
    Case(
        "an echo request of GTP-U",
        GNB,
        routed(
            GNB, IP(src=GNB.ip, dst=N3) / UDP(sport=2152, dport=2152) / GTP_U_Header(gtp_type=1, S=1, seq=1)
        ),
        GNB.port,
    ),
    Case(
        "a G-PDU to another host is a datagram like any other",
        INTRUDER,
        INTRUDER.ether(GNB) / g_pdu(OPENED, INTRUDER.ip, GNB.ip),
        GNB.port,
    ),
)
def test_a_ues_packets_come_out_of_its_gnbs_tunnel_only(bed: Bed, case: Case) -> None:
    check(bed, case)


def via(name: str, source: str, expected: str | int, sender: Host = ROUTER_HOST) -> Case:
    return Case(name, sender, routed(sender, ping(source, SERVER)), expected)


@as_parameters(
    via("IPv4 behind it", "10.70.0.5", SERVER.port),
    via("IPv4 its own", ROUTER_HOST.ip, SERVER.port),
    via("IPv4 of another subnet inside the prefix", BACKEND.ip, "SOURCE_ADDRESS"),
    via("IPv4 of another subnet, nobody's", "10.0.2.99", "SOURCE_ADDRESS"),
    via("IPv4 another gateway inside the prefix", "10.0.2.1", "SOURCE_ADDRESS"),
    via("IPv4 own gateway inside the prefix", "10.0.1.1", "SOURCE_ADDRESS"),
    via("IPv4 a neighbor's", ALICE.ip, "ADDRESS_ELSEWHERE"),
    via("IPv4 a UE's inside the prefix", UE, "SOURCE_ADDRESS"),
    via("IPv4 a virtual IP inside the prefix", WEB, "SOURCE_ADDRESS"),
    via("IPv4 the N3 address inside the prefix", N3, "SOURCE_ADDRESS"),
    via("IPv4 outside the prefix", "11.0.0.1", "SOURCE_ADDRESS"),
    via("IPv6 behind it", "2001:db8:70::5", SERVER.port),
    via("IPv6 outside the prefix", "2001:db8:71::5", "SOURCE_ADDRESS"),
    Case(
        "IPv4 behind it, with another MAC address",
        ROUTER_HOST,
        Ether(src="02:00:00:00:01:99", dst=ROUTER) / ping("10.70.0.5", SERVER),
        "ADDRESS_ELSEWHERE",
    ),
    Case(
        "IPv6 behind it, with another MAC address",
        ROUTER_HOST,
        Ether(src="02:00:00:00:01:99", dst=ROUTER) / ping("2001:db8:70::5", SERVER),
        "ADDRESS_ELSEWHERE",
    ),
    Case(
        "IPv6 behind it, behind options",
        ROUTER_HOST,
        routed(ROUTER_HOST, ipv6("2001:db8:70::5", SERVER.ip6, [options()], segment(2323))),
        SERVER.port,
    ),
    via("IPv4 of the prefix, from another network", "10.70.0.5", "SOURCE_ADDRESS", BACKEND),
)
def test_a_host_that_routes_sends_for_what_is_behind_it_and_nothing_more(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    Case("IPv4", GNB, routed(GNB, from_ue("10.70.0.5", segment(2323))), ROUTER_HOST.port),
    Case(
        "IPv6", SERVER, routed(SERVER, ping(SERVER.ip6, Host(0, "", "", "2001:db8:70::5"))), ROUTER_HOST.port
    ),
)
def test_packets_to_behind_a_router_arrive_there(bed: Bed, case: Case) -> None:
    check(bed, case)

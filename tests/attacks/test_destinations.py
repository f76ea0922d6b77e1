"""Where to: destinations that are not routed, and none that rules do not see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    IPv6,
)
from scapy.packet import Packet, Raw

from tests.attacks.bed import Bed
from tests.attacks.cases import Case, as_parameters, check
from tests.attacks.packets import datagram, ipv4, ipv6, routed
from tests.attacks.tenants import ALICE, BOB, CAROL, GNB, N3, ROUTER_HOST, SERVER, SIX, SIX_NEIGHBOR, Host

NEIGHBORS = (BOB.port, CAROL.port, ROUTER_HOST.port)


def ping(to: str, sender: Host = ALICE, **fields: Any) -> Packet:
    if ":" in to:
        return routed(sender, IPv6(src=sender.ip6, dst=to, **fields) / ICMPv6EchoRequest(data=b"ping"))
    return routed(sender, IP(src=sender.ip, dst=to, **fields) / ICMP() / b"ping")


@as_parameters(
    *(
        Case(f"{to}", ALICE, ping(to), "DESTINATION")
        for to in (
            "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
            "::", "::1", "ff02::1", "ff0e::1", "fe80::1",
        )
    ),
    *(
        Case(f"{to}, which is nobody", ALICE, ping(to), "NO_ROUTE")
        for to in (
            "10.0.1.1", "10.0.2.1", "10.0.2.77", "8.8.8.8",
            "2001:db8:2::77", "2001:db8:1::1", "2001:db8:99::1",
        )
    ),
    Case("the N3 address", ALICE, ping(N3), "TUNNEL"),
    Case("IPv4 with a TTL of 0", ALICE, ping(SERVER.ip, ttl=0), "TTL"),
    Case("IPv4 with a TTL of 1", ALICE, ping(SERVER.ip, ttl=1), "TTL"),
    Case("IPv4 with a TTL of 2", ALICE, ping(SERVER.ip, ttl=2), SERVER.port),
    Case("IPv6 with a hop limit of 0", ALICE, ping(SERVER.ip6, hlim=0), "TTL"),
    Case("IPv6 with a hop limit of 1", ALICE, ping(SERVER.ip6, hlim=1), "TTL"),
    Case("IPv6 with a hop limit of 2", ALICE, ping(SERVER.ip6, hlim=2), SERVER.port),
    Case("behind a router", ALICE, ping("10.70.0.5"), ROUTER_HOST.port),
    Case("behind a router, IPv6", ALICE, ping("2001:db8:70::5"), ROUTER_HOST.port),
)  # fmt: skip
def test_only_hosts_are_routed_to(bed: Bed, case: Case) -> None:
    check(bed, case)


def mdns(source: str, to: str) -> Packet:
    return ipv6(source, to, [], datagram(5353), 17)


def group(sender: Host, to: str, port: int = 5353) -> Packet:
    """A datagram of a host to a group, or to all."""
    if ":" in to:
        return sender.ether("33:33:00:00:00:fb") / ipv6(sender.ip6, to, [], datagram(port), 17)
    return sender.ether("ff:ff:ff:ff:ff:ff") / ipv4(sender.ip, to, datagram(port), 17)


@as_parameters(
    # A rule of `sixes` denies udp/5353 to the network.
    Case(
        "to a host",
        SIX,
        SIX.ether(SIX_NEIGHBOR) / ipv6(SIX.ip6, SIX_NEIGHBOR.ip6, [], datagram(5353), 17),
        "FIREWALL",
    ),
    Case("to a group of the link", SIX, group(SIX, "ff02::fb"), "FIREWALL"),
    Case("to a group of the site", SIX, group(SIX, "ff05::fb"), "FIREWALL"),
    Case(
        "to the host's address of the link",
        SIX,
        SIX.ether(SIX_NEIGHBOR) / mdns("fe80::1", "fe80::2"),
        "FIREWALL",
    ),
    Case("another port", SIX, group(SIX, "ff02::fb", 5354), SIX_NEIGHBOR.port),
    Case("a network that no rule is about", ALICE, group(ALICE, "224.0.0.251"), NEIGHBORS),
    Case("a network that no rule is about, to all", ALICE, group(ALICE, "255.255.255.255"), NEIGHBORS),
    Case("a network that no rule is about, IPv6", ALICE, group(ALICE, "ff02::fb"), NEIGHBORS),
)
def test_rules_about_a_network_see_what_is_for_everybody_in_it(bed: Bed, case: Case) -> None:
    check(bed, case)


def control_messages() -> Iterator[tuple[str, Packet]]:
    secret = Raw(b"covert")
    yield "an MLD report", ICMPv6MLReport() / secret
    yield "an MLDv2 report", ICMPv6MLReport2() / secret
    yield "a router solicitation", ICMPv6ND_RS() / secret
    yield "a neighbor solicitation", ICMPv6ND_NS(tgt="2001:db8:6::66")
    yield "a neighbor advertisement", ICMPv6ND_NA(tgt=ALICE.ip6)


def channels() -> Iterator[Case]:
    """All from clients to `sixes` is denied; what keeps a link running has no business here."""
    for name, message in control_messages():
        for hops in (64, 255):
            packet = routed(ALICE, IPv6(src=ALICE.ip6, dst=SIX_NEIGHBOR.ip6, hlim=hops) / message)
            nd = not name.startswith("an MLD") and hops != 255
            yield Case(f"{name}, hop limit {hops}", ALICE, packet, "NEIGHBOR_DISCOVERY" if nd else "FIREWALL")
    yield Case("a ping", ALICE, ping(SIX_NEIGHBOR.ip6), "FIREWALL")
    yield Case("a ping to where it may go", ALICE, ping(SERVER.ip6), SERVER.port)
    answer = IPv6(src=SIX.ip6, dst=ALICE.ip6) / ICMPv6EchoRequest(data=b"ping")
    yield Case("a ping the other way", SIX, routed(SIX, answer), ALICE.port)
    yield Case("from the access network", GNB, ping(SERVER.ip, GNB), "FIREWALL")


@as_parameters(*channels())
def test_messages_of_the_link_are_no_way_around_the_rules(bed: Bed, case: Case) -> None:
    check(bed, case)

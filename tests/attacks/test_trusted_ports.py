"""What diverts a whole network comes from trusted ports only: router advertisements, redirects, DHCP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scapy.layers.dhcp import BOOTP
from scapy.layers.inet import IP, UDP, IPOption_NOP
from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6NDOptPrefixInfo
from scapy.packet import Packet

from tests.attacks.bed import Bed
from tests.attacks.cases import Case, as_parameters, check
from tests.attacks.packets import UDP_NUMBER, Extension, datagram, fragment, ipv6, neighbor, options, routed
from tests.attacks.tenants import ALICE, BOB, CAROL, ROUTER_HOST, SERVER, SIX, VAULT, WIRE_TAGGED, Host

EVERYBODY, ALL_NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
NEIGHBORS = (BOB.port, CAROL.port, ROUTER_HOST.port)
"""Where a flooded frame of alice's comes out."""

PREFIX = ICMPv6NDOptPrefixInfo(prefix="2001:db8:66::", prefixlen=64)
ROUTER_ADVERTISEMENT = ICMPv6ND_RA() / PREFIX
REDIRECT = ICMPv6ND_Redirect(tgt="fe80::10", dst="2001:db8:2::11")


def advertised(sender: Host, message: Packet = ROUTER_ADVERTISEMENT, **more: Any) -> Packet:
    return neighbor(sender, message, "fe80::99", ALL_NODES, **more)


@as_parameters(
    Case("advertisement of a host", ALICE, advertised(ALICE), "ROUTER_ADVERTISEMENT"),
    Case("redirect of a host", ALICE, advertised(ALICE, REDIRECT), "ROUTER_ADVERTISEMENT"),
    Case("advertisement of a stated host", CAROL, advertised(CAROL), "ROUTER_ADVERTISEMENT"),
    Case("advertisement in an IPv6 network", SIX, advertised(SIX), "ROUTER_ADVERTISEMENT"),
    Case("advertisement without subnets", WIRE_TAGGED, advertised(WIRE_TAGGED), "ROUTER_ADVERTISEMENT"),
    Case(
        "advertisement to one host",
        ALICE,
        neighbor(ALICE, ROUTER_ADVERTISEMENT, "fe80::99"),
        "ROUTER_ADVERTISEMENT",
    ),
    Case("behind options", ALICE, advertised(ALICE, chain=[options()]), "NEIGHBOR_DISCOVERY"),
    Case("behind two headers", ALICE, advertised(ALICE, chain=[options(0), options()]), "NEIGHBOR_DISCOVERY"),
    Case("a first fragment", ALICE, advertised(ALICE, chain=[fragment(more=True)]), "NEIGHBOR_DISCOVERY"),
    Case(
        "redirect behind options",
        ALICE,
        advertised(ALICE, REDIRECT, chain=[options()]),
        "NEIGHBOR_DISCOVERY",
    ),
    Case("advertisement of the router", ROUTER_HOST, advertised(ROUTER_HOST), (1, 2, 3)),
    Case("redirect of the router", ROUTER_HOST, advertised(ROUTER_HOST, REDIRECT), (1, 2, 3)),
    Case("of the router, hop limit 64", ROUTER_HOST, advertised(ROUTER_HOST, hlim=64), "NEIGHBOR_DISCOVERY"),
    Case(
        "of the router, behind options",
        ROUTER_HOST,
        advertised(ROUTER_HOST, chain=[options()]),
        "NEIGHBOR_DISCOVERY",
    ),
)
def test_only_a_trusted_router_advertises_itself(bed: Bed, case: Case) -> None:
    check(bed, case)


def offer(sender: Host, port: int = 68, to: Host | str = EVERYBODY, **fields: Any) -> Packet:
    dst = to.ip if isinstance(to, Host) else "255.255.255.255"
    answer = UDP(sport=67, dport=port, chksum=0) / BOOTP(op=2, yiaddr="10.0.1.66", siaddr=sender.ip)
    return sender.ether(to) / IP(src=sender.ip, dst=dst, **fields) / answer


def offer6(sender: Host, chain: Sequence[Extension] = (), port: int = 546) -> Packet:
    return sender.ether(BOB) / ipv6("fe80::99", "fe80::11", chain, datagram(port, 547), UDP_NUMBER)


@as_parameters(
    Case("an offer of a host", ALICE, offer(ALICE), "DHCP_SERVER"),
    Case("an offer to one host", ALICE, offer(ALICE, to=BOB), "DHCP_SERVER"),
    Case("an offer behind options", ALICE, offer(ALICE, options=[IPOption_NOP()] * 4), "DHCP_SERVER"),
    Case("a first fragment of one", ALICE, offer(ALICE, flags="MF"), "DHCP_SERVER"),
    Case("an offer without subnets", VAULT, offer(VAULT), "DHCP_SERVER"),
    Case("an offer, routed", SERVER, routed(SERVER, offer(SERVER, to=ALICE)[IP]), "DHCP_SERVER"),
    Case("an offer of the trusted server", ROUTER_HOST, offer(ROUTER_HOST), (1, 2, 3)),
    Case("a datagram to the next port", ALICE, offer(ALICE, 69), NEIGHBORS),
    Case("DHCPv6 of a host", ALICE, offer6(ALICE), "DHCP_SERVER"),
    Case("DHCPv6 behind options", ALICE, offer6(ALICE, [options()]), "DHCP_SERVER"),
    Case("DHCPv6, an atomic fragment", ALICE, offer6(ALICE, [fragment()]), "DHCP_SERVER"),
    Case("DHCPv6, a first fragment", ALICE, offer6(ALICE, [fragment(more=True)]), "DHCP_SERVER"),
    Case("DHCPv6 of the trusted server", ROUTER_HOST, offer6(ROUTER_HOST), BOB.port),
    Case("a datagram to the port of DHCPv6 servers", ALICE, offer6(ALICE, port=547), BOB.port),
)
def test_only_a_trusted_server_gives_addresses(bed: Bed, case: Case) -> None:
    check(bed, case)

"""What stands between the IP header and the transport header hides no port from the firewall."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scapy.layers.inet import IPOption_NOP, IPOption_Router_Alert
from scapy.packet import Packet

from tests.attacks.bed import Bed
from tests.attacks.cases import Case, as_parameters, check
from tests.attacks.packets import (
    AUTHENTICATION,
    HOP_BY_HOP,
    HOST_IDENTITY,
    MOBILITY,
    SHIM6,
    TCP_NUMBER,
    UDP_NUMBER,
    Extension,
    authentication,
    datagram,
    fragment,
    from_ue,
    g_pdu,
    ipv4,
    ipv6,
    options,
    routed,
    routing,
    segment,
)
from tests.attacks.tenants import ALICE, BOB, CAROL, GNB, N3, SERVER, UE

TELNET, OTHER = segment(23), segment(2323)
"""What the rules deny, and its sibling that they do not."""

READABLE: dict[str, Sequence[Extension]] = {
    "nothing": [],
    "Destination Options": [options()],
    "Hop-by-Hop": [options(HOP_BY_HOP)],
    "Routing without segments left": [routing(0)],
    "an atomic fragment": [fragment()],
    "a first fragment": [fragment(more=True)],
    "AH": [authentication()],
    "Mobility": [options(MOBILITY)],
    "HIP": [options(HOST_IDENTITY)],
    "Shim6": [options(SHIM6)],
    "options of 256 bytes": [options(length=256)],
    "a chain of 2, both long": [options(HOP_BY_HOP, 256), options(length=256)],
    "a chain of 6": [
        options(HOP_BY_HOP), options(), routing(0), fragment(), authentication(), options(length=64),
    ],
    "a chain of 8": [options(HOP_BY_HOP), *[options()] * 7],
    "three fragment headers": [fragment()] * 3,
}  # fmt: skip
"""Chains that the fabric reads: the rules see through them."""

UNREADABLE: dict[str, tuple[Sequence[Extension], str]] = {
    "a chain of 9": ([options()] * 9, "MALFORMED"),
    "a chain of 12": ([options()] * 12, "MALFORMED"),
    "options of 264 bytes": ([options(length=264)], "MALFORMED"),
    "AH behind 8 others": ([*[options()] * 8, authentication()], "MALFORMED"),
    "options that end behind the packet": ([(60, b"\x1f" + bytes(6))], "MALFORMED"),
    "Routing with a segment left": ([routing(1)], "SOURCE_ROUTED"),
    "Routing with segments left, deep in a chain": ([options(), fragment(), routing(2)], "SOURCE_ROUTED"),
    "a fragment behind an atomic one, at 8 bytes": ([fragment(), fragment(1)], "FRAGMENT"),
}
"""Chains that nobody needs: dropped, whatever is behind them."""


def to_server(chain: Sequence[Extension], content: bytes) -> Packet:
    return routed(ALICE, ipv6(ALICE.ip6, SERVER.ip6, chain, content))


def to_carol(chain: Sequence[Extension], content: bytes) -> Packet:
    return BOB.ether(CAROL) / ipv6(BOB.ip6, CAROL.ip6, chain, content)


def readable() -> Iterator[Case]:
    for name, chain in READABLE.items():
        yield Case(f"{name}, then tcp/23, routed", ALICE, to_server(chain, TELNET), "FIREWALL")
        yield Case(f"{name}, then tcp/2323, routed", ALICE, to_server(chain, OTHER), SERVER.port)
        yield Case(f"{name}, then tcp/23, bridged", BOB, to_carol(chain, TELNET), "FIREWALL")
        yield Case(f"{name}, then tcp/2323, bridged", BOB, to_carol(chain, OTHER), CAROL.port)


@as_parameters(*readable())
def test_rules_see_the_ports_behind_every_chain_of_extension_headers(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    *(
        Case(f"{name}, then tcp/{port}", ALICE, to_server(chain, segment(port)), reason)
        for name, (chain, reason) in UNREADABLE.items()
        for port in (23, 2323)
    )
)
def test_chains_that_cannot_be_read_pass_nowhere(bed: Bed, case: Case) -> None:
    check(bed, case)


def of_protocol(sender_ip: str, protocol: int) -> Packet:
    return ipv6(sender_ip, SERVER.ip6, [], TELNET, protocol)


@as_parameters(
    *(
        case
        for name, number in (("ESP", 50), ("No Next Header", 59), ("an unknown number", 253), ("OSPF", 89))
        for case in (
            # There is no TCP in it for any receiver; rules without a protocol still judge it.
            Case(f"{name}", ALICE, routed(ALICE, of_protocol(ALICE.ip6, number)), SERVER.port),
            Case(f"{name}, all denied", BOB, routed(BOB, of_protocol(BOB.ip6, number)), "FIREWALL"),
            Case(
                f"{name} behind options, all denied",
                BOB,
                routed(BOB, ipv6(BOB.ip6, SERVER.ip6, [options()], TELNET, number)),
                "FIREWALL",
            ),
        )
    )
)
def test_what_is_no_extension_header_is_the_protocol_and_is_judged_as_such(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    Case(
        "SYN behind options, denied from the server",
        SERVER,
        routed(SERVER, ipv6(SERVER.ip6, ALICE.ip6, [options()], segment(80, "S"))),
        "FIREWALL",
    ),
    Case(
        "SYN-ACK behind options, an answer",
        SERVER,
        routed(SERVER, ipv6(SERVER.ip6, ALICE.ip6, [options()], segment(80, "SA"))),
        ALICE.port,
    ),
    Case(
        "udp/5001 behind options, not allowed",
        ALICE,
        routed(ALICE, ipv6(ALICE.ip6, SERVER.ip6, [options()], datagram(5001), UDP_NUMBER)),
        "FIREWALL",
    ),
    Case(
        "udp/5000 behind options, allowed",
        ALICE,
        routed(ALICE, ipv6(ALICE.ip6, SERVER.ip6, [options()], datagram(5000), UDP_NUMBER)),
        SERVER.port,
    ),
)
def test_flags_and_allowed_ports_are_read_behind_extension_headers_too(bed: Bed, case: Case) -> None:
    check(bed, case)


AH = authentication()[1]


def to_server_4(content: bytes, protocol: int = TCP_NUMBER, **fields: Any) -> Packet:
    return ipv4(ALICE.ip, SERVER.ip, content, protocol, **fields)


IPV4: dict[str, Callable[[bytes], Packet]] = {
    "no options": to_server_4,
    "4 bytes of options": lambda content: to_server_4(content, options=[IPOption_NOP()] * 4),
    "40 bytes of options": lambda content: to_server_4(content, options=[IPOption_NOP()] * 40),
    "router alert": lambda content: to_server_4(content, options=[IPOption_Router_Alert()]),
    "AH": lambda content: to_server_4(b"\x06" + AH + content, AUTHENTICATION),
    "options, then AH": lambda content: to_server_4(
        b"\x06" + AH + content, AUTHENTICATION, options=[IPOption_NOP()] * 8
    ),
    "a first fragment": lambda content: to_server_4(content, flags="MF"),
}


@as_parameters(
    *(
        Case(f"{name}, then tcp/{port}", ALICE, routed(ALICE, make(segment(port))), expected)
        for name, make in IPV4.items()
        for port, expected in ((23, "FIREWALL"), (2323, SERVER.port))
    ),
    *(
        Case(
            f"two AH, then tcp/{port}",
            ALICE,
            routed(ALICE, to_server_4(b"\x33" + AH + b"\x06" + AH + segment(port), AUTHENTICATION)),
            "MALFORMED",
        )
        for port in (23, 2323)
    ),
)
def test_rules_see_the_ports_behind_ipv4_options_and_ah(bed: Bed, case: Case) -> None:
    check(bed, case)


TUNNELLED: dict[str, Callable[[bytes], Packet]] = {
    "no options": lambda content: from_ue(SERVER.ip, content),
    "4 bytes of options": lambda content: from_ue(SERVER.ip, content, options=[IPOption_NOP()] * 4),
    "40 bytes of options": lambda content: from_ue(SERVER.ip, content, options=[IPOption_NOP()] * 40),
    "a first fragment": lambda content: from_ue(SERVER.ip, content, flags="MF"),
    "a PDU session container": lambda content: g_pdu(ipv4(UE, SERVER.ip, content), qfi=9),
    "a PDU session container, options": lambda content: g_pdu(
        ipv4(UE, SERVER.ip, content, options=[IPOption_NOP()] * 8), qfi=9
    ),
    "options outside": lambda content: g_pdu(ipv4(UE, SERVER.ip, content), options=[IPOption_NOP()] * 4),
}


@as_parameters(
    *(
        Case(f"{name}, then tcp/{port}", GNB, routed(GNB, make(segment(port))), expected)
        for name, make in TUNNELLED.items()
        for port, expected in ((23, "FIREWALL"), (2323, SERVER.port))
    ),
    *(
        Case(
            f"inner AH, then tcp/{port}",
            GNB,
            routed(GNB, from_ue(SERVER.ip, b"\x06" + AH + segment(port), AUTHENTICATION)),
            "TUNNEL",
        )
        for port in (23, 2323)
    ),
    *(
        Case(
            f"inner IPv6, tcp/{port}",
            GNB,
            routed(GNB, g_pdu(ipv6("2001:db8:45::2", SERVER.ip6, [], segment(port)))),
            "TUNNEL",
        )
        for port in (23, 2323)
    ),
    Case(
        "outer AH",
        GNB,
        routed(
            GNB, ipv4(GNB.ip, N3, b"\x11" + AH + bytes(from_ue(SERVER.ip, OTHER).payload), AUTHENTICATION)
        ),
        "TUNNEL",
    ),
)
def test_rules_see_the_ports_inside_a_tunnel(bed: Bed, case: Case) -> None:
    check(bed, case)

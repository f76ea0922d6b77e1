"""Fragments: those without ports never get what only ports would allow, and none replaces what was judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scapy.layers.inet import IP, IPOption_NOP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.attacks.bed import Bed
from tests.attacks.cases import Case, as_parameters, check
from tests.attacks.packets import (
    AUTHENTICATION,
    DESTINATION_OPTIONS,
    ICMPV6,
    TCP_NUMBER,
    UDP_NUMBER,
    authentication,
    datagram,
    fragment,
    from_ue,
    ipv4,
    ipv6,
    options,
    routed,
    segment,
)
from tests.attacks.tenants import ALICE, BACKEND, BOB, DNS, GNB, ROUTER_HOST, SERVER, UE, WEB, Host

ICMP = 1
PIECE = bytes(32)


def piece(
    sender: Host, to: Host, protocol: int, offset: int = 100, more: bool = False, content: bytes = PIECE
) -> Packet:
    """A fragment over IPv4; `offset` in units of 8 bytes."""
    packet = ipv4(sender.ip, to.ip, content, protocol, frag=offset, flags="MF" if more else 0)
    return routed(sender, packet)


def piece6(
    sender: Host, to: Host, protocol: int, offset: int = 100, more: bool = False, content: bytes = PIECE
) -> Packet:
    """The same over IPv6."""
    return routed(sender, ipv6(sender.ip6, to.ip6, [fragment(offset, more)], content, protocol))


FAMILIES: dict[str, Callable[..., Packet]] = {"IPv4": piece, "IPv6": piece6}


def judged() -> Iterator[Case]:
    for name, make in FAMILIES.items():
        icmp = ICMP if name == "IPv4" else ICMPV6
        yield from (
            # No rule of alice's with the router host is about ports.
            Case(f"{name} UDP, no rule", ALICE, make(ALICE, ROUTER_HOST, UDP_NUMBER), ROUTER_HOST.port),
            Case(f"{name} TCP, no rule", ALICE, make(ALICE, ROUTER_HOST, TCP_NUMBER), ROUTER_HOST.port),
            # Only udp/5000 may reach the server.
            Case(
                f"{name} UDP, first one to the allowed port",
                ALICE,
                make(ALICE, SERVER, UDP_NUMBER, 0, True, datagram(5000)),
                SERVER.port,
            ),
            Case(
                f"{name} UDP, first one to another port",
                ALICE,
                make(ALICE, SERVER, UDP_NUMBER, 0, True, datagram(5001)),
                "FIREWALL",
            ),
            Case(f"{name} UDP, later one", ALICE, make(ALICE, SERVER, UDP_NUMBER), "FIREWALL"),
            Case(
                f"{name} UDP, later one that looks like the allowed port",
                ALICE,
                make(ALICE, SERVER, UDP_NUMBER, content=datagram(5000)),
                "FIREWALL",
            ),
            # udp/69 may not reach the backend: no later fragment can be known not to be of it.
            Case(
                f"{name} UDP, later one of a denied port", ALICE, make(ALICE, BACKEND, UDP_NUMBER), "FIREWALL"
            ),
            Case(
                f"{name} TCP, later one of a denied port", ALICE, make(ALICE, BACKEND, TCP_NUMBER), "FIREWALL"
            ),
            Case(f"{name} ICMP, later one", ALICE, make(ALICE, SERVER, icmp), SERVER.port),
            # Of the server's TCP only answers pass; a later fragment is not known to be one.
            Case(
                f"{name} TCP, first one of an answer",
                SERVER,
                make(SERVER, ALICE, TCP_NUMBER, 0, True, segment(80, "A")),
                ALICE.port,
            ),
            Case(f"{name} TCP, later one of no answer", SERVER, make(SERVER, ALICE, TCP_NUMBER), "FIREWALL"),
            # Everything of bob's for the server is denied.
            Case(f"{name} ICMP, later one, all denied", BOB, make(BOB, SERVER, icmp), "FIREWALL"),
        )


@as_parameters(*judged())
def test_later_fragments_are_denied_where_their_ports_might_be_and_never_allowed_for_them(
    bed: Bed, case: Case
) -> None:
    check(bed, case)


def reassembled() -> Iterator[Case]:
    for name, make in FAMILIES.items():
        yield from (
            Case(f"{name} TCP at 8 bytes", ALICE, make(ALICE, ROUTER_HOST, TCP_NUMBER, 1), "FRAGMENT"),
            Case(f"{name} TCP at 16 bytes", ALICE, make(ALICE, ROUTER_HOST, TCP_NUMBER, 2), "FRAGMENT"),
            Case(f"{name} TCP at 24 bytes", ALICE, make(ALICE, ROUTER_HOST, TCP_NUMBER, 3), ROUTER_HOST.port),
            Case(f"{name} UDP at 8 bytes", ALICE, make(ALICE, ROUTER_HOST, UDP_NUMBER, 1), ROUTER_HOST.port),
            Case(
                f"{name} first one with 8 bytes of TCP",
                ALICE,
                make(ALICE, ROUTER_HOST, TCP_NUMBER, 0, True, segment(80)[:8]),
                "MALFORMED",
            ),
            Case(
                f"{name} first one with 16 bytes of TCP",
                ALICE,
                make(ALICE, ROUTER_HOST, TCP_NUMBER, 0, True, segment(80)[:16]),
                "MALFORMED",
            ),
            Case(
                f"{name} first one with a TCP header and no more",
                ALICE,
                make(ALICE, ROUTER_HOST, TCP_NUMBER, 0, True, segment(80)[:20]),
                ROUTER_HOST.port,
            ),
            Case(
                f"{name} first one with half a UDP header",
                ALICE,
                make(ALICE, ROUTER_HOST, UDP_NUMBER, 0, True, datagram(80)[:4]),
                "MALFORMED",
            ),
            Case(
                f"{name} first one with a UDP header and no more",
                ALICE,
                make(ALICE, ROUTER_HOST, UDP_NUMBER, 0, True, datagram(80)[:8]),
                ROUTER_HOST.port,
            ),
            Case(
                f"{name} that ends at 65,544 bytes",
                ALICE,
                make(ALICE, ROUTER_HOST, UDP_NUMBER, 8191, content=bytes(16)),
                "FRAGMENT",
            ),
            Case(
                f"{name} that ends at 65,528 bytes",
                ALICE,
                make(ALICE, ROUTER_HOST, UDP_NUMBER, 8189, content=bytes(16)),
                ROUTER_HOST.port,
            ),
        )


@as_parameters(
    *reassembled(),
    Case(
        "IPv6 later one whose protocol would be Destination Options",
        ALICE,
        piece6(ALICE, ROUTER_HOST, DESTINATION_OPTIONS),
        "MALFORMED",
    ),
    Case(
        "IPv6 later one whose protocol would be AH",
        ALICE,
        piece6(ALICE, ROUTER_HOST, AUTHENTICATION),
        "MALFORMED",
    ),
    Case(
        "IPv4 later one whose protocol would be AH",
        ALICE,
        piece(ALICE, ROUTER_HOST, AUTHENTICATION),
        "MALFORMED",
    ),
    Case(
        "IPv6 TCP at 8 bytes, behind options",
        ALICE,
        routed(ALICE, ipv6(ALICE.ip6, ROUTER_HOST.ip6, [options(), fragment(1)], PIECE)),
        "FRAGMENT",
    ),
    Case(
        "IPv6 UDP far behind, behind options",
        ALICE,
        routed(ALICE, ipv6(ALICE.ip6, ROUTER_HOST.ip6, [options(), fragment(9)], PIECE, UDP_NUMBER)),
        ROUTER_HOST.port,
    ),
)
def test_no_fragment_replaces_the_transport_header_that_was_judged(bed: Bed, case: Case) -> None:
    check(bed, case)


def to_service(virtual_ip: str, protocol: int, content: bytes, **fields: object) -> Packet:
    return routed(ALICE, ipv4(ALICE.ip, virtual_ip, content, protocol, **fields))


def answer(to: str, protocol: int, content: bytes, **fields: object) -> Packet:
    return routed(BACKEND, ipv4(BACKEND.ip, to, content, protocol, **fields))


@as_parameters(
    Case("tcp whole", ALICE, to_service(WEB, TCP_NUMBER, segment(80)), BACKEND.port),
    Case("tcp first one", ALICE, to_service(WEB, TCP_NUMBER, segment(80), flags="MF"), BACKEND.port),
    Case("tcp later one", ALICE, to_service(WEB, TCP_NUMBER, PIECE, frag=100), "NO_ROUTE"),
    Case("tcp, another port", ALICE, to_service(WEB, TCP_NUMBER, segment(81)), "NO_ROUTE"),
    Case("udp to a tcp service", ALICE, to_service(WEB, UDP_NUMBER, datagram(80)), "NO_ROUTE"),
    Case("udp whole", ALICE, to_service(DNS, UDP_NUMBER, datagram(53)), BACKEND.port),
    Case("udp first one", ALICE, to_service(DNS, UDP_NUMBER, datagram(53), flags="MF"), BACKEND.port),
    Case("udp later one", ALICE, to_service(DNS, UDP_NUMBER, PIECE, frag=100), "NO_ROUTE"),
    Case("of a UE", GNB, routed(GNB, from_ue(WEB, segment(80))), BACKEND.port),
    Case("of a UE, later one", GNB, routed(GNB, from_ue(WEB, PIECE, frag=100)), "NO_ROUTE"),
    Case("icmp", ALICE, to_service(DNS, ICMP, PIECE), "NO_ROUTE"),
)
def test_what_is_of_no_service_does_not_pass_a_virtual_ip(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    Case("udp whole", BACKEND, answer(ALICE.ip, UDP_NUMBER, datagram(40000, 5353)), ALICE.port),
    Case(
        "udp first one", BACKEND, answer(ALICE.ip, UDP_NUMBER, datagram(40000, 5353), flags="MF"), ALICE.port
    ),
    Case(
        "udp behind options",
        BACKEND,
        answer(ALICE.ip, UDP_NUMBER, datagram(40000, 5353), options=[IPOption_NOP()] * 8),
        ALICE.port,
    ),
    Case(
        "udp behind AH",
        BACKEND,
        answer(ALICE.ip, AUTHENTICATION, b"\x11" + authentication()[1] + datagram(40000, 5353)),
        ALICE.port,
    ),
    Case(
        "tcp behind AH",
        BACKEND,
        answer(ALICE.ip, AUTHENTICATION, b"\x06" + authentication()[1] + segment(40000, "A", 8080)),
        ALICE.port,
    ),
    Case("tcp whole", BACKEND, answer(ALICE.ip, TCP_NUMBER, segment(40000, "A", 8080)), ALICE.port),
)
def test_answers_of_a_pool_member_come_from_the_virtual_ip(bed: Bed, case: Case) -> None:
    ((frame,),) = check(bed, case).values()
    assert Ether(frame)[IP].src in (WEB, DNS)


@as_parameters(
    Case("udp later one", BACKEND, answer(ALICE.ip, UDP_NUMBER, PIECE, frag=100), "FRAGMENT_REPLY"),
    Case("udp last one", BACKEND, answer(ALICE.ip, UDP_NUMBER, PIECE, frag=1), "FRAGMENT_REPLY"),
    Case("tcp later one", BACKEND, answer(ALICE.ip, TCP_NUMBER, PIECE, frag=100), "FRAGMENT_REPLY"),
    Case("tcp, source port 0", BACKEND, answer(ALICE.ip, TCP_NUMBER, segment(9, "A", 0)), "FRAGMENT_REPLY"),
    Case("udp, source port 0", BACKEND, answer(ALICE.ip, UDP_NUMBER, datagram(9, 0)), "FRAGMENT_REPLY"),
    Case("to a UE, later one", BACKEND, answer(UE, UDP_NUMBER, PIECE, frag=100), "FRAGMENT_REPLY"),
    Case("to a UE, whole", BACKEND, answer(UE, UDP_NUMBER, datagram(40000, 5353)), GNB.port),
    Case("udp of no service's port", BACKEND, answer(ALICE.ip, UDP_NUMBER, datagram(9, 9)), ALICE.port),
    Case("icmp later one", BACKEND, answer(ALICE.ip, ICMP, PIECE, frag=100), ALICE.port),
    Case("udp later one of another server", SERVER, piece(SERVER, ALICE, UDP_NUMBER), ALICE.port),
)
def test_no_fragment_of_an_answer_shows_the_servers_address(bed: Bed, case: Case) -> None:
    outcome = check(bed, case)
    if case.name == "to a UE, whole":
        assert all(bytes(map(int, BACKEND.ip.split("."))) not in frame for frame in outcome[GNB.port])


@as_parameters(
    Case("ICMP later one", GNB, routed(GNB, from_ue(SERVER.ip, PIECE, ICMP, frag=9)), SERVER.port),
    Case("TCP later one of a denied port", GNB, routed(GNB, from_ue(SERVER.ip, PIECE, frag=9)), "FIREWALL"),
    Case("TCP at 8 bytes", GNB, routed(GNB, from_ue(ALICE.ip, PIECE, frag=1)), "FRAGMENT"),
    Case("TCP at 24 bytes", GNB, routed(GNB, from_ue(ALICE.ip, PIECE, frag=3)), ALICE.port),
    Case(
        "first one with 8 bytes of TCP",
        GNB,
        routed(GNB, from_ue(ALICE.ip, segment(80)[:8], flags="MF")),
        "TUNNEL",
    ),
    Case(
        "UDP later one, only a port allowed",
        GNB,
        routed(GNB, from_ue(SERVER.ip, PIECE, 17, frag=9)),
        "FIREWALL",
    ),
    Case(
        "a G-PDU that is itself a first fragment",
        GNB,
        Ether(src=GNB.mac, dst="02:00:5e:00:00:01")
        / ipv4(GNB.ip, "10.0.3.2", bytes(from_ue(SERVER.ip, segment(2323)).payload), UDP_NUMBER, flags="MF"),
        "TUNNEL",
    ),
    Case(
        "a later fragment to the N3 address",
        GNB,
        routed(GNB, ipv4(GNB.ip, "10.0.3.2", PIECE, UDP_NUMBER, frag=9)),
        "TUNNEL",
    ),
)
def test_fragments_in_a_tunnel_are_judged_alike(bed: Bed, case: Case) -> None:
    check(bed, case)

"""Versions, lengths and padding: what the fabric and a receiver could read differently is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest
from scapy.layers.l2 import ARP
from scapy.packet import Packet, Raw

from tests.attacks.bed import Bed
from tests.attacks.cases import Case, as_parameters, check
from tests.attacks.packets import (
    AUTHENTICATION,
    DESTINATION_OPTIONS,
    HOP_BY_HOP,
    ICMPV6,
    TCP_NUMBER,
    UDP_NUMBER,
    datagram,
    fragment,
    g_pdu,
    ipv4,
    ipv6,
    options,
    routed,
    segment,
)
from tests.attacks.tenants import (
    ALICE,
    CAROL,
    GNB,
    ROUTER_HOST,
    SERVER,
    SIX,
    UE,
    VAULT,
    WIRE_TAGGED,
    WIRE_UNTAGGED,
    Host,
)

OPEN, DENIED = segment(2323), segment(23)
PADDING = bytes(32)


def four(content: bytes, protocol: int = TCP_NUMBER, **fields: Any) -> Packet:
    """An IPv4 packet whose header says what it is told to say; its checksum is right."""
    return ipv4(ALICE.ip, SERVER.ip, content, protocol, **fields)


def six(content: bytes, protocol: int = TCP_NUMBER, **fields: Any) -> Packet:
    return ipv6(ALICE.ip6, SERVER.ip6, [], content, protocol, **fields)


def both(name: str, packet: Packet, expected: str | int) -> Iterator[Case]:
    """Routed to the server, and bridged to a neighbor whom nothing but telnet is denied to."""
    yield Case(f"{name}, routed", ALICE, routed(ALICE, packet), expected)
    if isinstance(expected, str) and expected != "FIREWALL":
        yield Case(f"{name}, bridged", ALICE, ALICE.ether(ROUTER_HOST) / packet, expected)


def ip_headers() -> Iterator[Case]:
    for version in (0, 5, 6, 15):
        yield from both(f"IPv4 of version {version}", four(OPEN, version=version), "MALFORMED")
    for length in (0, 3, 4):
        yield from both(f"IPv4 header of {length} words", four(OPEN, ihl=length), "MALFORMED")
    yield from both("IPv4 options longer than the packet", four(OPEN, ihl=15), "MALFORMED")
    for length in (0, 19, 60000, 65535):
        yield from both(f"IPv4 that says {length} bytes", four(OPEN, len=length), "MALFORMED")
    yield from both("IPv4 that says one byte more than there is", four(bytes(80), 89, len=101), "MALFORMED")
    yield from both("IPv4 of exactly its length", four(bytes(80), 89, len=100), SERVER.port)
    yield from both("IPv4 with a wrong checksum", four(OPEN, chksum=0x1234), "CHECKSUM")
    for version in (0, 4, 5, 7):
        yield from both(f"IPv6 of version {version}", six(OPEN, version=version), "MALFORMED")
    for length in (1000, 65535, 65535 - 40):
        yield from both(f"IPv6 that says {length} bytes", six(OPEN, plen=length), "MALFORMED")
    yield from both("IPv6 that says one byte more than there is", six(bytes(80), 89, plen=81), "MALFORMED")
    yield from both("IPv6 of exactly its length", six(bytes(80), 89, plen=80), SERVER.port)
    yield from both("IPv6 of no length, a jumbogram", six(OPEN, plen=0), "MALFORMED")


@as_parameters(*ip_headers())
def test_ip_headers_say_what_the_frame_is(bed: Bed, case: Case) -> None:
    check(bed, case)


def transports() -> Iterator[Case]:
    """`make` puts a transport header into a packet that ends at `length` bytes of it."""
    tcp5 = bytes(TCP(sport=9, dport=2323, dataofs=5, chksum=1) / b"0123456789ab")
    for name, make in (("IPv4", four_of), ("IPv6", six_of)):
        for length in (0, 1, 8, 13, 19):
            packet = make(tcp5, TCP_NUMBER, length)
            yield from both(f"{name}, {length} bytes of TCP, the rest is padding", packet, "MALFORMED")
        yield from both(f"{name}, a TCP header and padding", make(tcp5, TCP_NUMBER, 20), SERVER.port)
        for words in (0, 4):
            short = bytes(TCP(sport=9, dport=2323, dataofs=words, chksum=1) / b"data")
            yield from both(f"{name}, TCP header of {words} words", make(short, TCP_NUMBER), "MALFORMED")
        long = bytes(TCP(sport=9, dport=2323, dataofs=15, chksum=1) / b"data")
        yield from both(f"{name}, TCP options longer than the packet", make(long, TCP_NUMBER), "MALFORMED")
        long = bytes(TCP(sport=9, dport=2323, dataofs=15, chksum=1)) + bytes(40)
        yield from both(f"{name}, TCP options to the end", make(long, TCP_NUMBER), SERVER.port)
        yield from both(
            f"{name}, TCP options in the padding", make(long, TCP_NUMBER, len(long) - 1), "MALFORMED"
        )
        for length in (0, 7):
            packet = make(datagram(5000), UDP_NUMBER, length)
            yield from both(f"{name}, {length} bytes of UDP, the rest is padding", packet, "MALFORMED")
        for length in (0, 7, 17, 65535):
            wrong = bytes(UDP(sport=9, dport=5000, len=length, chksum=0) / b"datagram")
            yield from both(f"{name}, UDP that says {length} bytes", make(wrong, UDP_NUMBER), "MALFORMED")
        for length in (8, 16):
            right = bytes(UDP(sport=9, dport=5000, len=length, chksum=0) / b"datagram")
            yield from both(f"{name}, UDP that says {length} bytes", make(right, UDP_NUMBER), SERVER.port)
        icmp, number = (ICMP(), 1) if name == "IPv4" else (ICMPv6EchoRequest(cksum=1), ICMPV6)
        for length in (0, 4, 7):
            packet = make(bytes(icmp), number, length)
            yield from both(f"{name}, {length} bytes of ICMP, the rest is padding", packet, "MALFORMED")
        yield from both(f"{name}, 8 bytes of ICMP", make(bytes(icmp), number, 8), SERVER.port)


def four_of(content: bytes, protocol: int, length: int | None = None) -> Packet:
    return four(content, protocol, len=20 + (len(content) if length is None else length)) / Raw(PADDING)


def six_of(content: bytes, protocol: int, length: int | None = None) -> Packet:
    return six(content, protocol, plen=len(content) if length is None else length) / Raw(PADDING)


def test_padding_is_not_of_the_packet(bed: Bed) -> None:
    """What the tables below rely on: `four_of` and `six_of` end where they say."""
    for packet in (four_of(OPEN, TCP_NUMBER, len(OPEN)), six_of(OPEN, TCP_NUMBER)):
        check(bed, Case("padded", ALICE, routed(ALICE, packet), SERVER.port))


@as_parameters(*transports())
def test_transport_headers_end_before_the_packet_does(bed: Bed, case: Case) -> None:
    check(bed, case)


def behind(
    chain: list[tuple[int, bytes]], content: bytes, more_or_less: int = 0, protocol: int = TCP_NUMBER
) -> Packet:
    """An IPv6 packet with a chain that says so many bytes more or less than it has."""
    whole = ipv6(ALICE.ip6, SERVER.ip6, chain, content, protocol)
    whole.plen = len(whole.payload) + more_or_less
    return whole / Raw(PADDING)


@as_parameters(
    *both("the packet ends within the options", behind([options(length=64)], b"", -8), "MALFORMED"),
    *both("the packet ends with the options", behind([options()], OPEN, -len(OPEN)), "MALFORMED"),
    *both("the packet ends within the TCP header", behind([options()], OPEN, 19 - len(OPEN)), "MALFORMED"),
    *both("the packet ends with the TCP header", behind([options()], OPEN, 20 - len(OPEN)), SERVER.port),
    *both("UDP longer than the packet", behind([options()], datagram(5000), -1, UDP_NUMBER), "MALFORMED"),
    *both(
        "UDP longer than the packet, in an atomic fragment",
        behind([fragment()], datagram(5000), -1, UDP_NUMBER),
        "MALFORMED",
    ),
    *both("UDP in an atomic fragment", behind([fragment()], datagram(5000), 0, UDP_NUMBER), SERVER.port),
    *both(
        "a first fragment of a longer datagram",
        behind([fragment(more=True)], datagram(5000), -8, UDP_NUMBER),
        SERVER.port,
    ),
    *both("a header that is only its number", six(b"", DESTINATION_OPTIONS), "MALFORMED"),
    *both("half a header", six(bytes([TCP_NUMBER, 0, 1, 4]), HOP_BY_HOP), "MALFORMED"),
    *both("half an AH", six(bytes([TCP_NUMBER, 4]) + bytes(6), AUTHENTICATION), "MALFORMED"),
    *both("half an AH over IPv4", four(bytes([TCP_NUMBER, 60]) + bytes(6), AUTHENTICATION), "MALFORMED"),
)
def test_chains_of_extension_headers_end_before_the_packet_does(bed: Bed, case: Case) -> None:
    check(bed, case)


DECOYS: dict[str, Callable[[bytes], Packet]] = {
    "another segment in its data": lambda content: four_of(content + DENIED, TCP_NUMBER),
    "another one in the padding": lambda content: four_of(content, TCP_NUMBER) / Raw(OPEN),
    "another one in the padding over IPv6": lambda content: six_of(content, TCP_NUMBER) / Raw(OPEN),
}


@as_parameters(
    *(
        Case(f"tcp/{port}, {name}", ALICE, routed(ALICE, make(segment(port))), expected)
        for port, expected in ((23, "FIREWALL"), (2323, SERVER.port))
        for name, make in DECOYS.items()
    )
)
def test_only_the_segment_that_the_receiver_reads_is_judged(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    *(
        Case(f"{name}, without subnets", WIRE_UNTAGGED, WIRE_UNTAGGED.ether(WIRE_TAGGED) / packet, expected)
        for name, packet, expected in (
            ("version 5", ipv4("10.9.0.2", "10.9.0.1", OPEN, version=5), "MALFORMED"),
            ("longer than the frame", ipv4("10.9.0.2", "10.9.0.1", OPEN, len=60000), "MALFORMED"),
            ("IPv6 longer than the frame", ipv6("fe80::2", "fe80::1", [], OPEN, plen=60000), "MALFORMED"),
            ("a wrong checksum", ipv4("10.9.0.2", "10.9.0.1", OPEN, chksum=1), "CHECKSUM"),
            ("right", ipv4("10.9.0.2", "10.9.0.1", OPEN), WIRE_TAGGED.port),
        )
    ),
    Case(
        "longer than the frame, tagged",
        SIX,
        SIX.ether("ff:ff:ff:ff:ff:ff") / ipv6(SIX.ip6, "ff02::1", [], bytes(60), 59, plen=64),
        "MALFORMED",
    ),
    Case(
        "of exactly its length, tagged",
        SIX,
        SIX.ether("ff:ff:ff:ff:ff:ff") / ipv6(SIX.ip6, "ff02::1", [], bytes(60), 59),
        11,
    ),
    Case(
        "a longer frame than IP, of the other tenant",
        VAULT,
        VAULT.ether("02:00:00:00:77:77") / IP(len=1400),
        "MALFORMED",
    ),
)
def test_networks_without_subnets_and_with_tags_are_no_exception(bed: Bed, case: Case) -> None:
    check(bed, case)


def inner(content: bytes, protocol: int = TCP_NUMBER, **fields: Any) -> Packet:
    return routed(GNB, g_pdu(ipv4(UE, SERVER.ip, content, protocol, **fields)))


@as_parameters(
    Case("right", GNB, inner(OPEN), SERVER.port),
    Case("denied", GNB, inner(DENIED), "FIREWALL"),
    Case("of version 5", GNB, inner(OPEN, version=5), "TUNNEL"),
    Case("of version 6", GNB, inner(OPEN, version=6), "TUNNEL"),
    Case("with a header of 4 words", GNB, inner(OPEN, ihl=4), "TUNNEL"),
    Case("with options longer than it", GNB, inner(OPEN, ihl=15), "TUNNEL"),
    Case("that says 60,000 bytes", GNB, inner(OPEN, len=60000), "TUNNEL"),
    Case("that says one byte more", GNB, inner(bytes(80), 89, len=101), "TUNNEL"),
    Case("that says no bytes", GNB, inner(OPEN, len=0), "TUNNEL"),
    Case("of exactly its length", GNB, inner(bytes(80), 89, len=100), SERVER.port),
    Case("with 8 bytes of TCP, the rest is behind it", GNB, inner(OPEN, len=28), "MALFORMED"),
    Case(
        "with a TCP header of 4 words", GNB, inner(bytes(TCP(dport=2323, dataofs=4, chksum=1))), "MALFORMED"
    ),
    Case(
        "with UDP longer than it",
        GNB,
        inner(bytes(UDP(dport=5000, len=90, chksum=0)), UDP_NUMBER),
        "MALFORMED",
    ),
    Case("with 4 bytes of ICMP", GNB, inner(bytes(ICMP()), 1, len=24), "MALFORMED"),
    Case(
        "that ends behind its outer packet, in the padding",
        GNB,
        routed(GNB, g_pdu(ipv4(UE, SERVER.ip, OPEN), len=20 + 8 + 8 + 20 + 16)),
        "TUNNEL",
    ),
    Case(
        "in an outer packet that says more than the frame",
        GNB,
        routed(GNB, g_pdu(inner(OPEN)[IP], len=1400)),
        "MALFORMED",
    ),
)
def test_packets_in_a_tunnel_are_checked_alike(bed: Bed, case: Case) -> None:
    check(bed, case)


def cut(name: str, packet: Packet, length: int, sender: Host = ALICE) -> Case:
    """A frame padded to 60 bytes whose IP header claims what is not there any more."""
    return Case(name, sender, bytes(packet)[:length], "MALFORMED")


@as_parameters(
    cut("an IPv6 packet cut in its header", routed(ALICE, six(OPEN)), 50),
    cut("an IPv4 packet cut before its end", routed(ALICE, four(bytes(200), 89)), 100),
    cut("an IPv6 packet cut before its end", routed(ALICE, six(bytes(200), 89)), 100),
    Case("whole, IPv4", ALICE, routed(ALICE, four(bytes(200), 89)), SERVER.port),
    Case("whole, IPv6", ALICE, routed(ALICE, six(bytes(200), 89)), SERVER.port),
    Case(
        "ARP with more behind it",
        ALICE,
        ALICE.ether(CAROL) / ARP(op=2, hwsrc=ALICE.mac, psrc=ALICE.ip) / PADDING,
        CAROL.port,
    ),
    Case("the largest packet", ALICE, routed(ALICE, four(bytes(1480), 89)), SERVER.port),
)
def test_cut_packets_are_dropped_and_whole_ones_are_not(bed: Bed, case: Case) -> None:
    check(bed, case)

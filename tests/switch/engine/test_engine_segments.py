"""What a sender's kernel leaves to its card, done by the switch: scapy says what the packets should be."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.layers.l2 import GRE, Dot1AD, Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from tests.switch.sanitized import run_sanitized

from .segments import ECN, NEEDS_CSUM, TCPV4, TCPV6, UDP_L4, UFO, Native, Offload

ETHER = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
V4, V6 = IP(src="10.0.0.1", dst="10.0.0.2", id=0xFFFE, flags="DF"), IPv6(src="fd00::1", dst="fd00::2")
CONTENT = bytes(range(251)) * 17


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Native:
    return Native(tmp_path_factory.mktemp("segments"))


def start_of(packet: Packet, layer: type[Packet]) -> int:
    """Where a layer begins."""
    return len(packet) - len(packet[layer])


def partial(packet: Packet, layer: type[Packet], field: int) -> bytes:
    """As Linux leaves it to a card: the checksum field has the pseudo header's sum."""
    frame = bytearray(bytes(packet))
    at = start_of(packet, layer)
    whole = sum_of(bytes(frame[at:]))
    checksum = int.from_bytes(frame[at + field : at + field + 2], "big")
    # What makes the sum of all come out as 0xffff is the pseudo header's sum.
    pseudo = 0xFFFF - whole
    assert checksum
    frame[at + field : at + field + 2] = pseudo.to_bytes(2, "big")
    return bytes(frame)


def sum_of(content: bytes) -> int:
    content += b"\0" * (len(content) % 2)
    total = sum(int.from_bytes(content[at : at + 2], "big") for at in range(0, len(content), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def rebuilt(frame: bytes) -> bytes:
    """With all lengths and checksums as scapy computes them."""
    packet = Ether(frame)
    for layer in packet.iterpayloads():
        for name in ("len", "plen", "chksum"):
            if name in layer.fields and not isinstance(layer, Raw):
                layer.delfieldval(name)
    return bytes(packet)


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        (ETHER / V4, TCPV4),
        (ETHER / V6, TCPV6),
        (ETHER / Dot1Q(vlan=5) / V4, TCPV4),
        (ETHER / Dot1AD(vlan=5) / Dot1Q(vlan=7) / V6, TCPV6),
        (ETHER / V6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(), TCPV6),
        (ETHER / IP(src="10.0.0.1", dst="10.0.0.2", options=[IPOption_NOP()] * 4), TCPV4),
    ],
    ids=["IPv4", "IPv6", "tagged", "tagged twice", "extension headers", "options"],
)
def test_tcp_becomes_the_packets_that_a_card_would_send(native: Native, network: Packet, kind: int) -> None:
    tcp = TCP(sport=1, dport=2, seq=0xFFFFF800, flags="CEPAF", options=[("NOP", None), ("NOP", None)])
    packet = Ether(bytes(network / tcp / Raw(CONTENT)))
    start = start_of(packet, TCP)
    offload = Offload(NEEDS_CSUM, kind | ECN, size=1000, start=start, offset=16)
    made = native.segments(partial(packet, TCP, 16), offload)
    assert made is not None
    packets = [Ether(one) for one in made]
    assert [rebuilt(one) for one in made] == made  # lengths and checksums are right
    assert b"".join(bytes(one[TCP].payload) for one in packets) == CONTENT
    assert {len(one[TCP].payload) for one in packets[:-1]} == {1000}
    assert [one[TCP].seq for one in packets] == [(0xFFFFF800 + 1000 * n) % 2**32 for n in range(5)]
    # That the window was reduced (CWR) is said once, the end and the push are the last one's.
    assert [str(one[TCP].flags) for one in packets] == ["AEC", *["AE"] * 3, "FPAE"]
    if network.haslayer(IP):
        first = network[IP].id
        assert [one[IP].id for one in packets] == [(first + n) % 2**16 for n in range(5)]


@pytest.mark.parametrize("network", [ETHER / V4, ETHER / V6], ids=["IPv4", "IPv6"])
def test_udp_becomes_datagrams_of_their_own(native: Native, network: Packet) -> None:
    packet = Ether(bytes(network / UDP(sport=1, dport=2) / Raw(CONTENT)))
    offload = Offload(NEEDS_CSUM, UDP_L4, size=1400, start=start_of(packet, UDP), offset=6)
    made = native.segments(partial(packet, UDP, 6), offload)
    assert made is not None and [rebuilt(one) for one in made] == made
    assert [len(Ether(one)[UDP].payload) for one in made] == [1400, 1400, 1400, len(CONTENT) - 4200]
    assert b"".join(bytes(Ether(one)[UDP].payload) for one in made) == CONTENT


def test_datagrams_without_a_checksum_stay_without_and_finished_ones_get_their_own(native: Native) -> None:
    without = native.segments(bytes(ETHER / V4 / UDP(chksum=0) / Raw(CONTENT)), Offload(0, UDP_L4, size=1400))
    assert without is not None and {Ether(one)[UDP].chksum for one in without} == {0}
    finished = native.segments(bytes(ETHER / V4 / UDP() / Raw(CONTENT)), Offload(0, UDP_L4, size=1400))
    assert finished is not None and [rebuilt(one) for one in finished] == finished


def test_a_checksum_for_another_destination_than_the_next_one_stays_so(native: Native) -> None:
    # With a routing header, the pseudo header has the last destination (RFC 8200, 8.1).
    packet = ETHER / V6 / IPv6ExtHdrRouting(addresses=["fd00::9"]) / TCP() / Raw(CONTENT)
    packet = Ether(bytes(packet))
    offload = Offload(NEEDS_CSUM, TCPV6, size=1000, start=start_of(packet, TCP), offset=16)
    made = native.segments(partial(packet, TCP, 16), offload)
    assert made is not None and [rebuilt(one) for one in made] == made


@pytest.mark.parametrize(
    "outer",
    [
        ETHER / V4 / UDP(sport=5, dport=4789) / VXLAN(vni=3) / ETHER,
        ETHER / Dot1Q(vlan=5) / V6 / UDP(sport=5, dport=4789) / VXLAN(vni=3) / ETHER,
        ETHER / V4 / GRE(key_present=1, key=7),
        ETHER / V6,
    ],
    ids=["VXLAN in IPv4", "VXLAN in IPv6", "GRE", "IP in IPv6"],
)
@pytest.mark.parametrize("inner", [V4, V6], ids=["IPv4", "IPv6"])
def test_what_is_in_a_tunnel_is_cut_up_and_each_packet_has_the_tunnel(
    native: Native, outer: Packet, inner: Packet
) -> None:
    if isinstance(outer.lastlayer(), IPv6):
        outer = outer / IPv6ExtHdrDestOpt()  # scapy gives the next header then
    packet = Ether(bytes(outer / inner / TCP(flags="PA", seq=1) / Raw(CONTENT)))
    kind = TCPV4 if inner is V4 else TCPV6
    offload = Offload(NEEDS_CSUM, kind, size=1000, start=start_of(packet, TCP), offset=16)
    made = native.segments(partial(packet, TCP, 16), offload)
    assert made is not None and [rebuilt(one) for one in made] == made
    packets = [Ether(one) for one in made]
    assert b"".join(bytes(one[TCP].payload) for one in packets) == CONTENT
    if packet.haslayer(IP):
        assert [one[IP].id for one in packets] == [(0xFFFE + n) % 2**16 for n in range(5)]


def test_a_tunnel_without_a_checksum_stays_without(native: Native) -> None:
    tunnel = ETHER / V4 / UDP(dport=4789, chksum=0) / VXLAN() / ETHER / V4 / TCP() / Raw(CONTENT)
    packet = Ether(bytes(tunnel))
    offload = Offload(NEEDS_CSUM, TCPV4, size=1000, start=start_of(packet, TCP), offset=16)
    made = native.segments(partial(packet, TCP, 16), offload)
    assert made is not None and {Ether(one)[UDP].chksum for one in made} == {0}


def test_what_cannot_be_cut_up_is_refused(native: Native) -> None:
    tcp = Ether(bytes(ETHER / V4 / TCP() / Raw(CONTENT)))
    good = Offload(NEEDS_CSUM, TCPV4, size=1000, start=34, offset=16)
    frame = partial(tcp, TCP, 16)
    assert native.segments(frame, good)
    sequenced = Ether(bytes(ETHER / V4 / GRE(seqnum_present=1, sequence_number=7) / tcp[IP]))
    odd = bytearray(bytes(ETHER / V4 / UDP(dport=4789) / VXLAN() / tcp))
    odd[72] ^= 1  # the time to live inside, so that its header's checksum is wrong
    piece = tcp[IP].copy()
    piece.flags = "MF"
    short_header = bytearray(frame)
    short_header[46] = 0x40
    refused = {
        "no kind": (frame, good._replace(kind=0)),
        "fragments of UDP": (bytes(ETHER / V4 / UDP() / Raw(CONTENT)), Offload(0, UFO, size=1000)),
        "another kind than it is": (frame, good._replace(kind=TCPV6)),
        "no size": (frame, good._replace(size=0)),
        "segments that are too long": (bytes(tcp) + bytes(9000), good._replace(size=9200)),
        "GRE with a sequence number": (bytes(sequenced), good._replace(start=start_of(sequenced, TCP))),
        "no packet where the tunnel should have it": (bytes(odd), good._replace(start=84)),
        "a checksum inside of the TCP header": (frame, good._replace(start=38)),
        "a fragment": (bytes(ETHER / piece), good),
        "a TCP header that is too short": (bytes(short_header), good),
        "half a TCP header": (frame[:50], good),
        "no IP": (bytes(ETHER / Raw(CONTENT)), good),
        "too many tags": (bytes(ETHER / Dot1Q() / Dot1Q() / Dot1Q()) * 3 + frame, good),
    }
    assert {
        what for what, (given, how) in refused.items() if native.segments(given, how) is not None
    } == set()


@pytest.mark.parametrize("network", [ETHER / V4, ETHER / Dot1Q(vlan=5) / V6], ids=["IPv4", "IPv6"])
def test_checksums_are_completed_of_tcp_udp_and_sctp(native: Native, network: Packet) -> None:
    for transport, field in ((TCP(), 16), (UDP(), 6)):
        packet = Ether(bytes(network / transport / Raw(b"odd")))
        left = partial(packet, type(transport), field)
        assert native.complete(left, start_of(packet, type(transport)), field) == bytes(packet)
        assert native.complete_unsaid(left) == bytes(packet)
    sctp = Ether(bytes(network / SCTP() / SCTPChunkData(data=b"1234567")))
    start = start_of(sctp, SCTP)
    left = bytes(sctp)[: start + 8] + bytes(4) + bytes(sctp)[start + 12 :]
    assert native.complete(left, start, 8) == bytes(sctp)  # a CRC32c, which scapy has computed
    assert native.complete_unsaid(left) == bytes(sctp)


def test_what_is_damaged_is_not_repaired_when_nobody_says_that_a_checksum_is_missing(native: Native) -> None:
    for packet in (ETHER / V4 / TCP() / Raw(b"x"), ETHER / V6 / UDP() / Raw(b"x"), ETHER / V4 / SCTP()):
        good = bytes(packet)
        damaged = good[:-1] + bytes([good[-1] ^ 0xFF])
        without = bytes(ETHER / V4 / UDP(chksum=0) / Raw(b"x"))
        padded = good + bytes(20)
        assert [native.complete_unsaid(one) for one in (good, damaged, without, padded)] == [
            good,
            damaged,
            without,
            padded,
        ]


def test_random_frames_find_no_memory_error() -> None:
    assert "segments" in run_sanitized("tests.switch.engine.fuzz_segments", 3, 1)

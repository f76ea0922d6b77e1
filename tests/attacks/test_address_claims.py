"""What a host says of who has which address, in ARP and in Neighbor Discovery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from tests.attacks.bed import ROUTER, Bed
from tests.attacks.cases import Case, as_parameters, check
from tests.attacks.conftest import introduce
from tests.attacks.packets import (
    HOP_BY_HOP,
    Extension,
    fragment,
    neighbor,
    options,
)
from tests.attacks.tenants import (
    ALICE,
    BOB,
    CAROL,
    GNB,
    INTRUDER,
    N3,
    ROUTER_HOST,
    SERVER,
    SIX,
    SIX_NEIGHBOR,
    WEB,
    WIRE_TAGGED,
    WIRE_UNTAGGED,
    Host,
)

EVERYBODY, ALL_NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
GATEWAY, GATEWAY6 = "10.0.1.1", "2001:db8:1::1"
REQUEST, REPLY = 1, 2
NEIGHBORS = (BOB.port, CAROL.port, ROUTER_HOST.port)
"""Where a flooded frame of alice's comes out."""


@pytest.fixture(autouse=True, scope="module")
def everybody_is_back(bed: Bed) -> Iterator[None]:
    """The controller hears of claims: what it makes of them is not for the next test to find."""
    yield
    introduce(bed)


@pytest.fixture(autouse=True)
def as_they_were(bed: Bed, request: pytest.FixtureRequest) -> Iterator[None]:
    """Hosts whose address was claimed by another say that they still have it."""
    yield
    case = getattr(request.node, "callspec", None) and request.node.callspec.params["case"]
    if case is not None and case.expected == "ADDRESS_ELSEWHERE":
        introduce(bed)


def arp(
    sender: Host, ip: str, operation: int = REPLY, to: Host | str = BOB, mac: str | None = None, **fields: Any
) -> Packet:
    """An ARP packet that says `ip` is at `sender`, or at another `mac`."""
    target = to.ip if isinstance(to, Host) else ip
    claim = {"op": operation, "hwsrc": mac or sender.mac, "psrc": ip, "pdst": target, **fields}
    return sender.ether(to) / ARP(**claim)


def claims_of_nobody() -> Iterator[Case]:
    for name, ip in (
        ("the gateway", GATEWAY),
        ("another network's gateway", "10.0.2.1"),
        ("a virtual IP", WEB),
        ("a host of another network", SERVER.ip),
        ("behind the router", "11.70.0.5"),
        ("loopback", "127.0.0.1"),
        ("multicast", "224.0.0.5"),
        ("broadcast", "255.255.255.255"),
        ("the subnet's broadcast", "10.0.1.255"),
    ):
        for kind, frame in (
            ("reply to one", arp(ALICE, ip)),
            ("reply to all", arp(ALICE, ip, to=EVERYBODY)),
            ("gratuitous request", arp(ALICE, ip, REQUEST, EVERYBODY)),
            ("request to one", arp(ALICE, ip, REQUEST)),
        ):
            yield Case(f"{name}, {kind}", ALICE, frame, "SOURCE_ADDRESS")
    yield Case("the N3 address", INTRUDER, arp(INTRUDER, N3, to=GNB), "SOURCE_ADDRESS")
    yield Case("no address, as a reply", ALICE, arp(ALICE, "0.0.0.0"), "SOURCE_ADDRESS")


@as_parameters(*claims_of_nobody())
def test_arp_claims_no_address_that_no_host_has(bed: Bed, case: Case) -> None:
    check(bed, case)


def test_a_claim_of_an_end_of_the_subnet_is_not_learned_and_stops_nothing(bed: Bed) -> None:
    """It would contradict what the network says of these addresses: nothing could be compiled."""
    for ip in ("10.0.1.0", "10.0.1.255"):
        check(bed, Case(ip, ALICE, arp(ALICE, ip, REQUEST, EVERYBODY), "SOURCE_ADDRESS"))
    introduce(bed)
    _, addresses = bed.hosts()[ALICE.mac]
    assert addresses & {"10.0.1.0", "10.0.1.255"} == set()


@as_parameters(
    *(
        case
        for whose, victim in (("learned", BOB), ("stated", CAROL), ("the router's", ROUTER_HOST))
        for case in (
            Case(f"{whose}, to one", ALICE, arp(ALICE, victim.ip, to=SERVER), "ADDRESS_ELSEWHERE"),
            Case(f"{whose}, to all", ALICE, arp(ALICE, victim.ip, REQUEST, EVERYBODY), "ADDRESS_ELSEWHERE"),
            Case(
                f"{whose}, with its MAC address",
                ALICE,
                Ether(src=victim.mac, dst=EVERYBODY) / ARP(op=REPLY, hwsrc=victim.mac, psrc=victim.ip),
                "ADDRESS_ELSEWHERE",
            ),
        )
    ),
    Case("the gNB's", INTRUDER, arp(INTRUDER, GNB.ip, REQUEST, EVERYBODY), "ADDRESS_ELSEWHERE"),
    Case("behind the router host", ALICE, arp(ALICE, "10.70.0.5", REQUEST, EVERYBODY), "ADDRESS_ELSEWHERE"),
)
def test_arp_claims_no_address_of_another_host(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    Case("for another MAC address", ALICE, arp(ALICE, ALICE.ip, mac="02:00:00:00:66:66"), "ARP"),
    Case("for another host, as its proxy", ALICE, arp(ALICE, BOB.ip, mac=BOB.mac), "ARP"),
    Case("for the gateway, with its MAC address", ALICE, arp(ALICE, GATEWAY, mac=ROUTER), "ARP"),
    Case("of another hardware", ALICE, arp(ALICE, ALICE.ip, hwtype=6), "ARP"),
    Case("of another protocol", ALICE, arp(ALICE, ALICE.ip, ptype=0x86DD), "ARP"),
    Case("with long hardware addresses", ALICE, arp(ALICE, ALICE.ip, hwlen=8), "ARP"),
    Case("with long protocol addresses", ALICE, arp(ALICE, ALICE.ip, plen=16), "ARP"),
    Case("reverse request", ALICE, arp(ALICE, ALICE.ip, 3), "ARP"),
    Case("reverse reply", ALICE, arp(ALICE, ALICE.ip, 4), "ARP"),
    Case("inverse request", ALICE, arp(ALICE, ALICE.ip, 8), "ARP"),
    Case("operation 0", ALICE, arp(ALICE, ALICE.ip, 0), "ARP"),
    Case("a stated host's other address", CAROL, arp(CAROL, "10.0.1.99"), "SOURCE_ADDRESS"),
    Case("ARP in an IPv6 network", SIX, arp(SIX, "10.0.6.1", to=SIX_NEIGHBOR), "SOURCE_ADDRESS"),
)
def test_arp_that_is_not_plain_is_dropped(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    Case("own, to one", ALICE, arp(ALICE, ALICE.ip), BOB.port),
    Case("own, to all", ALICE, arp(ALICE, ALICE.ip, REQUEST, EVERYBODY), NEIGHBORS),
    Case("a request for a neighbor", ALICE, arp(ALICE, ALICE.ip, REQUEST, EVERYBODY, pdst=BOB.ip), NEIGHBORS),
    Case("a probe", ALICE, arp(ALICE, "0.0.0.0", REQUEST, EVERYBODY, pdst="10.0.1.98"), NEIGHBORS),
    Case("a stated host's own", CAROL, arp(CAROL, CAROL.ip, REQUEST, EVERYBODY), (1, 2, 4)),
    Case(
        "a request for the gateway", ALICE, arp(ALICE, ALICE.ip, REQUEST, EVERYBODY, pdst=GATEWAY), ALICE.port
    ),
    Case("a request for the N3 address", GNB, arp(GNB, GNB.ip, REQUEST, EVERYBODY, pdst=N3), GNB.port),
    Case("without subnets, any", WIRE_UNTAGGED, arp(WIRE_UNTAGGED, "192.0.2.1", to=WIRE_TAGGED), 9),
)
def test_arp_for_own_addresses_passes(bed: Bed, case: Case) -> None:
    check(bed, case)


def advertise(
    sender: Host,
    target: str,
    source: str | None = None,
    to: Host | str = BOB,
    mac: str | None = None,
    chain: Sequence[Extension] = (),
    **fields: Any,
) -> Packet:
    """A neighbor advertisement: `target` is at `sender`, or at another `mac`."""
    option = ICMPv6NDOptDstLLAddr(lladdr=mac or sender.mac)
    message = ICMPv6ND_NA(tgt=target, R=0, S=1, O=1) / option
    return neighbor(sender, message, source or target, to, chain, **fields)


def advertisements_of_nobody() -> Iterator[Case]:
    for name, target in (
        ("the gateway", GATEWAY6),
        ("another network's gateway", "2001:db8:2::1"),
        ("a host of another network", SERVER.ip6),
        ("loopback", "::1"),
        ("multicast", "ff02::1"),
        ("unspecified", "::"),
        ("IPv4-mapped", "::ffff:10.0.1.10"),
        ("outside all networks", "2001:db8:99::1"),
    ):
        for kind, to in (("to one", BOB), ("to all", ALL_NODES)):
            yield Case(f"{name}, {kind}", ALICE, advertise(ALICE, target, to=to), "SOURCE_ADDRESS")
            if target != "::":
                linked = advertise(ALICE, target, "fe80::10", to)
                yield Case(f"{name}, {kind}, from the link", ALICE, linked, "SOURCE_ADDRESS")
    yield Case(
        "the gateway, in a solicitation",
        ALICE,
        neighbor(ALICE, ICMPv6ND_NS(tgt=BOB.ip6) / ICMPv6NDOptSrcLLAddr(lladdr=ALICE.mac), GATEWAY6),
        "SOURCE_ADDRESS",
    )
    yield Case(
        "own, from another own", ALICE, advertise(ALICE, ALICE.ip6, "2001:db8:1::99"), "SOURCE_ADDRESS"
    )


@as_parameters(*advertisements_of_nobody())
def test_neighbor_discovery_claims_no_address_that_no_host_has(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    *(
        case
        for whose, victim in (("learned", BOB), ("stated", CAROL), ("the router's", ROUTER_HOST))
        for case in (
            Case(
                f"{whose}, to all",
                ALICE,
                advertise(ALICE, victim.ip6, to=ALL_NODES),
                "ADDRESS_ELSEWHERE",
            ),
            Case(
                f"{whose}, from the link",
                ALICE,
                advertise(ALICE, victim.ip6, "fe80::10", ALL_NODES),
                "ADDRESS_ELSEWHERE",
            ),
            Case(
                f"{whose}, in a solicitation",
                ALICE,
                neighbor(ALICE, ICMPv6ND_NS(tgt=GATEWAY6), victim.ip6, ALL_NODES),
                "ADDRESS_ELSEWHERE",
            ),
        )
    )
)
def test_neighbor_discovery_claims_no_address_of_another_host(bed: Bed, case: Case) -> None:
    check(bed, case)


def test_the_link_local_address_of_a_router_is_its_own(bed: Bed) -> None:
    """It is what hosts have as their default router: who could claim it would need no advertisement."""
    address = ROUTER_HOST.link
    check(bed, Case("its own", ROUTER_HOST, advertise(ROUTER_HOST, address, to=ALL_NODES), (1, 2, 3)))
    for sender in (ALICE, CAROL):
        for frame in (
            advertise(sender, address),
            neighbor(sender, ICMPv6ND_NS(tgt=BOB.ip6) / ICMPv6NDOptSrcLLAddr(lladdr=sender.mac), address),
            neighbor(sender, ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=sender.mac), address, ALL_NODES),
        ):
            check(bed, Case("another's", sender, frame, "ADDRESS_ELSEWHERE"))
            introduce(bed)
    check(bed, Case("its own, still", ROUTER_HOST, advertise(ROUTER_HOST, address), BOB.port))


SOLICITATION = ICMPv6ND_NS(tgt=BOB.ip6) / ICMPv6NDOptSrcLLAddr(lladdr=ALICE.mac)
FORGED_SOLICITATION = ICMPv6ND_NS(tgt=BOB.ip6) / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:66:66")
TWO_OPTIONS = (
    ICMPv6ND_NA(tgt=ALICE.ip6)
    / ICMPv6NDOptDstLLAddr(lladdr=ALICE.mac)
    / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:66:66")
)


def own(name: str, frame: Packet, expected: str | int | tuple[int, ...]) -> Case:
    """About alice's own address."""
    return Case(name, ALICE, frame, expected)


@as_parameters(
    own("advertisement", advertise(ALICE, ALICE.ip6), BOB.port),
    own("advertisement to all", advertise(ALICE, ALICE.ip6, to=ALL_NODES), NEIGHBORS),
    own("advertisement from the link", advertise(ALICE, ALICE.ip6, "fe80::10"), BOB.port),
    own("advertisement without option", neighbor(ALICE, ICMPv6ND_NA(tgt=ALICE.ip6), ALICE.ip6), BOB.port),
    own("solicitation", neighbor(ALICE, SOLICITATION, ALICE.ip6), BOB.port),
    own(
        "duplicate address detection",
        neighbor(ALICE, ICMPv6ND_NS(tgt="2001:db8:1::98"), "::", ALL_NODES),
        NEIGHBORS,
    ),
    own("router solicitation", neighbor(ALICE, ICMPv6ND_RS(), "fe80::10", ALL_NODES), NEIGHBORS),
    own("solicitation of the gateway", neighbor(ALICE, ICMPv6ND_NS(tgt=GATEWAY6), ALICE.ip6, ALL_NODES), 1),
)
def test_plain_neighbor_discovery_about_own_addresses_passes(bed: Bed, case: Case) -> None:
    check(bed, case)


def bent(name: str, frame: Packet) -> Case:
    return Case(name, ALICE, frame, "NEIGHBOR_DISCOVERY")


@as_parameters(
    bent("advertisement of another MAC address", advertise(ALICE, ALICE.ip6, mac=BOB.mac)),
    bent("advertisement of the gateway's MAC address", advertise(ALICE, ALICE.ip6, mac=ROUTER)),
    bent("solicitation with another MAC address", neighbor(ALICE, FORGED_SOLICITATION, ALICE.ip6)),
    bent("two options, the second one forged", neighbor(ALICE, TWO_OPTIONS, ALICE.ip6)),
    bent("hop limit 254", advertise(ALICE, ALICE.ip6, hlim=254)),
    bent("hop limit 254, the gateway", advertise(ALICE, GATEWAY6, hlim=254)),
    bent("code 1", neighbor(ALICE, ICMPv6ND_NA(tgt=ALICE.ip6, code=1), ALICE.ip6)),
    bent("behind Destination Options", advertise(ALICE, ALICE.ip6, chain=[options()])),
    bent("behind Hop-by-Hop", advertise(ALICE, ALICE.ip6, chain=[options(HOP_BY_HOP)])),
    bent("the gateway, behind Destination Options", advertise(ALICE, GATEWAY6, chain=[options()])),
    bent("an atomic fragment", advertise(ALICE, GATEWAY6, chain=[fragment()])),
    bent("a first fragment", advertise(ALICE, GATEWAY6, chain=[fragment(more=True)])),
    bent(
        "an option of no length",
        neighbor(ALICE, ICMPv6ND_NA(tgt=ALICE.ip6) / ICMPv6NDOptDstLLAddr(len=0), ALICE.ip6),
    ),
    bent(
        "an option longer than the packet",
        neighbor(ALICE, ICMPv6ND_NA(tgt=ALICE.ip6) / ICMPv6NDOptDstLLAddr(len=2), ALICE.ip6),
    ),
    bent("solicitation with hop limit 64", neighbor(ALICE, SOLICITATION, ALICE.ip6, hlim=64)),
    bent(
        "solicitation behind options",
        neighbor(ALICE, SOLICITATION, ALICE.ip6, chain=[options()]),
    ),
)
def test_neighbor_discovery_that_is_not_plain_is_dropped(bed: Bed, case: Case) -> None:
    check(bed, case)

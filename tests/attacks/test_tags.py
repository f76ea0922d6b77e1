"""Tags, control frames and EtherTypes: a frame is of the network of its one tag, or of none."""

from __future__ import annotations

from collections.abc import Iterator

from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import LLC, SNAP, STP, Dot1Q, Dot3, Ether
from scapy.packet import Packet, Raw

from tests.attacks.bed import MARKER_TAG, ROUTER, Bed
from tests.attacks.cases import Case, as_parameters, check
from tests.attacks.packets import ipv4, segment
from tests.attacks.tenants import (
    ALICE,
    BOB,
    CAROL,
    CLOSED_PORT,
    GNB,
    ROUTER_HOST,
    SERVER,
    SIX,
    VAULT,
    WIRE_TAGGED,
    WIRE_UNTAGGED,
    Host,
)

EVERYBODY = "ff:ff:ff:ff:ff:ff"
CUSTOMER, SERVICE, SERVICE_9100, SERVICE_9200 = 0x8100, 0x88A8, 0x9100, 0x9200
IPV4, LOCAL_EXPERIMENT, LLDP = 0x0800, 0x88B5, 0x88CC
WIRE_TAG, VAULT_TAG, SIXES_TAG = 10, 20, 30
PING = IP(src="10.9.0.1", dst="10.9.0.3") / ICMP() / b"ping"
Tag = tuple[int, int]
"""EtherType and VLAN id."""


def tagged(sender: Host, *tags: Tag, to: str = EVERYBODY, content: Packet = PING, kind: int = IPV4) -> Packet:
    """A frame with these tags, the outer one first."""
    types = [*(ether_type for ether_type, _ in tags), kind]
    frame = Ether(src=sender.mac, dst=to, type=types[0])
    for (_, vlan), following in zip(tags, types[1:], strict=True):
        frame = frame / Raw(vlan.to_bytes(2, "big") + following.to_bytes(2, "big"))
    return frame / Raw(bytes(content))


def hops() -> Iterator[Case]:
    for inner_type in (CUSTOMER, SERVICE, SERVICE_9100, SERVICE_9200):
        for name, to in (("to all", EVERYBODY), ("to one", VAULT.mac)):
            yield Case(
                f"{inner_type:#06x} of another tenant behind the own tag, {name}",
                WIRE_TAGGED,
                tagged(WIRE_TAGGED, (CUSTOMER, WIRE_TAG), (inner_type, VAULT_TAG), to=to),
                "NESTED_TAG",
            )
            yield Case(
                f"{inner_type:#06x} with the own tag behind the own tag, {name}",
                WIRE_TAGGED,
                tagged(WIRE_TAGGED, (CUSTOMER, WIRE_TAG), (inner_type, WIRE_TAG), to=to),
                "NESTED_TAG",
            )
    for outer_type in (SERVICE, SERVICE_9100, SERVICE_9200):
        yield Case(
            f"{outer_type:#06x} at an untagged port",
            WIRE_UNTAGGED,
            tagged(WIRE_UNTAGGED, (outer_type, VAULT_TAG)),
            "NESTED_TAG",
        )
        yield Case(
            f"{outer_type:#06x}, then 802.1Q",
            WIRE_UNTAGGED,
            tagged(WIRE_UNTAGGED, (outer_type, WIRE_TAG), (CUSTOMER, VAULT_TAG)),
            "NESTED_TAG",
        )
        yield Case(
            f"{outer_type:#06x} where the network has subnets",
            ALICE,
            tagged(ALICE, (outer_type, 100)),
            "NESTED_TAG",
        )
    yield Case(
        "three tags",
        WIRE_TAGGED,
        tagged(WIRE_TAGGED, (CUSTOMER, WIRE_TAG), (CUSTOMER, VAULT_TAG), (CUSTOMER, VAULT_TAG)),
        "NESTED_TAG",
    )
    yield Case(
        "the other tenant's tag twice",
        WIRE_UNTAGGED,
        tagged(WIRE_UNTAGGED, (CUSTOMER, VAULT_TAG), (CUSTOMER, VAULT_TAG)),
        "NESTED_TAG",
    )
    yield Case(
        "an empty inner tag",
        WIRE_TAGGED,
        tagged(WIRE_TAGGED, (CUSTOMER, WIRE_TAG), (CUSTOMER, 0)),
        "NESTED_TAG",
    )
    yield Case(
        "in the network of the markers, which is open everywhere",
        CLOSED_PORT,
        tagged(CLOSED_PORT, (CUSTOMER, MARKER_TAG), (CUSTOMER, VAULT_TAG)),
        "NESTED_TAG",
    )


@as_parameters(*hops())
def test_a_tag_behind_a_tag_leads_nowhere(bed: Bed, case: Case) -> None:
    check(bed, case)


def closed() -> Iterator[Case]:
    for sender in (ALICE, WIRE_TAGGED, WIRE_UNTAGGED, CLOSED_PORT):
        open_there = {ALICE: (), WIRE_TAGGED: (WIRE_TAG, SIXES_TAG), WIRE_UNTAGGED: (VAULT_TAG,)}.get(
            sender, ()
        )
        # 100 and up are the networks' numbers inside the fabric.
        for vlan in (0, 1, WIRE_TAG, VAULT_TAG, SIXES_TAG, *range(100, 107), 4094, 4095):
            if vlan not in open_there:
                frame = tagged(sender, (CUSTOMER, vlan))
                yield Case(f"port {sender.port}, tag {vlan}", sender, frame, "CLOSED")
    yield Case("no tag where only tags are open", WIRE_TAGGED, tagged(WIRE_TAGGED), "CLOSED")
    yield Case("no tag at a port without a network", CLOSED_PORT, tagged(CLOSED_PORT), "CLOSED")
    yield Case(
        "tag 0 with a priority",
        WIRE_UNTAGGED,
        tagged(WIRE_UNTAGGED, (CUSTOMER, 7 << 13)),
        "CLOSED",
    )
    yield Case(
        "tag 0, then a tag",
        WIRE_UNTAGGED,
        tagged(WIRE_UNTAGGED, (CUSTOMER, 0), (CUSTOMER, VAULT_TAG)),
        "CLOSED",
    )


@as_parameters(*closed())
def test_a_tag_that_is_not_open_at_the_port_is_closed(bed: Bed, case: Case) -> None:
    check(bed, case)


def test_each_network_has_its_tag_at_each_port_and_no_other(bed: Bed) -> None:
    for case, tag in (
        (Case("tagged to untagged", WIRE_TAGGED, tagged(WIRE_TAGGED, (CUSTOMER, WIRE_TAG)), 10), None),
        (Case("untagged to tagged", WIRE_UNTAGGED, tagged(WIRE_UNTAGGED), 9), WIRE_TAG),
        (Case("with a priority", WIRE_TAGGED, tagged(WIRE_TAGGED, (CUSTOMER, 5 << 13 | WIRE_TAG)), 10), None),
        (Case("the other tenant", WIRE_UNTAGGED, tagged(WIRE_UNTAGGED, (CUSTOMER, VAULT_TAG)), 11), None),
        (Case("and back", VAULT, tagged(VAULT), 10), VAULT_TAG),
    ):
        ((frame,),) = check(bed, case).values()
        packet = Ether(frame)
        assert (packet[Dot1Q].vlan if Dot1Q in packet else None) == tag, case.name
        assert packet[IP].dst == "10.9.0.3"


NEAREST_BRIDGE = "01:80:c2:00:00:0e"
DISCOVERY = Raw(b"\x02\x07\x04\x02\x00\x00\x00\x00\x01\x04\x02\x07\x31\x06\x02\x00\x78\x00\x00")


def lldp() -> Iterator[Case]:
    for name, sender, tags in (
        ("untagged", ALICE, ()),
        ("untagged, without subnets", WIRE_UNTAGGED, ()),
        ("untagged, at a port without a network", CLOSED_PORT, ()),
        ("untagged, where only tags are open", WIRE_TAGGED, ()),
        ("untagged, the gNB", GNB, ()),
        ("tagged, without subnets", WIRE_TAGGED, ((CUSTOMER, WIRE_TAG),)),
        ("tagged, with subnets", SIX, ((CUSTOMER, SIXES_TAG),)),
        ("tagged, the other tenant's", WIRE_UNTAGGED, ((CUSTOMER, VAULT_TAG),)),
    ):
        for where, to in (
            ("to the nearest bridge", NEAREST_BRIDGE),
            ("to all", EVERYBODY),
            ("to one", BOB.mac),
        ):
            frame = tagged(sender, *tags, to=to, content=DISCOVERY, kind=LLDP)
            yield Case(f"{name}, {where}", sender, frame, "CONTROL_FRAME")


@as_parameters(*lldp())
def test_lldp_of_an_edge_port_reaches_neither_the_controller_nor_a_neighbor(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    *(
        Case(
            f"{address}, {name}",
            sender,
            tagged(sender, *tags, to=address, kind=LOCAL_EXPERIMENT),
            "CONTROL_FRAME",
        )
        for name, sender, tags in (
            ("untagged", WIRE_UNTAGGED, ()),
            ("tagged", WIRE_TAGGED, ((CUSTOMER, WIRE_TAG),)),
        )
        for address in (f"01:80:c2:00:00:{last:02x}" for last in range(16))
    ),
    Case(
        "a spanning tree's",
        WIRE_UNTAGGED,
        Dot3(src=WIRE_UNTAGGED.mac, dst="01:80:c2:00:00:00") / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP(),
        "CONTROL_FRAME",
    ),
    Case("a pause", ALICE, tagged(ALICE, to="01:80:c2:00:00:01", kind=0x8808), "CONTROL_FRAME"),
    Case("LACP", ALICE, tagged(ALICE, to="01:80:c2:00:00:02", kind=0x8809), "CONTROL_FRAME"),
    Case("802.1X", ALICE, tagged(ALICE, to="01:80:c2:00:00:03", kind=0x888E), "CONTROL_FRAME"),
    Case(
        "IPv4",
        ALICE,
        ALICE.ether("01:80:c2:00:00:00") / ipv4(ALICE.ip, BOB.ip, segment(80)),
        "CONTROL_FRAME",
    ),
    Case(
        "01:80:c2:00:00:10, which is nobody's",
        WIRE_UNTAGGED,
        tagged(WIRE_UNTAGGED, to="01:80:c2:00:00:10", kind=LOCAL_EXPERIMENT),
        WIRE_TAGGED.port,
    ),
)
def test_addresses_of_the_link_do_not_leave_it(bed: Bed, case: Case) -> None:
    check(bed, case)


SPANNING_TREE = LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP()
CISCO = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0x00000C, code=0x2000)


@as_parameters(
    *(
        Case(
            f"{kind:#06x}, {name}, {where}",
            sender,
            tagged(sender, to=to, kind=kind, content=DISCOVERY),
            expected,
        )
        for kind in (0x0842, 0x8137, 0x8847, 0x8863, 0x88E5, 0x88F7, LOCAL_EXPERIMENT, 0x0805)
        for name, sender, expected in (
            ("with subnets", ALICE, "ETHERTYPE"),
            ("without subnets", WIRE_UNTAGGED, WIRE_TAGGED.port),
        )
        for where, to in (("to all", EVERYBODY), ("to one", "02:00:00:00:77:77"))
    ),
    *(
        Case(f"{name}, {where}", sender, Dot3(src=sender.mac, dst=EVERYBODY) / content, expected)
        for name, content in (("LLC", SPANNING_TREE), ("SNAP", CISCO))
        for where, sender, expected in (
            ("with subnets", ALICE, "ETHERTYPE"),
            ("without subnets", WIRE_UNTAGGED, WIRE_TAGGED.port),
        )
    ),
    Case("to the gateway", ALICE, tagged(ALICE, to=ROUTER, kind=LOCAL_EXPERIMENT), "ETHERTYPE"),
    Case(
        "IPv4 in SNAP, to a server",
        ALICE,
        Dot3(src=ALICE.mac, dst=ROUTER)
        / LLC(dsap=0xAA, ssap=0xAA, ctrl=3)
        / SNAP(OUI=0, code=0x0800)
        / ipv4(ALICE.ip, SERVER.ip, segment(23)),
        "ETHERTYPE",
    ),
)
def test_frames_that_are_not_ip_are_for_networks_without_subnets(bed: Bed, case: Case) -> None:
    check(bed, case)


@as_parameters(
    Case("flooded", ALICE, tagged(ALICE, content=ipv4(ALICE.ip, "10.0.1.255", segment(80))), (2, 3, 4)),
    Case("to who sent it", ALICE, ALICE.ether(ALICE) / ipv4(ALICE.ip, ALICE.ip, segment(80)), "SAME_PORT"),
    Case(
        "to another tenant's host by its MAC address",
        WIRE_UNTAGGED,
        tagged(WIRE_UNTAGGED, to=VAULT.mac),
        WIRE_TAGGED.port,
    ),
    Case(
        "to a host of another network by its MAC address",
        ALICE,
        ALICE.ether(SERVER) / ipv4(ALICE.ip, SERVER.ip, segment(2323)),
        (BOB.port, CAROL.port, ROUTER_HOST.port),
    ),
)
def test_frames_stay_in_their_network(bed: Bed, case: Case) -> None:
    check(bed, case)

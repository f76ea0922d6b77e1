"""UEs with IPv6: prefixes, what rules come to, and what is led to SMFs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.n4.cp_forwarding import comes_from_smf, prefix_of, tunnel_to_smf, tunnel_to_ue
from p4fabric.controller.n4.flows import parse_flow
from p4fabric.controller.n4.matches import NotMatched, flow_filters
from p4fabric.controller.n4.node_rules import DataNetwork
from p4fabric.controller.n4.pfcp import Cause, IeType, decode_body, decode_header
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import PdnType
from p4fabric.controller.n4.pfcp.values import OuterHeaderCreation, UeIpAddress
from p4fabric.controller.n4.plane import Downlink, FlowFilter, TunnelTo, Ue, Uplink
from p4fabric.controller.n4.sessions import Filter, NotAvailable
from p4fabric.controller.n4.stock import NodeStock
from p4fabric.controller.n4.ue_prefixes import UePrefixes
from p4fabric.controller.n4.ways import ways
from p4fabric.controller.n4.without_effect import WithoutEffect
from tests.unit.n4.test_node import FIRST, HERE, N3, NETWORKS, RULES, SMF, UE, Bed
from tests.unit.n4.vectors import octets

POOL = IPv6Network("2001:db8:45::/48")
PREFIX, ADDRESS = IPv6Network("2001:db8:45:7::/64"), IPv6Address("2001:db8:45:7::5")
DUAL = DataNetwork("internet", (*NETWORKS["internet"].pools, POOL))
ASKED = UeIpAddress(IPv4Address(UE), ADDRESS, is_destination=True)


def asked(ue: UeIpAddress, flow: str | None = None, smf: IPv4Address = SMF) -> m.SessionEstablishmentRequest:
    """As Open5GS establishes it. What is for the SMF is the first filter of PDR 4, and goes to `smf`."""
    datagram = octets("open5gs_establishment")
    request = decode_body(decode_header(datagram), datagram)
    assert isinstance(request, m.SessionEstablishmentRequest)
    pdrs = []
    for one in request.create_pdrs:
        pdi = one.pdi
        if pdi.ue_ip_addresses:
            pdi = replace(pdi, ue_ip_addresses=(ue,))
        if one.pdr_id == 4 and flow is not None:
            pdi = replace(pdi, sdf_filters=(replace(pdi.sdf_filters[0], flow=flow),))
        pdrs.append(replace(one, pdi=pdi))
    fars = []
    for far in request.create_fars:
        if far.far_id == 3 and far.forwarding is not None and far.forwarding.outer_header_creation:
            created = replace(far.forwarding.outer_header_creation, ipv4=smf, teid=0x77)
            far = replace(far, forwarding=replace(far.forwarding, outer_header_creation=created))
        fars.append(far)
    return replace(request, pdn_type=PdnType.IPV4V6, create_pdrs=tuple(pdrs), create_fars=tuple(fars))


class DualBed(Bed):
    """Whose data network has IPv6 as well."""

    def __init__(self, **rules: object) -> None:
        networks = {"internet": DUAL}
        usual = {"data_networks": networks, "smfs": frozenset({SMF})}
        super().__init__(replace(RULES, **{**usual, **rules}))  # type: ignore[arg-type]
        self.stock.data_networks = networks
        self.do("open5gs_association_setup")

    def establish(self, ue: UeIpAddress, **others: object) -> int:
        header = decode_header(octets("open5gs_establishment"))
        prepared = self.node.prepare(SMF, header, asked(ue, **others))  # type: ignore[arg-type]
        self.node.done(prepared)
        (seid,) = prepared.sessions
        return seid

    def attach(self, ue: UeIpAddress = ASKED) -> int:
        seid = self.establish(ue)
        self.do("open5gs_activate", seid)
        return seid


@pytest.mark.parametrize(
    ("ue", "comes_to"),
    [
        (ASKED, [UE, PREFIX]),
        (UeIpAddress(ipv6=ADDRESS), [PREFIX]),
        (UeIpAddress(ipv6=ADDRESS, delegated_bits=8), [IPv6Network("2001:db8:45::/56")]),
        (UeIpAddress(ipv6=ADDRESS, prefix_length=128), [IPv6Network("2001:db8:45:7::5/128")]),
    ],
)
def test_tunnels_are_of_each_address_and_prefix_of_a_ue(ue: UeIpAddress, comes_to: list[Ue]) -> None:
    bed = DualBed()
    plane = bed.node.sessions[bed.attach(ue)].plane
    assert plane.uplinks == tuple(Uplink(N3, FIRST, 0x1000, one) for one in comes_to)
    assert plane.downlinks == tuple(Downlink(one, N3, FIRST, 0x201, 1) for one in comes_to)
    assert plane.ues == set(comes_to) and plane.solicitations == {(N3, FIRST, 0x1000)}
    assert prefix_of(plane) == comes_to[-1] and tunnel_to_ue(plane) == TunnelTo(N3, FIRST, 0x201, 1)


def test_solicitations_are_led_to_the_smf_and_advertisements_from_it() -> None:
    bed = DualBed()
    seid = bed.attach()
    session = bed.node.sessions[seid].session
    (own,) = (pdr.f_teid for pdr in session.pdrs.values() if pdr.pdr_id == 3)
    assert own is not None and own.ipv4 == HERE
    assert tunnel_to_smf(session) == OuterHeaderCreation(0x77, SMF)
    assert [comes_from_smf(session, teid) for teid in (own.teid, 0x1000, 1)] == [True, False, False]
    assert all(bed.node.own_tunnels.session(one.teid) == seid for one in session.claimed)
    assert [way.dropped for way in ways(session, bed.node.sessions[seid].plane)] == [None] * 3

    bed.do("open5gs_idle", seid)
    idle = bed.node.sessions[seid].plane
    assert tunnel_to_ue(idle) is None and not idle.solicitations
    bed.do("open5gs_deletion", seid)
    assert bed.node.own_tunnels.session(own.teid) is None
    # One without IPv6 is not to be found.
    seid = bed.attach(UeIpAddress(IPv4Address(UE)))
    assert bed.node.sessions[seid].session.claimed
    assert all(
        bed.node.own_tunnels.session(one.teid) is None for one in bed.node.sessions[seid].session.claimed
    )


@pytest.mark.parametrize(
    ("others", "cause", "offending"),
    [
        ({"flow": "permit out ip from any to assigned"}, 76, IeType.DESTINATION_INTERFACE),
        ({"flow": "permit out 58 from ff02::/16 to assigned"}, 76, IeType.DESTINATION_INTERFACE),
        ({"smf": IPv4Address("10.0.3.10")}, 73, IeType.OUTER_HEADER_CREATION),
    ],
)
def test_nothing_else_is_led_to_an_smf_nor_to_anybody_else(
    others: dict[str, object], cause: int, offending: IeType
) -> None:
    bed = DualBed()
    with bed.refused(Cause(cause), offending):
        bed.establish(ASKED, **others)


def test_a_ue_with_what_another_has_is_refused() -> None:
    bed = DualBed()
    bed.attach(UeIpAddress(ipv6=ADDRESS))
    datagram = octets("open5gs_establishment")
    for taken in (
        UeIpAddress(ipv6=ADDRESS),
        UeIpAddress(ipv6=ADDRESS, prefix_length=128),
        UeIpAddress(ipv6=ADDRESS, delegated_bits=16),
    ):
        request = asked(taken)
        request = replace(request, cp_f_seid=replace(request.cp_f_seid, seid=0xD4))
        with bed.refused(Cause.RULE_CREATION_MODIFICATION_FAILURE, IeType.UE_IP_ADDRESS):
            bed.node.prepare(SMF, decode_header(datagram), request)
    with bed.refused(Cause.RULE_CREATION_MODIFICATION_FAILURE, IeType.UE_IP_ADDRESS):
        bed.node.prepare(SMF, decode_header(datagram), asked(UeIpAddress(ipv6=IPv6Address("2001:db8:46::"))))


def test_prefixes_are_those_of_pools_that_nobody_has() -> None:
    pools = (IPv4Network("10.45.0.0/24"), IPv6Network("2001:db8::/62"), IPv6Network("2001:db8:1::/56"))
    stock = NodeStock(N3, HERE, {"internet": DataNetwork("internet", pools)})
    stock.own(1, (), {IPv6Network("2001:db8:0:1::/64")})

    def chosen(length: int) -> IPv6Network:
        found = stock.choose_ue_prefix("internet", length).prefix
        assert found is not None
        return found

    assert str(chosen(60)) == "2001:db8:1::/60"
    assert [str(chosen(64)) for _ in range(4)] == [
        "2001:db8::/64", "2001:db8:0:2::/64", "2001:db8:0:3::/64", "2001:db8:1:10::/64",
    ]  # fmt: skip
    stock.release_ue_address(UeIpAddress(ipv6=IPv6Address("2001:db8::")))
    given = [chosen(64) for _ in range(256 - 16 - 1)]
    assert chosen(64) == IPv6Network("2001:db8::/64") and len(set(given)) == len(given)
    with pytest.raises(NotAvailable) as none:
        chosen(64)
    assert none.value.cause is Cause.ALL_DYNAMIC_ADDRESSES_ARE_OCCUPIED
    with pytest.raises(NotAvailable) as too_short:
        chosen(48)
    assert too_short.value.cause is Cause.SERVICE_NOT_SUPPORTED


@given(st.lists(st.tuples(st.integers(0, 31), st.integers(120, 128), st.booleans()), max_size=30))
def test_overlaps_are_found_as_by_looking_at_all(steps: list[tuple[int, int, bool]]) -> None:
    found, known = UePrefixes[int](), dict[IPv6Network, int]()
    for owner, (start, length, is_gone) in enumerate(steps):
        prefix = IPv6Network((start << 3, length), strict=False)
        around = [(one, its) for one, its in known.items() if one.overlaps(prefix)]
        said = found.overlapping(prefix)
        assert (said in around) if around else said is None
        if is_gone:
            found.remove(prefix, known.pop(prefix, -1))
        elif not around:
            found.add(prefix, owner)
            known[prefix] = owner
        assert dict(found) == known


V6 = "permit out udp from 2001:db8:9::/48 53 to assigned"
FILTERS: list[tuple[str, Filter, Ue, list[FlowFilter] | None]] = [
    ("of IPv6", Filter(parse_flow(V6)), PREFIX,
     [FlowFilter(protocol=17, remote=IPv6Network("2001:db8:9::/48"), remote_ports=(53, 53))]),  # type: ignore[arg-type]
    ("of IPv6, for IPv4", Filter(parse_flow(V6)), UE, []),
    ("of IPv4, for IPv6", Filter(parse_flow("permit out ip from 10.0.0.0/8 to assigned")), PREFIX, []),
    ("of both", Filter(parse_flow("permit out tcp from any to assigned")), PREFIX, [FlowFilter(protocol=6)]),
    ("everywhere", Filter(parse_flow("permit out ip from ::/0 to assigned")), PREFIX, [FlowFilter()]),
    ("to the UE's prefix", Filter(parse_flow(f"permit out ip from any to {PREFIX}")), PREFIX, [FlowFilter()]),
    ("to one around it", Filter(parse_flow(f"permit out ip from any to {POOL}")), PREFIX, [FlowFilter()]),
    ("to another prefix", Filter(parse_flow("permit out ip from any to 2001:db8:45:8::/64")), PREFIX, []),
    ("to a part of it", Filter(parse_flow(f"permit out ip from any to {ADDRESS}")), PREFIX, None),
    ("a flow label", Filter(flow_label=0xBEEF), PREFIX, [FlowFilter(flow_label=0xBEEF)]),
    ("a flow label, for IPv4", Filter(flow_label=0xBEEF), UE, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "ue", "found"), [one[1:] for one in FILTERS], ids=[one[0] for one in FILTERS]
)
def test_filters_are_of_the_ues_version_of_ip(one: Filter, ue: Ue, found: list[FlowFilter] | None) -> None:
    if found is None:
        with pytest.raises(NotMatched, match="a part of"):
            list(flow_filters([one], (), ue))
    else:
        assert list(flow_filters([one], (), ue)) == found


def test_each_version_has_filters_of_its_own() -> None:
    bed = DualBed(without_effect=frozenset(WithoutEffect) - {WithoutEffect.UPLINK_QFI})
    plane = bed.node.sessions[bed.attach()].plane
    first, second = (up.flows.filters for up in plane.uplinks if up.flows is not None)
    assert first is not None and second is not None
    assert (first.is_ipv6, second.is_ipv6) == (False, True)
    assert first.filters == second.filters and first.name != second.name

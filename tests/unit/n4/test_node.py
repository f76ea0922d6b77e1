"""A node: associations and sessions of SMFs, and that nothing is left of what is refused or taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import count

import pytest

from p4fabric.controller.n4 import kept
from p4fabric.controller.n4.node import Association, Kept, Node, Prepared
from p4fabric.controller.n4.node_rules import DataNetwork, NodeRules
from p4fabric.controller.n4.pfcp import Cause, IeType, MessageRefused, decode_body, decode_header
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import SourceInterface, UpFeatures
from p4fabric.controller.n4.pfcp.values import FTeid, UeIpAddress
from p4fabric.controller.n4.plane import Downlink, Uplink
from p4fabric.controller.n4.sessions import NotAvailable
from p4fabric.controller.n4.stock import NodeStock
from p4fabric.controller.n4.without_effect import WithoutEffect
from tests.unit.n4.vectors import octets

N3, HERE = IPv4Address("10.0.3.2"), IPv4Address("10.0.0.5")
SMF, OTHER = IPv4Address("10.0.0.4"), IPv4Address("10.0.0.6")
UE, FIRST, SECOND = (IPv4Address(one) for one in ("10.45.0.2", "10.0.3.10", "10.0.3.11"))
NETWORKS = {
    "internet": DataNetwork("internet", tuple(IPv4Network(f"10.{one}.0.0/16") for one in (45, 60, 250)))
}
RULES = NodeRules(
    N3,
    NETWORKS,
    (IPv4Network("10.0.3.0/24"),),
    frozenset({IPv4Address("10.0.3.1")}),
    frozenset(WithoutEffect),
)


class Bed:
    """A node, and all that it may keep."""

    def __init__(self, rules: NodeRules = RULES) -> None:
        self.stock = NodeStock(N3, HERE, NETWORKS, first_teid=0x1000)
        seids = count(1)
        self.node = Node(HERE, 3_900_000_000, rules, self.stock, lambda: next(seids), lambda: 1_700_000_000.5)

    @property
    def state(self) -> tuple[object, ...]:
        node, stock = self.node, self.stock
        prefixes = dict(stock._chosen_prefixes), dict(stock._prefix_owners)
        taken = (set(stock._teids), set(stock._chosen), dict(stock._owners), *prefixes)
        tunnels = (dict(node.tunnels._sessions), dict(node.own_tunnels._sessions))
        return dict(node.sessions), dict(node.associations), dict(node._by_cp), tunnels, *taken

    def prepare(self, name: str, seid: int | None = None, smf: IPv4Address = SMF) -> Prepared:
        return self.ask(octets(name), seid, smf)

    def ask(self, datagram: bytes, seid: int | None = None, smf: IPv4Address = SMF) -> Prepared:
        header = decode_header(datagram)
        if seid is not None:
            header = replace(header, seid=seid)
        return self.node.prepare(smf, header, decode_body(header, datagram))

    def do(self, name: str, seid: int | None = None, smf: IPv4Address = SMF) -> Prepared:
        prepared = self.prepare(name, seid, smf)
        self.node.done(prepared)
        return prepared

    def attached(self) -> Kept:
        self.do("open5gs_association_setup")
        (seid,) = self.do("open5gs_establishment").sessions
        self.do("open5gs_activate", seid)
        return self.node.sessions[seid]

    @contextmanager
    def refused(self, cause: Cause, offending: IeType | None = None) -> Iterator[None]:
        """The body is refused for a reason, and changes nothing."""
        before = self.state
        with pytest.raises(MessageRefused) as found:
            yield
        assert (found.value.cause, found.value.offending_ie) == (cause, offending)
        assert self.state == before


def test_an_association_tells_what_the_node_can_do() -> None:
    response = Bed().do("open5gs_association_setup").response
    assert isinstance(response, m.AssociationSetupResponse)
    assert response.cause is Cause.REQUEST_ACCEPTED and response.recovery_time_stamp == 3_900_000_000
    assert response.node_id == HERE
    told = UpFeatures.FTUP | UpFeatures.EMPU | UpFeatures.UEIP | UpFeatures.MNOP | UpFeatures.VTIME
    assert response.up_features == told | UpFeatures.IP6PL
    # SD-Core takes the address of tunnels from here.
    ((resource,),) = (response.ip_resources,)
    assert (resource.ipv4, resource.network_instance) == (N3, b"\x08internet")


def test_a_session_comes_to_tunnels_once_its_gnb_is_known() -> None:
    bed = Bed()
    bed.do("open5gs_association_setup")
    plane = bed.do("open5gs_establishment").sessions[1][0]
    assert plane is not None and not plane.plane.uplinks and not plane.plane.downlinks
    plane = bed.do("open5gs_activate", 1).sessions[1][0]
    assert plane is not None
    assert plane.plane.uplinks == (Uplink(N3, FIRST, 0x1000, UE),)
    assert plane.plane.downlinks == (Downlink(UE, N3, FIRST, 0x201, 1),)


def test_a_handover_changes_the_gnb_of_both_directions() -> None:
    bed = Bed()
    bed.attached()
    prepared = bed.do("open5gs_handover", 1)
    (left,), (now, before) = prepared.left, prepared.sessions[1]
    assert (left.ipv4, left.teid) == (FIRST, 0x201)
    assert now is not None and before is not None
    assert now.plane.uplinks == (Uplink(N3, SECOND, 0x1000, UE),)
    assert now.plane.downlinks == (Downlink(UE, N3, SECOND, 0x301, 1),)
    assert before.plane.downlinks == (Downlink(UE, N3, FIRST, 0x201, 1),)


@pytest.mark.parametrize("name", ["open5gs_activate", "open5gs_idle", "open5gs_handover", "open5gs_deletion"])
def test_what_is_taken_back_was_never_there(name: str) -> None:
    bed = Bed()
    bed.attached()
    before = bed.state
    bed.node.take_back(bed.prepare(name, 1))
    assert bed.state == before


def test_an_establishment_and_an_association_are_taken_back_as_well() -> None:
    bed = Bed()
    empty = bed.state
    bed.node.take_back(bed.prepare("open5gs_association_setup"))
    assert bed.state == empty
    bed.do("open5gs_association_setup")
    associated = bed.state
    for name in ("open5gs_establishment", "free5gc_establishment", "sdcore_establishment"):
        bed.node.take_back(bed.prepare(name))
        assert bed.state == associated
    bed.attached()
    before = bed.state
    bed.node.take_back(bed.prepare("open5gs_establishment"))
    assert bed.state == before, "a session that replaced another is taken back"


def test_tunnel_ends_are_given_to_others_when_that_is_done_and_not_before() -> None:
    bed = Bed()
    bed.attached()
    prepared = bed.prepare("open5gs_deletion", 1)
    assert bed.stock._teids == {0x1000, 0x1001}
    bed.node.done(prepared)
    assert not bed.stock._teids and not bed.stock._owners


def test_what_is_undone_is_not_others_before_switches_have_let_go_of_it() -> None:
    bed = Bed()
    bed.attached()
    standing = bed.state
    other = octets("free5gc_establishment")
    taken = bed.node.undone(bed.ask(other))
    assert {one.teid for one in taken.f_teids} == bed.stock._teids - {0x1000, 0x1001} != set()
    with bed.refused(Cause.RULE_CREATION_MODIFICATION_FAILURE, IeType.F_TEID):
        bed.ask(other)
    bed.node.release(taken)
    assert bed.state == standing
    # What replaced another session and is undone leaves that one what it had, also the TEIDs of both.
    bed.do("free5gc_establishment")
    standing = bed.state
    for name in ("open5gs_establishment", "free5gc_establishment"):
        bed.node.release(bed.node.undone(bed.prepare(name)))
        assert bed.state == standing


def test_what_a_session_had_that_was_replaced_is_given_back_when_that_is_done() -> None:
    bed = Bed()
    bed.attached()
    had = set(bed.stock._teids)
    prepared = bed.prepare("open5gs_establishment")
    assert had < bed.stock._teids
    now = {one.teid for kept in bed.node.sessions.values() for one in kept.session.claimed}
    bed.node.done(prepared)
    assert bed.stock._teids == now


def test_sessions_of_an_smf_end_by_and_by() -> None:
    bed = Bed()
    bed.do("open5gs_association_setup")
    for name in ("open5gs_establishment", "sdcore_establishment"):
        bed.do(name)
    before = bed.state
    some = bed.node.some_ended(SMF, 1)
    assert len(some.sessions) == 1 and some.only_ends and bed.node.sessions_of(SMF) == 1
    bed.node.take_back(some)
    assert bed.state == before and bed.node.sessions_of(SMF) == 2
    bed.node.done(bed.node.some_ended(SMF, 1))
    assert len(bed.do("open5gs_association_setup").sessions) == 1 and not bed.stock._teids


def test_an_smf_that_begins_again_has_no_sessions() -> None:
    bed = Bed()
    bed.attached()
    prepared = bed.do("open5gs_association_setup")
    assert prepared.only_ends and prepared.sessions[1][0] is None
    assert not bed.node.sessions and not bed.stock._teids and bed.node.associations.keys() == {SMF}


def test_no_smf_finds_the_sessions_of_another() -> None:
    bed = Bed()
    bed.attached()
    setup = octets("open5gs_association_setup").replace(SMF.packed, OTHER.packed)
    bed.node.done(bed.ask(setup, smf=OTHER))
    for name in ("open5gs_handover", "open5gs_deletion"):
        with bed.refused(Cause.SESSION_CONTEXT_NOT_FOUND):
            bed.prepare(name, 1, OTHER)


def test_no_smf_calls_itself_as_another_does() -> None:
    bed = Bed()
    bed.attached()
    with bed.refused(Cause.REQUEST_REJECTED):
        bed.prepare("open5gs_association_setup", smf=OTHER)
    with bed.refused(Cause.NO_ESTABLISHED_ASSOCIATION):
        bed.prepare("open5gs_establishment", smf=OTHER)


def test_nobody_takes_the_name_of_an_smf_before_it_comes() -> None:
    rules = replace(RULES, smfs=frozenset({SMF, OTHER}))
    bed = Bed(rules)
    with bed.refused(Cause.REQUEST_REJECTED):
        bed.prepare("open5gs_association_setup", smf=OTHER)  # its node ID is the address of SMF
    setup = octets("open5gs_association_setup")
    name = b"\x04core"
    mine = setup.replace(b"\x00\x3c\x00\x05\x00" + SMF.packed, b"\x00\x3c\x00\x06\x02" + name)
    mine = mine[:2] + (len(mine) - 4).to_bytes(2, "big") + mine[4:]
    bed.node.take_back(bed.ask(mine, smf=OTHER))  # a name that nobody has
    bed.node.rules = replace(rules, node_ids={SMF: "core"})
    with bed.refused(Cause.REQUEST_REJECTED):
        bed.ask(mine, smf=OTHER)
    with bed.refused(Cause.REQUEST_REJECTED):
        bed.ask(setup)
    bed.node.done(bed.ask(mine))
    assert bed.node.associations[SMF].node_id == "core"


def test_a_ue_address_is_one_sessions_and_of_its_data_network() -> None:
    bed = Bed()
    bed.attached()
    other = octets("open5gs_establishment").replace((0xD3).to_bytes(8, "big"), (0xD4).to_bytes(8, "big"))
    with bed.refused(Cause.RULE_CREATION_MODIFICATION_FAILURE, IeType.UE_IP_ADDRESS):
        bed.ask(other)
    foreign = other.replace(UE.packed, IPv4Address("10.0.4.10").packed)
    with bed.refused(Cause.RULE_CREATION_MODIFICATION_FAILURE, IeType.UE_IP_ADDRESS):
        bed.ask(foreign)
    unknown = other.replace(b"\x08internet", b"\x08intranet").replace(UE.packed, SECOND.packed)
    with bed.refused(Cause.RULE_CREATION_MODIFICATION_FAILURE, IeType.NETWORK_INSTANCE):
        bed.ask(unknown)


@pytest.mark.parametrize("gnb", ["10.0.3.1", "10.0.3.2", "10.0.4.10"])
def test_a_gnb_is_a_host_of_the_access_network(gnb: str) -> None:
    bed = Bed()
    bed.attached()
    with bed.refused(Cause.RULE_CREATION_MODIFICATION_FAILURE, IeType.OUTER_HEADER_CREATION):
        bed.ask(octets("open5gs_activate").replace(FIRST.packed, IPv4Address(gnb).packed), 1)


def test_a_tunnel_is_to_a_gnb_whether_packets_are_sent_there_or_not() -> None:
    """Its next one gets an End Marker at the old one."""
    bed = Bed()
    bed.attached()
    stray = octets("open5gs_activate").replace(FIRST.packed, IPv4Address("10.0.4.10").packed)
    idle = stray.replace(b"\x00\x2c\x00\x02\x02\x00", b"\x00\x2c\x00\x02\x0c\x00")
    assert idle != stray
    with bed.refused(Cause.RULE_CREATION_MODIFICATION_FAILURE, IeType.OUTER_HEADER_CREATION):
        bed.ask(idle, 1)


@pytest.mark.parametrize(
    ("lacking", "name", "offending"),
    [
        (WithoutEffect.GUARANTEED_BIT_RATES, "open5gs_dedicated_flow", IeType.GBR),
        (WithoutEffect.BUFFERING, "open5gs_idle", IeType.APPLY_ACTION),
    ],
)
def test_what_is_not_done_is_refused_unless_it_may_be_without_effect(
    lacking: WithoutEffect, name: str, offending: IeType
) -> None:
    bed = Bed()
    if "establishment" in name:
        bed.do("open5gs_association_setup")
    else:
        bed.attached()
    # Who gives all rates up gives guaranteed ones up, too.
    given_up = RULES.without_effect - {lacking, WithoutEffect.BIT_RATES}
    bed.node.rules = replace(RULES, without_effect=given_up)
    with bed.refused(Cause.SERVICE_NOT_SUPPORTED, offending):
        bed.prepare(name, None if "establishment" in name else 1)
    bed.node.rules = RULES
    bed.do(name, None if "establishment" in name else 1)


def test_a_closed_gate_lets_nothing_through_in_its_direction() -> None:
    bed = Bed()
    bed.do("open5gs_association_setup")
    # Gate Status of the QER: uplink closed.
    bed.node.done(
        bed.ask(octets("open5gs_establishment").replace(b"\x00\x19\x00\x01\x00", b"\x00\x19\x00\x01\x04"))
    )
    bed.do("open5gs_activate", 1)
    plane = bed.node.sessions[1].plane
    assert not plane.uplinks and len(plane.downlinks) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("open5gs_establishment", "open5gs_activate", "open5gs_handover"),
        ("free5gc_establishment",),
        ("sdcore_establishment", "sdcore_activate"),
    ],
)
def test_what_is_kept_is_read_again_as_it_was(names: tuple[str, ...]) -> None:
    bed = Bed()
    bed.do("open5gs_association_setup")
    for number, name in enumerate(names):
        bed.do(name, 1 if number else None)
    session, association = bed.node.sessions[1], bed.node.associations[SMF]
    read = kept.load(json.loads(json.dumps(kept.dump(session))), Kept)
    assert read == session
    again = Bed()
    found = kept.load(json.loads(json.dumps(kept.dump(association))), Association)
    again.node.restore({SMF: found}, {1: read})
    assert again.state == bed.state
    again.do("open5gs_deletion", 1)
    assert not again.stock._teids and not again.stock._owners


@pytest.mark.parametrize(
    "document",
    [{}, {"Kept": {}}, {"Popen": {"args": "true"}}, [1], {"Kept": 1, "Flow": 2}, {"FTeid": {"teid": 1}}],
)
def test_what_is_no_session_is_not_read(document: object) -> None:
    with pytest.raises(ValueError, match="it is"):
        kept.load(document, Kept)


def test_teids_go_on_from_where_they_were() -> None:
    stock = NodeStock(N3, HERE, NETWORKS, first_teid=0xFFFFFFFE)

    def choose() -> FTeid:
        return stock.choose_f_teid("", SourceInterface.ACCESS, ipv4=True, ipv6=True)

    first = choose()
    stock.release_f_teid(first)
    assert [first.teid, *(choose().teid for _ in range(3))] == [0xFFFFFFFE, 0xFFFFFFFF, 1, 2]
    with pytest.raises(NotAvailable):
        stock.claim_f_teid(FTeid(2, N3), "", SourceInterface.ACCESS)
    with pytest.raises(NotAvailable):
        stock.claim_f_teid(FTeid(3, FIRST), "", SourceInterface.ACCESS)


def test_a_free_address_far_behind_those_that_are_taken_is_found_by_one_of_the_next_requests() -> None:
    pool = IPv4Network("10.45.0.0/18")
    stock = NodeStock(N3, HERE, {"internet": DataNetwork("internet", (pool,))})
    free = pool[-100]
    stock.own(7, (), {address for address in pool if address != free})
    found = None
    for _ in range(5):
        with suppress(NotAvailable):
            found = stock.choose_ue_address("internet").ipv4
            break
    assert found == free


def test_ue_addresses_are_those_of_pools_that_nobody_has_without_their_edges() -> None:
    pools = (IPv4Network("10.45.0.0/29"), IPv4Network("10.46.0.0/31"))
    stock = NodeStock(N3, HERE, {"internet": DataNetwork("internet", pools)})
    stock.own(7, (), {IPv4Address("10.45.0.3")})

    def choose() -> IPv4Address | None:
        return stock.choose_ue_address("internet").ipv4

    found = [str(choose()) for _ in range(7)]
    assert found == [*(f"10.45.0.{one}" for one in (1, 2, 4, 5, 6)), "10.46.0.0", "10.46.0.1"]
    with pytest.raises(NotAvailable) as refused:
        choose()
    assert refused.value.cause is Cause.ALL_DYNAMIC_ADDRESSES_ARE_OCCUPIED
    stock.release_ue_address(UeIpAddress(IPv4Address("10.45.0.4")))
    assert choose() == IPv4Address("10.45.0.4")
    with pytest.raises(NotAvailable) as refused:
        stock.choose_ue_address("other")
    assert refused.value.cause is Cause.SERVICE_NOT_SUPPORTED


def test_a_ue_address_is_chosen_once_for_all_pdrs_of_a_session_and_given_back() -> None:
    bed = Bed()
    bed.do("open5gs_association_setup")
    datagram = octets("sdcore_establishment")
    header = decode_header(datagram)
    message = decode_body(header, datagram)
    assert isinstance(message, m.SessionEstablishmentRequest)
    chosen = UeIpAddress(choose_ipv4=True)
    pdrs = tuple(replace(one, pdi=replace(one.pdi, ue_ip_addresses=(chosen,))) for one in message.create_pdrs)
    prepared = bed.node.prepare(SMF, header, replace(message, create_pdrs=pdrs))
    bed.node.done(prepared)
    response, first = prepared.response, IPv4Address("10.45.0.1")
    assert isinstance(response, m.SessionEstablishmentResponse)
    told = {one.pdr_id: [ue.ipv4 for ue in one.ue_ip_addresses] for one in response.created_pdrs}
    assert told == {1: [first], 2: [first]}
    bed.do("sdcore_activate", 1)
    assert [one.ue for one in bed.node.sessions[1].plane.downlinks] == [first]
    bed.do("open5gs_deletion", 1)
    assert not bed.stock._chosen and not bed.stock._owners

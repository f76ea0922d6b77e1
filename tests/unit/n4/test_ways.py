"""What is said of packets of each PDR is what tables make of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p4fabric.controller.n4.flows import Endpoint, Flow
from p4fabric.controller.n4.pfcp.flags import ApplyAction, Gate
from p4fabric.controller.n4.pfcp.values import GateStatus, PdrId
from p4fabric.controller.n4.plane import UserPlane
from p4fabric.controller.n4.sessions import Filter, Session
from p4fabric.controller.n4.user_plane import user_plane
from p4fabric.controller.n4.ways import Dropped, Way, dnn_of, ways
from tests.unit.n4.test_node import FIRST, RULES, SECOND, Bed

STORIES = [
    ("open5gs", "establishment"),
    ("open5gs", "establishment", "activate"),
    ("open5gs", "establishment", "activate", "handover"),
    ("open5gs", "establishment", "activate", "idle"),
    ("free5gc", "establishment"),
    ("sdcore", "establishment"),
    ("sdcore", "establishment", "activate"),
]


def told(session: Session) -> tuple[list[Way], UserPlane]:
    plane = user_plane(session, RULES)
    return list(ways(session, plane)), plane


def after(dialect: str, *names: str) -> Session:
    bed = Bed()
    bed.do("open5gs_association_setup")
    seid: int | None = None
    for name in names:
        (seid,) = bed.do(f"{dialect}_{name}", seid).sessions
    assert seid is not None
    return bed.node.sessions[seid].session


@pytest.mark.parametrize("story", STORIES, ids="-".join)
def test_ways_are_active_just_where_there_are_entries(story: tuple[str, ...]) -> None:
    found, plane = told(after(*story))
    active = [way for way in found if way.dropped is None]
    assert {(w.teid, w.gnb) for w in active if w.is_uplink} == {(up.teid, up.gnb) for up in plane.uplinks}
    assert {(w.teid, w.gnb, w.qfi) for w in active if not w.is_uplink} == {
        (down.teid, down.gnb, down.qfi) for down in plane.downlinks
    }
    assert len(found) >= 2


def test_a_ue_that_becomes_idle_is_said_to_be_not_forwarded() -> None:
    before, _ = told(after("open5gs", "establishment"))
    assert Dropped.NO_GNB in {way.dropped for way in before if way.is_uplink}
    connected, _ = told(after("open5gs", "establishment", "activate"))
    assert {way.gnb for way in connected if way.dropped is None} == {FIRST}
    moved, _ = told(after("open5gs", "establishment", "activate", "handover"))
    assert {way.gnb for way in moved if way.dropped is None} == {SECOND}
    idle, _ = told(after("open5gs", "establishment", "activate", "idle"))
    assert {way.dropped for way in idle if not way.is_uplink} == {Dropped.NOT_FORWARDED}


@pytest.mark.parametrize("is_uplink", [True, False])
def test_a_closed_gate_is_said_of_its_direction(is_uplink: bool) -> None:
    session = after("open5gs", "establishment", "activate")
    closed = GateStatus(*((Gate.CLOSED, Gate.OPEN) if is_uplink else (Gate.OPEN, Gate.CLOSED)))
    qers = {key: replace(qer, gate_status=closed) for key, qer in session.qers.items()}
    found, plane = told(replace(session, qers=qers))
    assert (not plane.uplinks, not plane.downlinks) == (is_uplink, not is_uplink)
    # Open5GS has a PDR for router solicitations as well, which IPv4 UEs do not send.
    first = {way.is_uplink: way for way in reversed(found) if way.dropped is not Dropped.NO_PACKETS}
    assert first[is_uplink].dropped is Dropped.GATE_CLOSED and not first[is_uplink].is_gate_open
    assert first[not is_uplink].dropped is None and first[not is_uplink].is_gate_open


def test_a_pdr_behind_another_and_one_for_ipv6_are_said_to_be_that() -> None:
    session = after("open5gs", "establishment", "activate")
    (down,) = (pdr for pdr in session.pdrs.values() if pdr.pdr_id == 1)
    behind = replace(down, pdr_id=PdrId(40), precedence=down.precedence + 1)
    ipv6 = Filter(Flow(None, Endpoint(), Endpoint()), flow_label=1)
    of_ipv6 = replace(down, pdr_id=PdrId(41), precedence=0, filters=(ipv6,))
    found, plane = told(
        replace(session, pdrs={**session.pdrs, behind.pdr_id: behind, of_ipv6.pdr_id: of_ipv6})
    )
    by_pdr = {way.pdr_id: way.dropped for way in found}
    assert (by_pdr[1], by_pdr[40], by_pdr[41]) == (None, Dropped.BEHIND, Dropped.NO_PACKETS)
    assert plane == told(session)[1]


def test_a_far_that_drops_is_said_to_forward_nothing() -> None:
    session = after("open5gs", "establishment", "activate")
    fars = {key: replace(far, action=ApplyAction.DROP) for key, far in session.fars.items()}
    found, plane = told(replace(session, fars=fars))
    assert not plane.uplinks and not plane.downlinks
    assert {way.dropped for way in found} == {Dropped.NOT_FORWARDED, Dropped.NO_PACKETS}


def test_the_dnn_is_that_of_the_session_or_of_a_pdr() -> None:
    session = after("free5gc", "establishment")
    assert dnn_of(session) == "internet"
    assert dnn_of(replace(session, dnn="")) == "internet"
    pdrs = {key: replace(pdr, network_instance="") for key, pdr in session.pdrs.items()}
    assert dnn_of(replace(session, dnn="", pdrs=pdrs)) is None

"""Rules of sessions as tables have them: which are shared, and which numbers stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.n4.flows import parse_flow
from p4fabric.controller.n4.matches import NotMatched, flow_filters
from p4fabric.controller.n4.pfcp.flags import ReportingTriggers
from p4fabric.controller.n4.plane import NO_RULE, FlowFilter, FlowRule, UserPlane
from p4fabric.controller.n4.rates import TooManyLimits, places_of_limits
from p4fabric.controller.n4.sessions import Filter
from p4fabric.controller.n4.user_plane import user_plane
from tests.unit.n4.test_node import RULES, UE, Bed
from tests.unit.n4.vectors import octets


def enforcing() -> Bed:
    """A node that enforces rates and looks at QFIs, and counts nothing."""
    ignored = {one for one in RULES.without_effect if one not in ("bitRates", "uplinkQfi")}
    return Bed(replace(RULES, without_effect=frozenset(ignored)))


def plane_of(bed: Bed, seid: int = 1) -> UserPlane:
    return bed.node.sessions[seid].plane


def test_a_flow_that_comes_takes_no_rule_its_number() -> None:
    bed = enforcing()
    bed.attached()
    before = plane_of(bed)
    (up,) = before.uplinks
    assert up.flows is not None and up.flows.rule == NO_RULE and up.flows.filters is not None
    ((one, rule),) = up.flows.filters.filters
    assert one == FlowFilter(qfi=1) and rule == before.places[2,]
    assert {limit.kbps for limit in before.limits} == {1_000_000} and len(before.limits) == 2
    bed.do("open5gs_dedicated_flow", 1)
    now = plane_of(bed)
    assert now.places.items() > before.places.items()
    assert len(set(now.places.values())) == len(now.places)
    assert now.limit_places.items() > before.limit_places.items()
    (down,) = now.flow_downlinks
    assert down.flows.rule == now.places[1,], "the default flow is what no filter finds"


def test_sessions_with_the_same_flows_have_the_same_filters() -> None:
    bed = enforcing()
    bed.attached()
    other = octets("open5gs_establishment").replace(UE.packed, IPv4Address("10.45.0.9").packed)
    other = other.replace((0xD3).to_bytes(8, "big"), (0xD4).to_bytes(8, "big"))
    bed.node.done(bed.ask(other))
    bed.do("open5gs_activate", 2)
    for seid in (1, 2):
        bed.do("open5gs_dedicated_flow", seid)
    first, second = (plane_of(bed, seid).filter_sets for seid in (1, 2))
    assert first == second and len(first) == 2
    assert {one.name for one in first} == {one.name for one in second} and len(
        {one.name for one in first}
    ) == 2


def test_what_a_node_does_not_do_is_in_no_table() -> None:
    bed = Bed()
    bed.attached()
    plane = plane_of(bed)
    assert not plane.rules and not plane.limits and plane.uplinks[0].flows is None and plane.downlinks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("permit out ip from any to any", [FlowFilter()]),
        ("permit out 17 from 10.0.4.0/24 5-6,9 to 10.45.0.0/16", None),
        ("permit out 17 from any to 10.46.0.1", []),
        ("permit out 58 from any to assigned", [FlowFilter(protocol=58)]),
        ("permit out ip from 2001:db8::1 to assigned", []),
    ],
)
def test_filters_mean_packets_of_the_ue_only(text: str, found: list[FlowFilter] | None) -> None:
    matches = list(flow_filters([Filter(parse_flow(text))], (), UE))
    if found is None:
        assert [str(one.remote_ports) for one in matches] == ["5-6", "9"]
        assert {(one.protocol, str(one.remote)) for one in matches} == {(17, "10.0.4.0/24")}
    else:
        assert matches == found


@pytest.mark.parametrize("text", ["permit out 132 from any 80 to assigned", "permit out 1 from any to any 5"])
def test_ports_that_are_not_looked_at_are_no_filter(text: str) -> None:
    with pytest.raises(NotMatched, match="not looked at"):
        list(flow_filters([Filter(parse_flow(text))], (), UE))


def test_a_limit_that_all_share_comes_first() -> None:
    assert places_of_limits([[1], [1, 2], [3, 1], [4]]) == {1: False, 2: True, 3: True, 4: False}
    assert places_of_limits([[5, 5], [5]]) == {5: False}
    for pdrs in ([[1, 2, 3]], [[1, 2], [2, 3], [3, 1]]):
        with pytest.raises(TooManyLimits):
            places_of_limits(pdrs)


@given(st.lists(st.lists(st.integers(1, 6), max_size=2), max_size=8))
def test_no_packet_meets_two_limits_in_one_place(pdrs: Sequence[Sequence[int]]) -> None:
    try:
        places = places_of_limits(pdrs)
    except TooManyLimits:
        return
    assert places.keys() == {qer for one in pdrs for qer in one}
    assert all(len({places[qer] for qer in one}) == len(set(one)) for one in pdrs)


def counting() -> Bed:
    """A node that counts, and a session with two URRs of both PDRs."""
    ignored = {one for one in RULES.without_effect if one not in ("bitRates", "usageReports")}
    bed = Bed(replace(RULES, without_effect=frozenset(ignored)))
    bed.do("open5gs_association_setup")
    bed.do("open5gs_establishment")
    bed.do("open5gs_activate", 1)
    return bed


def test_a_quota_is_used_up_whatever_sessions_may_be_like_by_then() -> None:
    bed = counting()
    kept = bed.node.sessions[1]
    usage = {one: replace(account, is_exhausted=True) for one, account in kept.usage.items()}
    judged = user_plane(kept.session, bed.node.rules, kept.plane, usage.keys())
    assert judged != kept.plane
    bed.node.rules = replace(bed.node.rules, data_networks={}, access=())
    before = bed.node.counted(replace(kept, usage=usage))
    assert plane_of(bed) == judged
    bed.node.put_back(before)
    assert bed.node.sessions[1] is kept


def test_sessions_are_watched_while_they_may_have_something_to_tell() -> None:
    bed = counting()
    kept = bed.node.sessions[1]
    assert bed.node.watched == {1}
    urrs = {
        one: replace(urr, reporting_triggers=ReportingTriggers(0)) for one, urr in kept.session.urrs.items()
    }
    silent = replace(kept, session=replace(kept.session, urrs=urrs))
    bed.node.counted(silent)
    assert not bed.node.watched
    retired = replace(silent, plane=replace(kept.plane, retired=(FlowRule(9, True, 9, (1,)),)))
    bed.node.counted(retired)
    assert bed.node.watched == {1}
    bed.do("open5gs_deletion", 1)
    assert not bed.node.watched

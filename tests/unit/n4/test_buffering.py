"""Where packets to an idle UE go, and what the buffer is told; in the words of Open5GS."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address

from p4fabric.buffer.orders import Close, Drop, Forward, Hold, Order, TunnelKey
from p4fabric.controller.n4 import kept
from p4fabric.controller.n4.buffering import orders
from p4fabric.controller.n4.node_rules import BufferRule
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import UpFeatures
from p4fabric.controller.n4.prepared import Kept, Prepared
from p4fabric.controller.n4.ways import Dropped, ways
from p4fabric.controller.n4.without_effect import WithoutEffect
from tests.unit.n4.test_node import FIRST, N3, RULES, Bed

BUFFER = IPv4Address("10.0.3.20")
WITH_BUFFER = replace(
    RULES,
    buffer=BufferRule(BUFFER, 1000, 60.0),
    without_effect=frozenset(WithoutEffect) - {WithoutEffect.BUFFERING},
)
ONE, TWO = TunnelKey(N3, 1), TunnelKey(N3, 2)


def told(bed: Bed, prepared: Prepared) -> list[Order]:
    ((now, before),) = prepared.sessions.values()
    flags = {"drops": prepared.drops_waiting, "is_armed": prepared.is_armed}
    return list(orders(bed.node.rules, before, now, **flags))


def session(prepared: Prepared) -> Kept:
    ((now, _),) = prepared.sessions.values()
    assert now is not None
    return now


def idle(bed: Bed) -> tuple[int, Prepared]:
    """A UE that was attached, and is idle: its SEID."""
    seid = bed.attached().session.seid
    return seid, bed.do("open5gs_idle", seid)


def test_an_idle_ue_s_packets_go_to_the_buffer_and_nothing_comes_from_its_gnb() -> None:
    bed = Bed(WITH_BUFFER)
    seid, made = idle(bed)
    plane = session(made).plane
    assert [(one.gnb, one.teid) for one in plane.downlinks] == [(BUFFER, ONE.teid + 1)]
    assert not plane.uplinks and not plane.carries and not plane.gnbs
    assert told(bed, made) == [Hold(TWO, seid, 1000, 60.0)], (
        "the first idle period was before it was attached"
    )
    assert [one.dropped for one in ways(session(made).session, plane) if not one.is_uplink] == [
        Dropped.WAITING
    ]
    assert not bed.node.tunnels.sessions(BUFFER, TWO.teid), "a buffer speaks for no gNB"
    assert kept.load(json.loads(kept.dump(session(made))), Kept) == session(made)


def test_without_a_packet_the_way_is_direct_and_what_was_under_way_is_sent_on() -> None:
    bed = Bed(WITH_BUFFER)
    seid, first = idle(bed)
    made = bed.do("open5gs_activate", seid)
    assert not session(made).plane.buffers and session(made).plane.gnbs == {FIRST}
    assert told(bed, made) == [Forward(TWO, FIRST, 0x201, 1, 0.0, 0.0), Close(TWO, 3.0)]
    again = bed.do("open5gs_idle", seid)
    another = Hold(TunnelKey(N3, 3), seid, 1000, 60.0)
    assert told(bed, again) == [another], "another period, another tunnel"
    # Of both requests at once, the buffer is told what has become of the session in the end.
    at_once = list(orders(WITH_BUFFER, session(first), session(again)))
    assert at_once == [Close(TWO, 0.0), another]


def test_packets_that_wait_are_not_overtaken_and_the_uplink_is_open_meanwhile() -> None:
    bed = Bed(WITH_BUFFER)
    seid, _ = idle(bed)
    bed.node.waiting.arrived.add(TWO.teid)
    made = bed.do("open5gs_activate", seid)
    plane = session(made).plane
    assert [(one.gnb, one.teid) for one in plane.downlinks] == [(BUFFER, TWO.teid)]
    assert {one.gnb for one in plane.uplinks} == {FIRST} == plane.gnbs and plane.carries
    (forward,) = told(bed, made)
    assert isinstance(forward, Forward) and (forward.gnb, forward.teid, forward.qfi) == (FIRST, 0x201, 1)
    assert forward.quiet and forward.patience
    # A handover meanwhile leads the detour elsewhere, and leaves the old gNB's tunnel.
    moved = bed.do("open5gs_handover", seid)
    (forward,) = told(bed, moved)
    assert isinstance(forward, Forward) and forward.teid == 0x301 and moved.left

    before = bed.node.sessions[seid]
    assert bed.node.led_directly(before, ()).plane.detours == before.plane.detours, "not sent on yet"
    direct = bed.node.led_directly(before, {1})
    bed.node.counted(direct)
    assert [one.teid for one in direct.plane.downlinks] == [0x301] and direct.plane.uplinks == session(
        moved
    ).plane.uplinks
    assert list(orders(WITH_BUFFER, before, direct))[-1] == Close(TWO, 3.0)
    assert bed.node.waiting.owner(TWO.teid) is None and TWO.teid not in bed.node.waiting.arrived


def test_idle_again_before_all_was_sent_on_it_waits_in_the_same_tunnel() -> None:
    bed = Bed(WITH_BUFFER)
    seid, _ = idle(bed)
    bed.node.waiting.arrived.add(TWO.teid)
    bed.do("open5gs_activate", seid)
    assert told(bed, bed.do("open5gs_idle", seid)) == [Hold(TWO, seid, 1000, 60.0)]


def test_the_smf_s_word_on_what_waits_drops_arms_and_bounds() -> None:
    bed = Bed(WITH_BUFFER)
    seid, _ = idle(bed)
    bed.node.waiting.arrived.add(TWO.teid)
    again = bed.do("open5gs_idle", seid)
    assert told(bed, again) == [Hold(TWO, seid, 1000, 60.0)] and again.is_armed
    now = bed.node.sessions[seid]
    ((bar_id, bar),) = now.session.bars.items()
    few = replace(now.session, bars={bar_id: replace(bar, suggested_packets=8)})
    assert list(orders(WITH_BUFFER, now, replace(now, session=few))) == [Hold(TWO, seid, 8, 60.0)]
    assert list(orders(WITH_BUFFER, now, now, drops=True)) == [Drop(TWO)]
    assert told(bed, bed.do("open5gs_deletion", seid)) == [Close(TWO, 0.0)]
    assert not bed.node.waiting.sessions


def test_a_node_says_what_it_can_do_with_packets_that_wait_only_where_they_may() -> None:
    more = UpFeatures.DDND | UpFeatures.DLBD
    for rules, features in ((WITH_BUFFER, more), (RULES, 0), (replace(RULES, buffer=WITH_BUFFER.buffer), 0)):
        response = Bed(rules).do("open5gs_association_setup").response
        assert isinstance(response, m.AssociationSetupResponse) and response.up_features is not None
        assert response.up_features & more == features and not response.up_features & UpFeatures.BUCP

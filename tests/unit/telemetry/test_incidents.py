"""Incidents: when, where, how badly, because of whom, who suffered, and how much of it is known."""

from __future__ import annotations

from dataclasses import replace

from p4fabric.controller.api.incident_documents import incident_document, top_document
from p4fabric.controller.names import TenantName
from p4fabric.controller.telemetry.archive.record import from_json, to_json
from p4fabric.controller.telemetry.incidents import FlowNames
from p4fabric.controller.telemetry.reports import Role
from tests.unit.telemetry.incident_world import MS, START, World, at, bin_of, flow, packet, queue, turns


def test_a_burst_is_told_at_once_and_when_it_is_over() -> None:
    world = World()
    world.take(packet(10, Role.CULPRIT, 1, wait_ms=6, depth=40, share=(60, 100), window=1))
    assert turns(world.told) == [("onset", 1)]
    world.take(packet(15, Role.VICTIM, 2, wait_ms=9, depth=64))
    world.take(packet(30, Role.CULPRIT, 1, wait_ms=6, depth=35, share=(80, 100), window=2))
    world.advance(900)
    assert [incident.active for incident in world.machine.active] == [True]
    world.advance(1100)
    assert turns(world.told) == [("onset", 1), ("cleared", 1)]
    (incident,) = world.machine.over
    (where,) = incident.queues
    assert where.queue == queue() and where.is_root
    assert (where.began, where.ended) == (START + 4 * MS, START + 30 * MS)
    assert (where.switch_began, where.switch_ended) == (at("leaf1", 4), at("leaf1", 30))
    assert where.clock_error_ns == MS // 5
    assert (where.peak_depth, where.peak_depth_at) == (64, START + 15 * MS)
    assert (where.peak_wait_ns, where.peak_wait_at) == (9 * MS, START + 15 * MS)
    (culprit,), (victim,) = where.culprits, where.victims
    assert (culprit.flow, culprit.bytes, culprit.share) == (flow(1), 140, 0.7)
    assert (victim.flow, victim.max_wait_ns) == (flow(2), 9 * MS)
    assert incident.is_complete


def test_silence_of_twenty_milliseconds_divides_two_bursts() -> None:
    world = World()
    world.take(packet(10, wait_ms=1), packet(30, wait_ms=1), packet(52, wait_ms=1))
    assert [one.duration_ns // MS for incident in world.end() for one in incident.queues] == [1, 21]


def test_a_bin_that_shows_the_queue_calm_divides_two_bursts_also_when_it_comes_late() -> None:
    bursts = packet(10, wait_ms=1), packet(20, wait_ms=1)
    together, divided = World(), World()
    together.take(*bursts, bin_of(15, depth=20, wait_ms=4), delay=30)
    divided.take(*bursts)
    divided.advance(45)
    divided.take(bin_of(15, depth=3), delay=45)
    assert len(together.end()) == 1
    assert [incident.root.ended for incident in divided.end()] == [START + 20 * MS, START + 10 * MS]
    assert turns(divided.told) == [("onset", 1), ("onset", 2), ("cleared", 1), ("cleared", 2)]


def test_a_millisecond_that_the_switch_has_no_bin_of_was_calm() -> None:
    world = World()
    later = bin_of(14, 40)
    world.take(bin_of(10, 40), replace(later, bin=later.bin._replace(after_gap=True)))
    lost = World()
    lost.take(bin_of(10, 40), later)
    assert (len(world.end()), len(lost.end())) == (2, 1)


def test_what_a_kind_of_switch_does_not_tell_is_not_zero() -> None:
    world = World(untold_drops={queue().port.switch: "no tail-drop reports on bmv2"}.get)
    world.take(packet(10), packet(11))
    (incident,) = world.end()
    for told in (incident, from_json(to_json(incident))):
        document = incident_document(told)
        assert (document.drops, document.drops_unknown) == (None, "no tail-drop reports on bmv2")
        (where,) = document.queues
        assert (where.drops, where.drops_unknown) == (None, "no tail-drop reports on bmv2")
        assert document.summary.endswith("no tail-drop reports on bmv2")
        assert top_document([told], 0, 1).queues[0].drops is None
    world = World()
    world.take(packet(10))
    document = incident_document(world.end()[0])
    assert (document.drops, document.drops_unknown, document.queues[0].drops) == (0, None, 0)


def test_bins_alone_show_a_burst_and_what_was_dropped() -> None:
    world = World()
    world.take(bin_of(0, 2), bin_of(1, 40), bin_of(2, 64, wait_ms=7, drops=9), bin_of(3, 20), bin_of(4, 3))
    (incident,) = world.end()
    where = incident.root
    assert (where.began, where.ended) == (START + 1 * MS, START + 3 * MS)
    assert (where.peak_depth, where.drops, where.bins, where.packets) == (64, 9, 2, 20)


def test_drops_are_those_that_switches_count_not_those_that_were_reported() -> None:
    world = World()
    world.take(
        packet(10, Role.DROPPED, 3, drops=1, wait_ms=0), packet(11, Role.DROPPED, 3, drops=40, wait_ms=0)
    )
    world.take(bin_of(10, 64, drops=50))
    (incident,) = world.end()
    assert incident.drops == 50
    assert [(victim.flow, victim.drops) for victim in incident.root.victims] == [(flow(3), 2)]


def test_queues_that_share_a_culprit_at_one_time_are_one_incident() -> None:
    """Wherever the clocks of their switches began."""
    world = World()
    spine, leaf, other = queue("spine1"), queue("leaf2"), queue("leaf1")
    world.take(
        packet(10, Role.CULPRIT, 1, where=leaf, share=(9, 10), window=1),
        packet(12, Role.CULPRIT, 1, where=spine, share=(9, 10), window=1),
        packet(13, Role.CULPRIT, 2, where=other, share=(9, 10), window=1),
    )
    incidents = {incident.number: incident for incident in world.end()}
    assert [one.queue for one in incidents[1].queues] == [leaf, spine]
    assert [one.queue for one in incidents[2].queues] == [other]


def test_a_queue_on_a_culprits_path_belongs_to_it() -> None:
    """A culprit of one was seen at the other, though its share was small there."""
    world = World()
    world.take(
        packet(10, Role.CULPRIT, 1, where=queue("leaf1"), share=(9, 10), window=1),
        packet(11, Role.PARTICIPANT, 1, where=queue("spine1"), share=(1, 10), window=1),
        packet(12, Role.VICTIM, 2, where=queue("leaf2")),
    )
    assert sorted(len(incident.queues) for incident in world.end()) == [1, 2]


def test_victims_alone_join_no_queues() -> None:
    world = World()
    world.take(
        packet(10, Role.VICTIM, 1, where=queue("leaf1")), packet(10, Role.VICTIM, 1, where=queue("leaf2"))
    )
    assert len(world.end()) == 2


def test_flows_of_two_networks_with_the_same_addresses_are_two() -> None:
    world = World()
    here = packet(10, Role.CULPRIT, 1, where=queue("leaf1"), share=(9, 10), window=1)
    there = packet(10, Role.CULPRIT, 1, where=queue("leaf2"), share=(9, 10), window=1)
    world.take(here, replace(there, flow=flow(1, vlan=200)))
    assert len(world.end()) == 2


def test_the_root_is_the_first_queue_whose_own_culprits_explain_it() -> None:
    world = World()
    first, second = queue("leaf1"), queue("spine1")
    world.take(
        packet(10, Role.CULPRIT, 1, where=first, share=(2, 10), window=1),
        packet(20, Role.CULPRIT, 1, where=first, share=(2, 10), window=2),
        packet(15, Role.CULPRIT, 1, where=second, share=(6, 10), window=1),
    )
    (incident,) = world.end()
    assert [(one.queue, one.is_root) for one in incident.queues] == [(second, True), (first, False)]


def test_two_incidents_that_turn_out_to_be_one_keep_the_older_number() -> None:
    world = World()
    one, other = queue("leaf1"), queue("leaf2")
    world.take(
        packet(10, Role.CULPRIT, 1, where=one, share=(9, 10), window=1),
        packet(11, Role.CULPRIT, 2, where=other, share=(9, 10), window=1),
    )
    world.advance(12)
    world.take(packet(13, Role.CULPRIT, 1, where=other, share=(9, 10), window=2))
    world.advance(60)
    assert turns(world.told) == [("onset", 1), ("onset", 2), ("cleared", 2)]
    assert world.told[-1][1].merged_into == 1
    (incident,) = world.end()
    assert (incident.number, len(incident.queues), incident.merged_into) == (1, 2, None)


def test_a_flow_counts_once_in_a_window_and_the_queue_as_the_fullest_report_says() -> None:
    world = World()
    world.take(
        packet(10, Role.CULPRIT, 1, share=(50, 90), window=1),
        packet(10.2, Role.CULPRIT, 1, share=(50, 90), window=1),
        packet(10.4, Role.PARTICIPANT, 2, share=(20, 100), window=1),
    )
    (incident,) = world.end()
    (culprit,) = incident.root.culprits
    assert (culprit.bytes, culprit.share) == (50, 0.5)
    assert [(one.flow, one.share) for one in incident.root.participants] == [(flow(2), 0.2)]


def test_updates_come_once_a_second_and_only_with_news() -> None:
    world = World()
    for ms in range(0, 3000, 10):
        world.take(packet(ms, wait_ms=8))
        world.advance(ms)
    world.advance(3500)
    world.advance(3900)
    kinds = [turn for turn, _ in turns(world.told)]
    assert kinds[0] == "onset" and kinds.count("update") in (2, 3)
    (incident,) = world.end()
    assert incident.root.duration_ns // MS == 2990 + 8


def test_reports_lost_meanwhile_make_an_incident_incomplete() -> None:
    world = World()
    world.take(packet(10, where=queue("leaf1")))
    world.lost["leaf1"] += 3
    world.lost["leaf2"] += 99
    (incident,) = world.end()
    assert incident.lost == {"leaf1": 3} and not incident.is_complete


def test_what_was_lost_long_before_is_no_fault_of_this_one() -> None:
    world = World()
    world.lost["leaf1"] = 7
    world.take(packet(10))
    world.end()
    world.advance(world.now_ms + 1500)
    world.advance(world.now_ms + 1500)
    world.take(packet(world.now_ms))
    assert [incident.lost for incident in world.end()] == [{"leaf1": 0}, {"leaf1": 0}]


def test_what_comes_when_all_is_over_begins_nothing() -> None:
    world = World()
    world.take(packet(10))
    world.end()
    world.take_at(world.now_ms, packet(12))
    assert (len(world.end()), world.machine.late) == (1, 1)


def test_calm_queues_and_unwatched_ones_take_no_memory() -> None:
    world = World()
    for port in range(100):
        world.take(bin_of(1, depth=3, where=queue(port=port)))
    assert not world.told and world.advance(10) is None


def test_a_switch_that_starts_again_ends_what_was_known_by_its_old_clock() -> None:
    world = World()
    world.take(packet(10, where=queue("leaf1")), packet(10, where=queue("leaf2")))
    world.advance(12)
    world.epochs["leaf1"] = 1
    world.take(packet(20, where=queue("leaf1")))
    assert turns(world.told) == [("onset", 1), ("onset", 2), ("cleared", 1), ("onset", 3)]


def test_queues_are_bounded_and_those_too_many_are_counted() -> None:
    world = World()
    for port in range(300):
        world.take(*(packet(10, where=queue(port=port, priority=priority)) for priority in range(4)))
    world.advance(12)
    assert len(world.machine.active) == 1024
    assert world.machine.refused == 1200 - 1024


def test_flows_have_the_names_that_somebody_gives_them() -> None:
    names = FlowNames(TenantName("acme"), "host h1", "service web")
    world = World(name=lambda flow, queue: names)
    world.take(packet(10, Role.CULPRIT))
    assert [culprit.names for culprit in world.machine.active[0].root.culprits] == [names]

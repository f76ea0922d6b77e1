"""What holds of incidents whatever is reported, in whichever order, and whatever is lost."""

from __future__ import annotations

import itertools

from hypothesis import event, given, settings
from hypothesis import strategies as st

from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents import Evidence, Incident, PacketEvidence
from p4fabric.controller.telemetry.incidents.spells import JOIN_GAP_NS, QueueSpells, join
from p4fabric.controller.telemetry.incidents.tally import Tally
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import Left, Role
from tests.unit.telemetry.incident_world import OFFSETS, THRESHOLDS, World, bin_of, packet, queue

SWITCHES = tuple(OFFSETS)
moments = st.integers(0, 1200).map(lambda tenths: tenths / 10)


@st.composite
def lefts(draw: st.DrawFn) -> Left:
    """Of two windows in which there was more than the flow."""
    flow, others, flow_before, others_before = (draw(st.integers(0, 60)) for _ in range(4))
    return Left(flow, flow + others, flow_before, flow_before + others_before)


@st.composite
def packets(draw: st.DrawFn) -> PacketEvidence:
    window = draw(st.integers(0, 40))
    return packet(
        draw(moments),
        draw(st.sampled_from([Role.CULPRIT, *Role])),
        draw(st.integers(1, 4)),
        where=queue(draw(st.sampled_from(SWITCHES)), draw(st.integers(1, 2))),
        wait_ms=draw(st.integers(0, 30)),
        depth=draw(st.integers(0, 64)),
        share=(draw(st.integers(0, 50)), 50 + window),
        window=window,
        left=draw(st.none() | lefts()),
        drops=draw(st.integers(0, 1)),
    )


bins = st.builds(
    lambda ms, depth, switch, port, drops: bin_of(ms, depth, where=queue(switch, port), drops=drops),
    st.integers(0, 120),
    st.integers(0, 64),
    st.sampled_from(SWITCHES),
    st.integers(1, 2),
    st.integers(0, 1),
)
evidence = st.lists(packets() | bins, max_size=40)


def final(items: list[Evidence]) -> list[Incident]:
    """All arrive within half a second, in the order of the list."""
    world = World()
    for index, one in enumerate(items):
        world.take_at(450 + index / 10, one)
        if index % 7 == 3:
            world.advance(world.now_ms)
    return list(world.end())


def without_numbers(incidents: list[Incident]) -> set[str]:
    return {repr((incident.queues, incident.lost)) for incident in incidents}


def culprits(incidents: list[Incident]) -> set[tuple[Queue, FlowId]]:
    return {(one.queue, flow.flow) for each in incidents for one in each.queues for flow in one.culprits}


def of_switch(items: list[Evidence], name: str) -> list[Evidence]:
    return [one for one in items if one.queue.port.switch == name]


@settings(max_examples=60, deadline=None)
@given(evidence, st.data())
def test_the_order_of_reports_of_different_switches_does_not_matter(
    items: list[Evidence], data: st.DataObject
) -> None:
    """Any interleaving that leaves what each switch says in its order."""
    order = data.draw(st.permutations([one.queue.port.switch for one in items]))
    event(f"{max((len(incident.queues) for incident in final(items)), default=0)} queues in an incident")
    streams = {name: iter(of_switch(items, name)) for name in SWITCHES}
    shuffled = [next(streams[name]) for name in order]
    assert without_numbers(final(shuffled)) == without_numbers(final(items))


@settings(max_examples=60, deadline=None)
@given(evidence, st.data())
def test_losing_reports_never_makes_a_culprit_nor_larger_counts(
    items: list[Evidence], data: st.DataObject
) -> None:
    lost = data.draw(st.sets(st.integers(0, max(0, len(items) - 1))))
    left = [one for index, one in enumerate(items) if index not in lost]
    all_of_it, some_of_it = final(items), final(left)
    assert culprits(some_of_it) <= culprits(all_of_it)

    def sums(incidents: list[Incident], where: Queue) -> tuple[int, ...]:
        parts = [one for each in incidents for one in each.queues if one.queue == where]
        reports, peak = sum(one.reports for one in parts), max((one.peak_depth for one in parts), default=0)
        return reports, peak, sum(one.bins for one in parts), sum(one.packets for one in parts)

    for where in {one.queue for one in items}:
        for less, more in zip(sums(some_of_it, where), sums(all_of_it, where), strict=True):
            assert less <= more


@settings(max_examples=60, deadline=None)
@given(evidence)
def test_nothing_counts_twice_and_nothing_is_invented(items: list[Evidence]) -> None:
    incidents = final(items)
    for where in {one.queue for one in items}:
        parts = [one for each in incidents for one in each.queues if one.queue == where]
        given_packets = [one for one in items if one.queue == where and isinstance(one, PacketEvidence)]
        assert sum(one.reports for one in parts) == len(given_packets)
        for one in parts:
            assert one.began <= one.peak_wait_at <= one.ended or not one.peak_wait_ns
            assert 0 <= sum(flow.share for flow in one.culprits[:1]) <= 1
            assert one.drops <= sum(e.drops for e in given_packets) + len(items)


def of_packets(items: list[PacketEvidence]) -> list[Tally]:
    return [Tally.of_packet(one, one.flow_bytes, one.queue_bytes) for one in items]


@given(st.lists(packets(), min_size=3, max_size=12), st.data())
def test_merging_is_associative_and_commutative(items: list[PacketEvidence], data: st.DataObject) -> None:
    def merged(tallies: list[Tally]) -> Tally:
        total = Tally(tallies[0].began, tallies[0].ended)
        for tally in tallies:
            total.add(tally)
        return total

    cut = data.draw(st.integers(1, len(items) - 1))
    shuffled = data.draw(st.permutations(items))
    parts = [merged(of_packets(shuffled[:cut])), merged(of_packets(shuffled[cut:]))]
    assert merged(parts) == merged(of_packets(items)) == merged(list(reversed(parts)))


@given(st.lists(packets(), max_size=12), st.sets(st.integers(0, 400)), st.data())
def test_spells_are_the_same_however_they_are_put_together(
    items: list[PacketEvidence], calm_ms: set[int], data: st.DataObject
) -> None:
    """Joined at once, in any order, or in two steps."""
    items = [packet for packet in items if packet.queue.port.switch == "leaf1"]
    calm = sorted(bin_of(ms, 0).bin.start_ns for ms in calm_ms)
    at_once = join(of_packets(items), calm, JOIN_GAP_NS)
    assert join(of_packets(data.draw(st.permutations(items))), calm, JOIN_GAP_NS) == at_once
    cut = data.draw(st.integers(0, len(items)))
    first = join(of_packets(items[:cut]), calm, JOIN_GAP_NS)
    second = join(of_packets(items[cut:]), calm, JOIN_GAP_NS)
    assert join([*first, *second], calm, JOIN_GAP_NS) == at_once
    for earlier, later in itertools.pairwise(at_once):
        gap = later.began - earlier.ended
        assert gap >= JOIN_GAP_NS or any(earlier.ended <= start < later.began for start in calm)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20_000), st.integers(0, 64)),
        min_size=1,
        max_size=300,
        unique_by=lambda one: one[0],
    )
)
def test_a_queue_with_a_long_history_is_summed_up_without_loss(found: list[tuple[int, int]]) -> None:
    """Every burst of a millisecond that crosses the threshold is found, and none is invented."""
    spells = QueueSpells()
    for ms, depth in sorted(found):
        spells.bin(bin_of(ms, depth).bin, THRESHOLDS)
    congested = [ms for ms, depth in sorted(found) if depth >= THRESHOLDS.depth]
    calm = {ms for ms, depth in found if depth < THRESHOLDS.reset_depth}
    expected: list[list[int]] = []
    for ms in congested:
        before = expected[-1][-1] if expected else None
        if before is not None and ms - before - 1 < 20 and not calm & set(range(before + 1, ms)):
            expected[-1].append(ms)
        else:
            expected.append([ms])
    assert [one.bins for one in spells.spells] == [len(burst) for burst in expected]

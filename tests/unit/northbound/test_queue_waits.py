"""How long packets waited: cells of switches become a histogram that never goes back."""

from __future__ import annotations

from finsy.proto import p4r
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.cells import CellRequest, CellsRead
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.queue_waits import BOUNDS, WaitCounts, WaitPoint, WaitPoints, wait_metrics
from p4fabric.pipelines.entities import Counter, EntityKey
from p4fabric.pipelines.values import Port

LEAF = SwitchName("leaf1")
PORT = PortRef(LEAF, Port(5))
USUAL, OTHER = Queue(PORT, 0), Queue(PORT, 6)


class Cells:
    """A switch whose cells are ours."""

    def __init__(self, *watched: Port) -> None:
        self.cells: dict[EntityKey, int] = {}
        self.watched = list(watched)
        self.asked = 0
        self.epoch = 0
        points = WaitPoints()
        self.waits = WaitCounts(
            [LEAF], lambda switch: points.of(switch, self.watched), self.read, lambda switch: self.epoch
        )

    async def read(self, switch: SwitchName, cells: CellRequest, unless: bytes | None) -> CellsRead | None:
        requests = [p4r.ReadRequest.FromString(part) for part in cells.parts]
        self.asked += len(requests)
        keys = [
            (one.counter_entry.counter_id, one.counter_entry.index.index)
            for request in requests
            for one in request.entities
        ]
        counters: dict[EntityKey, Counter] = {key: Counter(self.cells.get(key, 0), 0) for key in keys}
        digest = repr(counters).encode()
        return None if digest == unless else CellsRead(counters, digest)

    def series(self) -> dict[tuple[str, str], float]:
        (family,) = (one for one in wait_metrics([PORT, None], self.waits) if one is not None)
        assert {sample.name for sample in family.samples} <= {"p4fabric_queue_delay_seconds_bucket"}
        return {(one.labels["priority"], one.labels["le"]): one.value for one in family.samples}


def test_a_point_is_the_cell_that_the_program_counts_in() -> None:
    assert WaitPoint(OTHER, 3).cell.index == 16 * (8 * 5 + 6) + 3
    assert BOUNDS[0] == 16e-6 and BOUNDS[-1] == 0.262144 and len(BOUNDS) == 15


async def test_where_nothing_is_watched_nothing_is_asked_for() -> None:
    switch = Cells()
    await switch.waits.refresh()
    assert switch.asked == 0 and switch.series() == {}


async def test_buckets_add_up_and_queues_appear_as_they_carry_packets() -> None:
    switch = Cells(PORT.port)
    assert switch.series() == {}, "nobody knows yet"
    await switch.waits.refresh()
    assert {key: value for key, value in switch.series().items() if value} == {}
    assert {priority for priority, _ in switch.series()} == {"0"}
    switch.cells = {WaitPoint(OTHER, 0).cell.key: 5, WaitPoint(OTHER, 15).cell.key: 2}
    await switch.waits.refresh()
    series = switch.series()
    assert series["6", "1.6e-05"] == 5 and series["6", "0.262144"] == 5 and series["6", "+Inf"] == 7
    assert series["0", "+Inf"] == 0 and len(series) == 2 * 16


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=20))
def test_totals_never_go_back_whatever_a_switch_counts(steps: list[tuple[int, bool]]) -> None:
    """A step: packets since the last read, after a restart of the switch or not."""
    switch, cell, epoch, seen = Cells(PORT.port), 0, 0, [0]
    for packets, restarted in steps:
        cell, epoch = (packets, epoch + 1) if restarted else (cell + packets, epoch)
        cells = {WaitPoint(USUAL, number): cell if number == 4 else 0 for number in range(16)}
        switch.waits.took(LEAF, cells, epoch, judge=True)
        found = switch.waits.of(USUAL)
        assert found is not None
        seen.append(sum(found))
    assert seen == sorted(seen) and seen[-1] == sum(packets for packets, _ in steps)


async def test_an_answer_that_stays_the_same_is_not_looked_at() -> None:
    switch = Cells(PORT.port)
    for _ in range(3):
        await switch.waits.refresh()
    switch.cells[WaitPoint(USUAL, 1).cell.key] = 3
    await switch.waits.refresh()
    assert switch.series()["0", "+Inf"] == 3
    switch.epoch += 1
    await switch.waits.refresh()
    assert switch.series()["0", "+Inf"] == 6, "a switch that restarts counts from zero"

"""The loop on a clock that is held: real reports through collector, incidents and series to decisions."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.held_loop import RATE, Flow, HeldFabric, Outcome, response
from p4fabric.controller.response import Ended, Responder, Verdict
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.series import SeriesRecorder

MOUSE = Flow(9, 0, lambda at: 6_000.0, is_elephant=False)


def elephants(seed: int = 1) -> list[Flow]:
    """Two that are too much for one path together, and fit on two; they begin after a second."""
    random = Random(seed)
    rates = [random.uniform(0.55, 0.75) * RATE for _ in range(2)]
    return [
        Flow(number, 0, lambda at, rate=rate: rate if at >= 1 else 0.0)  # type: ignore[misc]
        for number, rate in enumerate(rates, 1)
    ]


def run(seconds: float, policy: object = None, **options: object) -> Outcome:
    found = response(holdSeconds=1) if policy is None else policy
    flows = [*elephants(), MOUSE]
    fabric = HeldFabric(flows, found if policy is not False else None, **options)  # type: ignore[arg-type]
    return fabric.run(seconds)


def test_two_elephants_part_soon_and_the_mouse_waits_no_more() -> None:
    without, acting = run(60, False), run(60)
    assert len(acting.granted) == 1 and not acting.ended
    assert without.p99 > 30 and acting.p99 <= without.p99 / 2
    assert sum(acting.delivered.values()) > sum(without.delivered.values())
    # Congested since a second: seen, and acted upon, within another.
    assert acting.granted[0] - 1_800_000_000 < 2.5


def test_a_response_that_recommends_does_nothing() -> None:
    assert not run(10, response(mode="recommend")).granted


def test_bursts_shorter_than_asked_for_are_left_alone() -> None:
    burst = Flow(1, 0, lambda at: 3 * RATE if at % 1 < 0.05 else 0.7 * RATE)
    found = HeldFabric([burst, MOUSE], response(police={"rateKilobits": 64})).run(60)
    assert max(found.waits) > 5 and not found.granted


@pytest.mark.parametrize("period", [0.4, 1.0, 3.0, 10.0])
def test_who_switches_on_and_off_as_the_loop_looks_gets_no_more_than_the_budget(period: float) -> None:
    policy = response(maxActions=2, leaseSeconds=10, holdSeconds=1, police={"rateKilobits": 1000})
    flows = [
        Flow(number, 0, lambda at: 0.9 * RATE if at % (2 * period) < period else 0.0)
        for number in range(1, 4)
    ]
    found = HeldFabric([*flows, MOUSE], policy).run(60)
    assert found.most <= 2 and found.most_within(10) <= 2
    if period >= 1:
        assert found.granted, "it acts at all"


def test_where_reports_are_lost_nothing_is_done() -> None:
    assert not run(20, lost=0.05).granted


@pytest.mark.parametrize("skew", [0.05, -0.05])
def test_a_clock_that_jumps_by_50_ms_makes_nobody_worse_off(skew: float) -> None:
    def jumps(at: float) -> float:
        return skew if int(at / 7) % 2 else 0.0

    without, acting = run(40, False), run(40, skew=jumps)
    assert acting.p99 <= without.p99
    assert len(acting.granted) <= 2


def test_of_a_controller_that_is_killed_nothing_is_left_behind() -> None:
    fabric = HeldFabric([*elephants(), MOUSE], response(holdSeconds=1, leaseSeconds=10))
    fabric.run(4)
    assert len(fabric.remedies) == 1
    fabric.kill_loop()
    fabric.flows = [MOUSE]
    fabric.run(4)
    fabric.start_loop()
    fabric.run(1)
    assert len(fabric.remedies) == 1, "its lease is not over"
    fabric.run(4)
    assert not fabric.remedies and [ended for _, ended in fabric.outcome.ended] == [Ended.EXPIRED]


def test_responses_that_ask_the_same_in_one_step_are_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fabric = HeldFabric([*elephants(), MOUSE], response(mode="recommend"))
    fabric.run(4)
    recorder, asked = fabric.service.recorder, list[object]()

    def p99(queue: Queue, first: int, until: int) -> int | None:
        asked.append((queue, first, until))
        return SeriesRecorder.p99(recorder, queue, first, until)

    monkeypatch.setattr(recorder, "p99", p99)
    policies = [response(mode="recommend").model_copy(update={"name": f"n{number}"}) for number in range(9)]
    made = Responder(0).decide(fabric._evidence.at(fabric.now, policies, {}))
    assert [one.verdict for one in made.findings] == [Verdict.RECOMMENDS] * 9
    assert len(asked) == 1

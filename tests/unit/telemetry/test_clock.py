"""The offset of a switch's clock: never further off than it says, from exchanges and from reports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.telemetry.collector import ClockSample, OffsetEstimator

NOW = 1_800_000_000_000_000_000
MS, SECOND = 1_000_000, 1_000_000_000


@given(
    st.integers(0, 10**15),
    st.integers(-50, 50),
    st.lists(st.tuples(st.integers(0, 20 * MS), st.integers(0, 20 * MS)), min_size=1, max_size=100),
)
def test_the_true_offset_is_within_the_error(offset: int, drift: int, ways: list[tuple[int, int]]) -> None:
    """Ways there and back of any length, however different, and a clock that drifts by up to 50 ppm."""
    estimator = OffsetEstimator()

    def switch_time(now: int) -> int:
        return now - offset + (now - NOW) * drift // 1_000_000

    now = NOW
    for there, back in ways:
        estimator.exchanged(ClockSample(now, switch_time(now + there), now + there + back))
        now += there + back + SECOND
    estimate = estimator.estimate(now)
    assert estimate is not None and estimate.error is not None
    assert abs(estimate(switch_time(now)) - now) <= estimate.error + len(ways)
    assert estimate.epoch == 0


def test_the_shortest_round_trip_says_most() -> None:
    estimator = OffsetEstimator()
    for there, back in ((9 * MS, MS), (MS // 10, MS // 10), (MS, 30 * MS)):
        estimator.exchanged(ClockSample(NOW, 5 * SECOND + there, NOW + there + back))
    estimate = estimator.estimate(NOW)
    assert estimate is not None
    assert (estimate.offset, estimate.error) == (NOW - 5 * SECOND, MS // 10)


def test_reports_alone_say_how_late_it_is_at_most_and_not_how_wrong_that_is() -> None:
    estimator = OffsetEstimator()
    assert estimator.estimate(NOW) is None
    for way in (5 * MS, MS, 7 * MS):
        estimator.reported(5 * SECOND, NOW + way)
    estimate = estimator.estimate(NOW + 7 * MS)
    assert estimate is not None
    assert (estimate.offset, estimate.error) == (NOW - 5 * SECOND + MS, None)


def test_a_report_that_was_fast_narrows_what_an_exchange_left_open() -> None:
    estimator = OffsetEstimator()
    estimator.exchanged(ClockSample(NOW, 5 * SECOND, NOW + 20 * MS))
    estimator.reported(6 * SECOND, NOW + SECOND + 2 * MS)
    estimate = estimator.estimate(NOW + SECOND)
    assert estimate is not None and estimate.error is not None
    true = NOW - 5 * SECOND
    assert estimate.error < 2 * MS and abs(estimate.offset - true) <= estimate.error


@pytest.mark.parametrize("by_report", [True, False])
def test_a_clock_that_begins_anew_leaves_nothing_of_the_old_one(by_report: bool) -> None:
    estimator = OffsetEstimator()
    estimator.exchanged(ClockSample(NOW, 100 * SECOND, NOW + 2 * MS))
    later = NOW + 10 * SECOND
    if by_report:
        assert estimator.reported(MS, later)
    else:
        estimator.exchanged(ClockSample(later, MS, later + 2 * MS))
    estimate = estimator.estimate(later + 3 * MS)
    assert estimate is not None and estimate.epoch == 1
    assert abs(estimate(MS) - later) <= 2 * MS


def test_reports_out_of_order_are_no_restart() -> None:
    estimator = OffsetEstimator()
    assert not estimator.reported(10 * SECOND, NOW)
    assert not estimator.reported(10 * SECOND - 900 * MS, NOW)
    assert estimator.reported(8 * SECOND, NOW)


def test_old_reports_do_not_bound_a_clock_that_has_drifted_since() -> None:
    estimator = OffsetEstimator()
    estimator.reported(SECOND, NOW + MS)
    late = NOW + 120 * SECOND
    estimator.reported(121 * SECOND, late + 5 * MS)
    estimate = estimator.estimate(late + 5 * MS)
    assert estimate is not None and estimate.offset == NOW - SECOND + 5 * MS


def test_an_answer_before_its_question_is_refused() -> None:
    with pytest.raises(ValueError, match="is before the question"):
        OffsetEstimator().exchanged(ClockSample(NOW, 5, NOW - 1))

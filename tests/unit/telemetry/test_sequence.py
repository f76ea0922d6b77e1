"""What is lost is counted by numbers: around their end, with stragglers, copies and restarts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.telemetry.collector import Arrival, SequenceCounter

SIZE = 1 << 22


def taken(numbers: list[int]) -> SequenceCounter:
    counter = SequenceCounter()
    for number in numbers:
        counter.take(number % SIZE)
    return counter


@given(st.integers(0, SIZE - 1), st.integers(1, 300), st.data())
def test_what_is_missing_is_lost_wherever_the_numbers_begin(
    start: int, length: int, data: st.DataObject
) -> None:
    sent = list(range(start, start + length))
    dropped = data.draw(st.sets(st.sampled_from(sent[1:-1]))) if length > 2 else set()
    counter = taken([number for number in sent if number not in dropped])
    assert (counter.received, counter.lost) == (length - len(dropped), len(dropped))
    assert (counter.late, counter.duplicates, counter.restarts) == (0, 0, 0)


@given(st.integers(0, SIZE - 1), st.permutations(range(1, 60)))
def test_what_comes_late_is_not_lost(start: int, order: list[int]) -> None:
    counter = taken([start, *(start + number for number in order)])
    assert (counter.received, counter.lost) == (60, 0)


@given(st.integers(0, SIZE - 1), st.lists(st.integers(0, 80), min_size=1, max_size=120))
def test_nothing_counts_twice_and_lost_is_never_negative(start: int, numbers: list[int]) -> None:
    """Whatever comes of one life: received and lost make up the span, copies are apart."""
    counter = SequenceCounter()
    first, highest = numbers[0], numbers[0]
    seen = {first}
    counter.take((start + first) % SIZE)
    for number in numbers[1:]:
        before = counter.restarts
        arrival = counter.take((start + number) % SIZE)
        if counter.restarts != before:
            return  # four copies in order look like a restart, and nobody can say that they are none
        assert (arrival is Arrival.DUPLICATE) == (number in seen or number < first)
        if number > first:
            seen.add(number)
        highest = max(highest, number)
        assert counter.received + counter.lost == highest - first + 1
        assert counter.lost >= 0


def test_a_sender_that_begins_anew_is_found_and_nothing_counts_as_lost() -> None:
    counter = taken([*range(50_000, 50_100), *range(100)])
    assert (counter.restarts, counter.lost) == (1, 0)
    assert counter.received == 100 + 97  # the first three might have been stragglers


def test_a_restart_that_is_known_takes_nobody_by_surprise() -> None:
    counter = taken(list(range(100)))
    counter.restart()
    assert [counter.take(number) for number in range(5)] == [Arrival.NEW] * 5
    assert (counter.restarts, counter.lost, counter.received, counter.duplicates) == (1, 0, 105, 0)


def test_one_stray_datagram_is_no_restart() -> None:
    counter = taken([*range(50_000, 50_100), 3, *range(50_100, 50_200)])
    assert (counter.restarts, counter.lost, counter.received, counter.duplicates) == (0, 0, 200, 1)


def test_every_second_one_missing_is_half_lost() -> None:
    counter = taken(list(range(0, 10_000, 2)))
    assert (counter.received, counter.lost) == (5000, 4999)


def test_a_gap_longer_than_the_memory_is_lost_all_the_same() -> None:
    counter = taken([0, 100_000, 100_001])
    assert (counter.received, counter.lost) == (3, 99_999)
    assert counter.take(99_990) is Arrival.LATE
    assert counter.take(50_000) is Arrival.DUPLICATE

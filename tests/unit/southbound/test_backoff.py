"""Waits between tries."""

from __future__ import annotations

from p4fabric.controller.p4runtime.backoff import Backoff


def test_waits_double_up_to_a_bound() -> None:
    backoff = Backoff(1.0, 8.0)
    waits = [backoff.next() for _ in range(6)]
    bounds = zip(waits, (1, 2, 4, 8, 8, 8), strict=True)
    assert all(longest / 2 <= wait <= longest for wait, longest in bounds)


def test_waits_begin_anew_after_what_lasted_longer_than_the_next_one() -> None:
    backoff = Backoff(1.0, 8.0)
    backoff.next()
    backoff.lasted(1.9)
    assert 1.0 <= backoff.next() <= 2.0
    backoff.lasted(4.1)
    assert backoff.next() <= 1.0

"""Compiled tables equal the oracle on random policies and changes; `python -m tests.policy` goes on."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from .judge import Judge
from .worlds import Change, batches, histories, world


@settings(max_examples=20)
@given(histories, st.integers(0, 1 << 16))
def test_every_pair_has_its_old_or_new_verdict_at_every_moment_of_a_change(
    history: tuple[Change, Sequence[Change]], seed: int
) -> None:
    first, changes = history
    judge = Judge(seed=seed)
    judge.change(first, between=False)
    for change in changes:
        judge.change(change)


@settings(max_examples=8)
@given(world(), batches)
def test_many_objects_that_change_at_once_come_to_what_they_say(first: Change, batch: Change) -> None:
    judge = Judge()
    judge.change(first, between=False)
    judge.change(batch, between=False)

"""Explanations against the switch's traces, for a few random flows; `python -m tests.explain` has more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from p4fabric.controller.explain import exit as way_out
from p4fabric.controller.explain import functions
from tests.explain.__main__ import run


def test_explanations_say_what_switches_do_with_the_real_packet() -> None:
    became, wrong = run(100, seed=1)
    assert not wrong, str(wrong[0])
    # The flows are of all sorts.
    assert became["delivered"] > 10 and became["dropped: no_route"] and became["tables applied"] > 12


@pytest.mark.parametrize(
    ("module", "name", "other"),
    [
        (way_out, "path_hash", lambda flow: flow & 1),
        (functions, "flow_hash", lambda packet: 7),
    ],
)
def test_an_explanation_that_is_wrong_is_found(
    module: object, name: str, other: Callable[[object], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, other)
    _, wrong = run(200, seed=1)
    assert wrong

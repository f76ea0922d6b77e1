"""The soak's verdict: who has lost what."""

from __future__ import annotations

from typing import Any

import pytest

from .programs import module


def seen(**more: Any) -> dict[str, Any]:
    """A soak in which the flow under test lost ten datagrams at a full queue of leaf1."""
    gap = {"first": 100, "lost": 10, "from": 50.0, "to": 50.01, "arrived": 50.02}
    flow = {"sent": 1000, "received": 1000, "expected": 1000, "out_of_order": 0, "not_taken": 0, "held_up": 0}
    return {
        "flows": {"h1": {**flow, "received": 990, "gaps": [gap]}, "r1": {**flow, "gaps": []}},
        "switches": ["leaf1", "spine1"],
        "started": 0.0,
        "changes": [(49.9, 50.1, "apply Service")],
        "events": {},
        "late": [],
        "discards": [
            {"at": 50.1, "switch": "leaf1", "interface": "leaf1-eth11", "counter": "dropped-pkts", "more": 10}
        ],
        **more,
    }


LATE = [(50.05, "leaf1", 45.0)]


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (seen(), False),
        (seen(late=LATE), True),
        (seen(late=[(50.05, "leaf1", 6.0)]), False),
        (seen(late=[(12.0, "leaf1", 45.0)]), False),
        (seen(late=[(50.05, "leaf11", 45.0)]), False),
        (seen(late=LATE, discards=[]), False),
    ],
    ids=[
        "in time",
        "late",
        "hardly late",
        "late at another time",
        "another fabric late",
        "no queue was full",
    ],
)
def test_the_machine_has_lost_what_found_a_queue_full_while_it_let_a_switch_wait(
    found: dict[str, Any], holds: bool
) -> None:
    said: list[str] = []
    assert module("verdict").report(found, said.append) is holds
    assert f"{0 if holds else 10} datagrams lost by the product" in said[-1]


def test_what_the_reference_loses_in_the_same_moment_is_the_machines() -> None:
    found = seen()
    found["flows"]["r1"]["gaps"] = [{"first": 90, "lost": 4, "from": 50.2, "to": 50.3, "arrived": 50.3}]
    assert module("verdict").report(found, lambda _: None)


def test_what_never_came_after_the_last_that_did_is_lost_too() -> None:
    found = seen(late=LATE)
    found["flows"]["h1"]["expected"] = 990
    assert not module("verdict").report(found, lambda _: None)

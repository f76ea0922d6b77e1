"""Switches are killed and started again, empty, while intents change."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from p4fabric.controller.reconcile.diff import Difference

from .bed import SWITCHES, FabricBed
from .changes import Documents, RandomChanges, keyed
from .flows import INTENTS, PERMITTED, Flows

__all__ = ["MANY_RULES", "RefillsSeen", "kill_switches"]

_CHANGES_MEANWHILE = 3
_RATE = 200.0
_RULES = 1000
MANY_RULES: dict[str, Any] = {
    "kind": "FirewallPolicy",
    "tenant": "acme",
    "name": "many",
    "spec": {
        "priority": 8500,
        "rules": [
            {"name": f"rule{number}", "action": "allow", "protocol": "udp", "ports": [20_000 + number]}
            for number in range(_RULES)
        ],
    },
}
"""Fills a switch with more than one write."""


@dataclass
class RefillsSeen:
    """What became of it."""

    refills: list[float] = field(default_factory=list)
    """Seconds from a switch's start until everything is active again."""
    changes: int = 0
    probes: int = 0
    """Datagrams that no intent permits."""
    entries: int = 0
    """That the first leaf was filled with."""
    passed: dict[str, int] = field(default_factory=dict)
    """Those of them that arrived."""
    differences: dict[str, Difference] = field(default_factory=dict)
    """Where switches hold something else than follows from what is stored."""

    @property
    def holds(self) -> bool:
        """Whether nothing passed, and every switch has all that it should have."""
        return not (self.passed or self.differences)


def kill_switches(
    bed: FabricBed, kills: int, seed: int, say: Callable[[str], None] = lambda words: None
) -> RefillsSeen:
    """Kill one switch after another; statuses have to say so, and traffic has to come back."""
    seen = RefillsSeen()
    bed.apply(*INTENTS, MANY_RULES)
    bed.until(bed.is_whole, "the first intents are on the switches")
    made_up = RandomChanges(seed)
    expected: Documents = keyed(*INTENTS, MANY_RULES)

    def change() -> None:
        nonlocal expected
        one = made_up.next(expected)
        one.make(bed)
        expected = one.after
        seen.changes += 1

    def changed_until_active() -> bool:
        change()
        # Each change has its time: what is being installed is not active.
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            if bed.is_whole() and bed.all_active():
                return True
            time.sleep(0.02)
        return False

    seen.entries = len(bed.holds()["leaf1"])
    with Flows(_RATE) as flows:
        for name in islice(cycle(SWITCHES), kills):
            bed.kill_switch(name)
            for _ in range(_CHANGES_MEANWHILE):
                change()
            bed.until(lambda name=name: _degraded_by(bed, name), f"intents are degraded by {name}")  # type: ignore[misc]
            bed.start_switch(name)
            started = time.monotonic()
            bed.until(changed_until_active, f"intents are active after {name} came back")
            seen.refills.append(time.monotonic() - started)
            before = {flow: flows.arrived(flow) for flow in PERMITTED}
            bed.until(
                lambda before=before: all(flows.arrived(flow) > count for flow, count in before.items()),  # type: ignore[misc]
                f"all flows arrive after {name} came back",
            )
            say(f"{len(seen.refills)} switches killed, {name} is back after {seen.refills[-1]:.1f} s")
    seen.probes, seen.passed = flows.probes, flows.passed()
    bed.stop_controller()
    seen.differences = bed.differences(bed.stored())
    return seen


def _degraded_by(bed: FabricBed, switch: str) -> bool:
    """Whether the intents that concern all switches say that they are degraded, and by which switch."""
    status = bed.intents()["Network", "acme", "clients"]["status"]
    return status["state"] == "degraded" and any(
        reason.get("switch") == switch for reason in status["reasons"]
    )

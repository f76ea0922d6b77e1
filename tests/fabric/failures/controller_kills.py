"""The controller is killed again and again while intents change, and comes back each time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Timer

import httpx

from p4fabric.controller.reconcile.diff import Difference

from .bed import FabricBed
from .changes import Change, Documents, RandomChanges, documents_in, keyed
from .flows import INTENTS, Flows

__all__ = ["KillsSeen", "kill_controllers"]

_LATEST_KILL_S = 0.12
"""After the beginning of a change: it is asked for, planned, kept, acknowledged or written to switches."""


@dataclass
class KillsSeen:
    """What became of it."""

    changes: int = 0
    kills: int = 0
    unanswered: int = 0
    """Changes that were under way when the controller was killed."""
    kept: int = 0
    """Of those, that had been kept."""
    wrong: list[str] = field(default_factory=list)
    """Where intents were others than acknowledged, or a change was made by half."""
    differences: dict[str, Difference] = field(default_factory=dict)
    """Where switches hold something else than follows from what is stored."""
    sent: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)
    """Datagrams that no intent permits, and that arrived."""

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, and nothing is wrong."""
        return not (self.wrong or self.differences or self.lost or self.passed)


def kill_controllers(
    bed: FabricBed, changes: int, kills: int, seed: int, say: Callable[[str], None] = lambda words: None
) -> KillsSeen:
    """Make changes, and kill the controller at random moments of some of them."""
    seen = KillsSeen()
    bed.apply(*INTENTS)
    bed.until(bed.is_whole, "the first intents are on the switches")
    random, made_up = Random(seed), RandomChanges(seed)
    expected: Documents = keyed(*INTENTS)
    due = deque(sorted(random.sample(range(changes), kills)))
    timer: Timer | None = None
    with Flows() as flows:
        for number in range(changes):
            if due and number >= due[0]:
                due.popleft()
                if timer is not None:  # changes were quicker than the last kill
                    timer.join()
                    expected = _come_back(bed, seen, Change(lambda bed: None, expected, expected))
                timer = Timer(random.uniform(0, _LATEST_KILL_S), bed.kill_controller)
                timer.start()
            change = made_up.next(expected)
            seen.changes += 1
            try:
                change.make(bed)
                expected = change.after
            except httpx.TransportError:
                assert timer is not None, "the controller broke off, and was not killed"
                timer.join()
                expected = _come_back(bed, seen, change)
                timer = None
                say(f"{seen.kills} kills, {seen.changes} changes, {len(expected)} intents")
        if timer is not None:
            timer.join()
            expected = _come_back(bed, seen, Change(lambda bed: None, expected, expected))
        bed.until(lambda: bed.is_whole() and bed.all_active(), "all intents are active")
        time.sleep(0.5)
    if documents_in(bed) != expected:
        seen.wrong.append("at the end")
    bed.stop_controller()
    contents = bed.stored()
    if keyed(*(each.value.document for each in contents.intents)) != expected:
        seen.wrong.append("in the store")
    seen.differences = bed.differences(contents)
    seen.sent, seen.lost, seen.passed = flows.sent, flows.lost(), flows.passed()
    return seen


def _come_back(bed: FabricBed, seen: KillsSeen, change: Change) -> Documents:
    """Start a killed controller again, and see what it knows."""
    bed.controller_gone()
    seen.kills += 1
    bed.start_controller()
    found = documents_in(bed)
    seen.unanswered += change.before != change.after
    seen.kept += found == change.after != change.before
    if found not in (change.before, change.after):
        seen.wrong.append(f"after change {seen.changes}: {_symmetric(found, change)}")
    return found


def _symmetric(found: Documents, change: Change) -> str:
    lacking = [key for key in {**change.before, **change.after} if key not in found]
    other = [
        key for key, spec in found.items() if spec not in (change.before.get(key), change.after.get(key))
    ]
    return f"lacking {lacking}, others {other}"

"""Counting what intents wait for, in steps."""

from __future__ import annotations

from collections.abc import Iterator

from p4fabric.controller.compiler.delta import FabricDelta, SlotChange, SwitchDelta
from p4fabric.controller.compiler.output import Slot
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status.entries import EntryCounts

from .fabric import LEAF1, Report, entry, key

OWNERS = [IntentKey("UpfSession", TenantName("operator"), f"ue{number}") for number in range(5000)]


def steps(work: Iterator[None]) -> int:
    return sum(1 for _ in work)


def test_an_entry_that_thousands_of_intents_want_is_counted_in_steps() -> None:
    counts = EntryCounts()
    shared = entry(1)
    slots = tuple(SlotChange(Slot(owner, "", owner), (), (), {LEAF1: [key(1)]}, {}) for owner in OWNERS)
    assert steps(counts.adopt(FabricDelta(1, {LEAF1: SwitchDelta(1, {key(1): shared}, ())}, slots))) > 4
    for report, waiting in (
        (Report(LEAF1, installed=[key(1)]), 0),
        (Report(LEAF1, missing=[key(1)]), 1),
        (Report(LEAF1, failures={key(1): Reason(Code.ENTRY_REFUSED, "no room")}), 1),
    ):
        assert steps(counts.progress(report)) > 4
        assert {counts.intent(owner).shares[LEAF1].waiting for owner in OWNERS} == {waiting}

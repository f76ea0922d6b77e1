"""Drop reasons on the wire: one number each, and the documentation has the same."""

from __future__ import annotations

import re
from pathlib import Path

from p4fabric.controller.telemetry.drop_reasons import METER, TAIL_DROP, reason_label, reported_number
from p4fabric.controller.telemetry.drops import DropReason

DROPS, DROP_WATCH = (
    Path(__file__).parents[3] / "p4src/include" / name for name in ("drops.p4", "drop_watch.p4")
)
PAGE = Path(__file__).parents[3] / "docs/reference/telemetry-reports.md"


def test_every_reason_of_the_pipeline_has_a_number_of_its_own_and_keeps_its_name() -> None:
    numbers = {reported_number(reason): reason for reason in DropReason}
    assert len(numbers) == len(DropReason)
    assert all(reason_label(number) == reason.label for number, reason in numbers.items())
    assert {TAIL_DROP, METER, 0}.isdisjoint(numbers) and max(numbers) < 256


def test_numbers_that_nobody_knows_stay_numbers() -> None:
    assert reason_label(99) == "99"


def test_the_program_has_the_same_reasons_and_the_same_numbers() -> None:
    source = DROPS.read_text()
    reasons = dict(re.findall(r"drop_reason_t DROP_(\w+) += (\d+);", source))
    assert {name: int(number) for name, number in reasons.items() if name != "NONE"} == {
        reason.name: reason for reason in DropReason
    }
    numbers = {name: int(number) for name, number in re.findall(r"REPORTED_(\w+) += (\d+);", source)}
    given = re.findall(r"DROP_(\w+)\) \{\s+meta.reported.reason = REPORTED_(\w+);", DROP_WATCH.read_text())
    assert all(one == other for one, other in given)
    of_sd_fabric = {name for name, _ in given}
    for reason in DropReason:
        own = reason.name not in of_sd_fabric
        number = numbers["OTHERS"] + reason if own else numbers[reason.name]
        assert number == reported_number(reason)
    assert numbers["QUEUE_FULL"] == TAIL_DROP


def test_the_documentation_has_every_number() -> None:
    section = PAGE.read_text().split("## Drop reasons")[1].split("\n## ")[0]
    documented = {int(number): name for number, name in re.findall(r"\| (\d+) \| `(\w+)`", section)}
    expected = {reported_number(reason): reason.label for reason in DropReason}
    assert documented == {**expected, TAIL_DROP: "queue_full", METER: "meter"}

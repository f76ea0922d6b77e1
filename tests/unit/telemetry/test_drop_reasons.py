"""Drop reasons on the wire: one number each, and the documentation has the same."""

from __future__ import annotations

import re
from pathlib import Path

from p4fabric.controller.telemetry.drop_reasons import METER, TAIL_DROP, reason_label, reported_number
from p4fabric.controller.telemetry.drops import DropReason

PAGE = Path(__file__).parents[3] / "docs/reference/telemetry-reports.md"


def test_every_reason_of_the_pipeline_has_a_number_of_its_own_and_keeps_its_name() -> None:
    numbers = {reported_number(reason): reason for reason in DropReason}
    assert len(numbers) == len(DropReason)
    assert all(reason_label(number) == reason.label for number, reason in numbers.items())
    assert {TAIL_DROP, METER, 0}.isdisjoint(numbers) and max(numbers) < 256


def test_numbers_that_nobody_knows_stay_numbers() -> None:
    assert reason_label(99) == "99"


def test_the_documentation_has_every_number() -> None:
    section = PAGE.read_text().split("## Drop reasons")[1].split("\n## ")[0]
    documented = {int(number): name for number, name in re.findall(r"\| (\d+) \| `(\w+)`", section)}
    expected = {reported_number(reason): reason.label for reason in DropReason}
    assert documented == {**expected, TAIL_DROP: "queue_full", METER: "meter"}

"""What `make bench AGAINST=figures.json` calls a loss."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figures import Figure, load, save
from benchmarks.report import BENCHMARKS, document, losses


@pytest.mark.parametrize(
    ("before", "now", "less_is_better", "threshold", "lost"),
    [
        ([1.0, 1.1, 0.9], [0.81, 0.7, 2.0], False, 0.2, False),
        ([1.0, 1.1, 0.9], [0.79, 0.7, 2.0], False, 0.2, True),
        ([100.0], [120.0], True, 0.2, False),
        ([100.0], [130.0], True, 0.2, True),
        ([100.0], [1.0], True, 0.2, False),
        ([100.0], [1.0], False, None, False),
    ],
)
def test_a_median_that_fell_by_more_than_its_threshold_is_a_loss(
    tmp_path: Path,
    before: list[float],
    now: list[float],
    less_is_better: bool,
    threshold: float | None,
    lost: bool,
) -> None:
    save(tmp_path / "figures.json", [Figure("a.b", "title", "us", before, less_is_better, threshold)])
    earlier = {figure.name: figure for figure in load(tmp_path / "figures.json")}
    figure = Figure("a.b", "title", "us", now, less_is_better, threshold)
    assert bool(losses([figure], earlier)) == lost
    assert losses([Figure("new", "title", "us", now, less_is_better, threshold)], earlier) == []


def test_the_report_shows_spread_command_and_what_was_before() -> None:
    figure = Figure("a.b", "sent", "packets/s", [30_000.0, 10_000.0, 20_000.0])
    earlier = {"a.b": Figure("a.b", "sent", "packets/s", [40_000.0])}
    text = document({"kernel": "6.1"}, [(BENCHMARKS[0], [figure])], earlier)
    assert "* kernel: 6.1" in text and f"`{BENCHMARKS[0].command}`" in text
    assert "| sent | packets/s | 10,000 | 20,000 | 30,000 | 40,000 | 0.5 |" in text.replace("0.50", "0.5")


def test_a_file_that_is_no_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"kind": "Network"}]')
    with pytest.raises(ValueError, match=r"x\.json: not figures"):
        load(tmp_path / "x.json")

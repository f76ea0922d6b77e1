"""Figures: what a benchmark measured, in a form that a report and a later run can be made of.

A benchmark's `main` collects them and, given `--figures FILE`, writes them as JSON. Several samples of one
figure come from one run, in turns with what it is compared to.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Figure", "add_option", "load", "print_table", "save"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured once or more in a run.

    Attributes:
        name: by which later runs find it, such as `forwarding.beside_bare`.
        title: for a reader.
        unit: of the samples; `ratio` for a quotient of two things measured in turns.
        samples: at least one.
        less_is_better: as of seconds, unlike of packets/s.
        threshold: the share that may be lost against an earlier run before that is a failure; None of what
            says more about the machine's other work than about p4fabric.
        limit: what the median is to reach; None: nothing is promised.
    """

    name: str
    title: str
    unit: str
    samples: Sequence[float]
    less_is_better: bool = False
    threshold: float | None = None
    limit: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the limit is reached: "pass", "FAIL", or nothing where there is none."""
        if self.limit is None:
            return ""
        reached = self.median <= self.limit if self.less_is_better else self.median >= self.limit
        return "pass" if reached else "FAIL"

    @property
    def median(self) -> float:
        """Of the samples."""
        return statistics.median(self.samples)

    def against(self, earlier: Figure) -> float:
        """How good the median is beside the earlier one: 1 is as good, 0.5 half as good."""
        now, then = (earlier.median, self.median) if self.less_is_better else (self.median, earlier.median)
        return now / then if then else 1.0

    def fell(self, earlier: Figure) -> bool:
        """Whether more was lost than the threshold allows."""
        return self.threshold is not None and self.against(earlier) < 1 - self.threshold


def add_option(parser: argparse.ArgumentParser) -> None:
    """Have a benchmark take `--figures FILE`."""
    parser.add_argument("--figures", type=Path, help="write what was measured, as JSON")


def print_table(figures: Sequence[Figure]) -> None:
    """Show figures, what they are to reach, and whether they do."""
    width = max((len(figure.title) for figure in figures), default=0)
    print(f"{'':{width}}  {'median':>10}  {'worst':>10}  {'unit':<9}  to reach")
    for figure in figures:
        worst = max(figure.samples) if figure.less_is_better else min(figure.samples)
        sign = "<=" if figure.less_is_better else ">="
        limit = "" if figure.limit is None else f"{sign} {figure.limit:,g}  {figure.verdict}"
        numbers = f"{_shown(figure.median):>10}  {_shown(worst):>10}"
        print(f"{figure.title:{width}}  {numbers}  {figure.unit:<9}  {limit}".rstrip())


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def save(path: Path | None, figures: Iterable[Figure]) -> None:
    """Write figures, if there is where to."""
    if path is not None:
        path.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")


def load(path: Path) -> list[Figure]:
    """Read what `save` wrote.

    Raises:
        ValueError: the file is no such list.
        OSError: it cannot be read.
    """
    try:
        return [Figure(**one) for one in json.loads(path.read_text())]
    except (TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not figures that a benchmark wrote: {error}") from None

"""What a reconciler has reported, put together as status would."""

from __future__ import annotations

from p4fabric.controller.reconcile.progress import Progress
from p4fabric.pipelines.entities import EntityKey


class Board:
    """Keys as they were reported, and the reports."""

    def __init__(self) -> None:
        self.reports: list[Progress] = []
        self.installed: set[EntityKey] = set()
        self.gone: list[EntityKey] = []
        self.failures: dict[EntityKey, str] = {}

    def __call__(self, progress: Progress) -> None:
        self.reports.append(progress)
        self.installed |= set(progress.installed)
        self.installed -= set(progress.missing) | set(progress.gone)
        self.gone += progress.gone
        for key in progress.recovered:
            del self.failures[key]
        self.failures |= progress.failures

    @property
    def last(self) -> Progress:
        return self.reports[-1]

    @property
    def in_sync(self) -> bool:
        return bool(self.reports) and self.last.summary.in_sync

"""What a reconciler reports: the keys about which there is news since its last report.

This module does not know how anything is written or read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from p4fabric.controller.names import SwitchName
from p4fabric.controller.reasons import Reason
from p4fabric.pipelines.entities import EntityKey

__all__ = ["News", "Progress", "Summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """How a switch stands, in figures that do not grow with it."""

    in_sync: bool = False
    """It holds all that is desired, and nothing else but what is left alone."""
    desired: int = 0
    """How many keys are desired of it."""
    installed: int = 0
    """How many of them it has acknowledged as they are desired."""
    failing: int = 0
    """How many it refused, or wait for others."""
    error: str | None = None
    """Why nothing can be written now; None while the session is primary."""
    unknown: tuple[str, ...] = ()
    """What it holds that this controller cannot read, and leaves alone."""
    left_alone: int = 0
    """How many keys it held before that nobody has asked for, while that is left alone (see `Unclaimed`)."""
    epoch: int | None = None
    """The session's epoch in which it was read last, and all that was found is told; None: it never was."""


@dataclass(frozen=True, slots=True)
class Progress:
    """News of one switch since the last report."""

    switch: SwitchName
    installed: Collection[EntityKey]
    """What it has acknowledged, exactly as it is desired now."""
    missing: Collection[EntityKey]
    """What was reported as installed, and was found not to be."""
    gone: Collection[EntityKey]
    """What is wanted no more, and is not there any more."""
    failures: Mapping[EntityKey, Reason]
    """What it refused, or what waits for others, and why; new ones and those with another reason."""
    recovered: Collection[EntityKey]
    """What fails no more."""
    summary: Summary

    @property
    def epoch(self) -> int | None:
        """The session's epoch in which it was read last, and all that was found is told."""
        return self.summary.epoch


class News:
    """Collects what to report, and remembers what was reported."""

    def __init__(self) -> None:
        """Start with nothing reported."""
        self._installed: dict[EntityKey, None] = {}
        self._missing: dict[EntityKey, None] = {}
        self._gone: dict[EntityKey, None] = {}
        self._failures: dict[EntityKey, Reason] = {}
        self._recovered: dict[EntityKey, None] = {}
        self._told_installed: set[EntityKey] = set()
        self._told_failures: dict[EntityKey, Reason] = {}
        self._leaving: dict[EntityKey, None] = {}
        """Wanted no more, and not reported as gone."""
        self._summary = Summary()

    @property
    def leaving(self) -> Collection[EntityKey]:
        """What is wanted no more, and may be there."""
        return self._leaving

    @property
    def has_missing(self) -> bool:
        """Whether something that was reported as installed was found not to be."""
        return bool(self._missing)

    def __len__(self) -> int:
        """How many keys there is news of."""
        kept = len(self._installed) + len(self._missing) + len(self._gone)
        return kept + len(self._failures) + len(self._recovered)

    @property
    def installed(self) -> int:
        """How many keys are installed, reported or about to be."""
        return len(self._told_installed) + len(self._installed)

    @property
    def failing(self) -> int:
        """How many keys fail or wait."""
        return len(self._told_failures) + sum(key not in self._told_failures for key in self._failures)

    def wish_changed(self, key: EntityKey, *, wanted: bool) -> None:
        """Something else is desired of a key: what was reported of it counts no more."""
        self._told_installed.discard(key)
        self._installed.pop(key, None)
        self._missing.pop(key, None)
        self._gone.pop(key, None)
        self._works(key)
        if wanted:
            self._leaving.pop(key, None)
        else:
            self._leaving[key] = None

    def settled(self, key: EntityKey, *, wanted: bool) -> None:
        """The switch holds what is desired under a key, or, if nothing is, nothing."""
        self._works(key)
        if not wanted:
            if key in self._leaving:
                del self._leaving[key]
                self._gone[key] = None
        elif key not in self._told_installed:
            self._missing.pop(key, None)
            self._installed[key] = None

    def unsettled(self, key: EntityKey) -> None:
        """The switch was found to hold something else than is desired under a key."""
        self._installed.pop(key, None)
        if key in self._told_installed:
            self._told_installed.discard(key)
            self._missing[key] = None

    def failed(self, key: EntityKey, reason: Reason) -> None:
        """The switch refused what is desired under a key, or it waits for others."""
        self._recovered.pop(key, None)
        if self._told_failures.get(key) == reason:
            self._failures.pop(key, None)
        else:
            self._failures[key] = reason

    def _works(self, key: EntityKey) -> None:
        self._failures.pop(key, None)
        if self._told_failures.pop(key, None) is not None:
            self._recovered[key] = None

    def take(self, switch: SwitchName, summary: Summary, changing: Collection[EntityKey]) -> Progress | None:
        """The report, or None if there is no news.

        Args:
            switch: whose.
            summary: how it stands.
            changing: keys of which something else may be wanted already; nothing is said of these now.
        """
        if changing:
            installed = {key: None for key in self._installed if key not in changing}
            later = {key: None for key in self._installed if key in changing}
        else:
            installed, later = self._installed, {}
        news = installed or self._missing or self._gone or self._failures or self._recovered
        if not news and summary == self._summary:
            return None
        progress = Progress(
            switch,
            installed.keys(),
            self._missing.keys(),
            self._gone.keys(),
            self._failures,
            self._recovered.keys(),
            summary,
        )
        self._told_installed.update(installed)
        self._told_failures.update(self._failures)
        self._installed, self._missing, self._gone = later, {}, {}
        self._failures, self._recovered = {}, {}
        self._summary = summary
        return progress

"""Intent states, the listener's interface, and a reconciler's report, as values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from p4fabric.controller.intents.life import IntentState
from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.reasons import Reason
from p4fabric.pipelines.entities import EntityKey

__all__ = [
    "IntentState",
    "IntentStatus",
    "StatusListener",
    "SwitchProgress",
    "SwitchStatusChanged",
    "time_text",
]


@dataclass(frozen=True, slots=True)
class IntentStatus:
    """How far one intent is."""

    state: IntentState
    generation: int
    """Of the document that this is about: 1, and one more with each change."""
    reasons: tuple[Reason, ...] = ()
    """In a stable order; at most MOST_REASONS, and how many more there are."""
    since: float = field(default=0.0, compare=False)
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class SwitchStatusChanged:
    """A switch came, went, was read or is no longer held back, and with it changed the statuses of intents.

    None of these is announced: who shows any of them asks for it again.
    """

    switch: SwitchName
    intents_concerned: Mapping[TenantName, int]
    """How many intents' statuses are others now, or say something else, by tenant; at least one."""
    trouble: Reason | None
    """What is wrong with the switch; None: nothing any more."""


class StatusListener(Protocol):
    """Who is told. It must not change anything of what it is told about before it returns."""

    def status_changed(self, key: IntentKey, status: IntentStatus) -> None:
        """An intent is in another state, or there for other reasons."""

    def intent_deleted(self, key: IntentKey) -> None:
        """A deleted intent is gone from all switches; it is not known any more."""

    def switch_status_changed(self, change: SwitchStatusChanged) -> None:
        """A switch changed the statuses of several intents at once."""


class SwitchProgress(Protocol):
    """What a reconciler says of a switch: keys of which there is news since it said something last."""

    @property
    def switch(self) -> SwitchName:
        """Which one."""

    @property
    def installed(self) -> Collection[EntityKey]:
        """Acknowledged, exactly as desired now."""

    @property
    def missing(self) -> Collection[EntityKey]:
        """Said to be installed before, and found not to be."""

    @property
    def gone(self) -> Collection[EntityKey]:
        """Wanted no more, and held no more."""

    @property
    def failures(self) -> Mapping[EntityKey, Reason]:
        """Refused, or waiting for others."""

    @property
    def recovered(self) -> Collection[EntityKey]:
        """Failing no more."""

    @property
    def epoch(self) -> int | None:
        """The session's epoch in which it was read, and all that was found is said; None: it never was."""


def time_text(seconds: float) -> str:
    """A moment, in seconds since 1970, as reasons write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

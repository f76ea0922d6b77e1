"""The life of an intent, in the words that statuses, the API and clients share."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["IntentState"]


class IntentState(StrEnum):
    """The life of an intent; docs/explanation/intent-states.md says what each state promises."""

    ACCEPTED = "accepted"
    """Stored; it survives a restart."""
    INSTALLING = "installing"
    """On its way to the switches, or what it replaces is on its way out."""
    ACTIVE = "active"
    """Every switch concerned has acknowledged all of it, and what it replaced is gone."""
    DEGRADED = "degraded"
    """It does not do all it should, or nobody can tell, for the reasons given; p4fabric goes on trying."""
    DELETING = "deleting"
    """It was deleted, and some switch has not yet acknowledged that all of it is gone."""

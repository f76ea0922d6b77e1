"""Keeps one switch equal to what is desired of it.

This module knows when to read, write and try again. What to write in which order is `diff`'s and
`order`'s; connections are the session's. It must never know an intent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.names import SwitchName
from controller.p4runtime.session import SwitchSession
from pipelines.entities import Entity, EntityKey

__all__ = ["Progress", "Reconciler"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a switch is, after each pass and each change of the session's state."""

    switch: SwitchName
    installed: frozenset[EntityKey]
    """What the switch has acknowledged, exactly as desired."""
    failures: Mapping[EntityKey, str]
    """What it refused, and why, in its own words."""
    in_sync: bool
    """It holds all that is desired, and nothing else."""
    error: str | None
    """Why nothing can be written now; None while the session is primary."""


class Reconciler:
    """`run` it in a TaskGroup, beside its session's `run`."""

    def __init__(self, session: SwitchSession, on_progress: Callable[[Progress], None]) -> None:
        """Nothing is written before the first `set_desired`: what a switch has stays until then."""
        raise NotImplementedError

    def set_desired(self, desired: Mapping[EntityKey, Entity]) -> None:
        """Ask for another state; of several calls in a row only the last one counts. Not blocking."""
        raise NotImplementedError

    async def run(self) -> None:
        """Reconcile for ever. Ends by cancellation only."""
        raise NotImplementedError

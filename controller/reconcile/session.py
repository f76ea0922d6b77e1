"""What a reconciler needs of a session with a switch, and how patient it is.

Interfaces and values only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from p4fabric.controller.p4runtime.read import Decoded, ReadResult
from p4fabric.controller.p4runtime.state import SessionState
from p4fabric.controller.p4runtime.update import Update, UpdateError
from p4fabric.controller.reconcile.audit import Readable

__all__ = ["Session", "Timing"]


class Session(Readable, Protocol):
    """What a reconciler needs of a SwitchSession."""

    @property
    def state(self) -> SessionState: ...

    async def wait_until(self, wanted: Callable[[SessionState], bool]) -> SessionState: ...

    async def write(self, updates: Sequence[Update]) -> list[UpdateError]: ...

    async def read(self, decoded: Decoded | None) -> ReadResult: ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    audit: float = 60.0
    """Between reads of a switch that nothing is written to; each switch waits 0.75 to 1.25 of it."""
    first_retry: float = 1.0
    """Of an entity that the switch refused, and after a connection failed; doubles from there."""
    longest_retry: float = 60.0
    patience: float = 1.0
    """What waits for others is reported after that."""

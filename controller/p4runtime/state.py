"""How a session stands with its switch, and whom it tells.

Values and interfaces only; the session is what changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from p4fabric.controller.names import SwitchName
from p4fabric.pipelines.entities import DigestMessage, PacketMetadata
from p4fabric.pipelines.values import Port

__all__ = ["PacketIn", "Phase", "SessionListener", "SessionState"]


class Phase(StrEnum):
    """What the session can do now."""

    DISCONNECTED = "disconnected"
    """No stream, or no pipeline that works: nothing can be asked or written."""
    BACKUP = "backup"
    """Another controller is primary: packet-outs and writes are refused, reads work."""
    PRIMARY = "primary"
    """Primary, and the switch runs our pipeline: everything works."""


@dataclass(frozen=True, slots=True)
class SessionState:
    """A phase, why, and how often `PRIMARY` was reached before.

    After each rise of `epoch` what the switch holds is unknown and must be read.
    """

    phase: Phase
    reason: str
    epoch: int = 0

    def __str__(self) -> str:
        return f"{self.phase} ({self.reason})" if self.reason else str(self.phase)


@dataclass(frozen=True, slots=True)
class PacketIn:
    """A frame that a switch sent to the controller, with the pipeline's own header."""

    header: PacketMetadata
    frame: bytes


class SessionListener(Protocol):
    """Who is told what a switch says. An exception of a listener is logged, not fatal.

    A subclass overrides what it wants to hear; the rest goes by.
    """

    def state_changed(self, switch: SwitchName, state: SessionState) -> None:
        """The session's state is another one now."""
        return

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        """The switch said which ports it has, all of them; told again with each change."""
        return

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        """A port went up or down, as the switch says; None: nobody can say any more."""
        return

    async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
        """A frame came in. Frames wait in a bounded queue meanwhile; what does not fit is dropped."""
        return

    async def digests(self, switch: SwitchName, messages: Sequence[DigestMessage]) -> None:
        """A digest list came in; it is acknowledged once this returns."""
        return

"""What the running fabric says of itself, as values. This module must never know how it came about."""

from __future__ import annotations

from dataclasses import dataclass

from controller.fabric.ledger import Outcome
from controller.fabric.status import IntentStatus
from controller.intents import IntentDocument
from controller.names import IntentKey, SwitchName
from controller.p4runtime import SessionState
from controller.topology.model import Role
from pipelines.values import Port

__all__ = ["Applied", "IntentView", "SwitchView"]


@dataclass(frozen=True, slots=True)
class IntentView:
    """An intent and how far it is."""

    intent: IntentDocument
    status: IntentStatus

    @property
    def key(self) -> IntentKey:
        """Which one."""
        return self.intent.key


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a document."""

    view: IntentView
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class SwitchView:
    """One switch at one moment."""

    name: SwitchName
    device_id: int
    role: Role
    target: str
    address: str
    ports: tuple[Port, ...] | None
    """Those that it has; None where it does not say."""
    connected: bool
    """Whether it can be written to."""
    state: SessionState
    """How its session stands; as text it says why."""
    held: str | None
    """Why nothing is written to it for now, though it could be."""
    in_sync: bool
    desired: int
    installed: int
    failures: tuple[str, ...]
    """What it refused and why, the first few."""
    refused: int
    unknown: tuple[str, ...]
    """What it holds that this controller cannot read, and leaves alone."""

"""One pending change of one entity, why it waits, and what the switch said when it refused it.

Values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.update import Code as StatusCode
from p4fabric.controller.p4runtime.update import Update, UpdateKind
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.reconcile.barrier import Obstacle
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["Blocker", "Cause", "Operation", "Refusal"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What is to be written under a key next."""

    kind: UpdateKind
    entity: Entity
    """As it will be, or, of a delete, as it is."""
    closing: bool = False
    """It takes away what lets traffic in or out, and is written before all else that may be."""
    reopens: bool = False
    """A delete after which the key is written anew: it opens something else than before."""

    def update(self) -> Update:
        """The update to send."""
        return Update(self.kind, self.entity)


class Cause(Enum):
    """Why one change waits for another, as the end of a sentence about it."""

    REFERRED_TO = "waits for {other}, which it refers to"
    REFERRER = "waits until {other}, which refers to it, is gone"
    PRECEDENCE = "waits for the change of {other}, so that a packet always meets the old rules or the new"
    OLD_OPENER = "waits until {other}, which opens the same traffic, is gone"
    PROTECTOR = "waits {other}, which closes what it opens"
    LINK = "waits {other}, so that both ends of a link are open before traffic is sent over it"
    TREE = "waits {other}, so that nothing is flooded by old branches and new ones"
    PATH = "waits {other}, so that traffic that is sent there goes on, and does not come back"


@dataclass(frozen=True, slots=True)
class Blocker:
    """What an operation waits for: a change of another key of the switch, or an obstacle elsewhere."""

    cause: Cause
    key: EntityKey | None = None
    obstacle: Obstacle | None = None

    def key_on(self, switch: SwitchName) -> EntityKey | None:
        """The key of what is to be written on a switch first; None: it is nothing there."""
        if self.obstacle is None:
            return self.key
        return self.obstacle.key if self.obstacle.switch == switch else None

    def reason(
        self, switch: SwitchName, operation: Operation, other: object, *, circular: bool = False
    ) -> Reason:
        """For an operator.

        Args:
            switch: whose operation waits.
            operation: that.
            other: the entity that it waits for.
            circular: whether that waits for this one in turn, which is a fault of the controller.
        """
        said = self.cause.value.format(other=self.obstacle or other)
        text = f"{switch}: {operation.kind.name.lower()} of {operation.entity} {said}"
        if circular:
            text += "; they wait for each other, which is a fault of the controller: please report it"
        return Reason(Code.ENTRY_WAITING, text, switch=switch, entry=str(operation.entity))


@dataclass(slots=True)
class Refusal:
    """An operation that the switch did not perform, and when it is tried again."""

    operation: Operation
    code: StatusCode
    reason: Reason
    attempts: int
    retry_at: float
    """Of the event loop's clock, in seconds."""

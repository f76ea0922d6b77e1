"""What is drained: switches and links that packets are kept off, for maintenance.

A drained switch carries what begins or ends there, and a drained link what has no other way; see `paths`. Who
drains goes step by step (`Drain.next`), so that a new way stands before an old one is left. Values only: this
module does not know what a step writes to switches, or when it is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from p4fabric.controller.names import SwitchName
from p4fabric.controller.topology.model import Cable

__all__ = ["NOTHING", "Avoided", "Drain", "DrainState", "Drained", "Moment"]

Drained = SwitchName | Cable
"""What may be drained."""


class DrainState(Enum):
    """How far a drain is; the value is as programs read it."""

    PREPARING = "preparing"
    """The ways around it are made ready; packets go as before."""
    MOVING = "moving"
    """Switches change to the ways around it."""
    DRAINED = "drained"
    """Packets go around it wherever there is a way."""
    PREPARING_RETURN = "preparingReturn"
    """The ways over it are made ready again; packets go around it."""
    RETURNING = "returning"
    """Switches change back; then it is drained no more."""


class Moment(Enum):
    """Whose ways: those that switches are leaving, those that they use, those that come next."""

    BEFORE = "before"
    NOW = "now"
    NEXT = "next"


@dataclass(frozen=True, slots=True)
class Drain:
    """That a switch or a link is to be drained, or is to be used again, and how far that is.

    What of the ways differs from one moment to the next is written to switches before any packet takes it.
    """

    since: float
    """When it was asked for, in seconds since 1970."""
    wanted: bool = True
    """Whether it is to be drained; otherwise it is to be used again."""
    avoided: bool = False
    """Whether packets go around it."""
    was_avoided: bool = False
    """Whether they did when all switches had acknowledged their ways last."""

    @property
    def state(self) -> DrainState:
        """How far it is."""
        if self.wanted:
            if not self.avoided:
                return DrainState.PREPARING
            return DrainState.DRAINED if self.was_avoided else DrainState.MOVING
        return DrainState.PREPARING_RETURN if self.avoided else DrainState.RETURNING

    @property
    def is_settled(self) -> bool:
        """Whether there is no step left."""
        return self.wanted is self.avoided is self.was_avoided

    def asked(self, wanted: bool, now: float) -> Drain:
        """The same once it is asked to be drained, or (False) used again."""
        return self if wanted is self.wanted else replace(self, since=now, wanted=wanted)

    def next(self) -> Drain | None:
        """The next step, once all switches have acknowledged this one; None: it is drained no more."""
        if not (self.wanted or self.avoided):
            return None
        return replace(self, avoided=self.wanted, was_avoided=self.avoided)

    def is_avoided(self, moment: Moment) -> bool:
        """Whether the ways of a moment go around it."""
        return {
            Moment.BEFORE: self.was_avoided,
            Moment.NOW: self.avoided,
            Moment.NEXT: self.wanted,
        }[moment]


@dataclass(frozen=True, slots=True)
class Avoided:
    """What packets go around, wherever there is another way."""

    switches: frozenset[SwitchName] = frozenset()
    """Not to be crossed."""
    cables: frozenset[Cable] = frozenset()
    """Not to be taken."""

    @classmethod
    def of(cls, drained: Iterable[Drained]) -> Avoided:
        """Switches and links, in whatever order."""
        found = list(drained)
        cables = frozenset(one for one in found if isinstance(one, Cable))
        return cls(frozenset(one for one in found if not isinstance(one, Cable)), cables)

    def has(self, cable: Cable) -> bool:
        """Whether a link is among it, or at one of its switches."""
        return cable in self.cables or any(end.switch in self.switches for end in cable.ports)

    def __bool__(self) -> bool:
        return bool(self.switches or self.cables)


NOTHING = Avoided()

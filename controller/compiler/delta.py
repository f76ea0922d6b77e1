"""Changes of what switches should hold, as values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from p4fabric.controller.compiler.output import Slot
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Reason
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["FabricDelta", "SlotChange", "SwitchDelta"]


@dataclass(frozen=True, slots=True)
class SwitchDelta:
    """What changes of what one switch should hold."""

    revision: int
    """Of the state that it follows from; grows."""
    wanted: Mapping[EntityKey, Entity]
    """New or changed."""
    unwanted: Collection[EntityKey]
    """Wanted no more."""


@dataclass(frozen=True, slots=True)
class SlotChange:
    """One part that comes to something else than before."""

    slot: Slot
    notes_before: tuple[Reason, ...]
    """Why it did not do all it should."""
    notes: tuple[Reason, ...]
    """Why it does not do so now."""
    added: Mapping[SwitchName, Collection[EntityKey]]
    """Keys that it wants now and did not want before."""
    removed: Mapping[SwitchName, Collection[EntityKey]]

    @property
    def owner(self) -> IntentKey | None:
        """The intent that it is a part of."""
        return self.slot.owner


@dataclass(frozen=True, slots=True)
class FabricDelta:
    """What a change of the state comes to, on all switches."""

    revision: int
    switches: Mapping[SwitchName, SwitchDelta] = field(default_factory=dict)
    """Switches of which nothing changes are left out."""
    slots: tuple[SlotChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.switches or self.slots)

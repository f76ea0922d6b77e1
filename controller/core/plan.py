"""What a change of the state comes to, and why one is refused. This module does not know how it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

from p4fabric.controller.compiler import Compiled, FabricDelta
from p4fabric.controller.compiler.output import CounterSource
from p4fabric.controller.core.rows import PersistedRow
from p4fabric.controller.intents import FieldError, IntentDocument, IntentError
from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.intents.numbers import Number
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Code
from p4fabric.controller.topology.drain import Drain, Drained
from p4fabric.pipelines.values import VlanId

__all__ = ["IntentConflict", "Loaded", "Outcome", "Plan", "UnknownIntent"]


class IntentConflict(IntentError):
    """The intent is right by itself, but not beside the others."""

    code = Code.CONFLICT

    def __init__(self, errors: Sequence[FieldError], more: int = 0, code: Code = Code.CONFLICT) -> None:
        """Take what was found, how many errors an earlier cut left out, and what kind of conflict it is."""
        super().__init__(errors, more)
        self.code = code


class UnknownIntent(IntentError):
    """There is no such intent."""

    code = Code.NOT_FOUND


class Outcome(StrEnum):
    """What became of a document."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Plan:
    """A change of the state that was made, and what follows from it."""

    compiled: Compiled
    outcomes: Mapping[IntentKey, Outcome] = field(default_factory=dict)
    rows: tuple[PersistedRow, ...] = ()
    """What the store is to keep."""
    intents: Mapping[IntentKey, IntentDocument | None] = field(default_factory=dict)
    """Intents that are others now; None: deleted."""
    metadata: Mapping[IntentKey, Metadata | None] = field(default_factory=dict)
    """Of each intent of which anything is kept otherwise now; None: deleted."""
    vlans: Mapping[IntentKey, VlanId] = field(default_factory=dict)
    """The VLAN ids of networks among them."""
    counters: Mapping[IntentKey, tuple[CounterSource, ...]] = field(default_factory=dict)
    """The entries that count for intents of which any part is another one now."""
    resting: tuple[Number, ...] = ()
    """Numbers that were given back."""
    freed: tuple[Number, ...] = ()
    """Numbers that rest no more."""
    gone: tuple[SwitchName, ...] = ()
    """Switches that were declared gone."""
    drains: Mapping[Drained, Drain | None] = field(default_factory=dict)
    """Switches and links that are further with being drained or coming back; None: they are back."""

    @property
    def delta(self) -> FabricDelta:
        """What changes for each switch."""
        return self.compiled.delta

    def pieces(self) -> list[object]:
        """What it holds much of: to let go of all of that at once takes a while."""
        entities = {id(delta.wanted): delta.wanted for delta in self.delta.switches.values()}
        return [
            *self.rows,
            *self.delta.slots,
            *self.counters.values(),
            *chain.from_iterable(wanted.values() for wanted in entities.values()),
        ]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a state that a store kept."""

    plan: Plan
    """Its rows are those that this version adds, such as numbers that an older one did not give."""
    unreadable: Mapping[IntentKey, IntentError]
    """Documents that this version refuses; what stands of them on switches is to be left alone."""

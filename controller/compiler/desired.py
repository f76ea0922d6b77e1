"""What the compiler makes: the entities that each switch should hold, and for which intents.

Values only. This module must never know how an entity came about, nor what a switch really holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from controller.intents.document import IntentDocument
from controller.names import IntentKey, SwitchName
from pipelines.entities import Entity, EntityKey, TableEntry

__all__ = ["CompileError", "CounterSource", "DesiredState", "Output", "counters_of"]


class CompileError(Exception):
    """Two intents want different entities under one key: admission let something through."""


class CounterSource(NamedTuple):
    """An entry whose direct counter speaks for an intent, and what it counts ("no-telnet", "uplink")."""

    label: str
    switch: SwitchName
    entry: TableEntry


@dataclass(frozen=True, slots=True)
class Output:
    """What one part of an intent (or of the fabric itself) comes to."""

    entities: Mapping[SwitchName, tuple[Entity, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Why it does not do all it should: "server 10.0.2.11 not seen yet"."""
    counters: tuple[CounterSource, ...] = ()


@dataclass(frozen=True)
class DesiredState:
    """The whole fabric as it should be. Switches that a change does not touch keep their mappings."""

    entities: Mapping[SwitchName, Mapping[EntityKey, Entity]]
    """What each switch should hold; every switch of the topology is here."""
    owners: Mapping[SwitchName, Mapping[EntityKey, frozenset[IntentKey]]]
    """The intents that want each entity; none where the fabric itself needs it."""
    outputs: Mapping[IntentKey, tuple[Output, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """What each intent came to, part by part."""

    def notes_of(self, intent: IntentKey) -> tuple[str, ...]:
        """Why an intent does not do all it should though its entries are right; empty if it does."""
        notes = (note for output in self.outputs.get(intent, ()) for note in output.notes)
        return tuple(dict.fromkeys(notes))

    def entries_of(self, intent: IntentKey) -> Mapping[SwitchName, frozenset[EntityKey]]:
        """The keys of the entities that an intent wants on each switch."""
        keys: dict[SwitchName, set[EntityKey]] = {}
        for output in self.outputs.get(intent, ()):
            for switch, entities in output.entities.items():
                keys.setdefault(switch, set()).update(entity.key for entity in entities)
        return {switch: frozenset(found) for switch, found in keys.items()}


def counters_of(intent: IntentDocument, desired: DesiredState) -> list[CounterSource]:
    """The entries whose direct counters speak for an intent, with labels to add them up by."""
    return [counter for output in desired.outputs.get(intent.key, ()) for counter in output.counters]

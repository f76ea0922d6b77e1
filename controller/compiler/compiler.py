"""Intents and topology in, the entities of every switch out; what did not change is not made again.

No I/O, and nothing but its arguments decides what comes out: what it remembers only saves time. This
module must never know a kind of intent, nor an entry.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from controller.compiler.desired import CompileError, DesiredState, Output
from controller.compiler.plan import Slot, Task, tasks
from controller.intents.allocation import Allocations
from controller.intents.catalogue import Catalogue
from controller.names import IntentKey, SwitchName
from controller.topology.model import Topology
from pipelines.entities import Entity, EntityKey

__all__ = ["Compiler"]

V = TypeVar("V")
Outputs = Mapping[IntentKey, tuple[Output, ...]]
Touched = dict[SwitchName, set[EntityKey]]


class Compiler:
    """Compile one state after another; not for two threads at once."""

    def __init__(self) -> None:
        """Nothing compiled yet."""
        self._forget()

    def _forget(self) -> None:
        self._parts: dict[Slot, tuple[object, Output]] = {}
        self._wanted: dict[SwitchName, dict[EntityKey, dict[Slot, Entity]]] = {}
        """Every switch's entities, and the parts that want each."""
        self._desired = DesiredState({}, {})

    def compile(self, catalogue: Catalogue, allocations: Allocations, topology: Topology) -> DesiredState:
        """What every switch of the topology should hold.

        Args:
            catalogue: all intents.
            allocations: with the numbers that they were given.
            topology: as it was last seen.

        Raises:
            CompileError: two parts want different entities under one key.
        """
        try:
            touched = self._update(tasks(catalogue, allocations, topology))
            self._desired = DesiredState(*self._merge(topology, touched), self._outputs(catalogue))
        except BaseException:
            # Half an update must not be built upon.
            self._forget()
            raise
        return self._desired

    def _update(self, wanted: Iterable[Task[object]]) -> Touched:
        """Compile the parts that changed; the keys of entities that may be different now."""
        touched: Touched = defaultdict(set)
        before, self._parts = self._parts, {}
        for task in wanted:
            known = before.pop(task.slot, None)
            if known is not None and known[0] == task.part:
                self._parts[task.slot] = known
                continue
            output = task.compile(task.part)
            if known is not None and known[1] == output:
                output = known[1]
            else:
                if known is not None:
                    self._remove(task.slot, known[1], touched)
                self._add(task.slot, output, touched)
            self._parts[task.slot] = (task.part, output)
        for slot, (_, output) in before.items():
            self._remove(slot, output, touched)
        return touched

    def _add(self, slot: Slot, output: Output, touched: Touched) -> None:
        for switch, entities in output.entities.items():
            held = self._wanted.setdefault(switch, {})
            for entity in entities:
                if held.setdefault(entity.key, {}).setdefault(slot, entity) != entity:
                    raise CompileError(f"{slot.owner or 'the fabric'} wants two of {entity.key} on {switch}")
            touched[switch].update(entity.key for entity in entities)

    def _remove(self, slot: Slot, output: Output, touched: Touched) -> None:
        for switch, entities in output.entities.items():
            held = self._wanted[switch]
            for key in {entity.key for entity in entities}:
                del held[key][slot]
                if not held[key]:
                    del held[key]
                touched[switch].add(key)

    def _merge(
        self, topology: Topology, touched: Touched
    ) -> tuple[
        Mapping[SwitchName, Mapping[EntityKey, Entity]],
        Mapping[SwitchName, Mapping[EntityKey, frozenset[IntentKey]]],
    ]:
        entities = {name: self._desired.entities.get(name, {}) for name in topology.switches}
        owners = {name: self._desired.owners.get(name, {}) for name in topology.switches}
        for switch in touched.keys() & topology.switches.keys():
            held = self._wanted[switch]
            changed: dict[EntityKey, Entity] = {}
            owned: dict[EntityKey, frozenset[IntentKey]] = {}
            for key in touched[switch] & held.keys():
                changed[key] = _agreed(switch, held[key])
                owned[key] = frozenset(slot.owner for slot in held[key] if slot.owner is not None)
            gone = touched[switch] - held.keys()
            entities[switch] = _patched(entities[switch], changed, gone)
            owners[switch] = _patched(owners[switch], owned, gone)
        return entities, owners

    def _outputs(self, catalogue: Catalogue) -> Outputs:
        """What each intent came to; the very tuple of before where nothing of it changed."""
        found: dict[IntentKey, list[Output]] = {key: [] for key in catalogue}
        for slot, (_, output) in self._parts.items():
            if slot.owner is not None:
                found[slot.owner].append(output)
        before = self._desired.outputs
        outputs: dict[IntentKey, tuple[Output, ...]] = {}
        for key, now in found.items():
            old = before.get(key, ())
            same = len(old) == len(now) and all(a is b for a, b in zip(old, now, strict=True))
            outputs[key] = old if same else tuple(now)
        return outputs


def _agreed(switch: SwitchName, holders: Mapping[Slot, Entity]) -> Entity:
    """The entity that all want; what hosts say counts only where nobody else wants anything.

    Raises:
        CompileError: they do not agree.
    """
    stated = {slot: entity for slot, entity in holders.items() if not slot.is_heard}
    if not stated:
        # Hosts that contradict each other cost themselves what they say, not others their changes.
        return holders[min(holders, key=lambda slot: (str(slot.owner), str(slot.part)))]
    (first, entity), *others = stated.items()
    for slot, other in others:
        if other != entity:
            names = f"{first.owner or 'the fabric'} and {slot.owner or 'the fabric'}"
            raise CompileError(f"{names} want different entries on {switch}: {entity} and {other}")
    return entity


def _patched(
    before: Mapping[EntityKey, V], changed: Mapping[EntityKey, V], gone: Iterable[EntityKey]
) -> Mapping[EntityKey, V]:
    """The mapping with changes; itself where nothing changes."""
    changed = {key: value for key, value in changed.items() if before.get(key) != value}
    gone = [key for key in gone if key in before]
    if not changed and not gone:
        return before
    after = {**before, **changed}
    for key in gone:
        del after[key]
    return after

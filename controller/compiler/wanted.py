"""Which part wants which entity on which switch, and the resulting changes for each switch.

Several parts may want the same entity; it stays until none of them wants it. Most parts want the same of many
switches, so what is kept of a key is kept by set of switches, not by switch: it costs the same for all leaves
as for one. This module does not know what a part is or what an entity means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations

from p4fabric.controller.compiler.delta import FabricDelta, SlotChange, SwitchDelta
from p4fabric.controller.compiler.output import CompileError, Output, Slot
from p4fabric.controller.names import SwitchName, TenantName
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["PartChange", "WantedEntities"]

PartChange = tuple[Slot, Output | None, Output | None]
"""A part, what it came to before, and what it comes to now; None: nothing."""


_Switches = frozenset[SwitchName]
_NOWHERE: _Switches = frozenset()
_MOST_SETS = 10_000


@dataclass(slots=True, eq=False)
class _Wish:
    """An entity, and the parts that want it; nearly always one part."""

    entity: Entity
    is_heard: bool
    slots: dict[Slot, _Switches] = field(default_factory=dict)
    """Who wants it, and where."""
    sets: dict[_Switches, int] = field(default_factory=dict)
    """How many parts want it on the same switches."""
    switches: _Switches = _NOWHERE
    """Where anybody wants it."""

    def add(self, slot: Slot, switches: _Switches) -> bool:
        """A part wants it on more switches; whether nobody wanted it before on one of them."""
        before = self.slots.get(slot)
        if before is not None:
            switches |= before
            self._count(before, -1)
        self.slots[slot] = switches
        self._count(switches, 1)
        if switches <= self.switches:
            return False
        self.switches |= switches
        return True

    def discard(self, slot: Slot, switches: _Switches) -> bool:
        """A part wants it no more on some switches; whether nobody wants it any more on one of them."""
        before = self.slots.pop(slot)
        self._count(before, -1)
        left = before - switches
        if left:
            self.slots[slot] = left
            self._count(left, 1)
        if before in self.sets:
            return False
        standing, self.switches = self.switches, _NOWHERE.union(*self.sets)
        return self.switches != standing

    def first(self, switch: SwitchName) -> Slot:
        """The first by name of the parts that want it on a switch."""
        return min((slot for slot, switches in self.slots.items() if switch in switches), key=_name)

    def rank(self, switch: SwitchName) -> tuple[bool, tuple[str, str, str]]:
        """Smaller has its way: what is asked for before what hosts say, then the first by name."""
        return self.is_heard, _name(self.first(switch))

    def _count(self, switches: _Switches, by: int) -> None:
        count = self.sets.get(switches, 0) + by
        if count:
            self.sets[switches] = count
        else:
            del self.sets[switches]


def _name(slot: Slot) -> tuple[str, str, str]:
    return str(slot.owner), slot.source, str(slot.key)


_Places = tuple[tuple[Entity, _Switches], ...]
"""Which entity is where; each switch is in one of the sets at most."""


@dataclass(slots=True, eq=False)
class _Key:
    """Who wants what under one key. Nearly always there is one wish."""

    wishes: list[_Wish] = field(default_factory=list)
    held: _Places = ()
    """What switches should hold."""

    def want(self, slot: Slot, entity: Entity, switches: _Switches) -> bool:
        """A part wants an entity; whether that may change anything for a switch."""
        wish = self._wish(slot, entity)
        if wish is None:
            wish = _Wish(entity, slot.is_heard)
            self.wishes.append(wish)
        # Where wishes stand against each other, who wants a thing decides as well.
        return wish.add(slot, switches) or len(self.wishes) > 1

    def let_go(self, slot: Slot, entity: Entity, switches: _Switches) -> bool:
        """A part wants an entity no more; whether that may change anything for a switch."""
        wish, several = self._wish(slot, entity), len(self.wishes) > 1
        assert wish is not None
        has_changed = wish.discard(slot, switches)
        if not wish.slots:
            self.wishes.remove(wish)
        return has_changed or several

    def _wish(self, slot: Slot, entity: Entity) -> _Wish | None:
        for wish in self.wishes:
            if wish.is_heard == slot.is_heard and (wish.entity is entity or wish.entity == entity):
                return wish
        return None

    def agreed(self) -> _Places:
        """What all agree on; what hosts say counts only where nobody else wants anything."""
        if len(self.wishes) < 2:
            return tuple((wish.entity, wish.switches) for wish in self.wishes)
        # Hosts that contradict each other cost themselves what they say, not others their changes.
        found: dict[int, tuple[Entity, list[SwitchName]]] = {}
        for switch in _NOWHERE.union(*(wish.switches for wish in self.wishes)):
            standing = [wish for wish in self.wishes if switch in wish.switches]
            first = standing[0] if len(standing) == 1 else min(standing, key=lambda wish: wish.rank(switch))
            found.setdefault(id(first), (first.entity, []))[1].append(switch)
        return tuple((entity, frozenset(switches)) for entity, switches in found.values())

    def disagreement(self) -> CompileError | None:
        """That parts want different things on one switch."""
        stated = [wish for wish in self.wishes if not wish.is_heard]
        for one, other in combinations(stated, 2):
            if switches := one.switches & other.switches:
                switch = min(switches)
                names = " and ".join(str(w.first(switch).owner or "the fabric") for w in (one, other))
                entities = f"{one.entity} and {other.entity}"
                return CompileError(f"{names} want different entries on {switch}: {entities}")
        return None


@dataclass(slots=True, eq=False)
class _Changes:
    """What one change comes to for sets of switches."""

    touched: dict[EntityKey, _Key] = field(default_factory=dict)
    """Keys under which a switch may have to hold something else."""
    wanted: dict[_Switches, dict[EntityKey, Entity]] = field(default_factory=dict)
    unwanted: dict[_Switches, list[EntityKey]] = field(default_factory=dict)
    table_sizes: Counter[tuple[_Switches, object]] = field(default_factory=Counter)
    tenant_sizes: Counter[tuple[_Switches, object, TenantName]] = field(default_factory=Counter)


class WantedEntities:
    """What every switch should hold, changed part by part."""

    def __init__(self) -> None:
        """Nobody wants anything."""
        self.entities: dict[SwitchName, dict[EntityKey, Entity]] = {}
        """What each switch should hold."""
        self.table_sizes: Counter[tuple[SwitchName, object]] = Counter()
        """How many entries each switch should hold of each table (the first element of their keys)."""
        self.tenant_sizes: Counter[tuple[SwitchName, object, TenantName]] = Counter()
        """How many of them a tenant's parts want; what several want counts for each."""
        self._keys: dict[EntityKey, _Key] = {}
        self._sets: dict[_Switches, _Switches] = {}

    def owners(self, switch: SwitchName, key: EntityKey) -> Iterable[Slot]:
        """The parts that want an entity."""
        found = self._keys.get(key)
        for wish in found.wishes if found is not None else ():
            yield from (slot for slot, switches in wish.slots.items() if switch in switches)

    def change(self, revision: int, changes: Iterable[PartChange]) -> tuple[FabricDelta, CompileError | None]:
        """Parts come to something else.

        Returns:
            What changes for switches, and whether parts want different entities under one key: there the
            first by name has its way.
        """
        made = _Changes()
        slots = [
            self._replace(slot, before or _NOTHING, now or _NOTHING, made) for slot, before, now in changes
        ]
        for key, found in made.touched.items():
            self._settle(key, found, made)
        several = (found for found in made.touched.values() if len(found.wishes) > 1)
        disagreements = (found.disagreement() for found in several)
        disagreement = next((found for found in disagreements if found is not None), None)
        self._count(made)
        return FabricDelta(revision, self._deltas(revision, made), tuple(slots)), disagreement

    def _replace(self, slot: Slot, before: Output, now: Output, made: _Changes) -> SlotChange:
        added: dict[SwitchName, list[EntityKey]] = {}
        removed: dict[SwitchName, list[EntityKey]] = {}
        for switches, before_there, now_there in self._by_switches(before, now):
            if before_there == now_there:
                continue
            old = {entity.key: entity for entity in before_there}
            new = {entity.key: entity for entity in now_there}
            going: list[EntityKey] = []
            for key, entity in old.items():
                kept = new.get(key)
                if kept is not entity and kept != entity:
                    found = self._keys[key]
                    if found.let_go(slot, entity, switches):
                        made.touched[key] = found
                    if kept is None:
                        going.append(key)
            coming: list[EntityKey] = []
            for key, entity in new.items():
                known = old.get(key)
                if known is not entity and known != entity:
                    standing = self._keys.get(key)
                    if standing is None:
                        standing = self._keys[key] = _Key()
                    if standing.want(slot, entity, switches):
                        made.touched[key] = standing
                    if known is None:
                        coming.append(key)
            for keys, by_switch, by in ((coming, added, 1), (going, removed, -1)):
                if keys:
                    by_switch.update(dict.fromkeys(switches, keys))
                    if slot.owner is not None:
                        for key in keys:
                            made.tenant_sizes[switches, key[0], slot.owner.tenant] += by
        return SlotChange(slot, before.notes, now.notes, added, removed)

    def _by_switches(
        self, before: Output, now: Output
    ) -> Iterator[tuple[_Switches, Sequence[Entity], Sequence[Entity]]]:
        """Switches for which the same list of entities takes the place of the same list."""
        found: dict[tuple[int, int], list[SwitchName]] = {}
        old, new = before.entities, now.entities
        for switch in new if not old else dict.fromkeys((*old, *new)):
            found.setdefault((id(old.get(switch)), id(new.get(switch))), []).append(switch)
        for names in found.values():
            yield self._same(frozenset(names)), old.get(names[0], ()), new.get(names[0], ())

    def _settle(self, key: EntityKey, found: _Key, made: _Changes) -> None:
        """Compare what switches should hold under a key with what they should have held."""
        before, now = found.held, found.agreed()
        found.held = now
        if not now:
            self._keys.pop(key, None)
        stood = _NOWHERE.union(*(switches for _, switches in before))
        stands = _NOWHERE.union(*(switches for _, switches in now))
        for entity, switches in now:
            same = [there for other, there in before if other is entity or other == entity]
            if changed := switches.difference(*same):
                made.wanted.setdefault(self._same(changed), {})[key] = entity
        if gone := stood - stands:
            made.unwanted.setdefault(self._same(gone), []).append(key)
            made.table_sizes[self._same(gone), key[0]] -= 1
        if new := stands - stood:
            made.table_sizes[self._same(new), key[0]] += 1

    def _count(self, made: _Changes) -> None:
        for (switches, table), by in made.table_sizes.items():
            for switch in switches:
                self.table_sizes[switch, table] += by
        for (switches, table, tenant), by in made.tenant_sizes.items():
            for switch in switches:
                self.tenant_sizes[switch, table, tenant] += by

    def _deltas(self, revision: int, made: _Changes) -> dict[SwitchName, SwitchDelta]:
        deltas: dict[SwitchName, SwitchDelta] = {}
        for switch in sorted(_NOWHERE.union(*made.wanted, *made.unwanted)):
            wanted = [found for switches, found in made.wanted.items() if switch in switches]
            unwanted = [found for switches, found in made.unwanted.items() if switch in switches]
            entities = self.entities.setdefault(switch, {})
            for keys in unwanted:
                for key in keys:
                    del entities[key]
            for found in wanted:
                entities.update(found)
            # One mapping for all switches of a set, where that is all.
            whole = wanted[0] if len(wanted) == 1 else dict(chain.from_iterable(w.items() for w in wanted))
            deltas[switch] = SwitchDelta(revision, whole, dict.fromkeys(chain.from_iterable(unwanted)))
        return deltas

    def _same(self, switches: _Switches) -> _Switches:
        """One object for all equal sets: thousands of entries are wanted on the same switches."""
        if len(self._sets) > _MOST_SETS:
            self._sets.clear()
        return self._sets.setdefault(switches, switches)


_NOTHING = Output()

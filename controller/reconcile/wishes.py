"""What is desired of one switch, since when, and what of it the store wanted when the controller started.

Every change is one key's. This module does not know what is pending.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from p4fabric.controller.names import SwitchName
from p4fabric.controller.reconcile.diff import same
from p4fabric.controller.reconcile.guard import Hold, RemovalGuard
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.safety import SafetyRules, Scope

__all__ = ["Wishes"]


class Wishes:
    """Desired entities by key, with the revision in which each wish last changed."""

    def __init__(self, rules: SafetyRules, guard: RemovalGuard | None) -> None:
        """Start with nothing desired.

        Args:
            rules: the pipeline's.
            guard: whom to ask whether the switch may lose what nobody asked to remove.
        """
        self._rules = rules
        self._guard = guard
        self._entities: dict[EntityKey, Entity] = {}
        self.entities: Mapping[EntityKey, Entity] = MappingProxyType(self._entities)
        """What is desired now; follows changes."""
        self._first: int | None = None
        self._revisions: dict[EntityKey, int] = {}
        """Of what changed after the first revision."""
        self._protected: Counter[Scope] = Counter()
        self._stored: dict[EntityKey, Entity] = {}
        """What the first revision wanted of keys that have changed since; kept while the guard asks."""
        self._lost: set[EntityKey] = set()

    def __len__(self) -> int:
        return len(self._entities)

    def revision_of(self, key: EntityKey) -> int:
        """The revision in which the wish for a key last changed."""
        return self._revisions.get(key, self._first or 0)

    def protects(self, scope: Scope) -> bool:
        """Whether a protector of a scope is desired."""
        return scope in self._protected

    def put(self, key: EntityKey, entity: Entity | None, revision: int) -> None:
        """This is desired under a key now; None: nothing."""
        if self._first is None:
            self._first = revision
        old = self._entities.get(key)
        if old is not None:
            for scope in self._rules.protects(old):
                self._protected[scope] -= 1
                if not self._protected[scope]:
                    del self._protected[scope]
            if self._guard is not None and revision != self._first and key not in self._revisions:
                self._stored.setdefault(key, old)
        if entity is None:
            self._entities.pop(key, None)
            self._revisions.pop(key, None)
            return
        self._entities[key] = entity
        for scope in self._rules.protects(entity):
            self._protected[scope] += 1
        if revision != self._first:
            self._revisions[key] = revision

    def shared(self, key: EntityKey, entity: Entity) -> Entity:
        """The desired object in the place of one that means the same: it is then kept once."""
        desired = self._entities.get(key)
        return desired if desired is not None and same(desired, entity) else entity

    def compare(self, key: EntityKey, held: Entity | None) -> None:
        """Note, as long as the guard asks, whether what a switch holds under a key would be lost."""
        if self._guard is None:
            return
        wanted = (self._entities.get(key), self._stored.get(key))
        if held is None or any(one is not None and same(one, held) for one in wanted):
            self._lost.discard(key)
        else:
            self._lost.add(key)

    def hold(self, switch: SwitchName, held: int) -> Hold | None:
        """Whether, of `held` entities, too many would be lost; once they are not, nobody asks again."""
        if self._guard is None:
            return None
        hold = self._guard.judge(switch, held, len(self._lost))
        if hold is None:
            self._guard = None
            self._stored.clear()
            self._lost.clear()
        return hold

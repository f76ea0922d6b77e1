"""All intents at one moment, found by kind, by tenant, and by what they claim.

An immutable mapping: a change makes a new catalogue, which shares what did not change. This module
must never know which kinds exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from controller.intents.document import Claim, IntentDocument
from controller.names import IntentKey, TenantName

__all__ = ["Catalogue"]

D = TypeVar("D", bound=IntentDocument)
Group = tuple[str, TenantName]


class Catalogue(Mapping[IntentKey, IntentDocument]):
    """Intents by key, with indexes that admission and the compiler look things up in."""

    def __init__(self, intents: Mapping[IntentKey, IntentDocument] | Iterable[IntentDocument] = ()) -> None:
        self._intents: dict[IntentKey, IntentDocument] = {}
        self._groups: dict[Group, dict[str, IntentDocument]] = {}
        self._claims: dict[tuple[object, ...], dict[tuple[IntentKey, str], Claim]] = {}
        values = intents.values() if isinstance(intents, Mapping) else intents
        self._put(values, set(), set())

    @classmethod
    def over(cls, intents: Mapping[IntentKey, Any]) -> Catalogue:
        """The mapping itself if it is a catalogue already, or one made of it."""
        return intents if isinstance(intents, Catalogue) else cls(intents)

    def __getitem__(self, key: IntentKey) -> IntentDocument:
        return self._intents[key]

    def __iter__(self) -> Iterator[IntentKey]:
        return iter(self._intents)

    def __len__(self) -> int:
        return len(self._intents)

    def of_kind(self, kind: type[D], tenant: TenantName) -> tuple[D, ...]:
        """A tenant's intents of one kind, in order of names."""
        named = self._groups.get((_kind_of(kind), tenant), {})
        return tuple(intent for _, intent in sorted(named.items()) if isinstance(intent, kind))

    def of_kind_everywhere(self, kind: type[D]) -> tuple[D, ...]:
        """The intents of one kind of all tenants, in order of tenants and names."""
        tenants = sorted(tenant for name, tenant in self._groups if name == _kind_of(kind))
        return tuple(intent for tenant in tenants for intent in self.of_kind(kind, tenant))

    def named(self, kind: type[D], tenant: TenantName, name: str) -> D | None:
        """One intent of a tenant, or None."""
        intent = self._intents.get(IntentKey(_kind_of(kind), tenant, name))
        return intent if isinstance(intent, kind) else None

    def of_tenant(self, tenant: TenantName) -> Iterator[IntentDocument]:
        """All intents of a tenant."""
        for (_, owner), named in self._groups.items():
            if owner == tenant:
                yield from named.values()

    def claims_to(self, resource: tuple[object, ...]) -> Iterator[tuple[IntentKey, Claim]]:
        """Who claims something, and as what."""
        for (key, _), claim in self._claims.get(resource, {}).items():
            yield key, claim

    def with_intents(self, intents: Iterable[IntentDocument]) -> Catalogue:
        """Add intents, each in place of the one with its key."""
        changed = self._copy()
        groups: set[Group] = set()
        resources: set[tuple[object, ...]] = set()
        for intent in intents:
            changed._remove(intent.key, groups, resources)
            changed._put([intent], groups, resources)
        return changed

    def without(self, key: IntentKey) -> Catalogue:
        """Leave one out; nothing happens if it is not there."""
        changed = self._copy()
        changed._remove(key, set(), set())
        return changed

    def _copy(self) -> Catalogue:
        other = Catalogue()
        other._intents = dict(self._intents)
        other._groups = dict(self._groups)
        other._claims = dict(self._claims)
        return other

    # `groups` and `resources` say whose inner dictionaries are this catalogue's own already.

    def _put(
        self, intents: Iterable[IntentDocument], groups: set[Group], resources: set[tuple[object, ...]]
    ) -> None:
        for intent in intents:
            self._intents[intent.key] = intent
            group = (intent.kind, intent.tenant)
            self._own_group(group, groups)[intent.name] = intent
            for claim in intent.claims():
                self._own_claims(claim.resource, resources)[intent.key, claim.field] = claim

    def _remove(self, key: IntentKey, groups: set[Group], resources: set[tuple[object, ...]]) -> None:
        intent = self._intents.pop(key, None)
        if intent is None:
            return
        group = (intent.kind, intent.tenant)
        named = self._own_group(group, groups)
        del named[intent.name]
        if not named:
            del self._groups[group]
            groups.discard(group)
        for claim in intent.claims():
            holders = self._own_claims(claim.resource, resources)
            holders.pop((key, claim.field), None)
            if not holders:
                del self._claims[claim.resource]
                resources.discard(claim.resource)

    def _own_group(self, group: Group, own: set[Group]) -> dict[str, IntentDocument]:
        if group not in own:
            own.add(group)
            self._groups[group] = dict(self._groups.get(group, {}))
        return self._groups[group]

    def _own_claims(
        self, resource: tuple[object, ...], own: set[tuple[object, ...]]
    ) -> dict[tuple[IntentKey, str], Claim]:
        if resource not in own:
            own.add(resource)
            self._claims[resource] = dict(self._claims.get(resource, {}))
        return self._claims[resource]


def _kind_of(kind: type[IntentDocument]) -> str:
    return kind.__name__

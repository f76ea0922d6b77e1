"""All intents, found by kind, by tenant, by what they claim, and by the facts that they state.

What a query reads of it is recorded (see `state`), so that checks and compilers are made again when, and
only when, something that they looked at changes. This module does not know which kinds exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from p4fabric.controller.intents.document import Claim, Fact, IntentDocument
from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.controller.intents.prefixes import PrefixIndex
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.state import Change, Database, Relation, Table

__all__ = ["Catalogue"]

D = TypeVar("D", bound=IntentDocument)

_KIND, _STANDING, _HOLDERS, _NEED = "kind", "standing", "holders", "need"
"""Holders are kept apart where a claim is shared: whoever shares it too does not look at them."""


class Catalogue:
    """Intents by key."""

    def __init__(self, database: Database) -> None:
        """Add the table of intents to a database."""
        self.table: Table[IntentKey, IntentDocument] = database.table("intents")
        self._index: Relation[tuple[object, ...], Any] = self.table.relation(_facts)

    def put(self, intent: IntentDocument) -> Change:
        """The change that adds an intent, or puts it in place of the one with its key."""
        return Change(self.table, intent.key, intent)

    def remove(self, key: IntentKey) -> Change:
        """The change that takes an intent out."""
        return Change(self.table, key, None)

    def get(self, key: IntentKey) -> IntentDocument | None:
        """An intent, or None."""
        return self.table.get(key)

    def named(self, kind: type[D], tenant: TenantName, name: str) -> D | None:
        """One intent of a tenant, or None."""
        intent = self.table.get(IntentKey(kind.__name__, tenant, name))
        return intent if isinstance(intent, kind) else None

    def of_kind(self, kind: type[D], tenant: TenantName) -> tuple[D, ...]:
        """A tenant's intents of one kind, in order of names. It reads all of them."""
        keys: tuple[IntentKey, ...] = self._index.of((_KIND, kind.__name__, tenant))
        found = (self.table.get(key) for key in keys)
        return tuple(intent for intent in found if isinstance(intent, kind))

    def facts(self, *subject: object) -> tuple[Any, ...]:
        """What intents state about something, sorted (see `IntentDocument.facts`)."""
        return self._index.of(subject)

    def states(self, *subject: object) -> bool:
        """Whether any intent states something about a subject."""
        return self._index.has(subject)

    def roles(self, resource: tuple[object, ...]) -> tuple[str, ...]:
        """As what a resource is claimed."""
        return tuple(dict.fromkeys(role for role, _, _ in self._index.of((_STANDING, resource))))

    def owner(self, resource: tuple[object, ...], role: str) -> IntentKey | None:
        """The first intent that claims a resource in a role, or None."""
        for standing, shared_with, holder in self._index.of((_STANDING, resource)):
            if standing == role:
                first: IntentKey = holder or self._index.of((_HOLDERS, resource, role, shared_with))[0]
                return first
        return None

    def conflict(self, claim: Claim, claimant: IntentKey) -> tuple[str, IntentKey] | None:
        """What stands against a claim: the role and the intent; None where nothing does."""
        for role, shared_with, only in self._index.of((_STANDING, claim.resource)):
            if only == claimant or (role in claim.shared_with and claim.role in shared_with):
                continue
            if only is not None:
                return role, only
            for holder in self._index.of((_HOLDERS, claim.resource, role, shared_with)):
                if holder != claimant:
                    return role, holder
        return None

    def needs(self, pool: str, key: str) -> bool:
        """Whether any intent needs a number."""
        return self._index.has((_NEED, pool, key))

    def prefixes(self, what: str, tenant: TenantName) -> PrefixIndex:
        """Prefixes of a tenant's intents, such as "subnet", found by address (see `PrefixIndex`)."""
        return PrefixIndex(self._index, what, tenant)

    def prefix_of(self, what: str, tenant: TenantName, address: IpAddress) -> tuple[IpPrefix, Any] | None:
        """The longest prefix around an address, and who states it."""
        return next(self.prefixes(what, tenant).around(address), None)


def _facts(key: IntentKey, intent: IntentDocument) -> Iterator[Fact]:
    yield (_KIND, key.kind, key.tenant), key
    for resource, role, _, _, shares in intent.claimed:
        if shares:
            shared_with = tuple(sorted(shares))
            yield (_STANDING, resource), (role, shared_with, None)
            yield (_HOLDERS, resource, role, shared_with), key
        else:
            yield (_STANDING, resource), (role, (), key)
    for need in intent.needed:
        yield (_NEED, need.pool, need.key), key
    yield from intent.facts()

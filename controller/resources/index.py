"""All intents as resources, in order of their keys, page by page.

A page costs what it looks at, not what there is. This module does not know how far an intent is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sortedcontainers import SortedDict

from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.resources.resource import Resource
from p4fabric.controller.resources.selector import Selector

__all__ = ["MOST_LOOKED_AT", "Filter", "Page", "ResourceIndex"]

MOST_LOOKED_AT = 2000
"""Resources that one page looks at, so that a filter that few pass does not block the event loop."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which resources are wanted; what is None does not matter."""

    kind: str | None = None
    tenant: str | None = None
    name: str | None = None
    owner: str | None = None
    selector: Selector = field(default_factory=Selector)

    def checks(self) -> list[Callable[[Resource], bool]]:
        """What is to be asked of a resource whose kind and tenant are right; the cheapest first."""
        name, owner, selector = self.name, self.owner, self.selector
        found: list[Callable[[Resource], bool]] = []
        if name is not None:
            found.append(lambda resource: resource.key.name == name)
        if selector.requirements:
            found.append(lambda resource: selector.selects(resource.metadata.description.labels))
        if owner is not None:
            found.append(lambda resource: owner in resource.metadata.description.owners.names)
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """Some resources, in order of keys."""

    resources: tuple[Resource, ...]
    after: IntentKey | None
    """Where the next page begins: behind this key. None: there is none."""


class ResourceIndex:
    """Resources by key."""

    def __init__(self) -> None:
        """Without any."""
        self.revision = 0
        """Of the store: all that was written up to it is in here. What was written since may be."""
        self._resources: SortedDict[IntentKey, Resource] = SortedDict()
        self._kinds: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._resources)

    def __iter__(self) -> Iterator[IntentKey]:
        return iter(self._resources)

    def get(self, key: IntentKey) -> Resource | None:
        """A resource, or None."""
        return self._resources.get(key)

    def standing(self, key: IntentKey) -> Resource | None:
        """A resource that is not deleted, or None."""
        resource = self._resources.get(key)
        return None if resource is None or resource.is_deleted else resource

    def put(self, resource: Resource) -> None:
        """A resource is there, or another one."""
        if resource.key not in self._resources:
            self._kinds[resource.key.kind] += 1
        self._resources[resource.key] = resource

    def remove(self, key: IntentKey) -> None:
        """A resource is gone."""
        if self._resources.pop(key, None) is not None:
            self._kinds[key.kind] -= 1

    def page(
        self,
        wanted: Filter,
        limit: int,
        after: IntentKey | None = None,
        passes: Callable[[Resource], bool] | None = None,
    ) -> Page:
        """The next resources that pass a filter.

        Args:
            wanted: the filter.
            limit: at most so many; there may be fewer though there is a next page, even none.
            after: the key behind which to begin.
            passes: a further condition.
        """
        checks = [*wanted.checks(), *([passes] if passes is not None else [])]
        found: list[Resource] = []
        last: IntentKey | None = None
        for looked_at, key in enumerate(self._keys(wanted, after)):
            if len(found) == limit or looked_at == MOST_LOOKED_AT:
                return Page(tuple(found), last)
            last = key
            resource = self._resources[key]
            if not checks or all(check(resource) for check in checks):
                found.append(resource)
        return Page(tuple(found), None)

    def all(self, wanted: Filter) -> Iterator[Resource]:
        """All that pass a filter; nothing may change meanwhile."""
        checks = wanted.checks()
        resources = (self._resources[key] for key in self._keys(wanted, None))
        return (resource for resource in resources if all(check(resource) for check in checks))

    def _keys(self, wanted: Filter, after: IntentKey | None) -> Iterator[IntentKey]:
        kinds = [wanted.kind] if wanted.kind is not None else sorted(+self._kinds)
        for kind in kinds:
            first, end = _key(kind), _key(kind + "\0")
            if wanted.tenant is not None:
                first, end = _key(kind, wanted.tenant), _key(kind, wanted.tenant + "\0")
                if wanted.name is not None:
                    first = _key(kind, wanted.tenant, wanted.name)
                    end = _key(kind, wanted.tenant, wanted.name + "\0")
            if after is not None and after >= first:
                first = after
            yield from self._resources.irange(first, end, (first is not after, False))


def _key(kind: str, tenant: str = "", name: str = "") -> IntentKey:
    """A bound of a range; what is left out comes before everything."""
    return IntentKey(kind, TenantName(tenant), name)

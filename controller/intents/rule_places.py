"""The places of firewall rules among those of their tenant: sparse, and never moved without need.

A rule's place becomes its entries' P4Runtime priority. Places leave room, so that a rule that is put
between two others is written alone. Pure; this module does not know what a rule matches.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from p4fabric.controller.intents.kinds.firewall import FirewallPolicy
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.state import Change, Database, Table

__all__ = ["PolicyPlaces", "RulePlaces"]

HIGHEST = (1 << 31) - 1
"""A P4Runtime priority is a positive int32; larger is looked at first."""
STRIDE = 1 << 10
"""Room that is left beside a rule where nothing bounds it."""


@dataclass(frozen=True, slots=True)
class PolicyPlaces:
    """Where the rules of a policy are."""

    priority: int
    """Of the policy."""
    order: int
    """Among policies of the same priority: smaller came first, and is looked at first."""
    places: Mapping[str, int] = field(hash=False)
    """By rule name; larger is looked at first."""


_Sorted = tuple[int, int, IntentKey]
"""Negated priority, order, policy: as policies are looked at."""


class RulePlaces:
    """The places of all rules, by policy."""

    def __init__(self, database: Database) -> None:
        """Add the table of places to a database."""
        self.table: Table[IntentKey, PolicyPlaces] = database.table("rule places")
        self._policies: dict[TenantName, list[_Sorted]] = {}
        self.table.on_row.append(self._sort)

    def place(self, policy: FirewallPolicy) -> Iterator[Change]:
        """Give the rules of a policy their places; others move only where there is no room left."""
        before = self.table.get(policy.key)
        priority = policy.spec.priority
        names = [rule.name for rule in policy.spec.rules]
        if before is not None and before.priority == priority:
            order, known = before.order, before.places
        else:
            known = {}
            order = self._last_order(policy.tenant, priority) + 1
        above, below = self._neighbours(policy.key, priority, order)
        places = _spread(names, known, above, below)
        if places is not None:
            yield Change(self.table, policy.key, PolicyPlaces(priority, order, places))
            return
        yield from self._renumber(policy.key, PolicyPlaces(priority, order, dict.fromkeys(names, 0)))

    def remove(self, key: IntentKey) -> Iterator[Change]:
        """A policy goes."""
        if self.table.get(key) is not None:
            yield Change(self.table, key, None)

    def _neighbours(self, key: IntentKey, priority: int, order: int) -> tuple[int | None, int | None]:
        """The places of the rules that come before and after a policy's; None: there are none."""
        policies = self._policies.get(key.tenant, [])
        after = bisect_left(policies, (-priority, order, key))
        before = after - 1
        # Where it was until now, at this priority or another one, bounds nothing.
        if before >= 0 and policies[before][2] == key:
            before -= 1
        if after < len(policies) and policies[after][2] == key:
            after += 1
        above = min(self.table[policies[before][2]].places.values()) if before >= 0 else None
        below = max(self.table[policies[after][2]].places.values()) if after < len(policies) else None
        return above, below

    def _last_order(self, tenant: TenantName, priority: int) -> int:
        """Of the policies of a priority; 0 where there are none."""
        policies = self._policies.get(tenant, [])
        after = bisect_left(policies, (1 - priority,))
        return policies[after - 1][1] if after and policies[after - 1][0] == -priority else 0

    def _renumber(self, key: IntentKey, changed: PolicyPlaces) -> Iterator[Change]:
        """Spread all rules of a tenant evenly."""
        rows = {one: self.table[one] for _, _, one in self._policies.get(key.tenant, []) if one != key}
        rows[key] = changed
        policies = sorted(rows.items(), key=lambda row: (-row[1].priority, row[1].order, row[0]))
        total = sum(len(places.places) for _, places in policies)
        step = HIGHEST // (total + 1)
        place = HIGHEST
        for one, row in policies:
            names = list(row.places) if one == key else sorted(row.places, key=lambda n: -row.places[n])
            places: dict[str, int] = {}
            for name in names:
                place -= step
                places[name] = place
            yield Change(self.table, one, PolicyPlaces(row.priority, row.order, places))

    def _sort(self, key: IntentKey, before: PolicyPlaces | None, now: PolicyPlaces | None) -> None:
        policies = self._policies.setdefault(key.tenant, [])
        old = None if before is None else (-before.priority, before.order, key)
        new = None if now is None else (-now.priority, now.order, key)
        if old == new:
            return
        if old is not None:
            del policies[bisect_left(policies, old)]
        if new is not None:
            policies.insert(bisect_left(policies, new), new)
        if not policies:
            del self._policies[key.tenant]


def _spread(
    names: Sequence[str], known: Mapping[str, int], above: int | None, below: int | None
) -> dict[str, int] | None:
    """Places for rules in order, between two bounds; as many as can be stay where they are known to be.

    Returns:
        By name; None where there is not enough room.
    """
    kept = _longest_descending([(name, known[name]) for name in names if name in known])
    places: dict[str, int] = {}
    waiting: list[str] = []
    high = above
    for name in names:
        if name not in kept:
            waiting.append(name)
            continue
        if not _fill(places, waiting, high, known[name]):
            return None
        places[name] = high = known[name]
        waiting = []
    return places if _fill(places, waiting, high, below) else None


def _fill(places: dict[str, int], names: Sequence[str], high: int | None, low: int | None) -> bool:
    """Put rules between two places; whether there is room."""
    if not names:
        return True
    count = len(names)
    if high is None and low is None:
        first, step = (HIGHEST + count * STRIDE) // 2, STRIDE
    elif high is None:
        assert low is not None
        step = min(STRIDE, (HIGHEST - low) // count)
        first = low + count * step
    else:
        step = min(STRIDE, (high - (low or 0)) // (count + 1)) if low is None else (high - low) // (count + 1)
        first = high - step
    if step < 1:
        return False
    for index, name in enumerate(names):
        places[name] = first - index * step
    return True


def _longest_descending(pairs: Sequence[tuple[str, int]]) -> set[str]:
    """The most names whose places fall in the order in which they come."""
    tails: list[int] = []
    """The negated place that ends the best run of each length."""
    ends: list[int] = []
    links: list[int] = []
    for index, (_, place) in enumerate(pairs):
        at = bisect_left(tails, -place)
        tails[at : at + 1] = [-place]
        ends[at : at + 1] = [index]
        links.append(ends[at - 1] if at else -1)
    kept: set[str] = set()
    index = ends[-1] if ends else -1
    while index >= 0:
        kept.add(pairs[index][0])
        index = links[index]
    return kept

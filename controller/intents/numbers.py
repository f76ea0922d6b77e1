"""The numbers that intents are given: VLAN ids, VRF ids, tunnel peers, sets of filters.

A number never moves while an intent needs it. One that is given back rests until no switch can hold an
entry with it any more; then the smallest free one is given again. This module knows nothing of switches.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from p4fabric.controller.intents.document import IntentDocument, Need
from p4fabric.controller.intents.errors import FieldError, IntentError
from p4fabric.controller.intents.kinds.network import vlan_need, vrf_need
from p4fabric.controller.intents.kinds.upf import TUNNEL_PEER, UpfSession
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.reasons import Code
from p4fabric.controller.state import Change, Database, Table
from p4fabric.pipelines.values import SliceId, TunnelPeerId, UpfFiltersId, VlanId, VrfId

__all__ = ["Number", "NumberKey", "Numbers"]


_UNREADABLE = ""
"""In the place of a key; none is empty."""


class NumberKey(NamedTuple):
    """What a number was given for."""

    pool: str
    key: str


class Number(NamedTuple):
    """A number of a pool."""

    pool: str
    number: int


@dataclass(slots=True)
class _Pool:
    taken: dict[int, str | None] = field(default_factory=dict)
    """Numbers that are given, with their keys, and those that rest (None)."""
    freed: list[int] = field(default_factory=list)
    """A heap of numbers below `fresh` that may be free."""
    fresh: int = 0
    """From here on numbers are free unless they are taken."""


class Numbers:
    """Numbers by pool and key, and those that rest."""

    def __init__(self, database: Database) -> None:
        """Add the tables of numbers to a database."""
        self.given: Table[NumberKey, int] = database.table("numbers")
        self.resting: Table[Number, str] = database.table("resting numbers")
        """Numbers that are not to be given, and what they were given for."""
        self._pools: dict[str, _Pool] = {}
        self.given.on_row.append(self._given)
        self.resting.on_row.append(self._rests)

    def vlan(self, network: IntentKey) -> VlanId:
        """The VLAN id of a network on the fabric's links; its flood group's number as well."""
        return VlanId(self._of(vlan_need(network)))

    def vrf(self, tenant: TenantName) -> VrfId:
        """The VRF of a tenant."""
        return VrfId(self._of(vrf_need(tenant)))

    def tunnel_peer(self, session: UpfSession) -> TunnelPeerId:
        """The number of a session's gNB."""
        return TunnelPeerId(self._of(next(need for need in session.needed if need.pool == TUNNEL_PEER)))

    def tunnel_peer_of(self, need: Need) -> TunnelPeerId:
        """The number of a gNB that sessions of an SMF need."""
        return TunnelPeerId(self._of(need))

    def filter_set(self, need: Need) -> UpfFiltersId:
        """The number of a set of filters that sessions of an SMF need."""
        return UpfFiltersId(self._of(need))

    def slice(self, need: Need) -> SliceId:
        """The number of a slice of a Upf."""
        return SliceId(self._of(need))

    def give(self, intent: IntentDocument) -> Iterator[Change]:
        """The numbers that an intent lacks. Each change is to be made before the next is asked for.

        Raises:
            IntentError: a pool is exhausted.
        """
        yield from self.give_needed(intent.needed, intent.name)

    def give_needed(self, needs: Iterable[Need], name: str) -> Iterator[Change]:
        """The numbers of some needs that are not given yet. Make each change before the next is asked for.

        Args:
            needs: of an intent, or of what stands for it.
            name: of the intent, for who is told that there is no number left.

        Raises:
            IntentError: a pool is exhausted.
        """
        for need in needs:
            key = NumberKey(need.pool, need.key)
            if self.given.get(key) is None:
                yield Change(self.given, key, self._free(need, name))

    def take_back(self, needs: Iterable[Need]) -> Iterator[Change]:
        """Numbers that nobody needs any more; they rest."""
        for need in needs:
            key = NumberKey(need.pool, need.key)
            number = self.given.get(key)
            if number is not None:
                yield Change(self.given, key, None)
                yield Change(self.resting, Number(need.pool, number), need.key)

    def reserve(self, numbers: Iterable[Number]) -> None:
        """Never give these: whose they are cannot be read."""
        for number in numbers:
            self._pools.setdefault(number.pool, _Pool()).taken.setdefault(number.number, _UNREADABLE)

    def _of(self, need: Need) -> int:
        number = self.given.get(NumberKey(need.pool, need.key))
        if number is None:
            raise KeyError(f"{need.key} was not given a number of pool {need.pool}")
        return number

    def _free(self, need: Need, name: str) -> int:
        pool = self._pools.setdefault(need.pool, _Pool())
        while pool.freed:
            number = heapq.heappop(pool.freed)
            if number not in pool.taken and need.first <= number <= need.last:
                return number
        pool.fresh = max(pool.fresh, need.first)
        while pool.fresh <= need.last:
            number = pool.fresh
            pool.fresh += 1
            if number not in pool.taken:
                return number
        resting = sum(key is None for key in pool.taken.values())
        message = f"cannot be accepted: all {need.last - need.first + 1} {need.of} are in use"
        if resting:
            message += f", {resting} of them by entries that switches still have to remove"
        raise IntentError([FieldError("name", name, message, Code.NUMBERS_EXHAUSTED)])

    def _given(self, key: NumberKey, before: int | None, now: int | None) -> None:
        pool = self._pools.setdefault(key.pool, _Pool())
        if before is not None and pool.taken.get(before) == key.key:
            self._release(pool, before)
        if now is not None:
            pool.taken[now] = key.key

    def _rests(self, number: Number, before: str | None, now: str | None) -> None:
        pool = self._pools.setdefault(number.pool, _Pool())
        if now is not None:
            pool.taken.setdefault(number.number, None)
        elif pool.taken.get(number.number, "") is None:
            self._release(pool, number.number)

    @staticmethod
    def _release(pool: _Pool, number: int) -> None:
        del pool.taken[number]
        if number < pool.fresh:
            heapq.heappush(pool.freed, number)

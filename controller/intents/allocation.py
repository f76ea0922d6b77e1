"""The numbers that intents are given: VLAN ids, VRF ids, tunnel peers, ranks of firewall policies.

A number once given never moves while an intent needs it; each is the smallest that was free. Storing
them is somebody else's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from controller.intents.document import IntentDocument, Need
from controller.intents.errors import FieldError, IntentError
from controller.intents.firewall import FirewallPolicy, rank_need
from controller.intents.network import vlan_need, vrf_need
from controller.intents.upf import UpfSession, peer_need
from controller.names import IntentKey, TenantName
from pipelines.values import TunnelPeerId, VlanId, VrfId

__all__ = ["Allocations", "allocate", "release"]


@dataclass(frozen=True)
class Allocations:
    """Numbers by pool and key. Reading one that was never given raises KeyError."""

    pools: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, int]]) -> Allocations:
        """Collect what `rows` gave, for example from a store.

        Raises:
            ValueError: a number was given twice in one pool.
        """
        pools: dict[str, dict[str, int]] = {}
        for pool, key, number in rows:
            given = pools.setdefault(pool, {})
            if number in given.values() and given.get(key) != number:
                raise ValueError(f"{number} is given twice in pool {pool}")
            given[key] = number
        return cls(_frozen(pools))

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """All numbers as (pool, key, number), in order: what a store keeps."""
        for pool, given in sorted(self.pools.items()):
            for key, number in sorted(given.items()):
                yield pool, key, number

    def vlan(self, network: IntentKey) -> VlanId:
        """The VLAN id of a network on the fabric's links; its flood group's number as well."""
        return VlanId(self._given(vlan_need(network)))

    def vrf(self, tenant: TenantName) -> VrfId:
        """The VRF of a tenant."""
        return VrfId(self._given(vrf_need(tenant)))

    def tunnel_peer(self, session: UpfSession) -> TunnelPeerId:
        """The number of a session's gNB."""
        return TunnelPeerId(self._given(peer_need(session)))

    def rank(self, policy: FirewallPolicy) -> int:
        """A policy's place among those of its priority; smaller is checked first."""
        return self._given(rank_need(policy))

    def _given(self, need: Need) -> int:
        try:
            return self.pools[need.pool][need.key]
        except KeyError:
            raise KeyError(f"{need.key} was not given a number of pool {need.pool}: allocate first") from None


def allocate(intent: IntentDocument, allocations: Allocations) -> Allocations:
    """Give an intent the numbers it lacks; the same allocations if it lacks none.

    Raises:
        IntentError: a pool is exhausted.
    """
    for need in intent.needs():
        given = allocations.pools.get(need.pool, {})
        if need.key in given:
            continue
        taken = set(given.values())
        number = next((n for n in range(need.first, need.last + 1) if n not in taken), None)
        if number is None:
            message = f"cannot be accepted: all {need.last - need.first + 1} {need.of} are in use"
            raise IntentError([FieldError("name", intent.name, message)])
        pools = {**allocations.pools, need.pool: MappingProxyType({**given, need.key: number})}
        allocations = Allocations(MappingProxyType(pools))
    return allocations


def release(allocations: Allocations, remaining: Iterable[IntentDocument]) -> Allocations:
    """Take back all numbers that none of the remaining intents needs."""
    needed = {(need.pool, need.key) for intent in remaining for need in intent.needs()}
    return Allocations.of(row for row in allocations.rows() if row[:2] in needed)


def _frozen(pools: Mapping[str, Mapping[str, int]]) -> Mapping[str, Mapping[str, int]]:
    return MappingProxyType({pool: MappingProxyType(dict(given)) for pool, given in pools.items()})

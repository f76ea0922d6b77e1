"""How often to tell of refused claims: whoever spoofs an address may do so a thousand times a second."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from controller.limit import RateLimit
from controller.names import IntentKey, PortRef
from controller.topology.sighting import RefusedClaim
from pipelines.values import MacAddress

__all__ = ["Limits", "Notices"]

_Key = tuple[IntentKey, PortRef, IPv4Address | IPv6Address | MacAddress]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of notices."""

    again: float = 60.0
    """Seconds between two about the same address at the same port."""
    a_second: float = 1.0
    """About one port, whatever the addresses."""
    burst: int = 16
    """About one port at once, after a pause."""
    remembered: int = 4096
    """Pairs of port and address; beyond that, the oldest are told of again."""


class Notices:
    """Ask whether a claim is `wanted` before telling of it."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Nothing was told yet."""
        self._limits = limits or Limits()
        self._told: dict[_Key, float] = {}
        """When each was told of, the oldest first."""
        self._of_port = RateLimit[PortRef](self._limits.a_second, self._limits.burst)

    def wanted(self, claim: RefusedClaim, now: float) -> bool:
        """Whether to tell of a claim now (in seconds); if so, it counts as told."""
        key = (claim.network, claim.claimed_at, claim.address or claim.mac)
        told = self._told.get(key)
        if told is not None and now - told < self._limits.again:
            return False
        if not self._of_port.allows(claim.claimed_at, now):
            return False
        self._told.pop(key, None)
        self._told[key] = now
        if len(self._told) > self._limits.remembered:
            del self._told[next(iter(self._told))]
        return True

"""How often to tell of what hosts do wrong: an address may be spoofed a thousand times a second."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from p4fabric.controller.hosts.claims import RefusedClaim
from p4fabric.controller.limit import RateLimit
from p4fabric.controller.names import IntentKey, PortRef
from p4fabric.pipelines.values import MacAddress

__all__ = ["Limits", "Notices"]

_Key = tuple[IntentKey, PortRef, IPv4Address | IPv6Address | MacAddress] | PortRef


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
        return self._wanted(
            (claim.network, claim.claimed_at, claim.address or claim.mac), claim.claimed_at, now
        )

    def port_full_wanted(self, port: PortRef, now: float) -> bool:
        """Whether to tell of a port's limit now (in seconds); if so, it counts as told."""
        return self._wanted(port, port, now)

    def _wanted(self, key: _Key, port: PortRef, now: float) -> bool:
        told = self._told.get(key)
        if told is not None and now - told < self._limits.again:
            return False
        if not self._of_port.allows(port, now):
            return False
        self._told.pop(key, None)
        self._told[key] = now
        if len(self._told) > self._limits.remembered:
            del self._told[next(iter(self._told))]
        return True

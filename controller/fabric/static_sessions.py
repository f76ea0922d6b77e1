"""Sessions of `UpfSession` intents, found by what gNBs' packets have: the N3 address and the TEID.

Those of SMFs are elsewhere (`n4_service`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from p4fabric.controller.intents.document import IntentDocument
from p4fabric.controller.intents.kinds.upf import UpfSession
from p4fabric.controller.names import IntentKey, TenantName

__all__ = ["StaticSessions"]


class StaticSessions:
    """As intents are now. Event loop only."""

    def __init__(self) -> None:
        """Make it empty."""
        self._by_key: dict[IntentKey, UpfSession] = {}
        self._by_n3: dict[tuple[TenantName, IPv4Address], dict[int, UpfSession]] = {}

    def begin(self, intents: Iterable[IntentDocument]) -> None:
        """Take up those that were stored."""
        for intent in intents:
            self._put(intent.key, intent)

    def adopt(self, intents: Mapping[IntentKey, IntentDocument | None]) -> None:
        """Intents are others now; None: gone."""
        for key in intents:
            self._forget(key)
        for key, intent in intents.items():
            self._put(key, intent)

    def has_n3(self, tenant: TenantName, n3: IPv4Address) -> bool:
        """Whether tunnels of any of them end at an address."""
        return (tenant, n3) in self._by_n3

    def session(self, tenant: TenantName, n3: IPv4Address, teid: int) -> UpfSession | None:
        """The one with a tunnel; None: there is none."""
        return self._by_n3.get((tenant, n3), {}).get(teid)

    def _put(self, key: IntentKey, intent: IntentDocument | None) -> None:
        if isinstance(intent, UpfSession):
            self._by_key[key] = intent
            there = self._by_n3.setdefault((intent.tenant, intent.spec.n3_address), {})
            there[int(intent.spec.uplink_teid)] = intent

    def _forget(self, key: IntentKey) -> None:
        before = self._by_key.pop(key, None)
        if before is None:
            return
        at = before.tenant, before.spec.n3_address
        there = self._by_n3[at]
        if there.get(int(before.spec.uplink_teid)) is before:
            del there[int(before.spec.uplink_teid)]
        if not there:
            del self._by_n3[at]

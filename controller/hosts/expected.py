"""The addresses of hosts that intents rely on: servers, routers, gNBs.

Such a host stays known however silent it is: that it should be there is stated, if not where.
"""

from __future__ import annotations

from collections import Counter

from p4fabric.controller.hosts.claims import IpAddress
from p4fabric.controller.intents.document import IntentDocument
from p4fabric.controller.names import IntentKey, TenantName

__all__ = ["ExpectedAddresses"]


class ExpectedAddresses:
    """Kept up to date intent by intent; a change costs what the intent's addresses are many."""

    def __init__(self) -> None:
        """No intents yet."""
        self._of_intent: dict[IntentKey, tuple[IpAddress, ...]] = {}
        self._count: Counter[tuple[TenantName, IpAddress]] = Counter()

    def put(self, intent: IntentDocument) -> None:
        """An intent is new or another one."""
        self.remove(intent.key)
        addresses = tuple(intent.relies_on())
        if addresses:
            self._of_intent[intent.key] = addresses
            for address in addresses:
                self._count[intent.tenant, address] += 1

    def remove(self, key: IntentKey) -> None:
        """An intent is gone; nothing happens if it is not known."""
        for address in self._of_intent.pop(key, ()):
            self._count[key.tenant, address] -= 1
            if not self._count[key.tenant, address]:
                del self._count[key.tenant, address]

    def has(self, tenant: TenantName, address: IpAddress) -> bool:
        """Whether an intent of a tenant relies on the host with an address."""
        return (tenant, address) in self._count

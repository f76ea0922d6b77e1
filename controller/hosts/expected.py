"""The addresses of hosts that intents rely on: servers, routers, gNBs.

Such a host stays known however silent it is: that it should be there is stated, if not where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable

from p4fabric.controller.hosts.claims import IpAddress
from p4fabric.controller.intents.document import IntentDocument
from p4fabric.controller.names import TenantName

__all__ = ["ExpectedAddresses"]


class ExpectedAddresses:
    """Kept up to date intent by intent, and session by session; a change costs what has many addresses."""

    def __init__(self) -> None:
        """No intents yet."""
        self._relied: dict[Hashable, tuple[TenantName, Collection[IpAddress]]] = {}
        self._count: Counter[tuple[TenantName, IpAddress]] = Counter()

    def put(self, intent: IntentDocument) -> None:
        """An intent is new or another one."""
        self.rely(intent.key, intent.tenant, tuple(intent.relies_on()))

    def rely(self, what: Hashable, tenant: TenantName, addresses: Collection[IpAddress]) -> None:
        """Something of a tenant, such as a session, relies on these addresses, and on no others."""
        self.remove(what)
        if addresses:
            self._relied[what] = tenant, addresses
            for address in addresses:
                self._count[tenant, address] += 1

    def remove(self, what: Hashable) -> None:
        """An intent, or what else relied on addresses, is gone; nothing happens if it is not known."""
        tenant, addresses = self._relied.pop(what, (TenantName(""), ()))
        for address in addresses:
            self._count[tenant, address] -= 1
            if not self._count[tenant, address]:
                del self._count[tenant, address]

    def has(self, tenant: TenantName, address: IpAddress) -> bool:
        """Whether an intent of a tenant relies on the host with an address."""
        return (tenant, address) in self._count

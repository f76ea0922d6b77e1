"""Which intents claim which addresses, for whoever judges hosts.

A copy of what the core knows, for the event loop's thread. This module knows no kind.
"""

from __future__ import annotations

from collections.abc import Iterable

from p4fabric.controller.intents import IntentDocument
from p4fabric.controller.intents.document import Claim
from p4fabric.controller.intents.fields import IpAddress
from p4fabric.controller.intents.kinds.network import address_in
from p4fabric.controller.names import IntentKey, TenantName

__all__ = ["AddressClaims"]

_ADDRESS = "address"


class AddressClaims:
    """Claims to addresses, by resource (see `address_resource`)."""

    def __init__(self) -> None:
        """Nothing is claimed."""
        self._claims: dict[tuple[object, ...], dict[tuple[IntentKey, str], Claim]] = {}
        self._of: dict[IntentKey, tuple[Claim, ...]] = {}

    def claims_to(self, resource: tuple[object, ...]) -> Iterable[tuple[IntentKey, Claim]]:
        """Which intents claim a resource, and as what."""
        return ((key, claim) for (key, _), claim in self._claims.get(resource, {}).items())

    def put(self, key: IntentKey, intent: IntentDocument | None) -> set[tuple[TenantName, IpAddress]]:
        """An intent is another one now, or (None) gone; returns the addresses of which the claims differ."""
        now = () if intent is None else tuple(c for c in intent.claimed if c.resource[0] == _ADDRESS)
        before = self._of.pop(key, ())
        changed = {claim.resource for claim in ({*before} ^ {*now} if before else now)}
        for claim in before:
            claims = self._claims[claim.resource]
            claims.pop((key, claim.field), None)
            if not claims:
                del self._claims[claim.resource]
        for claim in now:
            self._claims.setdefault(claim.resource, {})[key, claim.field] = claim
        if now:
            self._of[key] = now
        return {(key.tenant, address_in(resource)) for resource in changed}

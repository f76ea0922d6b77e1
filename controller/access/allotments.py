"""What of the things that tenants share each of them may use: ports with tags, N3 addresses, priorities.

An intent claims what it wants for itself. Most claims mean something within the tenant only. Of the others,
somebody who acts for a tenant may make those that the configuration allots to it, and no others, so whether
a claim is refused never depends on what other tenants have. This module knows no kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address

from p4fabric.controller.access.errors import Forbidden
from p4fabric.controller.access_config import TenantConfig
from p4fabric.controller.intents import FieldError, IntentDocument
from p4fabric.controller.intents.document import Claim
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.reasons import Code
from p4fabric.controller.resources import Resource

__all__ = ["WHOLE_FABRIC", "Allotment", "Allotments", "whole_fabric"]

WHOLE_FABRIC = frozenset({"TelemetryWatch"})
"""Kinds whose intents change what the fabric does for all tenants, each of them."""


class Allotment:
    """What one tenant may use."""

    def __init__(self, tenant: TenantName, config: TenantConfig | None = None) -> None:
        """Take what the configuration says of it; nothing: it may use nothing that is shared."""
        self.tenant = tenant
        self._places: dict[PortRef, list[frozenset[int] | None]] = {}
        for part in config.attachments if config is not None else ():
            for port in part.refs():
                self._places.setdefault(port, []).append(part.vlans)
        self._highest_priority = config.highest_priority if config is not None else 0
        self._n3 = frozenset(int(one) for one in (config.n3_addresses if config is not None else ()))

    @property
    def ports(self) -> Iterable[PortRef]:
        """Ports that it has a part of."""
        return self._places.keys()

    @property
    def switches(self) -> frozenset[SwitchName]:
        """Switches that it has a port of."""
        return frozenset(port.switch for port in self._places)

    def has_all_of(self, port: PortRef) -> bool:
        """Whether a port is its own, so that whatever is counted there is its own traffic."""
        return None in self._places.get(port, ())

    def has_part_of(self, port: PortRef) -> bool:
        """Whether it may be attached to a port in some way."""
        return port in self._places

    def guard(self, intents: Sequence[IntentDocument], find: Callable[[IntentKey], Resource | None]) -> None:
        """Judge intents that would be written; what one of them has already, it may keep.

        Raises:
            Forbidden: one of them wants what is not allotted.
        """
        errors: list[FieldError] = []
        for index, intent in enumerate(intents):
            found = list(self._errors(intent, find(intent.key)))
            errors += [one.inside(f"[{index}]") if len(intents) > 1 else one for one in found]
        if errors:
            raise Forbidden(errors)

    def _errors(self, intent: IntentDocument, standing: Resource | None) -> Iterable[FieldError]:
        if intent.key.tenant != self.tenant:
            yield FieldError("tenant", intent.tenant, f"must be {self.tenant}, yours", Code.FORBIDDEN)
            return
        held = standing.intent if standing is not None else None
        if intent.key.kind in WHOLE_FABRIC or is_whole_fabric(held):
            yield whole_fabric(intent.key.kind)
            return
        kept = {claim.resource for claim in held.claims()} if isinstance(held, IntentDocument) else set()
        for claim in intent.claims():
            if claim.resource not in kept and (why := self._refusal(claim)) is not None:
                yield FieldError(claim.field, claim.value, why, Code.FORBIDDEN)
        before = (
            {one.field: one.priority for one in held.precedences()}
            if isinstance(held, IntentDocument)
            else {}
        )
        for one in intent.precedences():
            if one.priority > max(self._highest_priority, before.get(one.field, 0)):
                most = f"{self.tenant} may have {self._highest_priority} at most"
                why = f"gives priority {one.priority}, and {most}"
                yield FieldError(one.field, one.value, f"{why}: ask the fabric's operator", Code.FORBIDDEN)

    def _refusal(self, claim: Claim) -> str | None:
        match claim.resource:
            case ("port", PortRef() as port, vlan):
                if any(vlans is None or vlan in vlans for vlans in self._places.get(port, ())):
                    return None
                tag = "without a tag" if vlan is None else f"with the tag {vlan}"
                return f"is not allotted to {self.tenant} {tag}: ask the fabric's operator"
            case ("n3" | "uplink teid", int(address), *_):
                if address in self._n3:
                    return None
                return f"is at {IPv4Address(address)}, which is not allotted to {self.tenant}"
            case (_, whose, *_) if whose == self.tenant or _is_of(self.tenant, whose):
                return None
        return f"is nothing that {self.tenant} may use: ask the fabric's operator"


def _is_of(tenant: TenantName, whose: object) -> bool:
    return isinstance(whose, IntentKey) and whose.tenant == tenant


def is_whole_fabric(intent: object) -> bool:
    """Whether what stands is the operator's, though it has a tenant's name."""
    return isinstance(intent, IntentDocument) and (intent.kind in WHOLE_FABRIC or intent.is_whole_fabric)


def whole_fabric(kind: str) -> FieldError:
    """Why somebody who acts for a tenant writes no such intent."""
    return FieldError("kind", kind, "is of the whole fabric, and only its operator's", Code.FORBIDDEN)


class Allotments:
    """Those of all tenants."""

    def __init__(self, tenants: Sequence[TenantConfig] = ()) -> None:
        """Take what the configuration says."""
        self._by_tenant = {TenantName(one.name): Allotment(TenantName(one.name), one) for one in tenants}

    def of(self, tenant: TenantName) -> Allotment:
        """What a tenant may use."""
        return self._by_tenant.get(tenant) or Allotment(tenant)

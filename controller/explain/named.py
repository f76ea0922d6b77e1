"""What a name stands for: a host of a Network, a Service or a UpfSession of a tenant.

A name may stand for several of them; each has a full name (`clients/h1`, `Service/web`), which stands for
one. Names are looked up in indexes; only what is said of an unknown name costs a pass over all of them. This
module does not know where anybody is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice

from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.explain.question import refuse
from p4fabric.controller.intents.kinds.endpoint import Endpoint, attachment_at
from p4fabric.controller.intents.kinds.network import HOST_NAME, Attachment, Network, Place
from p4fabric.controller.intents.kinds.service import Service
from p4fabric.controller.intents.kinds.upf import UpfSession
from p4fabric.controller.intents.numbers import NumberKey
from p4fabric.controller.names import TenantName

__all__ = ["RECEIVERS", "SENDERS", "Kinds", "Named", "NamedHost", "Names"]

MOST_TOLD = 10
"""Candidates that an error lists."""
MOST_LOOKED_AT = 20_000
"""Names that an unknown one is compared with."""


@dataclass(frozen=True, slots=True)
class NamedHost:
    """A host that a network names at one of its ports."""

    network: Network
    attachment: Attachment

    def __str__(self) -> str:
        return f"{self.network.name}/{self.attachment.host}"


Named = NamedHost | Service | UpfSession
Kinds = tuple[type[Named], ...]

SENDERS: Kinds = (NamedHost, UpfSession)
RECEIVERS: Kinds = (NamedHost, Service, UpfSession)
_WORDS = {
    SENDERS: "an address, a MAC address or a port, nor the name of a host or a UpfSession",
    RECEIVERS: "an address or a MAC address, nor the name of a host, a Service or a UpfSession",
}


class Names:
    """Of all tenants. Not while a query is computed: what is read is not recorded."""

    def __init__(self, view: FabricView) -> None:
        """Take the fabric's state."""
        self._view, self._catalogue = view, view.catalogue

    def tenants(self) -> list[TenantName]:
        """All that have intents."""
        given = self._view.numbers.given.rows()
        return [TenantName(key.key) for key, _ in given if isinstance(key, NumberKey) and key.pool == "vrf"]

    def of(self, tenant: TenantName, text: str, kinds: Kinds) -> list[Named]:
        """What a name or a full name of a tenant stands for, of some kinds."""
        before, _, name = text.rpartition("/")
        found: list[Named] = []
        if NamedHost in kinds:
            found += self._hosts(tenant, name, before)
        of_kinds = (
            self._catalogue.named(kind, tenant, name) if before in ("", kind.__name__) else None
            for kind in (Service, UpfSession)
            if kind in kinds
        )
        found += [intent for intent in of_kinds if isinstance(intent, Service | UpfSession)]
        return found

    def one(self, field: str, text: str, tenant: TenantName | None, kinds: Kinds) -> Named:
        """What a name stands for.

        Args:
            field: of the question.
            text: the name.
            tenant: whose; None: nobody's has it.
            kinds: that are looked for.

        Raises:
            QuestionError: nothing, or several; it lists what may have been meant.
        """
        found = self.of(tenant, text, kinds) if tenant is not None else []
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(_full_name(one) for one in found[:MOST_TOLD])
            raise refuse(field, text, f"stands for several; name one of {names}")
        whose = f"tenant {tenant}" if tenant is not None else "any tenant"
        known = self._like([tenant] if tenant is not None else self.tenants(), text, kinds)
        raise refuse(field, text, f"is not {_WORDS[kinds]} of {whose}{known}")

    def _hosts(self, tenant: TenantName, name: str, network: str) -> Iterator[NamedHost]:
        place: Place
        for place in self._catalogue.facts(HOST_NAME, tenant, name):
            stated = attachment_at(self._catalogue, place)
            if stated is not None and network in ("", place.network.name):
                yield NamedHost(*stated)

    def _like(self, tenants: Sequence[TenantName], text: str, kinds: Kinds) -> str:
        """Names that may have been meant: those that begin alike first."""
        meant = text.rpartition("/")[2]
        known = ((name, tenant) for tenant in tenants for name in self._all(tenant, kinds))
        looked_at = dict.fromkeys(islice(known, MOST_LOOKED_AT))
        first = nsmallest(MOST_TOLD, looked_at, key=lambda one: (-_alike(one[0], meant), len(one[0]), one))
        told = [name if len(tenants) == 1 else f"{name} of {tenant}" for name, tenant in first]
        more = f" and {left} more" if (left := len(looked_at) - len(told)) else ""
        return f"; known are {', '.join(told)}{more}" if told else ""

    def _all(self, tenant: TenantName, kinds: Kinds) -> Iterator[str]:
        if NamedHost in kinds:
            for network in self._catalogue.of_kind(Network, tenant):
                yield from (one.host for one in network.spec.attachments if one.host is not None)
            yield from (endpoint.name for endpoint in self._catalogue.of_kind(Endpoint, tenant))
        for kind in (Service, UpfSession):
            if kind in kinds:
                yield from (intent.name for intent in self._catalogue.of_kind(kind, tenant))


def _full_name(one: Named) -> str:
    return str(one) if isinstance(one, NamedHost) else f"{one.kind}/{one.name}"


def _alike(one: str, other: str) -> int:
    """How many characters two names have in common at their beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))

"""CongestionResponse: what to do about flows that congest queues, and whose flows may be touched.

By default, it is only said what would be done. Marking (ECN) is static and in the data plane; other remedies
are leases that end by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from p4fabric.controller.intents.document import Claim, IntentDocument, Part
from p4fabric.controller.intents.errors import FieldError
from p4fabric.controller.intents.fields import AtMost, Count, Label
from p4fabric.controller.names import TenantName
from p4fabric.controller.reasons import Code

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = ["CongestionResponse", "Mark", "Police", "Protected", "Reroute", "ResponseSpec", "When"]

MOST_PROTECTED = 64
_MOST_OF_A_TENANT = 16
"""Responses: each looks at all congested queues some times a second."""
_ANSWERED = "responded to"


class When(Part):
    """What must be seen of a queue, and of a flow in it."""

    delay_milliseconds: Annotated[int, Count(1, 60_000)] = Field(
        5, description="packets waited so long: the 99th percentile"
    )
    for_milliseconds: Annotated[int, Count(200, 60_000)] = Field(
        200, description="the queue was congested so long without a break"
    )
    culprit_share_percent: Annotated[int, Count(10, 100)] = Field(
        25, description="the flow held so much of the queue"
    )


class Reroute(Part):
    """Give the flow another path, at the leaf where it enters."""

    max_flows: Annotated[int, Count(1, 64)] = Field(2, description="flows on other paths at once")


class Police(Part):
    """Limit the flow, at the leaf where it enters."""

    rate_kilobits: Annotated[int, Count(64, 100_000_000)] = Field(description="a second")
    burst_kilobytes: Annotated[int, Count(2, 100_000)] = Field(64, description="at once")


class Mark(Part):
    """Mark packets of ECN-capable transports (RFC 3168), in all ports' queues."""

    above_packets: Annotated[int, Count(1, 0xFFFFFF)] = Field(
        20, description="packets that were in the queue when it came"
    )


class Protected(Part):
    """Flows that are never touched: a tenant's, or those of one of its services."""

    tenant: Label
    service: Label | None = None


class ResponseSpec(Part):
    """What to do, when, to whose flows, and how much of it."""

    mode: Literal["recommend", "act"] = Field(
        "recommend", description="recommend: only say what would be done"
    )
    all_tenants: bool = Field(False, description="flows of all tenants; otherwise its own tenant's only")
    when: When = When.model_construct()
    reroute: Reroute | None = None
    police: Police | None = Field(None, description="where there is no other path")
    mark: Mark | None = Field(None, description="with allTenants only, as it is for everybody's packets")
    protect: Annotated[tuple[Protected, ...], AtMost(MOST_PROTECTED)] = ()
    lease_seconds: Annotated[int, Count(5, 86_400)] = Field(60, description="a remedy ends after so long")
    hold_seconds: Annotated[int, Count(1, 3600)] = Field(
        10, description="between two remedies for one queue, and before a flow is touched again"
    )
    max_actions: Annotated[int, Count(1, 128)] = Field(
        8, description="remedies at once, and within leaseSeconds"
    )


class CongestionResponse(IntentDocument):
    """Act on flows that congest queues, or recommend to."""

    kind: Literal["CongestionResponse"]
    spec: ResponseSpec

    @property
    def acts(self) -> bool:
        """Whether it does more than recommend."""
        return self.spec.mode == "act"

    def claims(self) -> Iterator[Claim]:
        """Flows of all tenants, as others may; the marking of packets, as nobody else may."""
        if self.spec.all_tenants:
            shared = frozenset({_ANSWERED})
            yield Claim(("flows of all tenants", None), _ANSWERED, "spec.allTenants", True, shared)
        if self.spec.mark is not None:
            yield Claim(("ECN", None), "marked", "spec.mark", "ECN")

    def check(self) -> Iterator[FieldError]:
        """Nothing to do; marking that would be for one tenant."""
        spec = self.spec
        if spec.reroute is None and spec.police is None and spec.mark is None:
            yield FieldError("spec", None, "must have reroute, police or mark", Code.REQUIRED)
        if spec.mark is not None and not spec.all_tenants:
            yield FieldError("spec.mark", None, "is for everybody's packets: it needs allTenants")

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """More of a tenant than are looked at."""
        first = catalogue.of_kind(CongestionResponse, self.tenant)[:_MOST_OF_A_TENANT]
        if all(one.name != self.name for one in first):
            message = f"{self.tenant} has {_MOST_OF_A_TENANT} responses, as many as a tenant may have"
            yield FieldError("name", self.name, message, Code.CONFLICT)

    @property
    def is_whole_fabric(self) -> bool:
        """Whether it is for flows or packets of all tenants."""
        return self.spec.all_tenants or self.spec.mark is not None

    def may_touch(self, tenant: TenantName | None) -> bool:
        """Whether flows of a tenant (None: nobody knows whose) may have remedies by it."""
        return tenant is not None and (self.spec.all_tenants or tenant == self.tenant)

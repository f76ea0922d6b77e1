"""FirewallPolicy: who may talk to whom, judged where a packet enters the fabric.

Rules are tried in order, policies of a tenant by their priority; the first match decides, and what
nothing matches is allowed. Rules see real endpoints: the pool member, not the virtual IP; the UE,
not its tunnel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from p4fabric.controller.intents.document import IntentDocument, Need, Part
from p4fabric.controller.intents.errors import FieldError, field_path
from p4fabric.controller.intents.fields import AtMost, Count, IpPrefix, Label, PortRange, RulePrefix
from p4fabric.controller.intents.kinds.network import Network, vrf_need
from p4fabric.controller.reasons import Code

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = ["FirewallPolicy", "FirewallRule", "FirewallSpec", "RuleEnd"]

MAXIMUM_PRIORITY = (1 << 14) - 1
MAXIMUM_RULES = 1 << 10
MOST_PORT_RANGES = 64
"""Of one rule."""


class RuleEnd(Part):
    """One side of a rule: a network of the tenant, or a prefix."""

    network: Label | None = Field(None, description="all subnets of this network")
    cidr: RulePrefix | None = None


class FirewallRule(Part):
    """What it matches, and whether that may pass; what is left out matches everything."""

    name: Label = Field(description="names the rule's counter")
    action: Literal["allow", "deny"]
    source: RuleEnd | None = Field(None, alias="from")
    destination: RuleEnd | None = Field(None, alias="to")
    protocol: Literal["tcp", "udp", "icmp"] | None = Field(
        None, description="icmp is ICMP in IPv4 and ICMPv6 in IPv6"
    )
    ports: Annotated[tuple[PortRange, ...], AtMost(MOST_PORT_RANGES)] = Field(
        (), description="destination ports of tcp or udp"
    )
    established: bool = Field(
        False, description="only tcp segments with ACK or RST: not the first of a connection"
    )


class FirewallSpec(Part):
    """A policy's rules and its place among the tenant's policies."""

    priority: Annotated[int, Count(1, MAXIMUM_PRIORITY)] = Field(
        1000, description="larger is checked first; among equals, the policy that came first"
    )
    rules: Annotated[tuple[FirewallRule, ...], AtMost(MAXIMUM_RULES)] = Field(min_length=1)


class FirewallPolicy(IntentDocument):
    """Allow and deny traffic of a tenant."""

    kind: Literal["FirewallPolicy"]
    spec: FirewallSpec

    def needs(self) -> Iterator[Need]:
        """The tenant's VRF."""
        yield vrf_need(self.tenant)

    def check(self) -> Iterator[FieldError]:
        """Names used twice, ports without a protocol that has them, families that cannot meet."""
        names: set[str] = set()
        for index, rule in enumerate(self.spec.rules):
            where = field_path(("spec", "rules", index))
            if rule.name in names:
                yield FieldError(f"{where}.name", rule.name, f"{rule.name} is the name of an earlier rule")
            names.add(rule.name)
            if rule.ports and rule.protocol not in ("tcp", "udp"):
                yield FieldError(
                    f"{where}.protocol", rule.protocol, "must be tcp or udp where ports are given"
                )
            if rule.established and rule.protocol != "tcp":
                yield FieldError(f"{where}.protocol", rule.protocol, "must be tcp where established is true")
            for side, endpoint in (("from", rule.source), ("to", rule.destination)):
                if endpoint is not None and (endpoint.network is None) == (endpoint.cidr is None):
                    shown = endpoint.model_dump(mode="json", exclude_none=True)
                    yield FieldError(
                        f"{where}.{side}", shown, "must name a network or a cidr, one of the two"
                    )
            source, destination = rule.source, rule.destination
            if source and destination and source.cidr and destination.cidr:
                yield from _check_families([source.cidr], [destination.cidr], where)

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """Networks that do not exist, and rules that could never match between those that do."""
        for index, rule in enumerate(self.spec.rules):
            where = field_path(("spec", "rules", index))
            sides: list[tuple[IpPrefix, ...] | None] = []
            known = True
            for side, endpoint in (("from", rule.source), ("to", rule.destination)):
                if endpoint is not None and endpoint.network is not None:
                    network = catalogue.named(Network, self.tenant, endpoint.network)
                    field = f"{where}.{side}.network"
                    if network is None:
                        yield unknown_network(field, endpoint.network, self)
                        known = False
                    elif not network.spec.subnets:
                        yield FieldError(
                            field, endpoint.network, f"{endpoint.network} has no subnets to match"
                        )
                        known = False
                sides.append(prefixes_of(endpoint, self, catalogue))
            if known and sides[0] is not None and sides[1] is not None:
                yield from _check_families(sides[0], sides[1], where)


def prefixes_of(
    endpoint: RuleEnd | None, policy: FirewallPolicy, catalogue: Catalogue
) -> tuple[IpPrefix, ...] | None:
    """The prefixes that an endpoint stands for; None is any address of any family."""
    if endpoint is None:
        return None
    if endpoint.cidr is not None:
        return (endpoint.cidr,)
    network = catalogue.named(Network, policy.tenant, endpoint.network or "")
    return network.spec.subnets if network is not None else ()


def unknown_network(field: str, name: str, intent: IntentDocument) -> FieldError:
    """A reference to a network that the tenant does not have."""
    message = f"{name} is not a network of tenant {intent.tenant}"
    return FieldError(field, name, message, Code.NOT_THERE)


def _check_families(
    source: tuple[IpPrefix, ...] | list[IpPrefix],
    destination: tuple[IpPrefix, ...] | list[IpPrefix],
    where: str,
) -> Iterator[FieldError]:
    if source and destination and not {p.version for p in source} & {p.version for p in destination}:
        shown = ", ".join(str(prefix) for prefix in destination)
        origin = ", ".join(str(prefix) for prefix in source)
        message = f"{shown} and {origin} are of different address families: no packet has both"
        yield FieldError(f"{where}.to", shown, message)

"""The one place that decides whether a host may be at a port with a MAC and an IP address.

The same function judges what was heard, what is stated, and what was learned before the rules changed.
Hosts are hostile: a frame may claim any address. What is stated stands against what is heard, and nobody
has an address of the fabric. Which of two hosts that were only heard has an address is not decided here:
they are asked (`directory`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from p4fabric.controller.hosts.attachments import AttachmentIndex
from p4fabric.controller.hosts.claims import HostClaim, IpAddress, Refusal
from p4fabric.controller.hosts.statements import Statements
from p4fabric.controller.intents.document import Claim, IntentDocument
from p4fabric.controller.intents.kinds.network import (
    A_HOSTS_ADDRESS,
    ROUTER_MAC,
    Attachment,
    Network,
    address_in,
    address_resource,
)
from p4fabric.controller.names import IntentKey
from p4fabric.pipelines.values import MacAddress

__all__ = ["ClaimsTo", "HostRules", "claimed_addresses"]

ClaimsTo = Callable[[tuple[object, ...]], Iterable[tuple[IntentKey, Claim]]]
"""Which intents claim a resource, and as what (`Catalogue.claims_to`)."""

_NO_MAC = MacAddress(0)


class HostRules:
    """Judges claims by what is open, what is stated, and what intents claim for the fabric."""

    def __init__(self, attachments: AttachmentIndex, statements: Statements, claims_to: ClaimsTo) -> None:
        """Take what to judge by; all three may change between two calls."""
        self._attachments = attachments
        self._statements = statements
        self._claims_to = claims_to

    def judge(self, claim: HostClaim, *, stated: bool = False) -> Refusal | None:
        """Why a host may not be at a port with these addresses, or None if it may.

        Args:
            claim: of a host that was heard, or of one that is stated.
            stated: it is stated; other statements are not held against it, their precedence decides.
        """
        if claim.mac.is_multicast or claim.mac == _NO_MAC:
            return Refusal(f"{claim.mac} is no host's MAC address")
        network = self._attachments.network(claim.network)
        if network is None:
            return Refusal(f"{claim.network} does not exist")
        attachment = self._attachments.attachment(claim.network, claim.port)
        if attachment is None:
            return Refusal(f"{claim.network} is not open at {claim.port}")
        by_mac = self._judge_mac(claim, attachment, stated)
        by_address = self._judge_address(claim, network, stated)
        # A stranger at a port is one thing, a stranger with another's address says more.
        if by_mac is None or (by_address is not None and by_address.spoofed and not by_mac.spoofed):
            return by_address
        return by_mac

    def _judge_mac(self, claim: HostClaim, attachment: Attachment, stated: bool) -> Refusal | None:
        if claim.mac == ROUTER_MAC:
            return Refusal(f"{claim.mac} is the fabric's own gateway", spoofed=True)
        if attachment.mac is not None and attachment.mac != claim.mac:
            return Refusal(f"the port is for {attachment.mac}")
        endpoint = None if stated else self._statements.of_host(claim.key)
        if endpoint is None:
            return None
        if endpoint.port != claim.port:
            return Refusal(f"{claim.mac} belongs at {endpoint.port}", spoofed=True, held_at=endpoint.port)
        address = claim.address
        if address is None or address.is_link_local or not endpoint.addresses:
            return None
        if address not in endpoint.addresses:
            return Refusal(f"all addresses of {claim.mac} are stated by {endpoint.owner}")
        return None

    def _judge_address(self, claim: HostClaim, network: Network, stated: bool) -> Refusal | None:
        address = claim.address
        if address is None:
            return None
        if address.is_link_local:
            # It means another host in each network, so that nobody can state it.
            if network.spec.subnets and not network.has_family(6):
                return Refusal(f"{network.key} has no IPv6 subnet")
            return None
        # Without subnets nothing is routed: hosts may have any address, and none is kept for them.
        if network.spec.subnets and (why := network.not_a_host(address)) is not None:
            return Refusal(why)
        for owner, role in self._roles_of(network, address):
            return Refusal(f"{address} is {role} ({owner})", spoofed=True)
        endpoint = None if stated else self._statements.of_address(network.tenant, address)
        if endpoint is not None and endpoint.key != claim.key:
            reason = f"{address} belongs to a known host ({endpoint.owner})"
            return Refusal(reason, spoofed=True, held_at=endpoint.port)
        return None

    def _roles_of(self, network: Network, address: IpAddress) -> Iterable[tuple[IntentKey, str]]:
        """What the fabric itself does with an address."""
        for owner, claim in self._claims_to(address_resource(network.tenant, address)):
            if claim.role != A_HOSTS_ADDRESS:
                yield owner, claim.role


def claimed_addresses(intent: IntentDocument | None) -> frozenset[tuple[IpAddress, str]]:
    """The addresses that an intent claims within its tenant, and as what.

    Hosts that have the addresses in which two versions of an intent differ are to be judged again.
    """
    claims = intent.claimed if intent is not None else ()
    found = (claim for claim in claims if claim.resource[0] == "address")
    return frozenset((address_in(claim.resource), claim.role) for claim in found)

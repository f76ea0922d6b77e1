"""IP prefixes as facts: those around an address, and those inside a prefix, are found by a few lookups.

A prefix is stated under itself and, where that is asked for, under each shorter one that contains it.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from p4fabric.controller.intents.document import Fact
from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.controller.names import TenantName
from p4fabric.controller.state import Relation

__all__ = ["PrefixIndex", "prefix_facts"]

_AT, _INSIDE, _LENGTHS = "at", "inside", "lengths"


def prefix_facts(
    what: str, tenant: TenantName, prefix: IpPrefix, owner: object, *, inside: bool = False
) -> Iterator[Fact]:
    """State that an owner has a prefix.

    Args:
        what: which prefixes these are, such as "subnet".
        tenant: within which addresses mean one thing.
        prefix: of either family.
        owner: sortable and hashable.
        inside: whether it can be found by the shorter prefixes around it, too.
    """
    version, length, bits = prefix.version, prefix.prefixlen, int(prefix.network_address)
    yield (what, _LENGTHS, tenant, version), length
    yield (what, _AT, tenant, version, length, bits), (owner, prefix)
    width = prefix.max_prefixlen
    for shorter in range(length + 1) if inside else ():
        outer = bits >> (width - shorter) << (width - shorter)
        yield (what, _INSIDE, tenant, version, shorter, outer), (_sort_key(prefix), owner, prefix)


class PrefixIndex:
    """One tenant's prefixes of one sort. What is read of it is recorded."""

    def __init__(self, facts: Relation[tuple[object, ...], Any], what: str, tenant: TenantName) -> None:
        """Take the relation that holds the facts."""
        self._facts, self._what, self._tenant = facts, what, tenant

    def around(self, address: IpAddress | IpPrefix) -> Iterator[tuple[IpPrefix, Any]]:
        """The prefixes that contain an address or a prefix, and their owners; the longest first."""
        if isinstance(address, IPv4Network | IPv6Network):
            version, bits, most = address.version, int(address.network_address), address.prefixlen
        else:
            version, bits, most = address.version, int(address), address.max_prefixlen
        width = 32 if version == 4 else 128
        for length in reversed(self._facts.of((self._what, _LENGTHS, self._tenant, version))):
            if length > most:
                continue
            network = bits >> (width - length) << (width - length)
            for owner, prefix in self._facts.of((self._what, _AT, self._tenant, version, length, network)):
                yield prefix, owner

    def inside(self, prefix: IpPrefix) -> Iterator[tuple[IpPrefix, Any]]:
        """The prefixes that lie in one, itself included, and their owners; in order of addresses."""
        subject = (
            self._what, _INSIDE, self._tenant, prefix.version, prefix.prefixlen, int(prefix.network_address)
        )  # fmt: skip
        for _, owner, found in self._facts.of(subject):
            yield found, owner


def _sort_key(prefix: IpPrefix) -> tuple[int, int]:
    return int(prefix.network_address), prefix.prefixlen

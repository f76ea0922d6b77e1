"""Prefixes of addresses as plain numbers: thousands are compared and looked up."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

__all__ = ["WORLD", "IpBlock", "Prefix"]

BITS = {4: 32, 6: 128}


class Prefix(NamedTuple):
    """The addresses of one family that begin with the same bits."""

    version: int
    """4 or 6."""
    bits: int
    """The first address, as a number."""
    length: int
    """Bits that all have in common."""

    @classmethod
    def of(cls, address: IPv4Address | IPv6Address) -> Prefix:
        """One address."""
        return cls(address.version, int(address), address.max_prefixlen)

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """Read a CIDR. Bits after its length are left out of account, as Kubernetes does (KEP-4858).

        Raises:
            ValueError: it is none.
        """
        return _parse(text)

    @property
    def last(self) -> int:
        """The last address, as a number."""
        return self.bits | (1 << BITS[self.version] - self.length) - 1

    @property
    def is_host(self) -> bool:
        """Whether it is one address."""
        return self.length == BITS[self.version]

    @property
    def network(self) -> IPv4Network | IPv6Network:
        """The same, as the standard library has it."""
        if self.version == 4:
            return IPv4Network((self.bits, self.length))
        return IPv6Network((self.bits, self.length))

    def contains(self, other: Prefix) -> bool:
        """Whether all addresses of another one are its own."""
        return (
            self.version == other.version
            and self.length <= other.length
            and (self.bits ^ other.bits) >> BITS[self.version] - self.length == 0
        )

    def cut(self, length: int) -> Prefix:
        """The shorter prefix that contains this one."""
        spare = BITS[self.version] - length
        return Prefix(self.version, self.bits >> spare << spare, length)

    def __str__(self) -> str:
        return str(self.network)


@lru_cache(maxsize=65536)
def _parse(text: str) -> Prefix:
    network = ip_network(text, strict=False)
    if "/" not in text or "%" in text:
        raise ValueError(f"{text!r} is no CIDR")
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(f"{text!r} has IPv4 addresses within IPv6 ones")
    return Prefix(network.version, int(network.network_address), network.prefixlen)


WORLD = (Prefix(4, 0, 0), Prefix(6, 0, 0))
"""All addresses of each family."""


class IpBlock(NamedTuple):
    """A prefix without some of its parts; these bind this block only, never others of the same rule."""

    cidr: Prefix
    excepts: frozenset[Prefix] = frozenset()

    def contains(self, prefix: Prefix) -> bool:
        """Whether all addresses of a prefix belong to it; none of the excepts may lie within the prefix."""
        return self.cidr.contains(prefix) and not any(part.contains(prefix) for part in self.excepts)

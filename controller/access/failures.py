"""How many wrong credentials an address may show. This module does not know what a credential is."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

__all__ = ["LoginFailures"]

ADDRESSES = 4096
"""That are remembered; the one that failed least recently is forgotten first."""
PER_SECOND = 1.0
"""Failures that an address is forgiven."""
_IPV6_SITE = 64
"""Bits: who has one address of a prefix of this length has all of them."""


@dataclass(slots=True)
class _Failures:
    count: float
    at: float


class LoginFailures:
    """A leaky bucket for each address, IPv6 addresses by their /64."""

    def __init__(self, most: int) -> None:
        """Take how many failures an address may have at once."""
        self._most = most
        self._sources: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def wait(self, address: str, now: float) -> float:
        """Seconds until an address may try again; 0: it may now."""
        found = self._sources.get(_source(address))
        if found is None:
            return 0.0
        left = found.count - (now - found.at) * PER_SECOND
        return max(0.0, (left - self._most + 1) / PER_SECOND)

    def count(self, address: str, now: float) -> None:
        """An address has shown something wrong."""
        source = _source(address)
        found = self._sources.pop(source, _Failures(0.0, now))
        found.count = max(0.0, found.count - (now - found.at) * PER_SECOND) + 1
        found.at = now
        self._sources[source] = found
        if len(self._sources) > ADDRESSES:
            self._sources.popitem(last=False)


def _source(address: str) -> str:
    bare = address.partition("%")[0]
    try:
        parsed = ip_address(bare)
    except ValueError:
        return bare
    if not isinstance(parsed, IPv6Address):
        return bare
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, _IPV6_SITE), strict=False))

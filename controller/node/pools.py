"""Which port and which addresses the next container gets: free ones, those longest unused first.

What is taken is told by whoever keeps it (`records`). This module keeps no more than where it looks next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from ipaddress import IPv4Network, IPv6Address, ip_address
from itertools import islice

from p4fabric.controller.intents.fields import IpAddress, IpPrefix
from p4fabric.controller.node.errors import CniError, Failure

__all__ = ["Addresses", "Ports"]

_MOST_TRIED = 1 << 16
"""Addresses of a pool that are looked at for a free one; a node has far fewer containers."""


class Addresses:
    """The pool of one network and address family on this node."""

    def __init__(self, pool: IpPrefix) -> None:
        """Start at its first address."""
        self.pool = pool
        self._next = 0

    def free(self, taken: Collection[IpAddress]) -> IpAddress:
        """One that nobody has.

        Args:
            taken: by containers, and by the network itself.

        Raises:
            CniError: there is none.
        """
        first, size = int(self.pool.network_address), self.pool.num_addresses
        for offset in islice(_around(self._next, size), _MOST_TRIED):
            number = first + offset
            address = ip_address(number) if self.pool.version == 4 else IPv6Address(number)
            if address not in taken and not _is_edge(address, self.pool):
                self._next = (offset + 1) % size
                return address
        raise CniError(Failure.NO_ADDRESS, f"all addresses of {self.pool} are taken")

    def is_empty(self, taken: Collection[IpAddress]) -> bool:
        """Whether no address is free; nothing is taken by asking."""
        before = self._next
        try:
            self.free(taken)
        except CniError:
            return True
        finally:
            self._next = before
        return False


class Ports:
    """The switch's ports for containers."""

    def __init__(self, first: int, last: int) -> None:
        """Take their range."""
        self._range, self._next = range(first, last + 1), 0

    def free(self, taken: Collection[int]) -> int:
        """One that nobody has.

        Raises:
            CniError: there is none.
        """
        for offset in _around(self._next, len(self._range)):
            if self._range[offset] not in taken:
                self._next = (offset + 1) % len(self._range)
                return self._range[offset]
        raise CniError(
            Failure.NO_ADDRESS, f"all {len(self._range)} ports of this node's switch for containers are taken"
        )


def _around(start: int, size: int) -> Iterator[int]:
    yield from range(start, size)
    yield from range(start)


def _is_edge(address: IpAddress, pool: IpPrefix) -> bool:
    """The first address of a pool is a subnet's own, or a router's (RFC 4291, 2.6.1); the last one is
    broadcast."""
    if pool.num_addresses <= 2:
        return False
    last = isinstance(pool, IPv4Network) and address == pool.broadcast_address
    return address == pool.network_address or last

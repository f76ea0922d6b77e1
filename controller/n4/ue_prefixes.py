"""IPv6 prefixes of UEs, none of which overlap: whose they are, found by any part of them."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from ipaddress import IPv6Network
from typing import Generic, TypeVar

__all__ = ["UePrefixes"]

T = TypeVar("T")


class UePrefixes(Generic[T]):
    """Prefixes and their owners. What is added must not overlap what is there."""

    def __init__(self) -> None:
        """Make it empty."""
        self._owners: dict[int, tuple[IPv6Network, T]] = {}
        """By the first address."""
        self._starts: list[int] = []
        """Sorted."""

    def __iter__(self) -> Iterator[tuple[IPv6Network, T]]:
        return iter(self._owners.values())

    def overlapping(self, prefix: IPv6Network) -> tuple[IPv6Network, T] | None:
        """One that has addresses of a prefix, and its owner; None: none has."""
        first, last = int(prefix.network_address), int(prefix.broadcast_address)
        at = bisect_right(self._starts, last)
        if not at:
            return None
        found = self._owners[self._starts[at - 1]]
        return found if int(found[0].broadcast_address) >= first else None

    def add(self, prefix: IPv6Network, owner: T) -> None:
        """A prefix has an owner, perhaps another one than before."""
        start = int(prefix.network_address)
        if start not in self._owners:
            insort(self._starts, start)
        self._owners[start] = prefix, owner

    def remove(self, prefix: IPv6Network, owner: T) -> None:
        """A prefix has no owner, if it had this one."""
        start = int(prefix.network_address)
        if self._owners.get(start) == (prefix, owner):
            del self._owners[start]
            del self._starts[bisect_right(self._starts, start) - 1]

"""Numbers that share certain bits, which one ternary match takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["ANY", "Block", "aligned_blocks"]


class Block(NamedTuple):
    """The numbers that have certain bits; the rest of `value` is zero."""

    value: int
    mask: int

    def matches(self, number: int) -> bool:
        """Whether a number is one of them."""
        return number & self.mask == self.value


ANY = Block(0, 0)


def aligned_blocks(first: int, end: int, bits: int) -> Iterator[Block]:
    """The fewest blocks for the numbers from `first` up to, not including, `end`."""
    while first < end:
        size = first & -first or 1 << bits
        while size > end - first:
            size >>= 1
        yield Block(first, (1 << bits) - size)
        first += size

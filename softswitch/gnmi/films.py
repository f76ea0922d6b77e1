"""Bins of queues as a gNMI value: what is kept, or what a subscriber has not been sent yet.

Knows their layout, which is that of Telemetry Reports. Must not know subscriptions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cached_property

from p4fabric.softswitch.engine.api import Bin

_LAYOUT = struct.Struct("!QIIIIII")
BIN_BYTES = _LAYOUT.size
LATE, AFTER_GAP = 1, 2
"""Flags, in the lowest byte of the last word; above it, the drops."""
_MOST_DROPS = (1 << 24) - 1


def packed(bins: list[Bin]) -> bytes:
    """Bins in the layout that reports have: 32 bytes each, in network order."""
    return b"".join(
        _LAYOUT.pack(
            one.start_ns,
            one.max_depth,
            one.max_depth_offset_ns,
            one.max_wait_ns,
            one.packets,
            one.bytes,
            min(one.drops, _MOST_DROPS) << 8 | one.late * LATE | one.after_gap * AFTER_GAP,
        )
        for one in bins
    )


class Film:
    """The bins of a queue, read when they are needed."""

    def __init__(self, read: Callable[[int], tuple[list[Bin], int]]) -> None:
        """`read` gives the bins behind an end, and the new end (`Queues.bins`)."""
        self._read = read

    @cached_property
    def kept(self) -> tuple[bytes, int]:
        """All that are kept, and the end."""
        return self.after(0)

    def after(self, end: int) -> tuple[bytes, int]:
        """Those behind an end, and the new end."""
        bins, end = self._read(end)
        return packed(bins), end

"""File descriptors: how many this process may have, and how many of them clients of the API may take.

This module does not know what a descriptor is for beyond that.
"""

from __future__ import annotations

import resource

__all__ = ["RESERVED", "connections_within", "raise_limit"]

RESERVED = 128
"""Kept for the store, the log, the event loop and what libraries open, whatever clients do."""
OF_A_SWITCH = 4
"""Kept for each switch: its channel, and the next one while the last one closes."""
OF_A_CONNECTION = 2
"""A client's socket, and the page of the documentation that it may be reading."""


def raise_limit() -> int:
    """Raise this process's soft limit to the hard one, which needs no privilege; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft  # macOS has a lower limit of its own than it says
    return hard


def connections_within(limit: int, switches: int, wanted: int) -> int:
    """How many of `wanted` connections fit a limit of descriptors, at least a few.

    Args:
        limit: file descriptors of this process.
        switches: how many switches need theirs.
        wanted: as configured.
    """
    if limit == resource.RLIM_INFINITY:
        return wanted
    left = limit - RESERVED - OF_A_SWITCH * switches
    return max(8, min(wanted, left // OF_A_CONNECTION))
